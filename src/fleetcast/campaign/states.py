"""Campaign, device and group: what the engine knows of each. Small values in one table.

A value that stands in the table (`table.State`) is never altered: a reaction edits copies (`draft`), and `apply`
exchanges them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, IntFlag, StrEnum
from operator import attrgetter
from typing import Any, ClassVar, Self

from fleetcast.campaign.causes import Failure
from fleetcast.campaign.transfer.ledger import Ledger
from fleetcast.campaign.transfer.pace import Pace
from fleetcast.campaign.transfer.strategy import Transfer
from fleetcast.instants import InstantMs
from fleetcast.planning.plan import CampaignType, Plan


class Status(StrEnum):
    """Where a campaign stands; the last three are final."""

    CONFIGURED = "CONFIGURED"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    FAILED = "FAILED"
    SUCCEEDED = "SUCCEEDED"

    @property
    def final(self) -> bool:
        """Whether nothing can follow."""
        return self in _FINAL


_FINAL = frozenset({Status.STOPPED, Status.FAILED, Status.SUCCEEDED})


class Stage(IntEnum):
    """The stages of the product, in order; a campaign has those its type needs."""

    MC_GROUP_SETUP = 0
    REBOOT_TIME_SETUP = 1
    FRAG_SESSION_SETUP = 2
    MC_SESSION_SETUP = 3
    DL_FRAGMENT = 4
    FRAG_SESSION_STATUS = 5
    FURTHER_ROUNDS = 6


class Step(IntEnum):
    """How far one device is; it moves from one to the next when its exchange is done or not needed."""

    PACKAGE_VERSIONS = 0
    KNOWN_VERSION = 1
    MC_GROUP_SETUP = 2
    REBOOT_TIME = 3
    FRAG_SESSION_SETUP = 4
    MC_SESSION = 5
    TRANSFER = 6
    IMAGE_CHECK = 7
    REBOOT = 8
    VERSION_CHECK = 9
    SOAK = 10
    DONE = 11


class Outcome(IntEnum):
    """What became of a device. `BEHIND` failed a stage: a late answer may bring it back, the end makes it final."""

    OPEN = 0
    SUCCEEDED = 1
    BEHIND = 2
    FAILED = 3


class Talk(IntEnum):
    """The one exchange a device may have under way."""

    WAITING = 0
    """For an opportunity to say what is wanted, if anything is."""
    QUEUED = 1
    """For its turn on the connection."""
    REQUESTED = 2
    """Handed to the network, and no report yet."""
    SENT = 3
    """The answer is awaited."""


class Aside(IntEnum):
    """Something that must be said before the step's own request."""

    NONE = 0
    FRAG_DELETE = 1
    """An unknown version 1 fragmentation session is cleared before the setup is repeated."""
    RESYNC = 2
    """ForceDeviceResync is to be said, or was said and no AppTimeReq has come."""
    CANCEL_REBOOT = 3
    """A reboot is due, and the device has no valid image."""
    GROUP_DELETE = 5
    """A slot is taken over from a group of ours that no running campaign uses."""
    STATUS = 4
    """The device is asked by unicast how many fragments it misses."""


class Done(IntFlag):
    """Facts that a device confirmed, and what was said to it: they decide what a clean-up undoes."""

    NOTHING = 0
    GROUP_SAID = 1
    GROUP_SET = 2
    REBOOT_SAID = 4
    REBOOT_SET = 8
    FRAG_SAID = 16
    FRAG_SET = 32
    SESSION_SET = 64
    TRANSFERRED = 128
    VALID = 256
    RUNNING = 512
    HEALTHY = 1024
    MEMORY_EXHAUSTED = 2048
    LATE_SUCCESS = 4096
    REBOOT_ORDERED = 8192
    CLOCK_CHECKED = 16384
    SAID_BEFORE = 32768
    """Something was set up before it joined anew: it may still stand."""


class Undo(IntFlag):
    """What a clean-up still has to undo at a device, in this order."""

    NOTHING = 0
    REBOOT = 1
    IMAGE = 2
    FRAG_SESSION = 4
    GROUP = 8


