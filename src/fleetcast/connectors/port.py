"""How network servers are reached: one port, written from what Fleetcast needs.

Normalised at this border: DevEUIs and gateway names as text, payloads as bytes, instants in milliseconds UTC. What a
server can't do is a capability that is known before a campaign starts. Accepting isn't sending, sending isn't
receiving. Nothing here knows a campaign: what is sent carries an `EffectId`, and what is reported names it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol, Self, runtime_checkable

from fleetcast.errors import Invalid, Unavailable
from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.instants import InstantMs
from fleetcast.protocol.packages import Package
from fleetcast.secret import Secret


class Cause(StrEnum):
    """Why something was not sent, or could not be handed over."""

    DUTY_CYCLE = "duty cycle"
    TOO_LATE = "too late"
    BUSY = "busy"
    RADIO_ERROR = "radio error"
    NO_GATEWAY = "no gateway"
    NO_GPS = "no gps"
    TOO_LONG = "too long"
    EXPIRED = "expired"
    COUNTER_REJECTED = "counter rejected"
    MUST_CIPHER = "must cipher"
    QUEUE_FULL = "queue full"
    FLUSHED = "flushed"
    SESSION_CHANGED = "session changed"
    NOT_PERMITTED = "not permitted"
    RATE_LIMITED = "rate limited"
    AUTH = "auth"
    CLOCK_SKEW = "clock skew"
    UNREACHABLE = "unreachable"
    BAD_REQUEST = "bad request"
    UNKNOWN = "unknown"


class ConnectorError(Unavailable):
    """A network server refused something, or could not be reached; nothing was taken unless `maybe_taken`."""

    def __init__(
        self,
        cause: Cause,
        detail: str,
        *,
        retry_after_s: float | None = None,
        max_size: int | None = None,
        next_f_cnt: int | None = None,
        maybe_taken: bool = False,
    ) -> None:
        """`maybe_taken`: the answer was lost, so that nobody knows. `next_f_cnt`: the counter it wants instead."""
        self.cause = cause
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.max_size = max_size
        self.next_f_cnt = next_f_cnt
        self.maybe_taken = maybe_taken
        super().__init__(f"{cause.value}: {detail}" if detail else cause.value)


@dataclass(frozen=True, slots=True, order=True)
class EffectId:
    """What one wish of one campaign is called at a network server: the same when it is asked for again.

    Campaign 0 are answers about the time, which belong to none.
    """

    campaign: int
    number: int

    def __post_init__(self) -> None:
        if not (0 <= self.campaign < 1 << 32 and 0 <= self.number < 1 << 32):
            raise Invalid(f"effect {self.number} of campaign {self.campaign}: both are below 2^32")

    def __str__(self) -> str:
        return f"{self.campaign:08X}{self.number:08X}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The effect that these 16 hex digits name; raises Invalid."""
        try:
            value = int(text, 16)
        except ValueError:
            raise Invalid(f"{text!r} names no effect: it has 16 hex digits") from None
        return cls(value >> 32, value & 0xFFFFFFFF)


# What a server can do


class Delivery(StrEnum):
    """How uplinks get here."""

    PUSH_HTTP = "push_http"
    MQTT = "mqtt"
    WEBSOCKET = "websocket"
    POLL = "poll"


class SentReport(StrEnum):
    """What is learned about a downlink that was handed over."""

    NONE = "none"
    ACCEPTED = "accepted"
    """A gateway scheduled it."""
    EMITTED = "emitted"
    DRAINED = "drained"
    """It left the queue."""
    PER_GATEWAY = "per_gateway"
    SUMMARY = "summary"


class Counting(StrEnum):
    """Who counts, or encrypts, multicast frames."""

    NETWORK = "network"
    CALLER = "caller"
    EITHER = "either"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a connection can do; the planner reads it before a campaign starts."""

    uplink_delivery: Delivery
    uplink_replay: bool = False
    """What was missed while nobody listened is told later."""
    sent_report_unicast: SentReport = SentReport.NONE
    sent_report_multicast: SentReport = SentReport.NONE
    multicast_counter: Counting = Counting.NETWORK
    multicast_cipher: Counting = Counting.NETWORK
    first_counter: int = 0
    max_under_way: int = 1
    """Multicast frames that may be under way at once: more than one where the server queues and spaces by itself."""
    group_provisioning: Literal["api", "manual", "both"] = "api"
    group_gateways: Literal["automatic", "list", "tags", "per_frame"] = "automatic"
    gateways: tuple[str, ...] = ()
    """Those that can be named, where the server tells."""
    band: str | None = None
    """The one band it serves, where there is only one."""


# What is heard


@dataclass(frozen=True, slots=True)
class Uplink:
    """A device spoke."""

    dev_eui: DevEui
    f_port: int
    """0: no payload."""
    payload: bytes
    received_at: InstantMs
    """When the frame ended at the gateway, as precisely as the server tells."""
    f_cnt: int
    data_rate: int | None = None
    gateways: tuple[Reception, ...] = ()
    dev_addr: DevAddr | None = None


@dataclass(frozen=True, slots=True)
class Reception:
    """How a gateway heard an uplink."""

    gateway: str
    rssi_dbm: float | None = None
    snr_db: float | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """A device joined anew: its session, counters included, is another one."""

    dev_eui: DevEui
    at: InstantMs


@dataclass(frozen=True, slots=True)
class SessionReset:
    """A device's session ended without a join: what waited for it is lost."""

    dev_eui: DevEui
    at: InstantMs
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DownlinkQueued:
    """The server took it, told after the call had returned."""

    effect_id: EffectId


