"""What a transfer strategy knows and what it can decide: values only.

`course` runs a transfer with them; `carousel`, `fixed` and `adaptive` hold the rules.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum

from fleetcast.campaign.transfer.ledger import Ledger
from fleetcast.fec import Scheme
from fleetcast.planning.plan import StrategyName
from fleetcast.planning.policy import TransferUntil


class Phase(IntEnum):
    """What a transfer does at the moment."""

    SENDING = 0
    """A batch of fragments goes out."""
    ASKING = 1
    """The batch is over, answers about it are collected."""
    OVER = 2
    SAMPLING = 3
    """A few devices are asked, to learn how losses are spread before everyone is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One group's transfer: its settings, and how far it is. It changes with decisions, not with fragments."""

    strategy: StrategyName
    scheme: Scheme
    fragments: int
    """M."""
    coded_first: int
    """Coded fragments of the first batch (adaptive), or in all (fixed)."""
    coded_max: int
    """Most coded fragments of the session; with M = 1 the most further copies of the first."""
    passes_max: int
    """Most passes over the uncoded fragments."""
    until: TransferUntil = TransferUntil.EVERYONE
    multicast_above_percent: int = 5
    """Further status requests go over multicast while more than this share of the devices is open."""
    phase: Phase = Phase.SENDING
    batch: tuple[tuple[int, int], ...] = ()
    """The numbers of the present batch: first and last of each range, in the order of sending."""
    batch_from: int = 0
    """`Ledger.steps` when the batch began."""
    passes: int = 1
    """Passes over the uncoded fragments begun."""
    extra: int = 0
    """Fragments beyond the passes, planned so far: coded numbers, or with M = 1 copies of the first."""
    polls: int = 0
    """Rounds of status requests so far, by multicast and by unicast; a sample isn't one of them."""
    sampled: bool = False
    """A sample was asked for: there is one in a transfer at most."""
    asked_at: tuple[int, ...] = ()
    """`Ledger.on_air` at each multicast request that only devices missing something answer."""
    answer_share: float = 0.85
    """Share of the requests to everyone that was answered; the first round tells."""

    @property
    def batch_steps(self) -> int:
        """Fragments of the present batch."""
        return sum(last - first + 1 for first, last in self.batch)

    @property
    def numbers_left(self) -> int:
        """Fragments that may be sent after the present batch."""
        if self.strategy == "carousel":
            return (self.passes_max - self.passes) * self.fragments
        return self.coded_max - self.extra

    def going_on(self, ledger: Ledger, count: int, *, uncoded_again: int = 0) -> Transfer:
        """With a new batch: `count` numbers above all handed over so far (M = 1: copies of the first).

        `uncoded_again` uncoded numbers go before them, so that numbers rise within the batch.
        """
        if self.fragments == 1:
            return replace(self, batch=((1, 1),) * count, batch_from=ledger.steps, extra=self.extra + count)
        last = ledger.highest + count
        again = ((1, uncoded_again),) if uncoded_again else ()
        return replace(
            self,
            batch=(*again, (ledger.highest + 1, last)),
            batch_from=ledger.steps,
            extra=max(0, last - self.fragments),
        )

    def another_pass(self, ledger: Ledger) -> Transfer:
        """With a new batch: all uncoded fragments again."""
        return replace(self, batch=((1, self.fragments),), batch_from=ledger.steps, passes=self.passes + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """A device that takes part and isn't known to be complete, with what it said last.

    Answers are read before they come here: NbFragReceived 0 with MissingFrag 0 is no complete device, bytes that a make
    is known to get wrong are None.
    """

    index: int
    """The caller's name for it."""
    expected_loss: float
    """What was expected of it before the transfer (0 to 1)."""
    missing: int | None = None
    """MissingFrag of its last answer, 255 for 255 or more; None: it gave none yet."""
    received: int | None = None
    """NbFragReceived of that answer; None where it can't be trusted."""
    frames_at_answer: int = 0
    """`Ledger.on_air` when that answer was asked for."""
    listening_from: int = 0
    """`Ledger.on_air` when it began to listen; above 0 for one that joined late."""
    silent: bool = False
    """It left unicast requests, with all their retries, unanswered in `SILENT_ROUNDS` rounds in a row."""
    stuck_frames: int = 0
    """Frames on the air between the first of its answers that said this `missing` and the last; 0 if there is one."""
    memory_exhausted: bool = False
    """It reported NotEnoughMatrixMemory: more fragments don't help."""
    memory_limit: int | None = None
    """Most lost uncoded fragments its decoder can repair; None: unknown."""
    missing_falls: bool = True
    """False for decoders whose MissingFrag keeps telling the uncoded fragments lost, whatever was repaired since."""
    takes_any_order: bool = False
    """It uses fragments whose numbers fall."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The group as a whole."""

    devices: int
    """All who took part in the transfer when it began."""
    complete: int
    """Of them: known to be complete."""
    wanted: int
    """How many must be complete for the threshold."""


@dataclass(frozen=True, slots=True)
class SendMore:
    """Go on with `next_number`."""

    fragments: int
    """How many, refused ones aside."""


@dataclass(frozen=True, slots=True)
class PollMulticast:
    """Ask over multicast, wait for the spread and the time-out, then decide again."""

    everyone: bool
    """Participants: 1 (all answer) or 0 (only those that miss fragments)."""


@dataclass(frozen=True, slots=True)
class PollUnicast:
    """Ask these by unicast (Participants = 1), each at its next opportunity with the usual retries; then decide again.

    Whoever leaves all of them unanswered has been silent for one round (`SILENT_ROUNDS`).
    """

    indexes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AskSome:
    """Ask so many by unicast, whichever speak first, each once; decide again when enough of them have answered.

    It is no round of questions: what they say only tells when it is worth asking everyone.
    """

    devices: int
    enough: int
    """So many answers will do."""
    least: int
    """Fewer say nothing: where not even so many speak soon, nobody is asked."""


class Reason(StrEnum):
    """Why a transfer ends."""

    COMPLETE = "everyone who counts is complete"
    THRESHOLD = "the threshold is reached"
    USED_UP = "what may still be sent completes nobody else"
    PASSES_USED_UP = "the last pass is over"
    NOBODY_COUNTS = "no device answers, or none can be completed"


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing more is sent and nobody asked."""

    reason: Reason
    given_up: tuple[int, ...] = ()
    """Receivers that more fragments can't complete any more, or that stayed silent."""
    unproven: tuple[int, ...] = ()
    """Receivers that should be complete, but whose answers can't say so (`missing_falls`)."""


def open_percent(counting: int, tally: Tally) -> float:
    """Share of the group's devices that are still open, in percent."""
    return 100 * counting / tally.devices if tally.devices else 0.0


Decision = SendMore | AskSome | PollMulticast | PollUnicast | Finish
