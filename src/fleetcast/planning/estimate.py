"""What a campaign is expected to take: duration, airtime, success, energy, each as a median with a 90 % band.

The plan's own campaign is imagined some dozens of times (`trial`), with dice seeded by the plan: the same plan has the
same estimate. What no fact tells before the start (defects, for instance) enters as surprises: in some campaigns a
device does what nobody expects.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fleetcast.fec import extra_distribution
from fleetcast.planning.expectation import Expected, Step, expect
from fleetcast.planning.facts import Device
from fleetcast.planning.group_air import GroupAir
from fleetcast.planning.loss_spread import LossSpread
from fleetcast.planning.pacing import HOUR_S, Pacing
from fleetcast.planning.plan import Band90, CampaignType, Estimate, Plan, PlannedGroup
from fleetcast.planning.redundancy import DEFAULT_LOSS
from fleetcast.planning.trial import TrialResult, play
from fleetcast.planning.trial_air import Gateway, Stream, Windows
from fleetcast.planning.trial_device import TrialDevice
from fleetcast.planning.trial_dice import Dice
from fleetcast.planning.trial_group import TrialGroup, rhythm_of
from fleetcast.planning.trial_state import TrialState
from fleetcast.radio.energy import Currents, RadioTime, charge_mah

_DEVICE_TRIALS: Final = 5_000
"""Devices times trials: what is played in about a second."""
_MOST_TRIALS: Final = 50
_FEWEST_TRIALS: Final = 12
_MOST_DEVICES: Final = 2_000
"""Of a larger fleet a sample is played, on a connection and gateways that are as much slower."""
SURPRISES: Final = 0.15
"""Share of campaigns with devices that do what no fact tells: refuse their session, restart in the middle of it, or
don't start the image; each for itself. Drawn by campaign, not by device: makes, batches and power supplies are alike
within a fleet, and most fleets have none that fail."""
_SURPRISING: Final = 0.001
"""Share of the devices that do so then; at least one."""
_UPLINK_LOSS: Final = 0.1
_ANSWER_AIRTIME_S: Final = 0.1


def estimate(plan: Plan, devices: Sequence[Device], airs: Sequence[GroupAir]) -> Estimate:
    """The estimate of a plan; `devices` are the facts it was made from, `airs` those of its groups, in its order."""
    dice = np.random.default_rng(plan.seed)
    expected = expect(plan, {device.dev_eui: device for device in devices})
    numbers = np.arange(len(expected))
    if len(expected) > _MOST_DEVICES:
        numbers = np.sort(dice.choice(len(expected), _MOST_DEVICES, replace=False))
    setting = _Setting(plan, expected, numbers, airs)
    trials = min(max(_DEVICE_TRIALS // len(numbers), _FEWEST_TRIALS), _MOST_TRIALS)
    results = [setting.play(Dice(dice)) for _ in range(trials)]
    return _summary(plan, results)


class _Setting:
    """What all trials of a plan have in common."""

    def __init__(
        self, plan: Plan, expected: Sequence[Expected], numbers: NDArray[np.intp], airs: Sequence[GroupAir]
    ) -> None:
        self._plan = plan
        self._expected = [expected[i] for i in numbers]
        self._plan_numbers = numbers.tolist()
        self._slower = len(expected) / len(numbers)
        counted = [each.loss_counted_over for each in self._expected]
        self._loss = LossSpread([each.loss for each in self._expected], counted, DEFAULT_LOSS)
        self._uplink_loss = LossSpread([each.uplink_loss for each in self._expected], counted, _UPLINK_LOSS)
        self._windows = [Windows(air) for air in airs]
        named = {name for each in self._expected for name in each.gateways}
        named |= {name for group in plan.groups for name in group.gateways}
        self._gateways = sorted(named) or [""]
        self._pacings = [
            group_pacing(plan, group, self._sending(group)) if group.fragments else None for group in plan.groups
        ]
        self._extras = [self._extra(g, group) for g, group in enumerate(plan.groups)]
        self._in_rx2 = [window.rx2_sub_band == air.sub_band for window, air in zip(self._windows, airs, strict=True)]

    def play(self, dice: Dice) -> TrialResult:
        """One trial."""
        plan = self._plan
        streams = [
            Stream(group.airtime_us / 1e6, in_rx2_sub_band=inside)
            for group, inside in zip(plan.groups, self._in_rx2, strict=True)
        ]
        gateways = {name: Gateway(place, streams, 1 / self._slower) for place, name in enumerate(self._gateways)}
        groups = [
            TrialGroup(g, planned, rhythm_of(planned, self._pacings[g], self._sending(planned)), streams[g])
            for g, planned in enumerate(plan.groups)
        ]
        losses = self._loss.draw(dice.generator).tolist()
        uplink_losses = self._uplink_loss.draw(dice.generator).tolist()
        devices = []
        for number, expected in enumerate(self._expected):
            near = [gateways[name] for name in sorted(expected.gateways)]
            if not near:
                near = [gateways[self._gateways[int(dice.below_one() * len(gateways))]]]
            device = TrialDevice(number, expected, losses[number], uplink_losses[number], near, dice)
            device.expected_loss = plan.devices[self._plan_numbers[number]].expected_loss
            groups[expected.group].members.append(device)
            devices.append(device)
        for device in _surprising(devices, dice):
            device.fails_at = Step.FRAG_SESSION
        for device in _surprising(devices, dice):
            device.fails_at = Step.VERSION
        for device in _surprising(devices, dice):
            device.restarts = True
        for g, group in enumerate(groups):
            extras = np.searchsorted(self._extras[g], dice.generator.random(len(group.members)))
            for device, extra in zip(group.members, extras.tolist(), strict=True):
                device.extra = extra
        needed = -(-plan.threshold_percent * len(devices) // 100)
        gap_s = plan.policy.ucast_msg_delay_ms / 1000 * self._slower
        return play(TrialState(plan, devices, groups, self._windows, needed, dice, gap_s))

    def _sending(self, group: PlannedGroup) -> int:
        """How many gateways send a group's frames, one after the other."""
        return len(group.gateways) or len(self._gateways)

    def _extra(self, g: int, group: PlannedGroup) -> NDArray[np.float64]:
        """Cumulative odds of the coded fragments a device must hear beyond those it lost; at the mean loss."""
        if not group.fragments or group.strategy == "carousel":
            return np.zeros(0)
        losses = [each.loss for each in self._expected if each.group == g and each.loss is not None]
        loss = float(np.clip(np.mean(losses) if losses else DEFAULT_LOSS, 0.01, 0.9))
        odds: NDArray[np.float64] = np.cumsum(extra_distribution(group.fragments, round(loss, 2), group.scheme))[:-1]
        return odds


