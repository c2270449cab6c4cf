"""Which fragment size a group uses."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetcast.fec import MAX_FRAGMENT_NUMBER, weak
from fleetcast.planning.facts import File, Group, Profile
from fleetcast.planning.fragment_size import FragmentChoice, choose
from fleetcast.planning.group_air import group_air
from fleetcast.planning.policy import Policy
from fleetcast.planning.refusals import PlanRefused
from fleetcast.radio.airtime import fragment_airtime_us
from fleetcast.radio.payload_sizes import Revision
from tests.planning.requests import BINARY, group, profile


def sized(size_bytes: int) -> File:
    return replace(BINARY, size_bytes=size_bytes)


def chosen(
    file: File, *profiles: Profile, on: Group | None = None, policy: Policy | None = None, share: float = 0.3
) -> FragmentChoice:
    return choose(group_air(on or group()), profiles or (profile(),), file, policy or Policy(), coded_share=share)


def test_the_size_with_the_least_airtime_for_the_whole_file_is_taken() -> None:
    choice = chosen(sized(50_000), policy=Policy(fsize_optimization=1))
    band = group_air(group()).band
    airtimes = {
        size: -(-50_000 // size) * fragment_airtime_us(band, 5, size)
        for size in range(4, 240)
        if not weak(-(-50_000 // size))
    }
    assert choice.fragments * choice.airtime_us == min(airtimes.values())


def test_sizes_are_multiples_of_what_flash_and_settings_like() -> None:
    assert chosen(sized(50_000)).fragment_bytes % 4 == 0
    assert chosen(sized(50_000), policy=Policy(fsize_optimization=8)).fragment_bytes % 8 == 0
    assert chosen(sized(50_000), profile(fragment_multiple_of=6)).fragment_bytes % 12 == 0


def test_the_block_is_the_file_and_zeros_up_to_the_last_fragments_end() -> None:
    choice = chosen(sized(50_001))
    assert choice.fragments * choice.fragment_bytes - choice.padding == 50_001
    assert 0 <= choice.padding < choice.fragment_bytes


def test_the_tightest_of_the_profiles_bounds_the_size() -> None:
    choice = chosen(sized(20_000), profile(max_fragment_bytes=112), profile("other", min_fragment_bytes=64))
    assert 64 <= choice.fragment_bytes <= 112


def test_a_repeater_and_the_dwell_limit_make_fragments_smaller() -> None:
    assert chosen(sized(50_000), profile(repeater=True)).fragment_bytes <= 219
    asia = group(band="AS923-1", frequency_hz=923_200_000, data_rate=3, dwell_time=True)
    assert chosen(sized(5_000), on=asia).fragment_bytes <= 50


def test_without_a_known_edition_the_smallest_payload_of_all_editions_counts() -> None:
    asia = group(band="AS923-1", frequency_hz=923_200_000, data_rate=2)
    assert chosen(sized(5_000), on=asia).fragment_bytes <= 48
    latest = profile(revision=Revision.RP002_1_0_4)
    assert chosen(sized(5_000), latest, on=asia).fragment_bytes > 48


def test_a_weak_number_of_fragments_is_avoided() -> None:
    weak_file = sized(384 * 236)
    assert chosen(weak_file).fragments != 384
    assert chosen(weak_file, share=0.0).fragments == 384, "a carousel has no parity code that could suffer"


def test_a_fixed_size_is_kept_even_where_it_is_weak_and_says_so() -> None:
    choice = chosen(sized(384 * 200), policy=Policy(fsize=200))
    assert (choice.fragment_bytes, choice.fragments, choice.weak) == (200, 384, True)


@pytest.mark.parametrize("fsize", [240, 30, 201])
def test_a_fixed_size_that_does_not_suit_is_refused_with_what_does(fsize: int) -> None:
    with pytest.raises(PlanRefused, match=r"choose 40 to 239 bytes, a multiple of 8"):
        chosen(sized(9_000), profile(min_fragment_bytes=40, fragment_multiple_of=8), policy=Policy(fsize=fsize))


def test_profiles_without_a_size_in_common_are_refused() -> None:
    small, large = profile("small", max_fragment_bytes=40), profile("large", min_fragment_bytes=48)
    with pytest.raises(PlanRefused, match=r"large, small have no fragment size in common.*groups of their own"):
        chosen(sized(9_000), small, large)


def test_a_file_too_large_for_the_fragment_counter_is_refused() -> None:
    with pytest.raises(PlanRefused, match=r"fragment numbers end at 16383: send a smaller file"):
        chosen(sized(4_000_000))
    assert chosen(sized(16_000 * 239), share=0.0).fragments <= MAX_FRAGMENT_NUMBER
    with pytest.raises(PlanRefused, match="30% coded"):
        chosen(sized(16_000 * 239), share=0.3)


def test_a_file_too_large_for_the_profile_is_refused() -> None:
    with pytest.raises(PlanRefused, match="devices take 100"):
        chosen(sized(50_000), profile(max_fragments=100))


@given(
    size_bytes=st.integers(1, 400_000),
    data_rate=st.integers(0, 7),
    step=st.sampled_from([1, 4, 8]),
    largest=st.integers(30, 255),
)
def test_a_choice_is_never_weak_nor_beyond_any_limit(size_bytes: int, data_rate: int, step: int, largest: int) -> None:
    air = group_air(group(data_rate=data_rate))
    mine = profile(max_fragment_bytes=largest, fragment_multiple_of=step)
    try:
        choice = choose(air, (mine,), sized(size_bytes), Policy(), coded_share=0.2)
    except PlanRefused:
        assert -(-size_bytes // (air.largest_fragment_bytes(mine) // step * step)) * 1.2 > MAX_FRAGMENT_NUMBER
        return
    assert not choice.weak
    assert not weak(choice.fragments)
    assert choice.fragment_bytes <= min(largest, air.largest_fragment_bytes(mine))
    assert choice.fragment_bytes % step == 0
    assert choice.fragments * 1.2 <= MAX_FRAGMENT_NUMBER + 1
    assert choice.fragments * choice.fragment_bytes - choice.padding == size_bytes
