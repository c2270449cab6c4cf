"""The small language in which commands are declared: typed fields in wire order.

    @command(cid=0x03)
    class FragSessionDeleteAns(Command):
        '''Say whether the session was deleted.'''

        _rfu = reserved(5)
        session_does_not_exist: bool = flag()
        frag_index: int = bits(2)

Read top to bottom it is the table of the specification. Encoder, decoder, size, range checks, JSON form, explanation
and reference are derived from it. The code for one class is generated once, at import, because servers and simulators
read millions of commands. Integers are little-endian; bit fields fill their word from the highest bit down.

The language does not grow: a command may end in *one* of three tails (optional fields that come together, records,
or the rest of the payload). Whether a tail is there is decided by hand, in the class's `read_tail`. Values are the raw
ones of the wire; what they mean is decided elsewhere.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeAlias, TypeVar, cast, dataclass_transform

from fleetcast.errors import Invalid
from fleetcast.identifiers import DevAddr
from fleetcast.protocol.codec_source import Source
from fleetcast.protocol.layout import Field, Kind, Layout
from fleetcast.protocol.tolerances import Tolerance, Tolerances

JsonValue: TypeAlias = int | bool | str | list[dict[str, int | str]]
Reading: TypeAlias = tuple["Command", int, Tolerance | None]
TailReading: TypeAlias = tuple[tuple[Any, ...], int, Tolerance | None]
C = TypeVar("C", bound="Declared")


class OutOfRange(Invalid):
    """A field was given a value that does not fit its place on the wire."""

    def __init__(self, command: str, field: str, value: object, allowed: str) -> None:
        super().__init__(f"{field} {value}: allowed {allowed} ({command})")
        self.command = command
        self.field = field
        self.value = value
        self.allowed = allowed


@dataclass(frozen=True, slots=True)
class _Spec:
    """What a field function leaves in the class body until the decorator collects it."""

    kind: Kind
    bits: int = 0
    note: str = ""
    default: int | None = None
    record: type[Any] | None = None
    optional: bool = False
    in_json: bool = True


def uint(size_bytes: int, note: str = "") -> int:
    """An unsigned little-endian integer of whole bytes."""
    return cast(int, _Spec(Kind.UNSIGNED, 8 * size_bytes, note))


def sint(size_bytes: int, note: str = "") -> int:
    """A signed little-endian integer of 1, 2 or 4 bytes, two's complement."""
    if size_bytes not in (1, 2, 4):
        raise TypeError(f"sint({size_bytes}): allowed sizes are 1, 2 and 4 bytes")
    return cast(int, _Spec(Kind.SIGNED, 8 * size_bytes, note))


def bits(width: int, note: str = "") -> int:
    """An unsigned integer of a few bits, below the bit fields declared before it."""
    return cast(int, _Spec(Kind.BITS, width, note))


def flag(note: str = "") -> bool:
    """One bit, true when set."""
    return cast(bool, _Spec(Kind.FLAG, 1, note))


def octets(size_bytes: int, note: str = "") -> bytes:
    """Bytes in the order they travel."""
    return cast(bytes, _Spec(Kind.OCTETS, 8 * size_bytes, note))


def address(note: str = "") -> DevAddr:
    """A 32-bit LoRaWAN address; little-endian on the wire, most significant byte first when written."""
    return cast(DevAddr, _Spec(Kind.ADDRESS, 32, note))


def reserved(width: int) -> _Spec:
    """RFU bits: sent as 0, ignored when received. Give it a name with an underscore and no annotation."""
    return _Spec(Kind.RESERVED, width)


def optional(field: int, *, default: None) -> int | None:
    """A field of the optional tail, around `uint` or `bits`; a command's optional fields come together or not."""
    return cast(int, dataclasses.replace(cast(_Spec, field), default=default, optional=True))


def rest(note: str = "") -> bytes:
    """All bytes up to the end of the payload."""
    return cast(bytes, _Spec(Kind.REST, note=note))


def records(record: type[C], note: str = "") -> tuple[C, ...]:
    """As many records as the class's `read_tail` says."""
    return cast("tuple[C, ...]", _Spec(Kind.RECORDS, note=note, record=record))


def kept(width: int, note: str = "", *, default: int) -> int:
    """Bits without a name in the specification that are kept all the same; they do not show in JSON."""
    return cast(int, _Spec(Kind.BITS, width, note, default, in_json=False))


class Declared:
    """Anything declared field by field."""

    __slots__ = ()
    name: ClassVar[str]
    fields: ClassVar[tuple[Field, ...]]
    head: ClassVar[Layout]
    tail: ClassVar[Layout | None]

    def check(self) -> None:
        """Refuse values that fit each for itself but not together; the default finds nothing wrong."""

    def encode(self) -> bytes:
        """The bytes as they travel."""
        raise NotImplementedError

    def json_fields(self) -> dict[str, JsonValue]:
        """The fields by name, as they stand in JSON: numbers, true and false, lower-case hex; absent ones left out."""
        raise NotImplementedError


class Record(Declared):
    """Fixed fields without an identifier, repeated inside a command."""

    __slots__ = ()

    @classmethod
    def read_record(cls, payload: bytes, at: int) -> Self:
        """The record at an offset that is known to hold one."""
        raise NotImplementedError


