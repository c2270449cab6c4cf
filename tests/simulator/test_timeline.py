"""Virtual time goes forward, in order, and stops where something is heard."""

from __future__ import annotations

import pytest

from fleetcast.errors import Invalid
from fleetcast.simulator.heard import Queued
from fleetcast.simulator.timeline import Timeline


def test_things_happen_in_their_order_and_those_of_one_instant_as_they_were_planned() -> None:
    timeline, seen = Timeline(0), []
    for at_us, what in ((2_000, "c"), (1_000, "a"), (1_000, "b"), (3_000, "d")):
        timeline.at(at_us, seen.append, what)
    assert timeline.run(2) == []
    assert seen == ["a", "b", "c"]
    assert timeline.now == 2
    assert timeline.next_at() == 3


def test_time_stops_at_the_end_of_the_first_millisecond_in_which_something_is_heard() -> None:
    timeline, seen = Timeline(0), []
    timeline.tell_at(1_500, Queued(1))
    timeline.at(1_700, seen.append, "same millisecond")
    timeline.tell_at(1_900, Queued(2))
    timeline.tell_at(2_100, Queued(3))
    assert timeline.next_at() == 2
    assert timeline.run(100) == [Queued(1), Queued(2)]
    assert timeline.now == 2
    assert seen == ["same millisecond"]
    assert timeline.run(100) == [Queued(3)]
    assert timeline.now == 3
    assert timeline.run(100) == []
    assert timeline.now == 100
    assert timeline.next_at() is None


def test_what_is_told_between_two_runs_is_heard_at_once() -> None:
    timeline = Timeline(7)
    timeline.tell(Queued(1))
    assert timeline.next_at() == 7
    assert timeline.run(50) == [Queued(1)]
    assert timeline.now == 7


def test_what_is_planned_for_the_past_happens_now_and_time_never_runs_backwards() -> None:
    timeline, seen = Timeline(10), []
    timeline.at(1, seen.append, "late")
    timeline.run(10)
    assert seen == ["late"]
    with pytest.raises(Invalid, match="backwards"):
        timeline.run(9)
