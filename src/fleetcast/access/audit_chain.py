"""The audit journal as a chain: how an entry is hashed, and what is found when a chain was bent. Pure.

Each entry has its number and the hash of the entry before it among what is hashed, so a changed, removed, inserted or
moved entry breaks the chain where it happened. Entries cut off the end break nothing: they are missed by comparing with
where the chain is known to end, and whoever could write to all of the database would have to be caught by a head that
was noted elsewhere (`Anchor`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from fleetcast.errors import Damaged, Invalid

HASH_BYTES: Final = 32
BEGINNING: Final = bytes(HASH_BYTES)
"""What the first entry has for the hash of the one before."""
_DOCUMENTS: Final = ("before", "after", "more")
_FORMAT: Final = 1


class NoEntry(Damaged):
    """A line that is no entry of an audit journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Who did what. `before`, `after` and `more` are JSON texts in the one form that `canonical` gives."""

    subscriber_id: int
    n: int
    at: int
    user_id: int
    who: str
    through: str
    address: str
    kind: str
    object_id: int | None
    name: str
    before: str = "{}"
    after: str = "{}"
    more: str = "{}"
    previous: bytes = BEGINNING
    hash: bytes = b""

    def computed(self) -> bytes:
        """The hash that belongs to what the entry says."""
        said = {name: getattr(self, name) for name in _HASHED} | {"format": _FORMAT, "previous": self.previous.hex()}
        return hashlib.sha256(canonical(said).encode(errors="surrogatepass")).digest()

    def sealed(self) -> Entry:
        """The same with its hash."""
        return replace(self, hash=self.computed())

    def line(self) -> str:
        """The entry as a line of an export, without the line end. Raises NoEntry where its JSON was broken."""
        said: dict[str, Any] = {name: getattr(self, name) for name in _HASHED}
        for name in _DOCUMENTS:
            try:
                said[name] = json.loads(said[name])
            except ValueError:
                raise NoEntry(f"entry {self.n}: its {name!r} is no JSON any more: run fleetcast audit verify") from None
        return canonical(said | {"previous": self.previous.hex(), "hash": self.hash.hex()})

    @classmethod
    def of_line(cls, line: Mapping[str, Any]) -> Self:
        """The entry that a line of an export holds; raises NoEntry."""
        try:
            said: dict[str, Any] = {
                name: canonical(line[name]) if name in _DOCUMENTS else line[name] for name in _HASHED
            }
            previous, sealed = bytes.fromhex(line["previous"]), bytes.fromhex(line["hash"])
        except (KeyError, TypeError, ValueError) as error:
            raise NoEntry(f"this is no entry of an audit journal ({type(error).__name__}: {error})") from None
        wrong = [name for name in _NUMBERS if isinstance(said[name], bool) or not isinstance(said[name], int)]
        if wrong:
            raise NoEntry(f"this is no entry of an audit journal: {wrong[0]} is no number")
        return cls(**said, previous=previous, hash=sealed)


_HASHED: Final = (
    "subscriber_id", "n", "at", "user_id", "who", "through", "address", "kind", "object_id", "name", *_DOCUMENTS,
)  # fmt: skip
_NUMBERS: Final = ("subscriber_id", "n", "at", "user_id")


@dataclass(frozen=True, slots=True)
class Anchor:
    """A place in a chain and the hash it had when somebody noted it."""

    n: int
    hash: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `number:hash`; raises Invalid."""
        number, _, digest = text.strip().partition(":")
        try:
            found = cls(int(number), bytes.fromhex(digest))
        except ValueError:
            found = None
        if found is None or found.n < 0 or len(found.hash) != HASH_BYTES:
            raise Invalid(f"{text[:80]!r} is no head of an audit journal: write number:hash, as `audit head` shows it")
        return found

    def __str__(self) -> str:
        return f"{self.n}:{self.hash.hex()}"


@dataclass(frozen=True, slots=True)
class Fault:
    """One place where a chain was bent."""

    n: int
    what: str

    def __str__(self) -> str:
        return f"entry {self.n}: {self.what}"


