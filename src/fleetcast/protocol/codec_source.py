"""The code of one declared class, generated from its fields: encoder, decoder, checks and JSON form.

Generated once, when the class is declared, because interpreting the declaration for every payload would cost several
times as much. The text is made from declarations inside this package only, never from input.
"""

from __future__ import annotations

import struct
from typing import Any

from fleetcast.identifiers import DevAddr
from fleetcast.protocol.layout import Field, Kind, Layout


class Source:
    """The text of the generated functions of one class."""

    def __init__(self, cid: int | None, fields: tuple[Field, ...], head: Layout, tail: Layout | None) -> None:
        self.cid = cid
        self.fields = fields
        self.head = head
        self.tail = tail

    def function(self, name: str, lines: list[str], **names: object) -> Any:
        """Compile one function; `names` are the objects its text mentions."""
        start = "x" if self.cid is not None else ""
        head = struct.Struct("<" + start + self.head.format)
        space: dict[str, Any] = {
            "address": DevAddr.from_int,
            "new": object.__new__,
            "unpack": head.unpack_from,
            "pack": struct.Struct("<" + ("B" if self.cid is not None else "") + self.head.format).pack,
            **names,
        }
        if self.tail is not None:
            tail = struct.Struct("<" + self.tail.format)
            space |= {"unpack_tail": tail.unpack_from, "pack_tail": tail.pack}
        if made := names.get("made"):
            for field in self._stored():
                space["set_" + field.name] = getattr(made, field.name).__set__
        exec("\n    ".join(lines), space)  # noqa: S102 - the text is made from declarations in this package only
        return space[name]

    def _stored(self) -> list[Field]:
        return [one for one in self.fields if one.kind is not Kind.RESERVED]

    def checking(self, *, checks: bool) -> list[str]:
        """`__post_init__`: one chain of comparisons, the slow search for the culprit only when it fails."""
        tests = []
        for field in self.fields:
            value = f"self.{field.name}"
            if field.kind in (Kind.UNSIGNED, Kind.SIGNED, Kind.BITS, Kind.FLAG):
                test = f"{field.lowest} <= {value} <= {field.highest}"
                tests.append(f"({value} is None or {test})" if field.optional else test)
            elif field.kind is Kind.OCTETS:
                tests.append(f"len({value}) == {field.bits // 8}")
        optionals = [f"self.{one.name} is None" for one in self.fields if one.optional]
        if len(optionals) > 1:
            tests.append("(" + " == ".join(f"({one})" for one in optionals) + ")")
        lines = ["def __post_init__(self):"]
        if tests:
            lines.append(f"if not ({' and '.join(tests)}): complain(self)")
        if checks:
            lines.append("self.check()")
        return [*lines, "return None"]

    def json(self) -> list[str]:
        """`json_fields`: one dictionary."""
        pairs, late = [], []
        for field in self._stored():
            value = f"self.{field.name}"
            if field.kind in (Kind.OCTETS, Kind.REST):
                pairs.append(f"{field.name!r}: {value}.hex()")
            elif field.kind is Kind.ADDRESS:
                pairs.append(f"{field.name!r}: {value}.lower()")
            elif field.kind is Kind.RECORDS:
                pairs.append(f"{field.name!r}: [one.json_fields() for one in {value}]")
            elif field.optional:
                late.append(f"if {value} is not None: found[{field.name!r}] = {value}")
            elif field.in_json:
                pairs.append(f"{field.name!r}: {value}")
        return ["def json_fields(self):", f"found = {{{', '.join(pairs)}}}", *late, "return found"]

    def encoding(self) -> list[str]:
        """`encode`: the identifier, the head, the tail."""
        arguments = ([] if self.cid is None else [str(self.cid)]) + self.head.writing()
        lines = ["def encode(self):", f"wire = pack({', '.join(arguments)})"]
        for field in self.fields:
            if field.kind is Kind.REST:
                lines.append(f"wire += self.{field.name}")
            elif field.kind is Kind.RECORDS:
                lines.append(f"wire += b''.join([one.encode() for one in self.{field.name}])")
        if self.tail is not None:
            present = f"if self.{self.tail.fields[0].name} is not None:"
            lines.append(f"{present} wire += pack_tail({', '.join(self.tail.writing())})")
        return [*lines, "return wire"]

    def reading(self) -> list[str]:
        """`read` of a fixed command: no checks, since what was read from the wire fits it."""
        size = 1 + self.head.size
        return [
            "def read(payload, at, end, tolerances):",
            f"if end - at < {size}: return None",
            *self._unpacking("at"),
            *self._making(),
            f"return self, at + {size}, None",
        ]

    def reading_record(self) -> list[str]:
        """`read_record`: the record at an offset that is known to hold one."""
        return ["def read_record(payload, at):", *self._unpacking("at"), *self._making(), "return self"]

    def reading_with_tail(self) -> list[str]:
        """`read` of a command whose tail is read by hand."""
        size = 1 + self.head.size
        _, values = self.head.reading("w")
        tail = [one.name for one in self._stored() if one.name not in values]
        named = [f"{name}={value}" for name, value in zip(values, _items("head", len(values)), strict=True)]
        named += [f"{name}={value}" for name, value in zip(tail, _items("found[0]", len(tail)), strict=True)]
        return [
            "def read(payload, at, end, tolerances):",
            f"if end - at < {size}: return None",
            *self._unpacking("at"),
            f"head = ({''.join(value + ', ' for value in values.values())})",
            f"found = made.read_tail(head, payload, at + {size}, end, tolerances)",
            "if found is None: return None",
            f"return made({', '.join(named)}), found[1], found[2]",
        ]

    def _unpacking(self, at: str) -> list[str]:
        variables, _ = self.head.reading("w")
        return [f"{''.join(one + ', ' for one in variables)} = unpack(payload, {at})"] if variables else []

    def _making(self) -> list[str]:
        _, values = self.head.reading("w")
        return ["self = new(made)", *(f"set_{name}(self, {value})" for name, value in values.items())]


def _items(sequence: str, count: int) -> list[str]:
    return [f"{sequence}[{number}]" for number in range(count)]
