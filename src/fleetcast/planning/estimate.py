"""What a campaign is expected to take: duration, airtime, success, energy, each as a median with a 90 % band.

The plan's own campaign is thrown some dozens to hundreds of times, its devices side by side, with dice seeded by the
plan: the same plan has the same estimate. Each stage has its own small model (`stage_models`, `transfer_model`). What
no fact tells before the start (defects, for instance) is in no estimate.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from fleetcast.planning.facts import Device
from fleetcast.planning.fleet_sample import Flags, FleetSample, Floats, sample_fleet
from fleetcast.planning.plan import Band90, CampaignType, Estimate, Plan, SuccessMeans
from fleetcast.planning.policy import BelowThreshold, Setup
from fleetcast.planning.session_window import longest_wait_s
from fleetcast.planning.stage_models import Course, exchanges, session_stage, stage_over, unicast_stage
from fleetcast.planning.timetable import latest_session_start
from fleetcast.planning.transfer_model import Transferred, group_pacing, transfer
from fleetcast.radio.energy import Currents, RadioTime, charge_mah

_CELLS: Final = 200_000
"""Devices times runs: what is thrown in well under a second."""
_MOST_RUNS: Final = 200
_FEWEST_RUNS: Final = 25
_MOST_DEVICES: Final = 100_000
_ANSWER_AIRTIME_S: Final = 0.1
_HOUR_S: Final = 3600


def estimate(plan: Plan, devices: Sequence[Device]) -> Estimate:
    """The estimate of a plan; `devices` are the facts it was made from."""
    facts = {device.dev_eui: device for device in devices}
    dice = np.random.default_rng(plan.seed)
    fleet = sample_fleet(plan, facts)
    if len(fleet) > _MOST_DEVICES:
        fleet = fleet.subset(np.sort(dice.choice(len(fleet), _MOST_DEVICES, replace=False)))
    runs = min(max(_CELLS // len(fleet), _FEWEST_RUNS), _MOST_RUNS)
    needed = -(-plan.threshold_percent * len(fleet) // 100)
    course = Course.begin(fleet, plan.policy, dice, needed, runs)
    _setup(course, plan)
    if plan.type is CampaignType.MULTICAST_SETUP:
        return _summary(course, plan, course.passing, {})
    session_begin = course.time.copy()
    transfers = _transfers(course, plan)
    complete = np.zeros_like(course.passing)
    for number, each in transfers.items():
        complete[:, fleet.group == number] = each.complete
        each_over = np.where(course.going, each.over, course.time)
        transfers[number] = replace(each, over=each_over)
    course.passing &= complete
    over = np.maximum.reduce([each.over for each in transfers.values()])
    course.time = np.minimum(over, plan.max_duration_s)
    succeeded = _closing(course, plan, transfers)
    return _summary(course, plan, succeeded, transfers, session_begin)


def _setup(course: Course, plan: Plan) -> None:
    """All stages up to the session start."""
    policy, fleet = plan.policy, course.fleet
    ends = [(end - plan.start) / 1000 for end in plan.stage_latest_ends]
    setup_only = plan.type is CampaignType.MULTICAST_SETUP
    stages = 2 if setup_only else len(ends) - 3
    tolerance_s = max(profile.time_tolerance_s for profile in plan.profiles)
    wait_s = longest_wait_s(fleet.period_s, policy) + tolerance_s + policy.mcsession_delay_s
    if any(group.session_class == "B" for group in plan.groups):
        wait_s += (policy.classb_start_beacons_delay + 0.5) * 128
    given = plan.groups[0].session_start
    given_s = None if given is None else (given - plan.start) / 1000
    latest_s = ends[-1] if setup_only else (latest_session_start(plan.stage_latest_ends) - plan.start) / 1000
    if policy.setup is Setup.PIPELINED:
        session_stage(course, wait_s, latest_s, fleet.questions + stages - 1, given_s)
        return
    unicast_stage(course, fleet.questions, ends[0])
    for number in range(1, stages - 1):
        unicast_stage(course, 1, ends[number])
    if setup_only:
        unicast_stage(course, 1, ends[-1])
    else:
        session_stage(course, wait_s, latest_s, 1, given_s)


def _transfers(course: Course, plan: Plan) -> dict[int, Transferred]:
    """By number of the group; groups without a device in the sample are left out."""
    tolerance_s = max(profile.time_tolerance_s for profile in plan.profiles)
    found = {}
    for number in range(len(plan.groups)):
        rows = np.flatnonzero(course.fleet.group == number)
        if len(rows):
            part = replace(
                course,
                fleet=course.fleet.subset(rows),
                phase=course.phase[:, rows],
                passing=course.passing[:, rows],
            )
            found[number] = transfer(part, plan, number, tolerance_s)
    return found


def _closing(course: Course, plan: Plan, transfers: dict[int, Transferred]) -> Flags:
    """Image check, reboot and version check, as far as success means them: who succeeded; moves the time on."""
    policy, fleet = plan.policy, course.fleet
    if plan.success_means is SuccessMeans.TRANSFERRED:
        course.time = course.time + policy.complete_delay_s
        return course.passing.copy()
    begin = np.zeros_like(course.phase)
    for number, each in transfers.items():
        begin[:, fleet.group == number] = each.over[:, None]
    done, final = exchanges(course, begin, fleet.closing_exchanges)
    if plan.success_means is SuccessMeans.RUNNING:
        if plan.reboot_at is not None:
            done = np.maximum(done, (plan.reboot_at - plan.start) / 1000)
        back = done + policy.fuota_process_max_time_s + policy.reboot_spread_s / 2
        checked, checked_final = exchanges(course, np.where(np.isfinite(back), back, 0.0), 1)
        done = np.where(np.isfinite(back), checked, np.inf)
        final = np.where(np.isfinite(back), checked_final, final) + policy.soak_s
    done = np.where(fleet.provable, done, np.inf)
    over = stage_over(course, done, np.maximum(final, course.time[:, None]), plan.max_duration_s)
    over = np.maximum(over, course.time)
    course.time = np.where(course.going, over, course.time) + policy.complete_delay_s
    return course.passing & (done <= over[:, None])


def _summary(
    course: Course,
    plan: Plan,
    succeeded: Flags,
    transfers: dict[int, Transferred],
    session_begin: Floats | None = None,
) -> Estimate:
    """The bands over all runs; a campaign that failed in its setup sent nothing, and nobody succeeded."""
    fleet, going = course.fleet, course.going
    airtime_s = np.zeros(len(course.time))
    for number, each in transfers.items():
        airtime_s += np.where(going, each.frames, 0.0) * plan.groups[number].airtime_us / 1e6
    fails = plan.policy.below_threshold is BelowThreshold.FAIL or plan.type is not CampaignType.MULTICAST_SETUP
    share = np.where(going, succeeded.mean(axis=1), 0.0) if fails else succeeded.mean(axis=1)
    return Estimate(
        duration_s=_band(np.minimum(course.time, plan.max_duration_s)),
        airtime_s=_band(airtime_s),
        success_share=_band(share),
        energy_mah=_band(_energy(plan, fleet, going, transfers, session_begin)),
        duty_cycle=_busiest_hours(plan, transfers),
    )


def _energy(
    plan: Plan, fleet: FleetSample, going: Flags, transfers: dict[int, Transferred], session_begin: Floats | None
) -> Floats:
    """Charge of an ordinary device by run: its answers, and its listening from session start to the transfer's end."""
    by_group = np.zeros((len(going), len(plan.groups)))
    for number, group in enumerate(plan.groups):
        profile = next(plan.profiles[device.profile] for device in plan.devices if device.group == number)
        currents = Currents(profile.currents.receive_ma, profile.currents.transmit_ma, profile.currents.idle_ma)
        answers_s = _ANSWER_AIRTIME_S * (len(plan.stage_names) + 1)
        listen = np.zeros(len(going))
        if number in transfers and session_begin is not None:
            each = transfers[number]
            if group.session_class == "C":
                listen = np.where(going, each.over - session_begin, 0.0)
            else:
                listen = np.where(going, each.frames * group.airtime_us / 1e6, 0.0)
        by_group[:, number] = [
            charge_mah(RadioTime(receive_s=float(s) + answers_s, transmit_s=answers_s, total_s=float(s)), currents)
            for s in listen
        ]
    charge: Floats = np.median(by_group[:, fleet.group], axis=1)
    return charge


def _busiest_hours(plan: Plan, transfers: dict[int, Transferred]) -> tuple[tuple[str, float], ...]:
    """Share of an hour that the fragments take, by sub-band; groups of one connection share a gateway's."""
    busiest: dict[tuple[str, str, str], float] = defaultdict(float)
    for number, each in transfers.items():
        group = plan.groups[number]
        rhythm = group_pacing(plan, group)
        frames = min(float(np.median(each.frames)), float(rhythm.frames_in(_HOUR_S)), rhythm.frames_per_hour)
        key = (group.connection, group.band, group.sub_band)
        busiest[key] += frames * group.airtime_us / 1e6 / _HOUR_S
    return tuple(
        (f"{connection} {band} {sub_band}", share) for (connection, band, sub_band), share in sorted(busiest.items())
    )


def _band(values: Floats) -> Band90:
    low, median, high = np.quantile(values, (0.05, 0.5, 0.95))
    return Band90(float(low), float(median), float(high))
