from __future__ import annotations

import pytest

from fleetcast.campaign.transfer.ping_slots import next_slot
from fleetcast.errors import Invalid
from fleetcast.identifiers import DevAddr
from fleetcast.instants import to_datetime
from fleetcast.protocol.gps_time import to_gps_seconds
from fleetcast.radio.class_b import ping_slots

ADDRESS = DevAddr("01020304")
START = 1_767_225_600_123


@pytest.mark.parametrize("periodicity", [0, 3, 7])
def test_frames_go_at_slots_of_the_group_and_never_early(periodicity: int):
    at = next_slot(ADDRESS, periodicity, START, 300_000)
    assert at >= START
    gps_us = (to_gps_seconds(to_datetime(at)) * 1000 + at % 1000) * 1000
    beacon_s = gps_us // 128_000_000 * 128
    starts = [slot.start_us for slot in ping_slots(ADDRESS, periodicity, beacon_s)]
    assert min(abs(gps_us - start) for start in starts) < 1000
    assert all(gps_us >= start for start in starts if abs(gps_us - start) < 1000)


def test_a_slot_is_its_own_next_one_until_it_has_begun():
    first = next_slot(ADDRESS, 2, START, 300_000)
    assert next_slot(ADDRESS, 2, first, 300_000) == first
    assert next_slot(ADDRESS, 2, first + 1, 300_000) > first


def test_a_frame_that_fits_no_slot_is_refused():
    with pytest.raises(Invalid):
        next_slot(ADDRESS, 2, START, 10_000_000)
