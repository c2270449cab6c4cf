"""One group's stream in a trial: its class sessions, the pace of its frames, and what its devices hear of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np

from fleetcast.planning.pacing import BEACON_PERIOD_S, HOUR_S, Pacing
from fleetcast.planning.plan import PlannedGroup
from fleetcast.planning.policy import DutyCycleUse
from fleetcast.planning.trial_air import REPORT_S, STAGGER_S, Stream
from fleetcast.planning.trial_device import TrialDevice
from fleetcast.radio.class_b import ping_slots_per_beacon_period

_BUCKET_S: Final = 15.0
"""The campaign takes airtime for an hour and this old before it counts no more."""
_MOST_CODED: Final = 16_383


class Mode(IntEnum):
    """What a group's stream is doing."""

    READY = 0
    ARMED = 1
    """Its session start is settled."""
    SENDING = 2
    ON_AIR = 3
    """All of a batch that fits the session is under way."""
    ASKING = 4
    """A multicast status request waits for its instant."""
    LISTENING = 5
    UNICAST = 6
    OVER = 7


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Start to start of a group's frames, as a trial takes it."""

    gap_s: float
    request_gap_s: float
    """From a frame to a status request."""
    batch: int | None
    """Frames after which the hour's budget must recover; None: never."""
    slot_s: float
    """Class B: spacing of the slots; 0: any instant will do."""


def rhythm_of(planned: PlannedGroup, pacing: Pacing | None, gateways: int) -> Rhythm:
    """The rhythm of a group that so many gateways send one after the other; None: it sends nothing."""
    if pacing is None:
        return Rhythm(1.0, 1.0, None, 0.0)
    least = gateways * planned.airtime_us / 1e6 + (gateways - 1) * STAGGER_S + REPORT_S
    if planned.max_under_way > 1:
        least -= REPORT_S
    gap = max(pacing.gap_s, least)
    frames = pacing.frames_per_hour
    limited = pacing.duty_cycle < 1 and frames >= 1
    batch = int(frames) if limited and pacing.use is DutyCycleUse.BURST else None
    if limited and pacing.use is DutyCycleUse.EVEN and planned.session_class == "C":
        gap = max(gap, (HOUR_S + _BUCKET_S) / frames)
    slot = 0.0
    if planned.session_class == "B":
        # The next gateway sends in the next slot.
        slot = BEACON_PERIOD_S / ping_slots_per_beacon_period(planned.periodicity)
    return Rhythm(gap, gap, batch, slot)


class TrialGroup:
    """The state of one stream."""

    __slots__ = (
        "answer_share",
        "asked_at",
        "asked_singly",
        "asks_everyone",
        "asks_next",
        "awaited",
        "began_at",
        "coded_sent",
        "first_pass_over",
        "first_status_over",
        "members",
        "mode",
        "number",
        "over_at",
        "passes",
        "planned",
        "poll_closes",
        "poll_frames",
        "polls",
        "rhythm",
        "session",
        "session_end",
        "session_start",
        "stream",
        "ticket",
        "to_send",
    )  # fmt: skip

    def __init__(self, number: int, planned: PlannedGroup, rhythm: Rhythm, stream: Stream) -> None:
        self.number: Final = number
        self.planned: Final = planned
        self.rhythm: Final = rhythm
        self.stream: Final = stream
        self.members: list[TrialDevice] = []
        self.mode = Mode.READY
        self.session = 0
        self.session_start = 0.0
        self.session_end = 0.0
        self.to_send = planned.fragments + planned.coded_first if planned.strategy != "carousel" else planned.fragments
        self.coded_sent = self.to_send - planned.fragments
        self.passes = 1
        self.polls = 0
        self.asks_everyone = True
        self.asks_next = False
        self.asked_at: list[int] = []
        self.answer_share = 0.85
        self.awaited = 0
        self.asked_singly = 0
        self.poll_closes = 0.0
        self.poll_frames = 0
        self.first_pass_over = False
        self.first_status_over = False
        self.ticket = 0
        self.began_at = 0.0
        """When its first class session began."""
        self.over_at = 0.0

    def put_on_air(self, now: float, offset_s: float) -> float:
        """Start what is to be sent, as far as the session lasts; when the last of it is over.

        `offset_s`: where in the spacing of its slots a class B group's next slot lies.
        """
        starts, rhythm, airtime = self.stream.starts, self.rhythm, self.stream.airtime_s
        at = now + offset_s
        if starts:
            at = max(at, starts[-1] + rhythm.gap_s)
        batch = rhythm.batch
        while self.to_send:
            if batch is not None and len(starts) >= batch:
                at = max(at, starts[-batch] + HOUR_S + _BUCKET_S)
            if at + airtime > self.session_end:
                break
            starts.append(at)
            self.to_send -= 1
            at += rhythm.gap_s
        return starts[-1] + airtime + REPORT_S if starts else now

    def earliest_request(self, now: float) -> float:
        """When a status request may go."""
        starts = self.stream.starts
        return max(now, starts[-1] + self.rhythm.request_gap_s) if starts else now

    def receive(self, dice: np.random.Generator) -> None:
        """What the devices that listen heard of the frames since this was asked last."""
        frames, m = len(self.stream.starts), self.planned.fragments
        listening = [
            one for one in self.members if one.tuned_to == self.session and one.counted < frames and not one.transferred
        ]
        for one in self.members:
            if one.tuned_to != self.session:
                one.counted = frames
        if not listening:
            return
        first = np.array([one.counted for one in listening])
        loss = np.array([one.loss for one in listening])
        if self.planned.strategy == "carousel":
            self._receive_passes(listening, first, loss, frames, dice)
        else:
            uncoded = np.maximum(np.minimum(frames, m) - np.minimum(first, m), 0)
            coded = np.maximum(frames - np.maximum(first, m), 0)
            for one, some, more in zip(
                listening,
                dice.binomial(uncoded, 1 - loss).tolist(),
                dice.binomial(coded, 1 - loss).tolist(),
                strict=True,
            ):
                one.uncoded_heard += some
                one.coded_heard += more
        for one in listening:
            one.counted = frames

    def _receive_passes(
        self,
        listening: list[TrialDevice],
        first: np.typing.NDArray[np.int64],
        loss: np.typing.NDArray[np.float64],
        frames: int,
        dice: np.random.Generator,
    ) -> None:
        """Without FEC: of what a device still misses, each pass brings a share."""
        m = self.planned.fragments
        for row, one in enumerate(listening):
            at = int(first[row])
            while at < frames:
                end = min(frames, (at // m + 1) * m)
                # Falling numbers are thrown away, but for a device that heard none yet.
                if one.expected.any_order or not one.uncoded_heard:
                    missing = m - one.uncoded_heard
                    sent = missing if end - at == m else int(dice.hypergeometric(missing, m - missing, end - at))
                    one.uncoded_heard += int(dice.binomial(sent, 1 - loss[row]))
                one.counted = at = end
