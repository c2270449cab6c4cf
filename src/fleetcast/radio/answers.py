"""How many answers survive when a whole group is asked at once, and what a sending gateway does not hear.

Devices answer a multicast request at random instants within a spread; answers that overlap on one channel and spreading
factor are counted as lost (pure ALOHA, before capture). Which spread a command can express is `protocol`'s matter.
"""

from __future__ import annotations

import math

from fleetcast.errors import Invalid


def answer_survival(device_count: int, airtime_us: int, spread_s: float, channel_count: int) -> float:
    """Probability (0 to 1) that one device's answer meets none of the others', all at one spreading factor.

    exp(-2 n u / (c W)) with n answers of airtime u over W seconds on c channels. Raises Invalid without a spread or
    channel.
    """
    _check(device_count, airtime_us, channel_count)
    if spread_s <= 0:
        raise Invalid(f"answers cannot be spread over {spread_s:g} s: use a positive number of seconds")
    return math.exp(-2 * device_count * airtime_us / 1e6 / (channel_count * spread_s))


def spread_needed_s(device_count: int, airtime_us: int, channel_count: int, survival: float = 0.9) -> float:
    """The shortest spread, in seconds, that lets this share of the answers through (nine of ten by default).

    Raises Invalid for a share that is not above 0 and below 1, and without a channel.
    """
    _check(device_count, airtime_us, channel_count)
    if not 0 < survival < 1:
        raise Invalid(f"a survival of {survival:g} needs no spread or an endless one: use a share above 0, below 1")
    return 2 * device_count * airtime_us / 1e6 / (channel_count * -math.log(survival))


def half_duplex_loss(uplink_airtime_us: int, downlink_airtime_us: int, gap_us: int) -> float:
    """Share (0 to 1) of uplinks lost at a gateway that sends a downlink every `gap_us`, start to start.

    A gateway that sends receives nothing on any channel. Raises Invalid without a gap.
    """
    if gap_us <= 0:
        raise Invalid(f"downlinks cannot follow every {gap_us} us: give a positive gap, start to start")
    return min(1.0, (uplink_airtime_us + downlink_airtime_us) / gap_us)


def _check(device_count: int, airtime_us: int, channel_count: int) -> None:
    if device_count < 0 or airtime_us < 0:
        raise Invalid(f"{device_count} answers of {airtime_us} us cannot be: use numbers from 0 on")
    if channel_count < 1:
        raise Invalid(f"{channel_count} uplink channels carry no answer: use at least 1")