class _Part:
    __slots__ = ()
    _values: ClassVar[Callable[[object], tuple[Any, ...]]]
    """All fields of a part, in the order in which they are declared."""

    def edited(self) -> Self:
        """A copy to be altered."""
        # Every event copies a part or two: `copy.copy` takes eight times as long.
        return type(self)(*type(self)._values(self))


@dataclass(slots=True)
class DeviceState(_Part):
    """One participant. Instants are 0 where there is none."""

    period_s: int
    step: Step = Step.PACKAGE_VERSIONS
    outcome: Outcome = Outcome.OPEN
    talk: Talk = Talk.WAITING
    aside: Aside = Aside.NONE
    resumes: Aside = Aside.NONE
    """What a reboot that had to be cancelled first held up."""
    tries: int = 0
    """Sendings of the present request."""
    aside_tries: int = 0
    effect: int = 0
    since: InstantMs = 0
    """When the present request was handed over or sent."""
    due: InstantMs = 0
    """When time alone changes something."""
    not_before: InstantMs = 0
    """The present request isn't said before this."""
    heard_at: InstantMs = 0
    heard: bool = False
    """Since the campaign's start: first contact."""
    f_cnt: int = -1
    seen: int = 0
    """Which of the 32 uplinks before `f_cnt` came."""
    gaps: bytes = b""
    """The last sixteen gaps between uplinks, seconds, four bytes each."""
    versions: int = 0
    """Package versions, two bits each: 0 unknown, 1, 2, 3 absent."""
    done: Done = Done.NOTHING
    session: int = 0
    """Number of the group's class session it is armed for; 0: none."""
    session_start_asked: InstantMs = 0
    reboot_asked: InstantMs = 0
    session_cnt: int = 0
    missing: int = -1
    """Last reported; -1: not yet."""
    received: int = -1
    listening_from: int = 0
    """Frames of its group's stream that were on the air when it began to listen."""
    frames_asked: int = 0
    """Frames of its group's stream that were on the air when the last status it answered was asked."""
    frames_at_change: int = 0
    """The same, for the first of its answers that said the present `missing`."""
    poll_answered: int = 0
    """Number of the last multicast status round it answered."""
    silent_polls: int = 0
    firmware_before: int = -1
    firmware_after: int = -1
    ignored: int = 0
    """Uplinks and commands that were malformed or not expected; the first is in the journal."""
    grace_used: int = 0
    """Opportunities since the stage's grace began; counted in `grace_stage`."""
    grace_stage: int = -1
    undo: Undo = Undo.NOTHING
    undone: Undo = Undo.NOTHING
    undo_refused: Undo = Undo.NOTHING
    failure: Failure | None = None

    @property
    def asked_singly(self) -> bool:
        """Whether it is to be asked for its status by unicast, now or after something that goes first."""
        return Aside.STATUS in (self.aside, self.resumes)


class Mode(IntEnum):
    """What a group's stream is doing."""

    UNKNOWN = 0
    """Nobody asked yet whether the group stands at the network server."""
    ENSURING = 1
    READY = 2
    ARMED = 3
    """Its session start is known, and lies ahead."""
    SENDING = 4
    ASKING = 5
    """A multicast status request is under way."""
    LISTENING = 6
    """Answers to it are awaited; no fragments meanwhile."""
    UNICAST = 7
    """Single devices are asked, nothing is sent until they answered."""
    RE_ARMING = 8
    """A further class session is being set up."""
    OVER = 9
    REFUSED = 10
    SAMPLING = 11
    """A few devices are asked one by one before everyone is; no fragments meanwhile."""


@dataclass(slots=True)
class UnderWay:
    """A multicast frame handed over and not yet reported."""

    effect: int
    n: int
    """Fragment number; 0: a status request."""
    f_cnt: int
    since: InstantMs
    airtime_us: int