@dataclass(frozen=True, slots=True)
class DownlinkSent:
    """A gateway sent it: for this effect the last word."""

    effect_id: EffectId
    sent_at: InstantMs
    f_cnt: int | None = None
    sent_by: tuple[str, ...] = ()
    refused_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DownlinkFailed:
    """It was surely not sent (but for cause UNKNOWN, when nobody knows): for this effect the last word."""

    effect_id: EffectId
    cause: Cause
    detail: str = ""
    next_f_cnt: int | None = None
    """Counter rejected: the one the server wants."""


@dataclass(frozen=True, slots=True)
class MulticastProgress:
    """How far a multicast frame is, where gateways are reported one by one; the last word is a DownlinkSent."""

    group: DevEui
    effect_id: EffectId
    gateways_total: int
    gateways_ok: int
    gateways_failed: int


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """A device's DevStatusAns, as the server tells it."""

    dev_eui: DevEui
    at: InstantMs
    battery: int | None
    """0 external, 1 to 254, None: it can't tell."""
    margin_db: int | None


@dataclass(frozen=True, slots=True)
class LinkState:
    """The connection was lost, or is back."""

    up: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Throttled:
    """The server wants less: nothing is handed over before this."""

    until: InstantMs


Heard = (
    Uplink | Joined | SessionReset | DownlinkQueued | DownlinkSent | DownlinkFailed | MulticastProgress
    | DeviceStatus | LinkState | Throttled
)  # fmt: skip


def same_thing_key(heard: Heard) -> str:
    """What makes two messages one and the same thing; within a connection it enters once.

    Of an uplink the counter alone is not enough: after a join it starts anew.
    """
    match heard:
        case Uplink():
            return f"up {heard.dev_eui} {heard.f_cnt} {heard.received_at} {heard.payload.hex()}"
        case Joined() | SessionReset():
            return f"{type(heard).__name__} {heard.dev_eui} {heard.at}"
        case DownlinkQueued():
            return f"queued {heard.effect_id}"
        case DownlinkSent():
            return f"sent {heard.effect_id}"
        case DownlinkFailed():
            return f"failed {heard.effect_id}"
        case MulticastProgress():
            return f"progress {heard.effect_id} {heard.gateways_ok} {heard.gateways_failed}"
        case DeviceStatus():
            return f"status {heard.dev_eui} {heard.at}"
        case LinkState() | Throttled():
            return ""


@dataclass(frozen=True, slots=True)
class Told:
    """Something heard, and how to say that it is safe: called once, when it is committed."""

    heard: Heard
    acknowledge: Callable[[], None]


# What is asked for


@dataclass(frozen=True, slots=True)
class UnicastDownlink:
    """Something to say to one device, in clear: the server encrypts it."""

    dev_eui: DevEui
    f_port: int
    payload: bytes
    valid_until: InstantMs
    class_c: bool = False
    """The device listens all the time."""


@dataclass(frozen=True, slots=True)
class MulticastDownlink:
    """Something to say to a group."""

    group: DevEui
    f_port: int
    payload: bytes
    f_cnt: int | None
    """None: the server counts."""
    not_before: InstantMs
    encrypted: bool = False
    """Under McAppSKey for this counter already."""
    fragment: int | None = None
    """The number of the data fragment in it; for books and logs alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MulticastGroup:
    """A multicast group as it is wanted at the server."""

    dev_eui: DevEui
    name: str
    mc_addr: DevAddr
    mc_app_s_key: Secret
    mc_net_s_key: Secret
    session_class: Literal["B", "C"]
    frequency_hz: int
    data_rate: int
    periodicity: int = 0
    next_f_cnt: int = 0
    gateways: frozenset[str] = frozenset()
    """Empty: the server decides."""
    network_counts: bool = False
    members: tuple[DevEui, ...] = ()


@dataclass(frozen=True, slots=True)
class Queued:
    """The server took a downlink."""

    network_id: str = ""
    f_cnt: int | None = None


@dataclass(frozen=True, slots=True)
class GroupReady:
    """The group stands at the server, with the parameters it really has there."""

    next_f_cnt: int
    frequency_hz: int
    data_rate: int
    created: bool


@dataclass(frozen=True, slots=True)
class GroupPending:
    """A person has to do something at the server first."""

    what: str


@dataclass(frozen=True, slots=True)
class GroupRefused:
    """The server won't have the group."""

    why: str


