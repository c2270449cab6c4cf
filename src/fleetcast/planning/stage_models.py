"""How unicast stages go: many runs of a whole fleet at once, one model for each kind of stage.

Rows are runs, columns devices; times are seconds since the campaign's start. The rules imitated are those of stages:
over when all are final, when the threshold is reached and the grace is over, when it can't be reached any more and that
fails the campaign, or at the latest end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from fleetcast.planning.fleet_sample import Flags, FleetSample, Floats, Numbers
from fleetcast.planning.policy import BelowThreshold, Policy

REPEAT_S: Final = 10.0
"""From a request to its repetition at a device that can be reached at any time."""

ANSWER_S: Final = 4.0
"""From an opportunity to the answer: receive window, the device's work, and its uplink."""


@dataclass(slots=True)
class Course:
    """Where the runs stand; stages move it on."""

    fleet: FleetSample
    policy: Policy
    dice: np.random.Generator
    needed: int
    """Devices of the sample that must succeed for the threshold."""
    phase: Floats
    """When each device speaks first, runs x devices."""
    time: Floats
    """By run."""
    passing: Flags
    """Passed all stages so far, runs x devices."""
    going: Flags
    """Runs whose campaign has not failed."""

    @classmethod
    def begin(cls, fleet: FleetSample, policy: Policy, dice: np.random.Generator, needed: int, runs: int) -> Course:
        """All devices at an unknown place in their period."""
        phase = dice.random((runs, len(fleet))) * fleet.period_s
        everyone = np.ones((runs, len(fleet)), bool)
        return cls(fleet, policy, dice, needed, phase, np.zeros(runs), everyone, np.ones(runs, bool))

    def next_uplink(self, after: Floats) -> Floats:
        """When each device speaks next; `after` is runs x 1 or runs x devices."""
        period = self.fleet.period_s
        return self.phase + np.maximum(np.ceil((after - self.phase) / period), 0.0) * period

    def next_chance(self, after: Floats) -> Floats:
        """When each device can be told something: with its next uplink, or at any time once it was heard."""
        first_contact = 0.0 if self.policy.class_c_at_once else self.phase
        return np.where(self.fleet.always_open, np.maximum(after, first_contact), self.next_uplink(after))

    def judge(self, succeeded: Flags) -> None:
        """A stage is over: who did not succeed takes no part any more, and too few successes end a run."""
        self.passing &= succeeded
        if self.policy.below_threshold is BelowThreshold.FAIL:
            self.going &= self.passing.sum(axis=1) >= self.needed


def exchanges(course: Course, after: Floats, count: Numbers | int) -> tuple[Floats, Floats]:
    """So many exchanges in a row with each device: when the last was answered, and when each device is final.

    Endless: not answered; never heard. The first request goes at the first uplink heard, the next at the answer, a
    repetition at the next uplink heard.
    """
    fleet, dice = course.fleet, course.dice
    count = np.broadcast_to(np.asarray(count, np.int64), (len(fleet),))
    shape = course.phase.shape
    gaps = np.where(fleet.always_open, 0.0, dice.geometric(fleet.heard, shape) - 1.0)
    failed = np.zeros(shape, bool)
    tries_allowed = 1 + course.policy.msg_retries
    for number in range(int(count.max(initial=0))):
        tries = dice.geometric(fleet.answered, shape)
        wanted = (count > number) & ~failed
        lost = np.minimum(tries - 1, tries_allowed)
        unheard = np.where(lost > 0, dice.negative_binomial(np.maximum(lost, 1), fleet.heard, shape), 0)
        unheard = np.where(fleet.always_open, 0, unheard)
        gaps += np.where(wanted, lost + unheard, 0)
        failed |= wanted & (tries > tries_allowed)
    again_s = np.where(fleet.always_open, REPEAT_S, fleet.period_s)
    final = course.next_chance(after) + gaps * again_s + ANSWER_S * count
    final = np.where(count > 0, final, after)
    final = np.where(fleet.speaks | (count == 0), final, np.inf)
    return np.where(failed, np.inf, final), final


def stage_over(course: Course, done: Floats, final: Floats, latest_s: float) -> Floats:
    """When a unicast stage is over, by run."""
    passing = course.passing
    done = np.where(passing, done, np.inf)
    final = np.where(passing, final, -np.inf)
    over = np.minimum(final.max(axis=1), _grace_over(course, done, final))
    if course.policy.below_threshold is BelowThreshold.FAIL:
        over = np.minimum(over, _hopeless(course, done, final))
    over = np.minimum(over, latest_s)
    later: Floats = np.maximum(over, course.time)
    return later


def _grace_over(course: Course, done: Floats, final: Floats) -> Floats:
    """Threshold reached, and each device then still open had its further opportunities and one period more."""
    enough = _kth(done, course.needed)
    since = np.where(np.isfinite(enough), enough, 0.0)
    more = (course.policy.stage_complete_delay + 1) * course.fleet.period_s
    still_open = course.passing & (final > since[:, None])
    grace = np.where(still_open, more, 0.0).max(axis=1)
    return np.where(np.isfinite(enough), since + grace, np.inf)


def _hopeless(course: Course, done: Floats, final: Floats) -> Floats:
    """When one device more has failed than the threshold forgives."""
    failed_at = np.sort(np.where(course.passing & np.isinf(done), final, np.inf), axis=1)
    # Who failed before this stage counts from its begin.
    forgiven = len(course.fleet) - course.needed - (~course.passing).sum(axis=1)
    at = np.take_along_axis(failed_at, np.clip(forgiven, 0, len(course.fleet) - 1)[:, None], axis=1)[:, 0]
    at = np.where(forgiven >= len(course.fleet), np.inf, at)
    return np.where(forgiven < 0, course.time, at)


def unicast_stage(course: Course, count: Numbers | int, latest_s: float) -> None:
    """A setup stage of so many exchanges with each device."""
    done, final = exchanges(course, course.time[:, None], count)
    over = stage_over(course, done, final, latest_s)
    course.time = np.where(course.going, over, course.time)
    course.judge(done <= over[:, None])


def session_stage(course: Course, wait_s: float, latest_s: float, count: Numbers | int, given_s: float | None) -> None:
    """The stage that ends with the common session start: `wait_s` after its begin, or the one that was given.

    Devices that aren't told by then take no part.
    """
    start = course.time + wait_s if given_s is None else np.maximum(given_s, course.time)
    start = np.minimum(start, np.maximum(latest_s, course.time)) if given_s is None else start
    done, _ = exchanges(course, course.time[:, None], count)
    course.time = np.where(course.going, start, course.time)
    course.judge(done <= start[:, None])


def _kth(values: Floats, k: int) -> Floats:
    """The k-th smallest of each row, endless where the row is shorter; k from 1."""
    if k > values.shape[1]:
        return np.full(values.shape[0], np.inf)
    smallest: Floats = np.partition(values, k - 1, axis=1)[:, k - 1]
    return smallest