@dataclass(slots=True)
class GroupState(_Part):
    """One stream of fragments."""

    transfer: Transfer
    ledger: Ledger
    pace: Pace
    mode: Mode = Mode.UNKNOWN
    frequency_hz: int = 0
    data_rate: int = 0
    created_here: bool = False
    effect: int = 0
    due: InstantMs = 0
    session: int = 0
    """Number of the present class session, from 1."""
    session_start: InstantMs = 0
    session_end: InstantMs = 0
    session_timeout_exp: int = 0
    next_f_cnt: int = 0
    f_cnt_known: bool = True
    under_way: tuple[UnderWay, ...] = ()
    poll: int = 0
    """Number of the last multicast status round."""
    poll_everyone: bool = True
    asks_next: bool = False
    """Its class session ended before the status request went: the next one begins with it."""
    poll_closes: InstantMs = 0
    poll_frames: int = 0
    poll_awaited: int = 0
    """Answers still awaited in this round."""
    sample_left: int = 0
    """Devices that may still be asked for the sample."""
    first_pass_over: bool = False
    first_status_over: bool = False
    failures_in_row: int = 0
    last_failure: str = ""
    held: str = ""
    """Why nothing is sent, in words; empty: nothing holds it."""
    share: float = 1.0
    finish: str = ""
    """Why its transfer ended."""
    telling: int = -1
    """Next of its devices that is to be told of a new class session, by its place among them; -1: none."""


@dataclass(slots=True)
class StageRecord:
    """One stage as it went."""

    stage: Stage
    started: InstantMs = 0
    ended: InstantMs = 0
    succeeded: int = 0
    not_needed: bool = False


@dataclass(slots=True)
class CampaignState(_Part):
    """What concerns the campaign as a whole."""

    status: Status = Status.CONFIGURED
    stage: int = 0
    """Number of the stage shown, 1 to n; 0 before the start."""
    stages: tuple[StageRecord, ...] = ()
    last_effect: int = 0
    grace_since: InstantMs = 0
    """When the present stage reached its threshold; 0: not yet."""
    grace_until: InstantMs = 0
    """When the slowest open device has had its grace."""
    closing: bool = False
    """The last stage is over; `complete_delay` runs."""
    due: InstantMs = 0
    started: InstantMs = 0
    ended: InstantMs = 0
    end_status: Status = Status.STOPPED
    """What STOPPING ends in."""
    why: str = ""
    cleanup_until: InstantMs = 0
    sweep: int = -1
    """Next device of the work that concerns all and is done in slices; -1: none."""
    unicast_after: tuple[InstantMs, ...] = ()
    """By connection: when the next unicast may go."""
    lost_connections: frozenset[str] = frozenset()
    rouse: int = -1
    """Next device that needs no uplink to be told what a stage begins with; -1: none."""


for _part in (DeviceState, GroupState, CampaignState):
    _part._values = attrgetter(*_part.__match_args__)

_SETUP_ALONE = (Stage.MC_GROUP_SETUP, Stage.MC_SESSION_SETUP)
_SEVEN = tuple(Stage)
_SIX = tuple(stage for stage in Stage if stage is not Stage.REBOOT_TIME_SETUP)


def stages_of(plan: Plan) -> tuple[Stage, ...]:
    """The stages a campaign has, in order: two, six, or seven with a reboot time."""
    if plan.type is CampaignType.MULTICAST_SETUP:
        return _SETUP_ALONE
    return _SIX if plan.reboot_at is None else _SEVEN


LAST_STEP: dict[Stage, Step] = {
    Stage.MC_GROUP_SETUP: Step.MC_GROUP_SETUP,
    Stage.REBOOT_TIME_SETUP: Step.REBOOT_TIME,
    Stage.FRAG_SESSION_SETUP: Step.FRAG_SESSION_SETUP,
    Stage.MC_SESSION_SETUP: Step.MC_SESSION,
}
"""The step that ends a unicast stage for a device."""

STAGE_OF_STEP: tuple[Stage, ...] = (
    Stage.MC_GROUP_SETUP, Stage.MC_GROUP_SETUP, Stage.MC_GROUP_SETUP, Stage.REBOOT_TIME_SETUP,
    Stage.FRAG_SESSION_SETUP, Stage.MC_SESSION_SETUP, Stage.DL_FRAGMENT, Stage.FURTHER_ROUNDS, Stage.FURTHER_ROUNDS,
    Stage.FURTHER_ROUNDS, Stage.FURTHER_ROUNDS, Stage.FURTHER_ROUNDS,
)  # fmt: skip
"""By step: the stage in which it is taken."""
