"""When a class session starts, how long it may last, and what fits into it.

Pure arithmetic that the plan uses before the start and the engine when the session requests begin.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from fleetcast.instants import InstantMs, from_datetime, to_datetime
from fleetcast.planning.facts import SessionClass
from fleetcast.planning.policy import Policy
from fleetcast.protocol.gps_time import BEACON_PERIOD_S, from_gps_seconds, next_beacon_period, to_gps_seconds

MAX_EXPONENT: Final = 15
"""SessionTimeOut has four bits (TS005, 0x04 and 0x05)."""
_MOST_DOUBLINGS: Final = 16


def longest_wait_s(uplink_periods_s: Iterable[float], policy: Policy) -> float:
    """The longest time any of these devices needs for one opportunity and `msg_retries` more; 0 without devices."""
    return (1 + policy.msg_retries) * max(uplink_periods_s, default=0.0)


def session_start(
    now: InstantMs,
    longest_wait: float,
    tolerance_s: float,
    policy: Policy,
    session_class: SessionClass,
    *,
    latest: InstantMs | None = None,
) -> InstantMs:
    """The computed start for session requests that begin now: every device can have been told by then.

    `longest_wait` as `longest_wait_s` gives it; `latest`: never after this (class B: the beacon period before it, if
    that isn't past), so some devices may not be told in time. Whole seconds, since that is what a session request
    carries; class B a multiple of 128 s of GPS time (TS005, 0x05).
    """
    wait_s = longest_wait + tolerance_s + policy.mcsession_delay_s
    if session_class == "B":
        wait_s += policy.classb_start_beacons_delay * BEACON_PERIOD_S
    wanted = now + math.ceil(wait_s) * 1000
    start = _whole(wanted, session_class)
    if latest is None or start <= latest:
        return start
    cut = max(latest, now + 1000)
    return _last_beacon_before(cut, now) if session_class == "B" else cut // 1000 * 1000


def doubled(sessions: int) -> int:
    """How many times the usual wait the next start lies away, after so many whose start came too early."""
    return 1 << min(sessions, _MOST_DOUBLINGS)


def aligned_start(start: InstantMs, session_class: SessionClass) -> InstantMs:
    """A start that was given, as a session request can carry it: not earlier, in whole seconds or beacon periods."""
    return _whole(start, session_class)


def class_c_timeout_exponent(seconds: float) -> int:
    """The least n with 2^n s at least this long, at most 15 (TS005, 0x04)."""
    return min(max(math.ceil(math.log2(max(seconds, 1.0))), 0), MAX_EXPONENT)


def class_b_timeout_exponent(seconds: float) -> int:
    """The least n with 2^n beacon periods of 128 s at least this long, at most 15 (TS005, 0x05)."""
    return class_c_timeout_exponent(seconds / BEACON_PERIOD_S)


def timeout_exponent(seconds: float, session_class: SessionClass) -> int:
    """The exponent of either class."""
    return class_b_timeout_exponent(seconds) if session_class == "B" else class_c_timeout_exponent(seconds)


def timeout_s(exponent: int, session_class: SessionClass) -> int:
    """How long a session with this SessionTimeOut lasts."""
    return (BEACON_PERIOD_S if session_class == "B" else 1) << exponent


def longest_session_s(session_class: SessionClass) -> int:
    """The longest session that the field can carry: class C 2^15 s, class B 2^15 beacon periods."""
    return timeout_s(MAX_EXPONENT, session_class)


def first_fragment_delay_s(policy: Policy, tolerance_s: float) -> float:
    """From a session's start to its first fragment: the setting, or what the devices' clocks may be off."""
    return max(policy.first_fragment_delay_s, tolerance_s)


def sessions_needed(transfer_s: float, session_class: SessionClass) -> int:
    """How many sessions a transfer of this length takes, its own delays included."""
    return max(1, math.ceil(transfer_s / longest_session_s(session_class)))


def _whole(instant: InstantMs, session_class: SessionClass) -> InstantMs:
    second = -(-instant // 1000) * 1000
    if session_class == "C":
        return second
    return from_datetime(from_gps_seconds(next_beacon_period(to_gps_seconds(to_datetime(second)))))


def _last_beacon_before(latest: InstantMs, now: InstantMs) -> InstantMs:
    first = _whole(now + 1000, "B")
    gps = to_gps_seconds(to_datetime(latest)) // BEACON_PERIOD_S * BEACON_PERIOD_S
    return max(first, from_datetime(from_gps_seconds(gps)))
