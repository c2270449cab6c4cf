"""The report of a rehearsal that is over: the engine's state, the observer's notes and the world's books."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterator

import numpy as np

from fleetcast.campaign.causes import ADVICE, Cause
from fleetcast.campaign.progress import Phase as Running
from fleetcast.campaign.states import DeviceState, Done, Outcome, Stage, StageRecord, Step
from fleetcast.instants import InstantMs
from fleetcast.planning.facts import Currents
from fleetcast.planning.plan import PlannedGroup
from fleetcast.radio.energy import Currents as RadioCurrents
from fleetcast.radio.energy import RadioTime as SecondsOfRadio
from fleetcast.radio.energy import battery_percent, charge_mah
from fleetcast.rehearsal.rehearse import Rehearsal
from fleetcast.rehearsal.report import Curve, Energy, GroupReport, Phase, Report, StageReport, SubBandReport

_POINTS = 240
_EXAMPLES = 12
_HOUR_US = 3_600_000_000

_PHASES: dict[Stage, tuple[tuple[Step, str], ...]] = {
    Stage.MC_GROUP_SETUP: (
        (Step.PACKAGE_VERSIONS, "package versions"),
        (Step.KNOWN_VERSION, "known version"),
        (Step.MC_GROUP_SETUP, "group setup"),
    ),
    Stage.FURTHER_ROUNDS: (
        (Step.TRANSFER, Running.ROUNDS.value),
        (Step.IMAGE_CHECK, Running.IMAGE_CHECK.value),
        (Step.REBOOT, Running.REBOOT.value),
        (Step.VERSION_CHECK, Running.VERSION_CHECK.value),
        (Step.SOAK, Running.HEALTH.value),
    ),
}
"""Steps that are phases of a stage, with the names that are shown."""


def measure(rehearsal: Rehearsal, wall_seconds: float) -> Report:
    """Everything there is to tell of a rehearsal; its campaign is over."""
    plan, state, scenario = rehearsal.plan, rehearsal.state, rehearsal.prepared.scenario
    observed, campaign = rehearsal.observation, rehearsal.state.campaign
    devices = state.devices
    failures = Counter(_cause(device) for device in devices if device.outcome in (Outcome.FAILED, Outcome.BEHIND))
    return Report(
        name=scenario.name,
        seed=rehearsal.prepared.seed,
        campaign_type=plan.type.value,
        strategy=" and ".join(sorted({group.strategy for group in plan.groups if group.fragments})),
        setup=plan.policy.setup.value,
        file_name=None if plan.file is None else plan.file.name,
        file_bytes=0 if plan.file is None else plan.file.size_bytes,
        start=plan.start,
        end=campaign.ended or rehearsal.now,
        status=campaign.status.value,
        why=campaign.why,
        threshold_percent=plan.threshold_percent,
        total=len(devices),
        left_out=tuple(sorted(Counter(reason.value for _, reason in plan.left_out).items())),
        transferred=sum(Done.TRANSFERRED in device.done for device in devices),
        valid=sum(Done.VALID in device.done for device in devices),
        running=sum(Done.RUNNING in device.done for device in devices),
        succeeded=sum(device.outcome is Outcome.SUCCEEDED for device in devices),
        failed=tuple((cause.value, count, _advice(cause)) for cause, count in failures.most_common()),
        examples=_examples(rehearsal),
        stages=tuple(
            _stage(number, name, record, rehearsal)
            for number, (name, record) in enumerate(zip(plan.stage_names, campaign.stages, strict=False), 1)
        ),
        groups=tuple(_group(g, group, rehearsal) for g, group in enumerate(plan.groups)),
        sub_bands=tuple(
            SubBandReport(
                gateway=each.gateway,
                sub_band=each.sub_band,
                duty_cycle=each.duty_cycle,
                busiest_hour_share=each.busiest_hour_us / _HOUR_US,
                airtime_s=each.airtime_us / 1e6,
                violated=each.violated,
            )
            for each in rehearsal.world.airtime()
        ),
        success_over_time=_curve(observed.succeeded, plan.start),
        failures_over_time=_curve(observed.failed, plan.start),
        polls=observed.polls,
        polls_unicast=observed.polls_unicast,
        answers=observed.answers,
        requests=tuple(observed.sent.most_common()),
        uplinks_heard=rehearsal.world.traffic.uplinks_heard,
        time_requests=rehearsal.time_service.asked,
        time_answers=rehearsal.time_service.answered,
        file_sha256=None if plan.file is None else plan.file.sha256,
        rebuilt_sha256=_rebuilt(rehearsal),
        energy=_energy(rehearsal),
        estimate=plan.estimate,
        warnings=plan.warnings,
        journal=tuple(observed.journal),
        wall_seconds=wall_seconds,
    )


def _cause(device: DeviceState) -> Cause:
    return Cause.STOPPED if device.failure is None else device.failure.cause


def _advice(cause: Cause) -> str:
    return ADVICE[cause]


def _examples(rehearsal: Rehearsal) -> tuple[tuple[str, str], ...]:
    """One device of each particular, most frequent first."""
    found: dict[str, str] = {}
    often: Counter[str] = Counter()
    for planned, device in zip(rehearsal.plan.devices, rehearsal.state.devices, strict=True):
        if device.failure is not None and device.outcome in (Outcome.FAILED, Outcome.BEHIND):
            text = str(device.failure)
            often[text] += 1
            found.setdefault(text, planned.dev_eui)
    return tuple((found[text], text) for text, _ in often.most_common(_EXAMPLES))


def _stage(number: int, name: str, record: StageRecord, rehearsal: Rehearsal) -> StageReport:
    observed, start = rehearsal.observation, rehearsal.plan.start
    return StageReport(
        number=number,
        name=name,
        phases=_phases(record, rehearsal),
        started=record.started or None,
        ended=record.ended or None,
        succeeded=record.succeeded,
        not_needed=record.not_needed,
        completed=_curve(observed.passed.get(record.stage, array("q")), start),
    )


def _phases(record: StageRecord, rehearsal: Rehearsal) -> tuple[Phase, ...]:
    """Steps that some device took time for, within the stage, and the class sessions set up in it, by their begin."""
    observed = rehearsal.observation
    found = list(_class_sessions(record, rehearsal))
    for step, name in _PHASES.get(record.stage, ()):
        began, ended = observed.step_began.get(step), observed.step_ended.get(step)
        if step is Step.TRANSFER and not observed.polls + observed.polls_unicast:
            continue
        if began is not None and ended is not None and ended > began and record.started:
            found.append(Phase(name, max(began, record.started), max(ended, record.started)))
    return tuple(sorted(found, key=lambda phase: phase.started))


def _class_sessions(record: StageRecord, rehearsal: Rehearsal) -> Iterator[Phase]:
    """Further class sessions, each in the stage in which its setup began."""
    groups, over = rehearsal.plan.groups, rehearsal.state.campaign.ended or rehearsal.now
    stage_over = record.ended or over
    for setup in rehearsal.observation.session_setups:
        if record.started and record.started <= setup.began < stage_over:
            label = f"{setup.number} ({groups[setup.group].name})" if len(groups) > 1 else str(setup.number)
            ended = min(setup.ended or over, stage_over)
            yield Phase(Running.CLASS_SESSION.value, setup.began, ended, label)


def _group(g: int, group: PlannedGroup, rehearsal: Rehearsal) -> GroupReport:
    state, observed = rehearsal.state.groups[g], rehearsal.observation
    airtime = {each.group: each for each in rehearsal.world.group_airtime()}.get(group.dev_eui)
    sent = 0 if airtime is None else airtime.fragments
    streams = [each for each in rehearsal.world.streams() if each.group == group.dev_eui]
    minimum = max((each.fragments_minimum for each in streams), default=0)
    return GroupReport(
        name=group.name,
        band=group.band,
        session_class=group.session_class,
        data_rate=group.data_rate,
        frequency_hz=state.frequency_hz,
        devices=len(rehearsal.state.members[g]),
        strategy=group.strategy,
        scheme=group.scheme,
        fragments=group.fragments,
        fragment_bytes=group.fragment_bytes,
        sent=sent,
        airtime_s=0.0 if airtime is None else airtime.fragment_airtime_us / 1e6,
        minimum=minimum,
        limit_s=minimum * group.airtime_us / 1e6,
        polls=state.poll,
        finish=state.finish,
        over_time=_curve(observed.fragments[group.dev_eui], rehearsal.plan.start),
    )


def _curve(times: array[int], start: InstantMs) -> Curve:
    """How many by when; of many times only some are kept, the last always."""
    count = len(times)
    if not count:
        return ()
    ordered = sorted(times)
    picked = sorted({0, count - 1, *(round(point * (count - 1) / _POINTS) for point in range(_POINTS))})
    return tuple(((ordered[index] - start) / 1000, index + 1) for index in picked)


def _rebuilt(rehearsal: Rehearsal) -> tuple[tuple[str, int], ...]:
    """What the devices that take real bytes have rebuilt, by digest, most frequent first."""
    digests: Counter[str] = Counter()
    known: dict[bytes, str] = {}
    for planned in rehearsal.plan.devices:
        if not rehearsal.world.takes_bytes(planned.dev_eui):
            continue
        block = rehearsal.world.rebuilt(planned.dev_eui)
        if block is not None:
            if block not in known:
                known[block] = hashlib.sha256(block).hexdigest()
            digests[known[block]] += 1
    return tuple(digests.most_common())


def _energy(rehearsal: Rehearsal) -> Energy | None:
    """Charge of every participant over the whole campaign, idle current included."""
    world, plan = rehearsal.world, rehearsal.plan
    time = world.settle_radio_time()
    total_s = (rehearsal.state.campaign.ended - plan.start) / 1000
    charges = []
    for planned in plan.devices:
        number = world.fleet.number(planned.dev_eui)
        currents = plan.profiles[planned.profile].currents
        seconds = SecondsOfRadio(float(time.receive_us[number]) / 1e6, float(time.transmit_us[number]) / 1e6, total_s)
        charges.append(charge_mah(seconds, _radio_currents(currents)))
    if not charges:
        return None
    battery = plan.profiles[0].currents.battery_mah
    mean = float(np.mean(charges))
    return Energy(mean, float(np.median(charges)), float(np.max(charges)), battery_percent(mean, battery) / 100)


def _radio_currents(currents: Currents) -> RadioCurrents:
    return RadioCurrents(currents.receive_ma, currents.transmit_ma, currents.idle_ma)