@dataclass(frozen=True, slots=True)
class GroupState:
    """A group as it stands at the server."""

    next_f_cnt: int
    queue_length: int


class Connector(Protocol):
    """One network server, as Fleetcast needs it. Raises only `ConnectorError`.

    Every send that returned ends in exactly one last word, DownlinkSent or DownlinkFailed; expired and unknown are
    causes. Asked for again under the same effect id it is recognised where the server can, and harmless where not.
    """

    async def open(self) -> Capabilities:
        """Check credentials, clock and version; nothing is sent or heard before."""
        ...

    async def close(self) -> None:
        """Let go; what was not acknowledged is told again after the next `open`, where the server can."""
        ...

    def heard(self) -> AsyncIterator[Told]:
        """What is heard, in order; one caller. It ends when the connector is closed."""
        ...

    async def send_unicast(self, downlink: UnicastDownlink, effect_id: EffectId) -> Queued: ...

    async def send_multicast(self, downlink: MulticastDownlink, effect_id: EffectId) -> Queued: ...

    async def ensure_multicast_group(self, group: MulticastGroup) -> GroupReady | GroupPending | GroupRefused:
        """Have the group; again with the same parameters it changes nothing, and it never changes keys in use."""
        ...

    async def group_state(self, group: DevEui) -> GroupState | None:
        """None: there is no such group."""
        ...

    async def release_multicast_group(self, group: DevEui) -> None:
        """Take the group away once its queue has drained; one that isn't there is no error."""
        ...

    async def flush(self, target: DevEui) -> int:
        """Drop what waits for a device or a group; how much that was, as far as the server tells."""
        ...


# A second, optional face: network servers that call us


@dataclass(frozen=True, slots=True)
class HttpReport:
    """An HTTP POST from a network server, as it came: nothing is decoded, since tokens are made over what was sent."""

    path: str
    """What follows the connection's own part of the path, without a slash in front."""
    query: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a network server is answered."""

    status: int
    text: str = ""
    """For people who look for a fault; nothing secret."""
    retry_after_s: int | None = None


@runtime_checkable
class HearsOverHttp(Protocol):
    """A connector whose network server POSTs what it has to tell."""

    async def receive(self, report: HttpReport) -> HttpAnswer:
        """Check who sends it, tell it by `heard`, and answer 2xx once it is acknowledged: the sender forgets it then.

        Only while the connector is open. Raises nothing for what is sent, however wrong.
        """
        ...


# A third, optional face: looking for faults


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried at a network server, in plain words."""

    works: bool | None
    """None: it can't be told from here."""
    what: str


@runtime_checkable
class Examines(Protocol):
    """A connector that can say what works and what doesn't."""

    async def examine(self) -> Sequence[Finding]:
        """Try what can be tried without anything being sent on the air; it needn't be open. Raises nothing."""
        ...


# A fourth, optional face: networks that exist for practice


@dataclass(frozen=True, slots=True, kw_only=True)
class PracticeDevice:
    """A registered device, for a network that has to make it up."""

    dev_eui: DevEui
    root_key: Secret
    lorawan_1_1: bool = False
    own_class: Literal["A", "B", "C"] = "A"
    packages: tuple[tuple[Package, int, int], ...] = ()
    """Package, version and FPort, for those whose version the profile states; the others are the network's choice."""
    absent: frozenset[Package] = frozenset()
    mc_groups: int = 1
    frag_sessions: int = 1
    max_fragment_bytes: int = 255
    max_image_bytes: int | None = None
    max_fragments: int = 16383
    max_lost_fragments: int | None = None
    takes_any_order: bool = False
    class_b: bool = False
    reboots_by_itself: bool = False
    reports_version: bool = False
    firmware_version: int | None = None
    hw_version: int | None = None
    uplink_period_s: int = 3600
    quirks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PracticeKeys:
    """Session keys of a registered multicast group, for a network that must find them again after a restart."""

    group: DevEui
    mc_app_s_key: Secret
    mc_net_s_key: Secret


@runtime_checkable
class Practises(Protocol):
    """A network for practice: registered devices and groups have to be told to it, now and whenever there are more."""

    async def provide(self, devices: Sequence[PracticeDevice], groups: Sequence[PracticeKeys]) -> None:
        """These exist, besides those told before. Nothing is heard before the first call."""
        ...
