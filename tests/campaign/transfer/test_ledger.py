from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetcast.campaign.transfer.ledger import Fate, FragmentNumberUsed, Ledger
from fleetcast.errors import Invalid


def test_what_becomes_of_a_number_is_told_at_every_moment():
    ledger = Ledger.of(3)
    assert ledger.fate(1) is Fate.PLANNED
    ledger = ledger.hand_over(1, 100)
    assert ledger.fate(1) is Fate.HANDED_OVER
    assert ledger.was_sent(1).fate(1) is Fate.SENT
    assert ledger.was_refused(1).fate(1) is Fate.REFUSED
    assert ledger.is_unknown(1).fate(1) is Fate.UNKNOWN


def test_a_refused_number_is_repeated_before_going_on():
    ledger = Ledger.of(3).hand_over(1, 100).was_sent(1).hand_over(2, 100).was_refused(2)
    assert ledger.to_repeat() == 2
    ledger = ledger.hand_over(2, 100).was_sent(2)
    assert ledger.to_repeat() is None
    assert (ledger.sent, ledger.refused, ledger.repeated, ledger.steps) == (2, 1, 1, 2)


def test_a_repeat_waits_until_nothing_is_under_way():
    ledger = Ledger.of(9).hand_over(1, 1).hand_over(2, 1).was_refused(1)
    assert ledger.must_wait
    assert ledger.to_repeat() is None
    both_refused = ledger.was_refused(2)
    assert both_refused.to_repeat() == 1
    assert both_refused.hand_over(1, 1).was_sent(1).to_repeat() == 2


def test_a_refused_number_below_one_on_the_air_is_not_repeated_because_it_would_fall():
    ledger = Ledger.of(9).hand_over(1, 1).hand_over(2, 1).was_refused(1).was_sent(2)
    assert ledger.to_repeat() is None
    assert ledger.fate(1) is Fate.REFUSED


def test_unknown_counts_as_on_the_air_and_is_not_repeated():
    ledger = Ledger.of(9).hand_over(1, 1).is_unknown(1)
    assert ledger.on_air == 1
    assert ledger.to_repeat() is None


def test_a_late_report_corrects_what_was_unknown():
    ledger = Ledger.of(9).hand_over(1, 1).is_unknown(1)
    assert (ledger.was_sent(1).sent, ledger.was_sent(1).unknown) == (1, 0)
    late = ledger.was_refused(1)
    assert (late.refused, late.unknown, late.to_repeat()) == (1, 0, 1)


@pytest.mark.parametrize("report", ["was_sent", "was_refused", "is_unknown"])
def test_a_report_told_twice_changes_nothing(report: str):
    once = getattr(Ledger.of(9).hand_over(1, 1), report)(1)
    assert getattr(once, report)(1) == once


@pytest.mark.parametrize("report", ["was_sent", "is_unknown"])
def test_a_coded_number_that_may_have_been_on_the_air_is_never_ordered_again(report: str):
    ledger = getattr(Ledger.of(1).hand_over(5, 1), report)(5)
    with pytest.raises(FragmentNumberUsed, match="5"):
        ledger.hand_over(5, 1)
    with pytest.raises(FragmentNumberUsed):
        ledger.hand_over(4, 1)


def test_a_new_pass_forgets_what_the_last_one_could_not_send():
    ledger = Ledger.of(2).hand_over(1, 1).was_refused(1).hand_over(2, 1).was_sent(2).hand_over(1, 1)
    assert ledger.to_repeat() is None
    assert (ledger.uncoded, ledger.repeated, ledger.steps) == (3, 1, 3)


@pytest.mark.parametrize(("n", "airtime"), [(0, 1), (16384, 1), (1, -1)])
def test_numbers_no_frame_can_carry_are_refused(n: int, airtime: int):
    with pytest.raises(Invalid):
        Ledger.of(5).hand_over(n, airtime)


@pytest.mark.parametrize("m", [0, 16384])
def test_a_block_no_session_can_hold_is_refused(m: int):
    with pytest.raises(Invalid, match=str(m)):
        Ledger.of(m)


@settings(max_examples=200)
@given(st.data())
def test_whatever_the_network_reports_the_counts_add_up(data: st.DataObject):
    m = data.draw(st.integers(1, 6))
    ledger, airtime, on_air_before = Ledger.of(m), 0, 0
    maybe_on_air: set[int] = set()
    for _ in range(data.draw(st.integers(0, 40))):
        action = data.draw(st.sampled_from(["next", "next", "sent", "refused", "unknown"]))
        if action == "next":
            if ledger.must_wait or len(ledger.under_way) == 3:
                continue
            n = ledger.to_repeat() or (ledger.last % m + 1 if ledger.highest <= m and data.draw(st.booleans())
                                       else ledger.highest + 1)  # fmt: skip
            assert n <= m or n not in maybe_on_air
            airtime += 70 + n
            ledger = ledger.hand_over(n, 70 + n)
        else:
            n = data.draw(st.integers(1, max(1, ledger.highest)))
            tell = {"sent": ledger.was_sent, "refused": ledger.was_refused, "unknown": ledger.is_unknown}[action]
            ledger = tell(n)
            if ledger.on_air > on_air_before:
                maybe_on_air.add(n)
            elif ledger.on_air < on_air_before:
                maybe_on_air.discard(n)
        on_air_before = ledger.on_air
        assert ledger.airtime_us == airtime
        assert ledger.handed_over == ledger.on_air + ledger.refused + len(ledger.under_way)
        assert ledger.steps <= ledger.handed_over
        repeat = ledger.to_repeat()
        assert repeat is None or ledger.fate(repeat) is Fate.REFUSED
