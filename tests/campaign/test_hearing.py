"""What uplinks tell of a device's period."""

from __future__ import annotations

from fleetcast.campaign import hearing
from fleetcast.campaign.states import DeviceState


def test_uplinks_that_were_not_heard_do_not_stretch_the_learned_period() -> None:
    device = DeviceState(period_s=999)
    for f_cnt in (1, 2, 5, 6, 8, 9):
        hearing.take(device, f_cnt, f_cnt * 600_000, since=0)
    assert device.period_s == 600


def test_a_counter_that_began_anew_says_nothing_of_unheard_uplinks() -> None:
    device = DeviceState(period_s=999)
    for f_cnt in (101, 102, 103, 104):
        hearing.take(device, f_cnt, f_cnt * 600_000, since=0)
    hearing.forget_counter(device)
    hearing.take(device, 3, 105 * 600_000, since=0)
    assert device.period_s == 600
