"""What a simulated network server is like: its delays, its limits, and how it fails."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fleetcast.errors import Invalid
from fleetcast.identifiers import DevEui


class Counter(StrEnum):
    """Who counts multicast frames."""

    CALLER = "caller"
    NETWORK = "network"
    EITHER = "either"


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSettings:
    """Every setting, with the default of a network that behaves."""

    connection: str = "simulated"
    uplink_delay_ms: int = 120
    """From the end of an uplink to the application hearing of it."""
    downlink_delay_ms: int = 80
    """From the application asking to the network server having it."""
    report_delay_ms: int = 60
    """From the end of a downlink to the application hearing of it."""
    rx1_delay_s: int = 1
    join_accept_delay_s: int = 5
    window_lead_ms: int = 100
    """A downlink that arrives later than this before a receive window opens misses it."""
    queue_length: int = 16
    """Downlinks that wait for one device."""
    multicast_queue_length: int = 32
    """Frames that wait for one group."""
    multicast_spacing_ms: int = 0
    """From the end of a frame of a group to the next, beyond what gateways need."""
    gateways_at_once: bool = False
    """Gateways of a group send a frame at the same instant, as those with one clock can; else one after the other."""
    gateway_stagger_ms: int = 100
    """From one gateway's end to the next one's start, where they send one after the other."""
    waits_for_air: bool = False
    """A multicast frame that the duty cycle forbids waits instead of being refused."""
    counter: Counter = Counter.EITHER
    first_f_cnt: int = 0
    """Next counter of a new group."""
    tells_queued: bool = False
    group_ready_ms: int = 500
    refuses_groups: frozenset[DevEui] = frozenset()
    group_needs_person: frozenset[DevEui] = frozenset()
    dictated_frequency_hz: int | None = None
    """Multicast frequency that the network insists on."""
    dictated_data_rate: int | None = None

    uplinks_lost: float = 0.0
    """Share (0 to 1) of uplinks that never reach the application."""
    uplinks_doubled: float = 0.0
    uplinks_late: float = 0.0
    late_by_s: float = 30.0
    reports_lost: float = 0.0
    reports_doubled: float = 0.0
    reports_late: float = 0.0
    report_timeout_s: int | None = 60
    """A lost report is told as unknown after this; None: never."""
    refuses: float = 0.0
    """Share of downlinks that it refuses for no reason given."""
    outages_s: tuple[tuple[float, float], ...] = ()
    """From and to, in seconds after the start: nothing is heard, taken or sent."""

    def __post_init__(self) -> None:
        for name in (
            "uplinks_lost", "uplinks_doubled", "uplinks_late", "reports_lost", "reports_doubled", "reports_late",
            "refuses",
        ):  # fmt: skip
            if not 0 <= getattr(self, name) <= 1:
                raise Invalid(f"{name} {getattr(self, name)}: a share is 0 to 1")
        for name in ("queue_length", "multicast_queue_length", "rx1_delay_s"):
            if getattr(self, name) < 1:
                raise Invalid(f"{name} {getattr(self, name)}: at least 1")
        for begin, end in self.outages_s:
            if not 0 <= begin < end:
                raise Invalid(f"an outage from {begin} s to {end} s: the end must come after the start")
