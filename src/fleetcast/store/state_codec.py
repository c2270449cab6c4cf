"""Engine states, plans, events and effects ⇄ versioned JSON.

Every text begins with the version that wrote it; what an older one wrote is lifted as it is read, one version after the
other. Rows are lists of fields in order (`json_shapes`), so an order that was released is never changed without a lift.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, TypeVar, cast

from fleetcast.campaign.effects import Effect
from fleetcast.campaign.events import Event
from fleetcast.campaign.states import CampaignState, DeviceState, GroupState
from fleetcast.campaign.transfer.ledger import Ledger
from fleetcast.errors import Damaged
from fleetcast.planning.plan import Plan, PlannedDevice
from fleetcast.store.flat_text import writer
from fleetcast.store.json_shapes import WIDE, Shape, shape

T = TypeVar("T")

VERSION: Final = 1
Lift = Callable[[str, list[Any]], list[Any]]
LIFTS: Final[Mapping[int, Lift]] = {}
"""By version: kind and row as that version wrote it → the row of the next version."""

_SPECIAL: Final[dict[tuple[type, str], Shape]] = {
    (Ledger, "refused_numbers"): WIDE,
    (Ledger, "unknown_numbers"): WIDE,
}
_SHARED: Final = frozenset(
    {(PlannedDevice, name) for name in ("uplink_period_s", "versions", "expected_loss", "known_version")}
    | {
        (DeviceState, name)
        for name in ("period_s", "session_start_asked", "reboot_asked", "firmware_before", "firmware_after")
    }
)
"""Devices are many, and these they have in common."""
_write = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False).encode
_read = json.JSONDecoder().decode


class StateDamaged(Damaged):
    """A stored state that can't be read."""

    def __init__(self, kind: str, why: str) -> None:
        self.kind = kind
        super().__init__(f"A stored {kind} can't be read ({why}): restore the database from a backup.")


class WrittenByNewer(Damaged):
    """A stored state that a newer Fleetcast wrote."""

    def __init__(self, kind: str, version: int) -> None:
        self.kind = kind
        self.version = version
        super().__init__(
            f"A stored {kind} has version {version}, this Fleetcast knows {VERSION}: install the newer one."
        )


class Kept(Generic[T]):
    """One kind of value that is kept as text."""

    def __init__(
        self,
        kind: str,
        hint: object,
        *,
        lifts: Mapping[int, Lift] = LIFTS,
        version: int = VERSION,
        flat: Callable[[T], str | None] = lambda _: None,
    ) -> None:
        """`flat`: a quicker way to the text (`flat_text`), for those values that it can write."""
        found = shape(hint, _SPECIAL, _SHARED)
        self._flat = flat
        self.kind = kind
        self._to_row = cast("Callable[[T], list[Any]]", found.write)
        self._from_row = cast("Callable[[list[Any]], T]", found.read)
        self._lifts = lifts
        self._version = version

    def dump(self, value: T) -> str:
        """The value as versioned JSON."""
        return self._flat(value) or _write([self._version, self._to_row(value)])

    def load(self, text: str) -> T:
        """The value that was kept; raises StateDamaged, WrittenByNewer."""
        try:
            version, row = _read(text)
            if version != self._version:
                row = self._lifted(version, row)
            return self._from_row(row)
        except (ValueError, TypeError, LookupError) as error:
            raise StateDamaged(self.kind, repr(error)) from error
        except WrittenByNewer:
            raise
        except Damaged as error:
            raise StateDamaged(self.kind, str(error)) from error

    def _lifted(self, version: int, row: list[Any]) -> list[Any]:
        if version > self._version:
            raise WrittenByNewer(self.kind, version)
        for older in range(version, self._version):
            row = self._lifts[older](self.kind, row)
        return row


DEVICE: Final[Kept[DeviceState]] = Kept("device state", DeviceState, flat=writer(DeviceState, VERSION))
GROUP: Final[Kept[GroupState]] = Kept("group state", GroupState)
CAMPAIGN: Final[Kept[CampaignState]] = Kept("campaign state", CampaignState)
PLAN: Final[Kept[Plan]] = Kept("plan", Plan)
EVENT: Final[Kept[Event]] = Kept("event", Event)
EFFECT: Final[Kept[Effect]] = Kept("effect", Effect)


def dump_plan(plan: Plan) -> bytes:
    """The plan, compressed: of its megabytes most say the same."""
    return zlib.compress(PLAN.dump(plan).encode(), level=1)


def load_plan(data: bytes) -> Plan:
    """The plan that was kept; raises StateDamaged, WrittenByNewer."""
    try:
        text = zlib.decompress(data).decode()
    except (zlib.error, UnicodeDecodeError) as error:
        raise StateDamaged(PLAN.kind, str(error)) from error
    return PLAN.load(text)
