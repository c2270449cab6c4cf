"""What works and what doesn't between here and a ThingPark, in plain words; nothing is sent to any device."""

from __future__ import annotations

from collections.abc import Sequence

from fleetcast.clock import WorkingClock
from fleetcast.connectors.port import Cause, Finding
from fleetcast.connectors.thingpark.requests import UNKNOWN_TARGET, Downlink, Refused
from fleetcast.connectors.thingpark.sender import Sender
from fleetcast.connectors.thingpark.settings import Options


async def examine(options: Options, clock: WorkingClock, probe: Downlink) -> Sequence[Finding]:
    """Try the address, the key and the clock; say what has to be looked at elsewhere."""
    sender = Sender(options, clock, lambda _: None)
    try:
        try:
            ahead_s, refused = (await sender.send(probe)).clock_ahead_s, None
        except Refused as error:
            ahead_s, refused = error.clock_ahead_s, error
    finally:
        await sender.close()
    if refused is not None and refused.cause is Cause.UNREACHABLE:
        return (Finding(works=False, what=f"{options.downlink_url} does not answer: {refused.detail}"),)
    found = [Finding(works=True, what=f"{options.downlink_url} answers")]
    if refused is None or refused.code == UNKNOWN_TARGET:
        if options.as_key is None:
            found.append(Finding(works=True, what="it takes requests without a signature"))
        else:
            found.append(Finding(works=True, what=f"it takes requests signed as {options.as_id}"))
    elif refused.cause is Cause.AUTH:
        found.append(
            Finding(
                works=False, what=f"it does not let us in ({refused.detail}): compare as_id and as_key on both sides"
            )
        )
    else:
        found.append(Finding(works=False, what=f"it refuses a harmless request: {refused.detail}"))
    if refused is not None and refused.cause is Cause.CLOCK_SKEW:
        found.append(Finding(works=False, what="the clocks differ too much: look at NTP on this machine"))
    elif ahead_s is None:
        found.append(Finding(works=None, what="it does not tell its time"))
    elif abs(ahead_s) > options.clock_tolerance_s + 1:
        found.append(
            Finding(works=False, what=f"its clock differs from ours by {ahead_s:+.0f} s: look at NTP on this machine")
        )
    else:
        found.append(Finding(works=True, what="the clocks agree"))
    found.append(
        Finding(
            works=None,
            what="whether reports reach us shows with the first uplink: in ThingPark, the application server's address "
            "has to end in /intake/ and the number of this connection"
            f"{', then a slash and path_secret' if options.path_secret is not None else ''}, with content type JSON",
        )
    )
    return tuple(found)
