"""How long each stage is planned to take, and so its latest end, counted back from the end of the campaign.

Also what a maximum duration must hold at least. How long stages will really take is `estimate`'s matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fleetcast.instants import InstantMs
from fleetcast.planning.plan import CampaignType
from fleetcast.planning.policy import Policy, Setup
from fleetcast.planning.session_window import longest_wait_s


@dataclass(frozen=True, slots=True)
class SetupNeed:
    """What the unicast stages before the transfer take: as planned for every device, and at the very least."""

    stages: int
    stage_s: float
    """One stage: an opportunity and all retries of the slowest device, and the grace."""
    least_stage_s: float
    """One stage: until as many devices as the threshold asks for have spoken once."""
    arm_s: float
    """From the last session request to the session start."""
    pipelined: bool = False
    """A device's answers are opportunities for what comes next: the stages take no longer than one."""

    @property
    def full_s(self) -> float:
        """All stages as planned, up to the session start."""
        return self.stage_s * self._in_turn + self.arm_s

    @property
    def least_s(self) -> float:
        """All stages at the very least, up to the session start."""
        return self.least_stage_s * self._in_turn + self.arm_s

    @property
    def _in_turn(self) -> int:
        return 1 if self.pipelined else self.stages


def setup_need(
    of: CampaignType, periods_s: Sequence[int], needed: int, policy: Policy, *, reboot: bool, arm_s: float
) -> SetupNeed:
    """The unicast stages of a campaign with these uplink periods, of whose devices `needed` must succeed."""
    ordered = sorted(periods_s)
    grace_s = policy.stage_complete_delay * ordered[-1]
    return SetupNeed(
        stages=2 if of is CampaignType.MULTICAST_SETUP else 3 + reboot,
        stage_s=longest_wait_s(ordered, policy) + grace_s,
        least_stage_s=ordered[max(needed, 1) - 1],
        arm_s=arm_s,
        pipelined=policy.setup is Setup.PIPELINED,
    )


@dataclass(frozen=True, slots=True)
class ClosingNeed:
    """What follows the transfer: for firmware the image check, then reboot and version check."""

    image_s: float = 0.0
    """The image check with all retries of the slowest device."""
    least_image_s: float = 0.0
    rest_s: float = 0.0
    """Reboot, flashing, version check and what is waited for at the end, with all retries."""
    least_rest_s: float = 0.0

    @property
    def full_s(self) -> float:
        """All of it as planned."""
        return self.image_s + self.rest_s

    @property
    def least_s(self) -> float:
        """All of it at the very least."""
        return self.least_image_s + self.least_rest_s


def closing_need(
    of: CampaignType, periods_s: Sequence[int], needed: int, policy: Policy, *, image: bool, prove: bool
) -> ClosingNeed:
    """The phases after the transfer: `image` where an image check counts, `prove` where the running version does."""
    if of is not CampaignType.FIRMWARE or not image:
        return ClosingNeed(rest_s=policy.complete_delay_s, least_rest_s=policy.complete_delay_s)
    ordered = sorted(periods_s)
    wait_s, least_s = longest_wait_s(ordered, policy), ordered[max(needed, 1) - 1]
    if not prove:
        return ClosingNeed(wait_s, least_s, policy.complete_delay_s, policy.complete_delay_s)
    back_s = policy.fuota_process_max_time_s + policy.reboot_spread_s + policy.soak_s + policy.complete_delay_s
    return ClosingNeed(wait_s, least_s, back_s + wait_s, back_s + least_s)


@dataclass(frozen=True, slots=True)
class TransferNeed:
    """A transfer: first pass, first status request with its answers, and all that follows."""

    first_pass_s: float
    """From the session start to the end of the first pass."""
    answers_s: float
    """Spread of the status answers, and what is waited for besides."""
    ask_s: float
    """Until whoever stayed silent could be asked by unicast."""
    rounds_s: float
    """Further rounds with the reserve of the strategy."""

    @property
    def least_s(self) -> float:
        """The first pass and the answers over multicast."""
        return self.first_pass_s + self.answers_s


def longest(needs: Sequence[TransferNeed]) -> TransferNeed:
    """The transfer of several groups side by side: each part as long as the longest of them."""
    return TransferNeed(
        max(need.first_pass_s for need in needs),
        max(need.answers_s for need in needs),
        max(need.ask_s for need in needs),
        max(need.rounds_s for need in needs),
    )


def latest_ends(
    start: InstantMs,
    max_duration_s: float,
    setup: SetupNeed,
    transfer: TransferNeed | None,
    closing: ClosingNeed,
    *,
    reboot_at: InstantMs | None = None,
    session_start: InstantMs | None = None,
) -> tuple[InstantMs, ...]:
    """By stage number - 1: the latest end of each stage; the last is start + maximum duration.

    `transfer` None: multicast setup. A reboot time ends the transfer and the image check. Where the time is too short
    for all that is planned, every part is cut by the same share of what it could do without; what is left over goes to
    the setup stages. The latest end of the session stage is the latest session start.
    """
    end = start + round(max_duration_s * 1000)
    if transfer is None:
        return (*_spread(start, end, setup.stages)[:-1], end)
    horizon = end if reboot_at is None else reboot_at
    after = (closing.full_s, closing.least_s) if reboot_at is None else (closing.image_s, closing.least_image_s)
    parts = [
        (transfer.first_pass_s, transfer.first_pass_s),
        (transfer.answers_s + transfer.ask_s, transfer.answers_s),
        (transfer.rounds_s, 0.0),
        after,
    ]
    if session_start is None:
        parts.append((setup.full_s, setup.least_s))
    available_s = (horizon - (start if session_start is None else session_start)) / 1000
    first_ms, status_ms, rounds_ms, after_ms, *_ = _cut(parts, available_s)
    rounds_begin = horizon - after_ms - rounds_ms
    status_begin = rounds_begin - status_ms
    setup_end = max(start, status_begin - first_ms) if session_start is None else session_start
    return (*_spread(start, setup_end, setup.stages), max(start, status_begin), max(start, rounds_begin), end)


def latest_session_start(ends: Sequence[InstantMs]) -> InstantMs:
    """The latest session start of a campaign with a transfer; `ends` as `latest_ends` gives them."""
    return ends[-4]


def _cut(parts: Sequence[tuple[float, float]], available_s: float) -> list[int]:
    """The length of each part in ms: its full one, or as much above its least as the time allows."""
    full_s, least_s = sum(part[0] for part in parts), sum(part[1] for part in parts)
    give = 1.0
    if full_s > available_s:
        give = max(0.0, available_s - least_s) / (full_s - least_s) if full_s > least_s else 0.0
    return [round((least + (full - least) * give) * 1000) for full, least in parts]


def _spread(start: InstantMs, end: InstantMs, stages: int) -> list[InstantMs]:
    """Equal shares: each setup stage is one exchange with every device."""
    return [start + (end - start) * number // stages for number in range(1, stages + 1)]
