"""Which multicast group serves which device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from fleetcast.planning.facts import Device, File, Group, Profile, SetUpGroup
from fleetcast.planning.group_air import group_air
from fleetcast.planning.grouping import FCNT16_FIRST, Placement, place
from fleetcast.planning.plan import LeftOut
from fleetcast.planning.refusals import PlanRefused
from tests.planning.requests import ALL_V1, ALL_V2, FIRMWARE, device, eui, fleet, group, group_eui, profile


def placed(
    devices: Sequence[Device], groups: Sequence[Group], *profiles: Profile, file: File | None = FIRMWARE
) -> Placement:
    known = {each.name: each for each in profiles or (profile(),)}
    return place(devices, known, [group_air(each) for each in groups], file)


def groups_of(result: Placement) -> list[list[str]]:
    return [[str(member.device.dev_eui) for member in members] for members in result.members]


@pytest.mark.parametrize(
    "changes",
    [{"connection": "other"}, {"band": "EU433"}, {"session_classes": frozenset({"B"})}],
)
def test_a_group_of_another_connection_band_or_class_serves_nobody(changes: dict[str, Any]) -> None:
    result = placed([device(**changes)], [group()])
    assert result.left_out == {eui(1): LeftOut.NO_GROUP}


def test_a_device_in_class_c_for_good_does_no_class_b_session() -> None:
    both = frozenset({"B", "C"})
    sleeper, listener = device(1, session_classes=both), device(2, session_classes=both, own_class="C")
    result = placed([sleeper, listener], [group(session_class="B", data_rate=3)])
    assert groups_of(result) == [[eui(1)]]
    assert result.left_out == {eui(2): LeftOut.NO_GROUP}


def test_a_data_rate_that_the_profile_cannot_know_serves_nobody() -> None:
    result = placed(fleet(1), [group(data_rate=13)])  # SF5 came with RP002-1.0.5
    assert result.left_out == {eui(1): LeftOut.NO_GROUP}


def test_a_file_of_too_many_fragments_is_beyond_the_limits() -> None:
    small = profile(max_fragments=209)
    assert placed(fleet(1), [group()], small).left_out == {eui(1): LeftOut.BEYOND_LIMITS}
    assert not placed(fleet(1), [group()], profile(max_fragments=210)).left_out


def test_a_slot_of_a_running_campaign_is_not_free() -> None:
    def taken(in_use: bool) -> Device:
        other = SetUpGroup(0, group_eui(9), group(9).mc_addr, 0, 100, in_use=in_use)
        return device(groups_set_up=(other,))

    assert placed([taken(in_use=True)], [group()]).left_out == {eui(1): LeftOut.NO_GROUP}
    assert not placed([taken(in_use=False)], [group()]).left_out
    assert not placed([taken(in_use=True)], [group()], profile(mc_groups=2)).left_out


def test_the_operators_choice_comes_first() -> None:
    chosen = device(group=group_eui(2))
    result = placed([chosen], [group(1), group(2, data_rate=0)])
    assert groups_of(result) == [[], [eui(1)]]


def test_a_choice_that_cannot_be_kept_is_named() -> None:
    result = placed([device(group=group_eui(2))], [group(1), group(2, session_class="B", data_rate=3)])
    assert groups_of(result) == [[eui(1)], []]
    assert result.reassigned == [eui(1)]


def test_a_device_stays_in_the_group_it_is_set_up_in() -> None:
    there = SetUpGroup(0, group_eui(2), group(2).mc_addr, 0, 1000)
    result = placed([device(groups_set_up=(there,))], [group(1), group(2, data_rate=0)])
    assert result.members[1][0].set_up == there


def test_a_record_of_another_address_is_no_set_up_group() -> None:
    stale = SetUpGroup(0, group_eui(2), group(7).mc_addr, 0, 1000)
    result = placed([device(groups_set_up=(stale,))], [group(1), group(2, data_rate=0)])
    assert groups_of(result) == [[eui(1)], []]


def test_groups_with_gateways_serve_whom_those_heard() -> None:
    north, south = group(1, gateways=frozenset({"n1", "n2"})), group(2, gateways=frozenset({"s1"}))
    result = placed(
        [
            device(1, gateways=frozenset({"s1"})),
            device(2, gateways=frozenset({"n2"})),
            device(3, gateways=frozenset({"x"})),
        ],
        [north, south],
    )
    assert groups_of(result) == [[eui(2)], [eui(1)]]
    assert result.left_out == {eui(3): LeftOut.NO_GROUP}


def test_a_device_that_no_gateway_is_known_of_is_placed_by_guess_and_named() -> None:
    result = placed([device(gateways=frozenset())], [group(gateways=frozenset({"n1"}))])
    assert result.guessed_gateways == [eui(1)]


def test_the_fastest_data_rate_that_the_link_allows_is_taken() -> None:
    offers = [group(1, data_rate=0), group(2, data_rate=3), group(3, data_rate=5)]
    result = placed([device(1, data_rate=5), device(2, data_rate=4), device(3, data_rate=2)], offers)
    assert groups_of(result) == [[eui(3)], [eui(2)], [eui(1)]]


def test_uplink_and_downlink_numbers_of_us915_are_not_confused() -> None:
    offers = [
        group(1, band="US915", frequency_hz=923_300_000, data_rate=8),
        group(2, band="US915", frequency_hz=923_300_000, data_rate=13),
    ]
    result = placed([device(1, band="US915", data_rate=0), device(2, band="US915", data_rate=3)], offers)
    # DR0 up is answered at DR10 down, DR3 up at DR13.
    assert groups_of(result) == [[eui(1)], [eui(2)]]


def test_a_link_slower_than_any_group_is_named() -> None:
    result = placed([device(data_rate=2)], [group(data_rate=5)])
    assert groups_of(result) == [[eui(1)]]
    assert result.weak_link == [eui(1)]


def test_an_unknown_link_gets_the_slowest_group_and_is_named() -> None:
    result = placed([device(data_rate=None)], [group(1, data_rate=5), group(2, data_rate=3)])
    assert groups_of(result) == [[], [eui(1)]]
    assert result.guessed_link == [eui(1)]


def test_equal_groups_share_the_devices_and_the_lowest_deveui_goes_first() -> None:
    result = placed(fleet(5), [group(1), group(2)])
    assert groups_of(result) == [[eui(1), eui(3), eui(5)], [eui(2), eui(4)]]


def test_one_group_carries_one_parity_scheme() -> None:
    old, new = profile("sensor"), profile("newer", packages=ALL_V2)
    devices = [*fleet(5), device(6, profile="newer")]
    result = placed(devices, [group(1), group(2), group(3)], old, new)
    by_scheme = {
        scheme: sum(len(m) for s, m in zip(result.schemes, result.members, strict=True) if s == scheme)
        for scheme in ("v1", "v2-relative")
    }
    assert by_scheme == {"v1": 5, "v2-relative": 1}
    assert not result.left_out
    for members in result.members:
        assert len({member.profile.name for member in members}) <= 1


def test_with_a_single_group_the_larger_company_has_it() -> None:
    devices = [*fleet(3), device(4, profile="newer")]
    result = placed(devices, [group(1)], profile("sensor"), profile("newer", packages=ALL_V2))
    assert result.left_out == {eui(4): LeftOut.NO_GROUP}


def test_a_small_company_keeps_the_only_group_it_can_use() -> None:
    # The v1 devices can use both groups, the v2 device is chained to the first by its gateway.
    offers = [group(1, gateways=frozenset({"a"})), group(2, gateways=frozenset({"b"}))]
    devices = [*fleet(3, gateways=frozenset({"a", "b"})), device(4, profile="newer", gateways=frozenset({"a"}))]
    result = placed(devices, offers, profile("sensor"), profile("newer", packages=ALL_V2))
    assert groups_of(result) == [[eui(4)], [eui(1), eui(2), eui(3)]]


def test_multicast_setup_mixes_parity_schemes() -> None:
    devices = [*fleet(2), device(3, profile="newer")]
    result = placed(devices, [group(1)], profile("sensor"), profile("newer", packages=ALL_V2), file=None)
    assert not result.left_out


def test_a_package_version_still_to_be_asked_is_taken_for_v1_and_named() -> None:
    result = placed(fleet(1), [group()], Profile(name="sensor"))
    assert result.schemes == ["v1"]
    assert result.assumed_scheme == [eui(1)]


def test_a_counter_beyond_16_bits_serves_no_device_that_takes_it_for_16() -> None:
    stale = profile(packages=dict(ALL_V1), quirks=frozenset({FCNT16_FIRST}))
    assert placed(fleet(1), [group(next_f_cnt=65_536)], stale).left_out == {eui(1): LeftOut.NO_GROUP}
    assert not placed(fleet(1), [group(next_f_cnt=65_535)], stale).left_out


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"data_rate": 9}, "DR9"),
        ({"data_rate": 14}, "DR14"),
        ({"frequency_hz": 869_300_000}, "869.3 MHz"),
        ({"frequency_hz": 915_000_000}, "915.0 MHz"),
        ({"band": "EU999"}, "EU999"),
    ],
)
def test_air_that_may_not_be_used_is_refused_with_what_may(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(PlanRefused, match=r"use|within|accept|inside") as refusal:
        group_air(group(**changes))
    assert says in str(refusal.value)
    assert group_eui(1) in str(refusal.value)
