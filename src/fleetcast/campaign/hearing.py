"""Facts about a device that every uplink brings: first contact, its period, and whether this uplink is a new one."""

from __future__ import annotations

import struct

from fleetcast.campaign.states import DeviceState
from fleetcast.instants import InstantMs

_GAPS_KEPT = 16
_GAPS_NEEDED = 4
"""Gaps between five uplinks: from then on the learned period counts."""
_WINDOW = 32


def is_new(device: DeviceState, f_cnt: int) -> bool:
    """Whether this FCntUp was not taken yet; a counter that fell far belongs to a new session of the device."""
    behind = device.f_cnt - f_cnt
    if behind < 0 or behind > _WINDOW:
        return True
    return behind != 0 and not device.seen >> (behind - 1) & 1


def take(device: DeviceState, f_cnt: int, at: InstantMs, *, since: InstantMs) -> None:
    """Note that the device spoke at `at`: FCntUp, the gap since it spoke last, contact if that was after `since`."""
    ahead = f_cnt - device.f_cnt
    # The counter tells of uplinks that were not heard in between: they were sent all the same.
    spans = ahead if device.f_cnt >= 0 and ahead > 0 else 1
    if device.f_cnt < 0 or ahead < -_WINDOW:
        device.f_cnt, device.seen = f_cnt, 0
    elif ahead > 0:
        shifted = device.seen << ahead | 1 << (ahead - 1)
        device.seen = shifted & ((1 << _WINDOW) - 1)
        device.f_cnt = f_cnt
    else:
        device.seen |= 1 << (-ahead - 1)
    if device.heard_at and at > device.heard_at:
        gap_s = min(-(-(at - device.heard_at) // (1000 * spans)), 0xFFFFFFFF)
        device.gaps = (device.gaps + struct.pack("<I", gap_s))[-4 * _GAPS_KEPT :]
        device.period_s = _period_s(device)
    device.heard_at = max(device.heard_at, at)
    device.heard = device.heard or at >= since


def forget_counter(device: DeviceState) -> None:
    """A device that joined anew counts from zero."""
    device.f_cnt, device.seen = -1, 0


def _period_s(device: DeviceState) -> int:
    count = len(device.gaps) // 4
    if count < _GAPS_NEEDED:
        return device.period_s
    gaps: list[int] = sorted(struct.unpack(f"<{count}I", device.gaps))
    return max(1, gaps[-(-9 * count // 10) - 1])
