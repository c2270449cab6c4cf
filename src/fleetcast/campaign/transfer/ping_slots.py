"""When a class B stream's next frame may start: at a ping slot of its group, never early. Instants here are UTC."""

from __future__ import annotations

from fleetcast.identifiers import DevAddr
from fleetcast.instants import InstantMs, from_datetime, to_datetime
from fleetcast.protocol.gps_time import from_gps_seconds, to_gps_seconds
from fleetcast.radio.class_b import next_ping_slot


def next_slot(address: DevAddr, periodicity: int, not_before: InstantMs, airtime_us: int) -> InstantMs:
    """Start of the first ping slot of McAddr `address` at or after `not_before`, rounded up to a millisecond.

    Raises Invalid for a frame that fits no slot and a periodicity outside 0 to 7.
    """
    gps_ms = to_gps_seconds(to_datetime(not_before)) * 1000 + not_before % 1000
    slot_ms = -(-next_ping_slot(address, periodicity, gps_ms * 1000, airtime_us).start_us // 1000)
    return from_datetime(from_gps_seconds(slot_ms // 1000)) + slot_ms % 1000
