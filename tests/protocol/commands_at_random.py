"""Values of every declared command, found by walking the table: a new command is covered the day it is written."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from fleetcast.errors import Invalid
from fleetcast.identifiers import DevAddr
from fleetcast.protocol.layout import Field, Kind
from fleetcast.protocol.packages import COMMANDS, Direction, Package
from fleetcast.protocol.ts005_multicast.session_answer import SessionAnswer
from fleetcast.protocol.wire import Command, Declared

EVERY: list[tuple[Package, int, Direction, type[Command]]] = [
    (package, version, direction, kind)
    for (package, version, direction), table in COMMANDS.items()
    for kind in table.values()
]


def _values(field: Field) -> st.SearchStrategy[Any]:
    if field.kind is Kind.FLAG:
        return st.booleans()
    if field.kind is Kind.OCTETS:
        return st.binary(min_size=field.bits // 8, max_size=field.bits // 8)
    if field.kind is Kind.ADDRESS:
        return st.integers(0, 0xFFFFFFFF).map(DevAddr.from_int)
    if field.kind is Kind.REST:
        return st.binary(min_size=1, max_size=240)
    if field.kind is Kind.RECORDS:
        assert field.record is not None
        return st.lists(_any_of(field.record), max_size=15).map(tuple)
    return st.integers(field.lowest, field.highest)


def _any_of(kind: type[Declared]) -> st.SearchStrategy[Any]:
    fields = [field for field in kind.fields if field.kind is not Kind.RESERVED]
    return st.fixed_dictionaries({field.name: _values(field) for field in fields}).map(lambda found: kind(**found))


@st.composite
def instances(draw: st.DrawFn, kind: type[Command]) -> Command:
    """A command of this kind that can stand alone in a payload, all its fields at random."""
    found: dict[str, Any] = {}
    for field in kind.fields:
        if field.kind is not Kind.RESERVED and not field.optional and field.kind is not Kind.RECORDS:
            found[field.name] = draw(_values(field))
    for field in kind.fields:
        if field.kind is Kind.RECORDS:
            assert field.record is not None
            count = found["ans_group_mask"].bit_count() if "ans_group_mask" in found else found["nb_packages"]
            one = _any_of(field.record)
            found[field.name] = tuple(draw(st.lists(one, min_size=count, max_size=count)))
    if found.get("base_byte") == 255:
        found["data"] = b""
    tail = {field.name: draw(_values(field)) for field in kind.fields if field.optional}
    try:
        return kind(**found, **tail)
    except Invalid:  # the head says that the tail is absent
        assert tail or issubclass(kind, SessionAnswer)
        return kind(**found)