def _surprising(devices: Sequence[TrialDevice], dice: Dice) -> Iterator[TrialDevice]:
    """The devices of one trial that do one of the things that nobody expects."""
    if dice.happens(SURPRISES):
        for _ in range(max(1, round(_SURPRISING * len(devices)))):
            yield devices[int(dice.below_one() * len(devices))]


def group_pacing(plan: Plan, group: PlannedGroup, gateways: int = 1) -> Pacing:
    """The rhythm of a planned group with its share of the sub-band; `gateways` send its frames."""
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
        gateways,
    )


def _summary(plan: Plan, results: Sequence[TrialResult]) -> Estimate:
    """The bands over all trials."""
    airtimes = [
        sum(frames * group.airtime_us / 1e6 for frames, group in zip(each.frames, plan.groups, strict=True))
        for each in results
    ]
    return Estimate(
        duration_s=_band([each.duration_s for each in results]),
        airtime_s=_band(airtimes),
        success_share=_band([each.success_share for each in results]),
        energy_mah=_band([_energy(plan, each) for each in results]),
        duty_cycle=_busiest_hours(plan, results),
    )


def _energy(plan: Plan, result: TrialResult) -> float:
    """Charge of an ordinary device: its answers, and its listening from session start to the transfer's end."""
    charges, weights = [], []
    for number, group in enumerate(plan.groups):
        members = [device for device in plan.devices if device.group == number]
        if not members:
            continue
        currents = plan.profiles[members[0].profile].currents
        answers_s = _ANSWER_AIRTIME_S * (len(plan.stage_names) + 1)
        listen_s = result.listening_s[number]
        if group.session_class == "B":
            listen_s = min(listen_s, result.frames[number] * group.airtime_us / 1e6)
        if plan.type is CampaignType.MULTICAST_SETUP:
            listen_s = 0.0
        charges.append(
            charge_mah(
                RadioTime(receive_s=listen_s + answers_s, transmit_s=answers_s, total_s=listen_s),
                Currents(currents.receive_ma, currents.transmit_ma, currents.idle_ma),
            )
        )
        weights.append(len(members))
    return float(np.median(np.repeat(charges, weights)))


def _busiest_hours(plan: Plan, results: Sequence[TrialResult]) -> tuple[tuple[str, float], ...]:
    """Share of an hour that the fragments take, by sub-band; groups of one connection share a gateway's."""
    busiest: dict[tuple[str, str, str], float] = defaultdict(float)
    for number, group in enumerate(plan.groups):
        if not group.fragments:
            continue
        rhythm = group_pacing(plan, group)
        median = float(np.median([each.frames[number] for each in results]))
        frames = min(median, float(rhythm.frames_in(HOUR_S)), rhythm.frames_per_hour)
        busiest[group.connection, group.band, group.sub_band] += frames * group.airtime_us / 1e6 / HOUR_S
    return tuple(
        (f"{connection} {band} {sub_band}", share) for (connection, band, sub_band), share in sorted(busiest.items())
    )


def _band(values: Sequence[float]) -> Band90:
    low, median, high = np.quantile(values, (0.05, 0.5, 0.95))
    return Band90(float(low), float(median), float(high))
