"""A chain that was bent anywhere is found bent there; one that wasn't is found whole."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetcast.access.audit_chain import (
    BEGINNING,
    Anchor,
    Entry,
    NoEntry,
    Verification,
    canonical,
    footer,
    verify_lines,
)
from fleetcast.errors import Invalid

TEXTS = st.text(max_size=12)
DOCUMENTS = st.dictionaries(TEXTS, st.one_of(st.none(), st.integers(-(2**53), 2**53), TEXTS), max_size=3).map(canonical)


def chain(length: int, **said: Any) -> list[Entry]:
    """Entries that follow one another."""
    made: list[Entry] = []
    for n in range(1, length + 1):
        entry = Entry(
            subscriber_id=1, n=n, at=1000 + n, user_id=7, who="ada", through="token 3", address="192.0.2.1",
            kind="device.edited", object_id=n, name=f"pump {n}", before='{"tag":"a"}', after='{"tag":"b"}',
            previous=made[-1].hash if made else BEGINNING,
        )  # fmt: skip
        made.append(replace(entry, **said).sealed())
    return made


def faults(entries: list[Entry], known: Anchor | None = None, *anchors: Anchor) -> list[str]:
    found = Verification(1, anchors=anchors)
    for each in entries:
        found.feed(each)
    return [str(each) for each in found.ended(known)]


def end(entries: list[Entry]) -> Anchor:
    return Anchor(entries[-1].n, entries[-1].hash)


def test_a_chain_that_was_let_alone_is_whole() -> None:
    entries = chain(5)
    assert faults(entries, end(entries), Anchor(2, entries[1].hash)) == []


@pytest.mark.parametrize("name", [name for name in Entry.__dataclass_fields__ if name not in ("n", "subscriber_id")])
def test_any_changed_field_of_any_entry_is_found(name: str) -> None:
    entries = chain(3)
    for i, entry in enumerate(entries):
        value = getattr(entry, name)
        other: Any = bytes(31) + b"\1" if isinstance(value, bytes) else value + 1 if isinstance(value, int) else "{} "
        bent = [*entries]
        bent[i] = replace(entry, **{name: other})
        assert faults(bent, end(entries)), f"{name} of entry {entry.n}"


@given(st.integers(2, 8).flatmap(lambda length: st.tuples(st.just(length), st.permutations(range(length)))))
def test_any_other_order_is_found(order: tuple[int, list[int]]) -> None:
    length, places = order
    entries = chain(length)
    found = faults([entries[i] for i in places], end(entries))
    assert bool(found) == (places != sorted(places))


@given(st.integers(1, 8).flatmap(lambda length: st.tuples(st.just(length), st.sets(st.integers(0, length - 1)))))
def test_any_removed_entries_are_found(removed: tuple[int, set[int]]) -> None:
    length, gone = removed
    entries = chain(length)
    found = faults([each for i, each in enumerate(entries) if i not in gone], end(entries))
    assert bool(found) == bool(gone)


def test_an_entry_that_was_put_in_with_a_hash_of_its_own_is_found() -> None:
    entries = chain(4)
    forged = replace(entries[1], who="eve").sealed()
    assert "entry 3: does not follow" in " ".join(faults([entries[0], forged, *entries[2:]], end(entries)))


def test_a_chain_written_anew_from_some_place_on_is_found_by_what_was_noted_elsewhere() -> None:
    entries = chain(4)
    anew = chain(4, who="eve")
    assert faults(anew, end(anew)) == []
    assert "was written anew" in " ".join(faults(anew, end(anew), end(entries)))
    assert "the end was cut off" in " ".join(faults(anew[:2], end(anew[:2]), end(entries)))


def test_an_export_can_be_read_back_and_verified() -> None:
    entries = chain(3)
    lines = [*(each.line() for each in entries), footer(1, end(entries))]
    found = verify_lines(lines, [Anchor(2, entries[1].hash)])
    assert (found.faults, found.entries, found.head) == ([], 3, end(entries))
    assert [Entry.of_line(json.loads(line)) for line in lines[:-1]] == entries


def test_a_part_of_an_export_is_verified_from_its_first_entry_on() -> None:
    entries = chain(4)
    found = verify_lines([*(each.line() for each in entries[2:]), footer(1, end(entries))])
    assert (found.faults, found.entries) == ([], 2)


def test_an_export_that_was_cut_off_is_found() -> None:
    entries = chain(3)
    lines = [each.line() for each in entries]
    assert "cut off" in str(verify_lines(lines).faults)
    assert "cut off" in str(verify_lines([*lines[:2], footer(1, end(entries))]).faults)


def test_a_changed_line_of_an_export_is_found() -> None:
    entries = chain(3)
    lines = [*(each.line() for each in entries), footer(1, end(entries))]
    lines[1] = lines[1].replace("pump 2", "pump 9")
    assert [each.n for each in verify_lines(lines).faults] == [2]


@given(TEXTS, DOCUMENTS, DOCUMENTS)
def test_whatever_was_said_survives_an_export(name: str, before: str, after: str) -> None:
    (entry,) = chain(1, name=name, before=before, after=after)
    assert Entry.of_line(json.loads(entry.line())) == entry


@pytest.mark.parametrize(
    "lines", [[], ["{"], ["[]"], ['{"n":1}'], [footer(1, Anchor(0, BEGINNING))] * 2, ['{"length":"x","head":"00"}']]
)
def test_what_is_no_export_is_refused(lines: list[str]) -> None:
    with pytest.raises(NoEntry):
        verify_lines(lines)


@pytest.mark.parametrize("text", ["", "3", "x:00", "3:zz", f"3:{'0' * 62}", f"-1:{'0' * 64}"])
def test_a_head_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="number:hash"):
        Anchor.parse(text)


def test_a_head_is_written_and_read() -> None:
    head = end(chain(2))
    assert Anchor.parse(str(head)) == head
