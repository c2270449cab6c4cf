"""What to answer a device that asks for the time, and what the device does with it (TS003-1.0.0 and TS003-2.0.0).

The reference is the time at which the uplink *ended at the gateway*, not the time at which it is handled here.
"""

from __future__ import annotations

from dataclasses import dataclass

from fleetcast.errors import Invalid
from fleetcast.protocol.gps_time import seconds_from
from fleetcast.protocol.ts003_clock_sync.v1 import AppTimeAns, AppTimeReq

LARGEST = 0x7FFFFFFF
SMALLEST = -0x80000000
TOKENS = 16
_WRAP = 1 << 32


def time_correction(server_gps_seconds: int, device_time: int, version: int) -> int:
    """Seconds to add to the device clock, as sent: -2^31 to 2^31 - 1.

    `server_gps_seconds` is not wrapped, `device_time` is. Version 1 counts modulo 2^32. Version 2 saturates at both
    ends, and the device asks again for the rest. From 2116 on, when both counters have wrapped, version 2 takes the
    shorter way round too, since a device that has not wrapped yet cannot be told from one far ahead.
    """
    if version not in (1, 2):
        raise Invalid(f"package version {version}: clock synchronisation has version 1 or 2")
    if version == 1 or server_gps_seconds >= _WRAP:
        return seconds_from(device_time, server_gps_seconds)
    return max(SMALLEST, min(LARGEST, server_gps_seconds - device_time))


def answer(request: AppTimeReq, server_gps_seconds: int, version: int, *, tolerance_s: int) -> AppTimeAns | None:
    """The answer to a request, or None when none is needed.

    A request that wants an answer gets one; any other only when the clock is off by more than `tolerance_s` seconds.
    Silence then tells the device that its clock is fine.
    """
    if tolerance_s < 0:
        raise Invalid(f"tolerance_s {tolerance_s}: allowed 0 and above")
    correction = time_correction(server_gps_seconds, request.device_time, version)
    if not request.ans_required and abs(correction) <= tolerance_s:
        return None
    return AppTimeAns(time_correction=correction, token_ans=request.token_req)


@dataclass(frozen=True, slots=True)
class Corrected:
    """A device after it has used an answer."""

    device_time: int
    """The new clock, GPS seconds modulo 2^32."""
    token: int
    """The token of its next request."""
    ask_again: bool
    """Whether the correction was saturated, so that a second request is due at once (version 2)."""


def apply(received: AppTimeAns, device_time: int, token: int, version: int) -> Corrected | None:
    """What a device makes of an answer; None when its token is not the current one: late or repeated, to be ignored."""
    if received.token_ans != token:
        return None
    saturated = received.time_correction in (SMALLEST, LARGEST)
    return Corrected(
        device_time=(device_time + received.time_correction) % _WRAP,
        token=(token + 1) % TOKENS,
        ask_again=version >= 2 and saturated,
    )