class Command(Declared):
    """A command of a package: identifier, fields, and the derived ways to bytes and back."""

    __slots__ = ()
    cid: ClassVar[int]
    alone: ClassVar[bool]
    """Whether nothing else may share its payload."""
    fixed_size: ClassVar[int | None]
    """Bytes on the wire with the CID, or None where it varies."""

    @classmethod
    def read(cls, payload: bytes, at: int, end: int, tolerances: Tolerances, /) -> Reading | None:
        """The command whose CID stands at `at`, where it ends and what was forgiven; None if `end` cuts it short."""
        raise NotImplementedError

    @classmethod
    def read_tail(
        cls, head: tuple[Any, ...], payload: bytes, at: int, end: int, tolerances: Tolerances, /
    ) -> TailReading | None:
        """The values of the fields behind the head, where they end, what was forgiven; None if cut short.

        `head` holds the head's values in wire order, `at` is the first byte behind it.
        """
        raise NotImplementedError

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """The one command these bytes are, CID first. Raises Invalid if they are anything else."""
        found = cls.read(payload, 0, len(payload), frozenset()) if payload[:1] == bytes([cls.cid]) else None
        if found is None or found[1] != len(payload):
            raise Invalid(f"{payload.hex() or 'no bytes'}: not exactly one {cls.name}")
        return cast(Self, found[0])


@dataclass_transform(
    kw_only_default=True,
    frozen_default=True,
    field_specifiers=(uint, sint, bits, flag, octets, address, optional, rest, records, kept),
)
def command(*, cid: int, alone: bool = False) -> Callable[[type[C]], type[C]]:
    """Declare a command: a frozen value with keyword arguments, and the code that its fields imply.

    Raises TypeError at import when bit fields do not fill whole bytes.
    """

    def declare(cls: type[C]) -> type[C]:
        if not issubclass(cls, Command):
            raise TypeError(f"{cls.__name__}: a command inherits from Command")
        made = _declare(cls, cid)
        made.cid = cid
        made.alone = alone
        varies = made.tail is not None or any(not one.is_fixed for one in made.fields)
        made.fixed_size = None if varies else 1 + made.head.size
        return cast("type[C]", made)

    return declare


@dataclass_transform(
    kw_only_default=True, frozen_default=True, field_specifiers=(uint, sint, bits, flag, octets, address)
)
def record(cls: type[C]) -> type[C]:
    """Declare a record: fixed fields without a command identifier, repeated inside a command."""
    return _declare(cls, None)


def _declare(cls: type[C], cid: int | None) -> type[C]:
    fields = _collect(cls)
    head = Layout(cls.__name__, tuple(one for one in fields if one.is_fixed and not one.optional))
    optionals = tuple(one for one in fields if one.optional)
    tail = Layout(cls.__name__, optionals) if optionals else None
    own = set(vars(cls))
    source = Source(cid, fields, head, tail)
    made: Any = cls
    checking = source.checking(checks=cls.check is not Declared.check)
    made.__post_init__ = source.function("__post_init__", checking, complain=_complain)
    made = dataclass(frozen=True, slots=True, kw_only=True)(cls)
    made.name, made.fields, made.head, made.tail = made.__name__, fields, head, tail
    if "json_fields" not in own:
        made.json_fields = source.function("json_fields", source.json())
    made.encode = source.function("encode", source.encoding())
    if cid is None:
        made.read_record = staticmethod(source.function("read_record", source.reading_record(), made=made))
    elif "read" not in own:
        lines = source.reading_with_tail() if _has_tail(fields) else source.reading()
        made.read = staticmethod(source.function("read", lines, made=made))
    return cast("type[C]", made)


def _has_tail(fields: tuple[Field, ...]) -> bool:
    return any(one.optional or not one.is_fixed for one in fields)


def _collect(cls: type[object]) -> tuple[Field, ...]:
    annotated = inspect.get_annotations(cls)
    found: list[Field] = []
    for name, spec in list(vars(cls).items()):
        if not isinstance(spec, _Spec):
            continue
        found.append(
            Field(name, spec.kind, spec.bits, spec.note, spec.optional, spec.default, spec.record, spec.in_json)
        )
        if spec.kind is Kind.RESERVED:
            delattr(cls, name)
        elif name not in annotated:
            raise TypeError(f"{cls.__name__}.{name}: a field needs its type")
        elif spec.optional or spec.default is not None:
            setattr(cls, name, spec.default)
        else:
            delattr(cls, name)
    order = [one.optional or not one.is_fixed for one in found]
    if order != sorted(order) or sum(one.kind in (Kind.REST, Kind.RECORDS) for one in found) > 1:
        raise TypeError(f"{cls.__name__}: fixed fields come first, then one tail")
    return tuple(found)


def _complain(declared: Declared) -> None:
    """Name the first field whose value does not fit."""
    for field in declared.fields:
        if field.kind in (Kind.RESERVED, Kind.REST, Kind.RECORDS):
            continue
        value = getattr(declared, field.name)
        if value is None and field.optional:
            continue
        if field.kind is Kind.OCTETS:
            if len(value) != field.bits // 8:
                raise OutOfRange(declared.name, field.name, value.hex() or "of no bytes", field.allowed())
        elif not field.lowest <= int(value) <= field.highest:
            raise OutOfRange(declared.name, field.name, value, field.allowed())
    present = [field.name for field in declared.fields if field.optional and getattr(declared, field.name) is not None]
    wanted = [field.name for field in declared.fields if field.optional]
    raise Invalid(f"{declared.name}: give all of {', '.join(wanted)} or none; given: {', '.join(present)}")
