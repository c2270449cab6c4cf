"""How far a campaign is, as its stages are shown: number, name, current phase, progress, and what it waits for by time.

Derived from the state, in a form that every door shows alike; nothing is decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fleetcast.campaign.states import LAST_STEP, Done, GroupState, Mode, Outcome, Stage, Step, stages_of
from fleetcast.campaign.table import State
from fleetcast.instants import InstantMs
from fleetcast.planning.stage_names import stage_names


class Phase(StrEnum):
    """What a stage is busy with, where it has more than one thing to do."""

    CLASS_SESSION = "class session"
    ROUNDS = "further fragments"
    IMAGE_CHECK = "image check"
    REBOOT = "reboot"
    VERSION_CHECK = "version check"
    HEALTH = "health"


_PHASE_OF_STEP = {
    Step.IMAGE_CHECK: Phase.IMAGE_CHECK,
    Step.REBOOT: Phase.REBOOT,
    Step.VERSION_CHECK: Phase.VERSION_CHECK,
    Step.SOAK: Phase.HEALTH,
}


@dataclass(frozen=True, slots=True)
class StageView:
    """One stage as the Running screen shows it."""

    number: int
    of: int
    name: str
    phase: Phase | None
    done: int
    total: int
    starts_at: InstantMs | None
    """When the stage waits for a set time: a session start, or a reboot."""

    @property
    def label(self) -> str:
        """The name, with the current phase behind it."""
        return f"{self.name} · {self.phase.value}" if self.phase is not None else self.name


def current_stage(state: State) -> StageView | None:
    """The stage a campaign is in; None before the start."""
    campaign, plan = state.campaign, state.plan
    if not campaign.stage:
        return None
    stages = stages_of(plan)
    classes = {group.session_class for group in plan.groups}
    names = stage_names(plan.type, reboot_time=plan.reboot_at is not None, classes=classes)
    stage = stages[campaign.stage - 1]
    done, total = _progress(state, stage)
    return StageView(
        campaign.stage,
        len(stages),
        names[campaign.stage - 1],
        _phase(state, stage),
        done,
        total,
        _waits_for(state, stage),
    )


def funnel(state: State) -> dict[str, int]:
    """How many participants came how far; each number counts those of the numbers before it that got there."""
    counts = dict.fromkeys(
        ("participants", "heard", "group set", "reboot time set", "fragment session set", "class session armed",
         "transferred", "valid", "running"), 0,
    )  # fmt: skip
    facts = (
        ("group set", Done.GROUP_SET), ("reboot time set", Done.REBOOT_SET), ("fragment session set", Done.FRAG_SET),
        ("class session armed", Done.SESSION_SET), ("transferred", Done.TRANSFERRED), ("valid", Done.VALID),
        ("running", Done.RUNNING),
    )  # fmt: skip
    counts["participants"] = len(state.devices)
    for device in state.devices:
        counts["heard"] += device.heard
        for name, fact in facts:
            counts[name] += fact in device.done
    return counts


def _progress(state: State, stage: Stage) -> tuple[int, int]:
    counts, devices = state.counts, len(state.devices)
    if stage in LAST_STEP:
        still_open = sum(counts[Outcome.OPEN][: LAST_STEP[stage] + 1])
        return devices - still_open, devices
    if stage is Stage.DL_FRAGMENT:
        planned = [
            g.fragments + max(min(g.coded_first, g.coded_max), 0 if group.first_pass_over else group.transfer.extra)
            for g, group in zip(state.plan.groups, state.groups, strict=True)
        ]
        sent = [
            total if group.first_pass_over else min(group.ledger.steps, total)
            for group, total in zip(state.groups, planned, strict=True)
        ]
        return sum(sent), sum(planned)
    if stage is Stage.FRAG_SESSION_STATUS:
        asked = [device for device in state.devices if Done.SESSION_SET in device.done]
        return sum(_answered(state, i) for i in range(devices)), len(asked)
    return sum(counts[Outcome.SUCCEEDED]) + sum(counts[Outcome.FAILED]) + sum(counts[Outcome.BEHIND]), devices


def _answered(state: State, i: int) -> bool:
    device = state.devices[i]
    told = device.missing >= 0 or Done.TRANSFERRED in device.done or device.silent_polls > 0
    return Done.SESSION_SET in device.done and (told or device.outcome is not Outcome.OPEN)


def _phase(state: State, stage: Stage) -> Phase | None:
    if stage >= Stage.DL_FRAGMENT and any(_sets_up_again(group) for group in state.groups):
        return Phase.CLASS_SESSION
    if stage is not Stage.FURTHER_ROUNDS:
        return None
    if any(group.mode not in (Mode.OVER, Mode.REFUSED) for group in state.groups):
        return Phase.ROUNDS
    still_open = state.counts[Outcome.OPEN]
    return next((phase for step, phase in _PHASE_OF_STEP.items() if still_open[step]), None)


def _sets_up_again(group: GroupState) -> bool:
    return group.mode is Mode.ARMED and group.session > 1


def _waits_for(state: State, stage: Stage) -> InstantMs | None:
    if stage is Stage.DL_FRAGMENT or any(_sets_up_again(group) for group in state.groups):
        starts = [group.session_start for group in state.groups if group.mode is Mode.ARMED]
        return min(starts, default=None)
    if (
        stage is Stage.FURTHER_ROUNDS
        and state.plan.reboot_at is not None
        and state.counts[Outcome.OPEN][Step.VERSION_CHECK]
    ):
        return state.plan.reboot_at
    return None
