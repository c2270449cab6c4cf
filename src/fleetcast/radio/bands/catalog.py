"""Finds a band by the name people use, in the edition and channel plan they ask for."""

from __future__ import annotations

from fleetcast.errors import Invalid
from fleetcast.radio.band import Band
from fleetcast.radio.bands.as923_1 import AS923_1
from fleetcast.radio.bands.as923_2 import AS923_2
from fleetcast.radio.bands.as923_3 import AS923_3
from fleetcast.radio.bands.as923_4 import AS923_4
from fleetcast.radio.bands.au915 import AU915
from fleetcast.radio.bands.cn470 import CN470
from fleetcast.radio.bands.eu433 import EU433
from fleetcast.radio.bands.eu868 import EU868
from fleetcast.radio.bands.in865 import IN865
from fleetcast.radio.bands.kr920 import KR920
from fleetcast.radio.bands.ru864 import RU864
from fleetcast.radio.bands.us915 import US915
from fleetcast.radio.payload_sizes import Revision

_BANDS = (EU868, US915, AU915, AS923_1, AS923_2, AS923_3, AS923_4, IN865, KR920, CN470, RU864, EU433)
_BY_NAME = {each.name: each for each in _BANDS}


class UnknownBand(Invalid):
    """No band has this name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"{name!r} is not a band: use one of {', '.join(names())}")


def names() -> tuple[str, ...]:
    """The names of all bands: EU868, US915, AU915, AS923-1 to AS923-4, IN865, KR920, CN470, RU864, EU433."""
    return tuple(_BY_NAME)


def band(
    name: str, revision: Revision | str | None = None, plan: str | None = None, join_channel: int | None = None
) -> Band:
    """The band with this name, in any case; raises UnknownBand.

    `revision` None means the latest: everything is in it, and data rates say `since` when. `plan` and `join_channel`
    are CN470's. Raises Invalid for an edition, plan or join channel that does not exist.
    """
    found = _BY_NAME.get(name.strip().upper())
    if found is None:
        raise UnknownBand(name)
    if revision is not None:
        found = found.at(Revision.parse(revision) if isinstance(revision, str) else revision)
    if plan is not None:
        return found.with_plan(plan, join_channel)
    if join_channel is not None:
        raise Invalid(f"{found.name}: a join channel belongs to a channel plan; name the plan too")
    return found
