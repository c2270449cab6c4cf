"""How a group's transfer goes: frames on the air, when it is over, and who is complete, for many runs at once.

Frames a device needs are drawn from its loss: those lost of the uncoded, as many coded ones as replace them, and the
few more that the parity code takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from fleetcast.fec import extra_distribution
from fleetcast.planning.fleet_sample import Flags, Floats
from fleetcast.planning.pacing import Pacing
from fleetcast.planning.plan import Plan, PlannedGroup
from fleetcast.planning.policy import TransferUntil
from fleetcast.planning.session_window import first_fragment_delay_s, longest_session_s, longest_wait_s
from fleetcast.planning.stage_models import Course, exchanges
from fleetcast.planning.status_answers import spread_of

OVERSHOOT: Final = 4.0
"""Frames that `adaptive` sends beyond what the worst device needs."""

ANSWERS_THROUGH: Final = 0.95
"""Share of the status answers that meet no other: the spread lets nine of ten through, capture a few more."""


@dataclass(frozen=True, slots=True)
class Transferred:
    """One group's transfer: by run, and by run and device of the group."""

    frames: Floats
    over: Floats
    complete: Flags


def group_pacing(plan: Plan, group: PlannedGroup) -> Pacing:
    """The rhythm of a planned group with its share of the sub-band."""
    sharers = sum(
        (each.connection, each.band, each.sub_band) == (group.connection, group.band, group.sub_band)
        for each in plan.groups
    )
    share = plan.policy.duty_cycle_share / 100 / sharers if group.duty_cycle < 1 else 1.0
    return Pacing(
        group.airtime_us,
        group.min_gap_ms,
        group.duty_cycle * share,
        plan.policy.duty_cycle_use,
        group.session_class,
        group.periodicity,
    )


def transfer(course: Course, plan: Plan, number: int, tolerance_s: float) -> Transferred:
    """The transfer of one group, from the session start at `course.time` on; `course` holds only its devices."""
    group, policy = plan.groups[number], plan.policy
    frames, complete, polls = _frames(course, plan, group)
    rhythm = group_pacing(plan, group)
    answers_s = spread_of(group.block_ack_delay) + policy.fsession_status_timeout_s
    unique, places = np.unique(np.ceil(frames), return_inverse=True)
    air_s = np.array([rhythm.duration_s(float(each)) for each in unique])[places.reshape(frames.shape)]
    over = course.time + first_fragment_delay_s(policy, tolerance_s) + air_s + polls * answers_s
    over += _sessions_between(group, longest_wait_s(course.fleet.period_s, policy), over - course.time)
    over = np.maximum(over, _asked_by_unicast(course, over))
    return Transferred(frames, over, complete & course.passing)


def _frames(course: Course, plan: Plan, group: PlannedGroup) -> tuple[Floats, Flags, Floats]:
    """Frames sent, who completes, and status rounds."""
    fleet, dice = course.fleet, course.dice
    m = group.fragments
    shape = course.phase.shape
    lost = dice.binomial(m, fleet.transfer_loss, shape).astype(float)
    if group.strategy == "carousel":
        return _carousel(course, group, lost)
    useful = np.where(lost > 0, lost + _extra(course, group), 0.0)
    needs: Floats = useful + dice.negative_binomial(np.maximum(useful, 1.0), 1 - fleet.transfer_loss, shape)
    needs = np.where(lost > 0, needs, 0.0)
    needs = np.where(lost <= fleet.memory, needs, np.inf)
    if group.strategy == "fixed":
        frames = np.full(shape[0], float(m + group.coded_first))
        return frames, needs <= group.coded_first, np.ones(shape[0])
    counted = np.where(course.passing & (needs <= group.coded_max), needs, 0.0)
    if plan.policy.transfer_until is TransferUntil.THRESHOLD:
        most = np.sort(counted, axis=1)[:, max(0, -(-plan.threshold_percent * shape[1] // 100) - 1)]
    else:
        most = counted.max(axis=1, initial=0.0)
    more = most > group.coded_first
    coded = np.where(more, np.minimum(most + OVERSHOOT, group.coded_max), group.coded_first)
    return m + coded, needs <= coded[:, None], np.where(more, 3.0, 1.0)


def _carousel(course: Course, group: PlannedGroup, lost: Floats) -> tuple[Floats, Flags, Floats]:
    """Passes until every device has every fragment; who takes only rising numbers has what the first pass brought."""
    fleet, dice = course.fleet, course.dice
    loss = np.maximum(fleet.transfer_loss, 1e-12)
    quantile = dice.random(lost.shape) ** (1 / group.fragments)
    passes = np.where(lost > 0, np.ceil(np.log1p(-quantile) / np.log(loss)), 1.0)
    passes = np.maximum(passes, np.where(lost > 0, 2.0, 1.0))
    passes = np.where(fleet.any_order | (lost == 0) | (group.fragments == 1), passes, np.inf)
    made = np.minimum(np.where(course.passing, passes, 1.0).max(axis=1, initial=1.0), group.passes_max)
    return made * group.fragments, passes <= made[:, None], made


def _asked_by_unicast(course: Course, over: Floats) -> Floats:
    """Whoever stayed silent over multicast is asked at its next opportunity: when the last of them has answered."""
    fleet = course.fleet
    heard = fleet.answered * ANSWERS_THROUGH
    silent = course.passing & (course.dice.random(course.phase.shape) > heard)
    done, final = exchanges(course, over[:, None], 1)
    asked = np.where(silent & np.isfinite(final), np.minimum(done, final), -np.inf)
    last: Floats = asked.max(axis=1, initial=-np.inf)
    return last


def _sessions_between(group: PlannedGroup, wait_s: float, transfer_s: Floats) -> Floats:
    """What further class sessions take to be set up."""
    further: Floats = np.maximum(np.ceil(transfer_s / longest_session_s(group.session_class)) - 1, 0.0)
    return further * wait_s


def _extra(course: Course, group: PlannedGroup) -> Floats:
    """Coded fragments each device must hear beyond those it lost, drawn from the code's own distribution.

    Taken at the mean loss of the group; only blocks of few fragments depend on it at all.
    """
    loss = float(np.clip(course.fleet.transfer_loss.mean(), 0.01, 0.9))
    odds = extra_distribution(group.fragments, round(loss, 2), group.scheme)
    places: Floats = np.searchsorted(np.cumsum(odds)[:-1], course.dice.random(course.phase.shape)).astype(np.float64)
    return places
