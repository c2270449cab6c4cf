"""Lists and single views of connections, device sets, multicast groups, regions, files and delta keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection, select

from fleetcast.access import Identity, Right
from fleetcast.errors import Conflict
from fleetcast.queries.devices import written_version
from fleetcast.queries.kept import columns, page
from fleetcast.queries.lists import Listing
from fleetcast.store import delta_keys, device_sets, file_contents, files, regions, trusted_keys
from fleetcast.store import tables as t
from fleetcast.store.connections import KIND as CONNECTIONS
from fleetcast.store.database import Database
from fleetcast.store.multicast_groups import KIND as GROUPS
from fleetcast.store.objects import Kind, Stored

T = TypeVar("T")

__all__ = ["CONNECTION_LIST", "DELTA_KEY_LIST", "FILE_LIST", "GROUP_LIST", "REGION_LIST", "SET_LIST", "page"]


@dataclass(frozen=True, slots=True)
class View(Generic[T]):
    """What people say of an object, and what is known beside."""

    stored: Stored[Any]
    beside: Mapping[str, Any]


Beside = Callable[[Connection, Sequence[int]], Mapping[int, Mapping[str, Any]]]


def _columns_of(kind: Kind[Any], *names: str) -> Beside:
    def read(connection: Connection, ids: Sequence[int]) -> Mapping[int, Mapping[str, Any]]:
        table = kind.table
        rows = connection.execute(select(table.c.id, *(table.c[name] for name in names)).where(table.c.id.in_(ids)))
        return {row.id: {name: row._mapping[name] for name in names} for row in rows}

    return read


def _listing(kind: Kind[Any], beside: Beside, *, sort: str = "name", hidden: Sequence[str] = ()) -> Listing[View[Any]]:
    def read(connection: Connection, ids: Sequence[int]) -> Mapping[int, View[Any]]:
        more = beside(connection, ids)
        return {number: View(stored, more.get(number, {})) for number, stored in kind.read(connection, ids).items()}

    return Listing(
        table=kind.table, fields=columns(kind.table, hidden=hidden, versions=_VERSIONS), read=read, sort=sort
    )


def of_rows(kind: Kind[Any], *beside: str, sort: str = "name", hidden: Sequence[str] = ()) -> Listing[View[Any]]:
    """A list of objects with some more columns of their own rows."""
    return _listing(kind, _columns_of(kind, *beside), sort=sort, hidden=hidden)


_VERSIONS: Final = ("version", "base_version")


def _set_sizes(connection: Connection, ids: Sequence[int]) -> Mapping[int, Mapping[str, Any]]:
    sizes = device_sets.sizes(connection, ids)
    return {each: {"device_count": sizes.get(each, 0)} for each in ids}


def _region_groups(connection: Connection, ids: Sequence[int]) -> Mapping[int, Mapping[str, Any]]:
    return {each: {"multicast_group_ids": held} for each, held in regions.groups(connection, ids).items()}


def _file_facts(connection: Connection, ids: Sequence[int]) -> Mapping[int, Mapping[str, Any]]:
    names = ("size_bytes", "sha256", "original_format", "original_name", "uploaded_at", "version", "base_version",
             "uploaded_by", "trusted_key_id", "mcuboot")  # fmt: skip
    rows = connection.execute(
        select(t.file.c.id, *(t.file.c[name] for name in names), t.device_profile.c.version_format)
        .select_from(t.file.outerjoin(t.device_profile, t.device_profile.c.id == t.file.c.device_profile_id))
        .where(t.file.c.id.in_(ids))
    )
    found = {}
    for row in rows:
        known = {name: row._mapping[name] for name in names}
        for name in _VERSIONS:
            known[name] = written_version(known[name], row.version_format)
        found[row.id] = known
    return found


CONNECTION_LIST: Final = of_rows(CONNECTIONS, "state", "state_detail", "state_at", "capabilities")
SET_LIST: Final = _listing(device_sets.KIND, _set_sizes)
GROUP_LIST: Final = _listing(
    GROUPS,
    _columns_of(GROUPS, "next_f_cnt", "has_key", "network_handle", "network_state", "campaign_id"),
    sort="dev_eui",
)
TRUSTED_KEY_LIST: Final = _listing(trusted_keys.KIND, lambda _connection, _ids: {}, hidden=("public_key",))
REGION_LIST: Final = _listing(regions.KIND, _region_groups)
FILE_LIST: Final = _listing(files.KIND, _file_facts)
DELTA_KEY_LIST: Final = _listing(delta_keys.KIND, lambda _connection, _ids: {}, hidden=("public_key",))


def one(database: Database, who: Identity, kind: Kind[Any], of: Listing[View[Any]], row_id: int) -> View[Any]:
    """One object; raises Missing."""
    who.require(Right.LOOK)
    with database.read() as connection:
        kind.get(connection, who.subscriber_id, row_id)
        return of.read(connection, [row_id])[row_id]


class NoContent(Conflict):
    """A file is metadata only."""

    def __init__(self, name: str) -> None:
        super().__init__(f"file {name} has no content: it only names a version")


@dataclass(frozen=True, slots=True)
class Content:
    """A file's content, to be read piece by piece."""

    name: str
    sha256: str
    size_bytes: int
    pieces: Callable[[], Iterator[bytes]]


def content(database: Database, who: Identity, file_id: int) -> Content:
    """The content of a file; raises Missing and NoContent."""
    who.require(Right.LOOK)
    with database.read() as connection:
        file = files.KIND.get(connection, who.subscriber_id, file_id)
        found = files.content_of(connection, file_id)
    if found is None:
        raise NoContent(file.what.name)
    sha256, size_bytes, original_name = found

    def pieces() -> Iterator[bytes]:
        with database.read() as connection:
            yield from file_contents.pieces(connection, who.subscriber_id, sha256)

    return Content(original_name or file.what.name, sha256, size_bytes, pieces)