class Verification:
    """Goes along a chain. Feed every entry in its order, then `ended`; `faults` holds what was found."""

    def __init__(self, subscriber_id: int, *, whole: bool = True, anchors: Iterable[Anchor] = ()) -> None:
        """`whole`: from the first entry on; else a part, whose first entry is taken at its word."""
        self.subscriber_id = subscriber_id
        self.faults: list[Fault] = []
        self.entries = 0
        self.head = Anchor(0, BEGINNING)
        self._whole = whole
        self._anchors = {each.n: each for each in anchors}
        self._seen = {0} if 0 in self._anchors else set[int]()

    def feed(self, entry: Entry) -> None:
        """Look at the next entry."""
        begins = self.entries == 0 and not self._whole
        expected = entry.n if begins else self.head.n + 1
        if entry.subscriber_id != self.subscriber_id:
            self._blame(entry.n, f"belongs to the chain of subscriber {entry.subscriber_id}")
        if entry.n > expected:
            what = f"{expected} to {entry.n - 1} are missing" if entry.n > expected + 1 else f"{expected} is missing"
            self._blame(expected, f"entries before {entry.n} were removed or moved: {what}")
        elif entry.n < expected:
            self._blame(entry.n, f"stands after entry {self.head.n}: it was moved, or put in")
        elif not begins and entry.previous != self.head.hash:
            self._blame(entry.n, "does not follow from the entry before: one of the two was exchanged")
        if entry.computed() != entry.hash:
            self._blame(entry.n, "was changed: its hash belongs to something else")
        anchor = self._anchors.get(entry.n)
        if anchor is not None:
            self._seen.add(entry.n)
            if anchor.hash != entry.hash:
                self._blame(entry.n, f"is not what was noted ({anchor}): the journal was written anew")
        self.entries += 1
        self.head = Anchor(entry.n, entry.hash)

    def ended(self, known: Anchor | None) -> list[Fault]:
        """What was found, also by comparing with where the chain is `known` to end (None: not known)."""
        if known is not None and known.n > self.head.n:
            self._blame(self.head.n + 1, f"the end was cut off: {known.n} entries were written, {self.head.n} are here")
        elif known is not None and known != self.head:
            self._blame(self.head.n, "the chain does not end where it is known to end")
        for anchor in self._anchors.values():
            if anchor.n > self.head.n:
                self._blame(self.head.n + 1, f"the end was cut off: entry {anchor.n} was noted ({anchor})")
            elif anchor.n not in self._seen and self._whole and anchor.n > 0:
                self._blame(anchor.n, "was noted and is not here")
        return self.faults

    def _blame(self, n: int, what: str) -> None:
        self.faults.append(Fault(n, what))


def canonical(said: Any) -> str:
    """JSON in one form: keys sorted, no blanks, characters as they are."""
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def footer(subscriber_id: int, head: Anchor) -> str:
    """The last line of an export: where the chain ended when it was made."""
    return canonical({"subscriber_id": subscriber_id, "length": head.n, "head": head.hash.hex()})


def verify_lines(lines: Iterable[str], anchors: Iterable[Anchor] = ()) -> Verification:
    """Verify an export, line by line. Raises NoEntry for what is no export.

    A whole export begins with entry 1; one that begins later is verified from there on.
    """
    found: Verification | None = None
    known: Anchor | None = None
    for number, said in _parsed(lines):
        if known is not None:
            raise NoEntry(f"line {number} stands after the end of the export")
        if "length" in said:
            known = _end(said, number)
            found = found or Verification(int(said["subscriber_id"]), anchors=anchors)
            continue
        entry = Entry.of_line(said)
        if found is None:
            found = Verification(entry.subscriber_id, whole=entry.n == 1, anchors=anchors)
        found.feed(entry)
    if found is None:
        raise NoEntry("the export is empty")
    found.ended(known)
    if known is None:
        found.faults.append(Fault(found.head.n + 1, "the export has no last line: it was cut off"))
    return found


def _parsed(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            said = json.loads(line)
        except ValueError:
            raise NoEntry(f"line {number} is no JSON") from None
        if not isinstance(said, dict):
            raise NoEntry(f"line {number} is no entry")
        yield number, said


def _end(said: Mapping[str, Any], number: int) -> Anchor:
    try:
        return Anchor(int(said["length"]), bytes.fromhex(said["head"]))
    except (KeyError, TypeError, ValueError):
        raise NoEntry(f"line {number} is no last line of an export") from None
