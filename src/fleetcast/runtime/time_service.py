"""Answers devices that ask for the time (AppTimeReq, TS003), campaign or not.

It decides whether and what to answer; it reads no clock: the reference is the time at which the uplink ended at the
gateway. Sending is the caller's. The campaign sees the same uplink too, as an opportunity.
"""

from __future__ import annotations

from dataclasses import dataclass

from fleetcast.errors import Invalid
from fleetcast.identifiers import DevEui
from fleetcast.instants import InstantMs, to_datetime
from fleetcast.protocol.gps_time import to_gps_seconds
from fleetcast.protocol.packages import Direction, Package
from fleetcast.protocol.payload import decode
from fleetcast.protocol.ts003_clock_sync.correction import answer
from fleetcast.protocol.ts003_clock_sync.v1 import AppTimeReq

VALID_FOR_MS = 10_000
"""An answer is for the receive windows behind the request; a device that missed it asks again."""

_ASSUMED_VERSION = 2
"""Where the version is unknown: a saturated correction brings both versions to the right time in the end."""


@dataclass(frozen=True, slots=True)
class TimeAnswer:
    """What to say to a device, in clear."""

    dev_eui: DevEui
    f_port: int
    payload: bytes
    valid_until: InstantMs


class TimeService:
    """Knows which uplink of each device it has answered, so that one heard twice is answered once."""

    def __init__(self, tolerance_s: int) -> None:
        """`tolerance_s`: a request that wants no answer gets none unless its clock is off by more than this."""
        if tolerance_s < 0:
            raise Invalid(f"time_sync_tolerance {tolerance_s} s: 0 or more")
        self._tolerance_s = tolerance_s
        self._looked_at: dict[DevEui, int] = {}
        self.asked = 0
        """Requests heard."""
        self.answered = 0
        """Requests that needed an answer."""

    def on_uplink(
        self, dev_eui: DevEui, f_port: int, payload: bytes, received_at: InstantMs, f_cnt: int, version: int | None
    ) -> TimeAnswer | None:
        """The answer to an uplink on the FPort of clock synchronisation, or None when none is needed.

        `version` None: not known. Of several requests in one payload the last counts: all carry the same token.
        """
        said = decode(payload, Package.CLOCK_SYNC, version or _ASSUMED_VERSION, Direction.UP)
        request = next((each for each in reversed(said.commands) if isinstance(each, AppTimeReq)), None)
        if request is None or self._looked_at.get(dev_eui) == f_cnt:
            return None
        self._looked_at[dev_eui] = f_cnt
        self.asked += 1
        gps_seconds = to_gps_seconds(to_datetime(received_at))
        said_back = answer(request, gps_seconds, version or _ASSUMED_VERSION, tolerance_s=self._tolerance_s)
        if said_back is None:
            return None
        self.answered += 1
        return TimeAnswer(dev_eui, f_port, said_back.encode(), received_at + VALID_FOR_MS)
