"""Where each field of a command sits: fields in wire order become words, struct formats and expressions.

Commands are packed tightly: bit fields share a little-endian word, first declared in the highest bits, as the tables
of the specifications write them (bits 7:6, 5:4, 3:0). A run of bit fields ends as soon as it fills whole bytes. This
module knows positions only; what a command is, is said in `wire`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

MAX_BIT_WORD = 32


class Kind(Enum):
    """What a field carries."""

    UNSIGNED = "unsigned integer"
    SIGNED = "signed integer"
    BITS = "bits"
    FLAG = "flag"
    OCTETS = "bytes"
    ADDRESS = "address"
    RESERVED = "RFU"
    REST = "rest of the payload"
    RECORDS = "records"


@dataclass(frozen=True, slots=True)
class Field:
    """One declared field: its name, kind and width in bits (0 where the width varies)."""

    name: str
    kind: Kind
    bits: int = 0
    note: str = ""
    optional: bool = False
    default: int | None = None
    record: type[Any] | None = None
    in_json: bool = True

    @property
    def lowest(self) -> int:
        """The smallest number that fits."""
        return -(1 << (self.bits - 1)) if self.kind is Kind.SIGNED else 0

    @property
    def highest(self) -> int:
        """The largest number that fits."""
        return (1 << (self.bits - 1)) - 1 if self.kind is Kind.SIGNED else (1 << self.bits) - 1

    @property
    def is_fixed(self) -> bool:
        """Whether the field always has the same width."""
        return self.kind not in (Kind.REST, Kind.RECORDS)

    def allowed(self) -> str:
        """The values that can be sent, as text."""
        if self.kind is Kind.FLAG:
            return "false, true"
        if self.kind in (Kind.OCTETS, Kind.ADDRESS):
            return f"{self.bits // 8} bytes"
        if self.kind is Kind.RESERVED:
            return "0"
        if self.kind is Kind.REST:
            return "bytes to the end of the payload"
        if self.kind is Kind.RECORDS:
            return "a list"
        return f"{self.lowest} to {self.highest}"


@dataclass(frozen=True, slots=True)
class Part:
    """A field inside its word: the word's first byte and size, and the field's lowest bit in it."""

    field: Field
    offset: int
    size: int
    shift: int

    @property
    def fills_word(self) -> bool:
        """Whether nothing else shares the word."""
        return self.field.bits == 8 * self.size

    def number_in(self, word: bytes) -> int:
        """The field's raw number, from the bytes of its word."""
        number = int.from_bytes(word, "little") >> self.shift & ((1 << self.field.bits) - 1)
        return number - (1 << self.field.bits) if number > self.field.highest else number


class Layout:
    """Fixed fields one after the other, and the code that reads and writes them."""

    __slots__ = ("fields", "format", "parts", "size", "words")

    def __init__(self, owner: str, fields: tuple[Field, ...]) -> None:
        self.fields = fields
        self.parts = _place(owner, fields)
        self.size = sum(field.bits for field in fields) // 8
        self.words: tuple[tuple[Part, ...], ...] = _words(self.parts)
        self.format = "".join(_format(word[0]) for word in self.words)

    def reading(self, prefix: str) -> tuple[list[str], dict[str, str]]:
        """The variables that `struct` fills, in order, and an expression over them for each field."""
        variables: list[str] = []
        expressions: dict[str, str] = {}
        for number, word in enumerate(self.words):
            variable = f"{prefix}{number}"
            whole = variable
            variables.append(variable)
            if word[0].size == 3 and word[0].field.kind is not Kind.OCTETS:
                variables.append(variable + "h")
                whole = f"({variable} | {variable}h << 16)"
            for part in word:
                if part.field.kind is not Kind.RESERVED:
                    expressions[part.field.name] = _reading(part, whole)
        return variables, expressions

    def writing(self) -> list[str]:
        """One expression over `self` for each argument of `struct.pack`, in order."""
        arguments: list[str] = []
        for word in self.words:
            terms = [_writing(part) for part in word if part.field.kind is not Kind.RESERVED]
            whole = " | ".join(terms) or "0"
            if word[0].size == 3 and word[0].field.kind is not Kind.OCTETS:
                arguments += [f"({whole}) & 65535", f"({whole}) >> 16"]
            else:
                arguments.append(whole)
        return arguments


def _place(owner: str, fields: tuple[Field, ...]) -> tuple[Part, ...]:
    parts: list[Part] = []
    run: list[Field] = []
    offset = 0
    for field in fields:
        if field.kind in (Kind.BITS, Kind.FLAG, Kind.RESERVED):
            run.append(field)
            width = sum(one.bits for one in run)
            if width > MAX_BIT_WORD:
                raise TypeError(f"{owner}.{run[0].name}: bit fields run over {MAX_BIT_WORD} bits without filling bytes")
            if width % 8 == 0:
                shift = width
                for one in run:
                    shift -= one.bits
                    parts.append(Part(one, offset, width // 8, shift))
                offset += width // 8
                run = []
        elif run:
            raise TypeError(f"{owner}.{field.name}: the bit fields before it do not fill whole bytes")
        else:
            parts.append(Part(field, offset, field.bits // 8, 0))
            offset += field.bits // 8
    if run:
        raise TypeError(f"{owner}.{run[-1].name}: the last bit fields do not fill whole bytes")
    return tuple(parts)


def _words(parts: tuple[Part, ...]) -> tuple[tuple[Part, ...], ...]:
    words: dict[int, list[Part]] = {}
    for part in parts:
        words.setdefault(part.offset, []).append(part)
    return tuple(tuple(word) for word in words.values())


def _format(part: Part) -> str:
    if part.field.kind is Kind.OCTETS:
        return f"{part.size}s"
    code = {1: "B", 2: "H", 3: "HB", 4: "I"}[part.size]
    return code.lower() if part.field.kind is Kind.SIGNED else code


def _reading(part: Part, word: str) -> str:
    if part.field.kind is Kind.ADDRESS:
        return f"address({word})"
    if part.fills_word:
        return word
    shifted = f"{word} >> {part.shift}" if part.shift else word
    if part.field.kind is Kind.FLAG:
        return f"{word} & {1 << part.shift} != 0"
    return f"{shifted} & {(1 << part.field.bits) - 1}"


def _writing(part: Part) -> str:
    value = f"self.{part.field.name}"
    if part.field.kind is Kind.ADDRESS:
        return f"int({value})"
    return f"{value} << {part.shift}" if part.shift else value
