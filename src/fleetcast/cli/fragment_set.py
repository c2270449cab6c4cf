"""The form in which `fragment` hands a coded block to `assemble`: a directory, or one JSON object.

Some fragments may be missing when it is read; that is its purpose. It is made for trying things out, not for the air.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from fleetcast.cli.arguments import BadArgument, FileUnusable, parse_hex, parse_json, read_file
from fleetcast.errors import Damaged

if TYPE_CHECKING:
    from fleetcast.fec import Encoder

SESSION_FILE = "session.json"
_NUMBERED = re.compile(r"([0-9]{5})\.bin")


class NotAFragmentSet(Damaged):
    """What was read does not describe a fragmented file."""


@dataclass(frozen=True, slots=True)
class FragmentSet:
    """A file's fragments by number, and what it takes to put them together again."""

    fragment_count: int
    fragment_size: int
    padding: int
    scheme: str
    coded_count: int
    sha256: str
    fragments: Mapping[int, bytes]

    @classmethod
    def encode(cls, encoder: Encoder, data: bytes, coded_count: int) -> Self:
        """All uncoded fragments of an encoder's block, and this many coded ones."""
        count = encoder.fragment_count
        coded = encoder.coded(count + 1, coded_count) if coded_count else ()
        rows = [row.tobytes() for block in (encoder.uncoded(), coded) for row in block]
        return cls(
            fragment_count=count,
            fragment_size=encoder.fragment_size,
            padding=encoder.padding,
            scheme=encoder.scheme,
            coded_count=coded_count,
            sha256=hashlib.sha256(data).hexdigest(),
            fragments=dict(enumerate(rows, start=1)),
        )

    def description(self) -> dict[str, int | str]:
        """Everything but the fragments."""
        return {
            "fragment_count": self.fragment_count,
            "fragment_size": self.fragment_size,
            "padding": self.padding,
            "scheme": self.scheme,
            "coded_count": self.coded_count,
            "sha256": self.sha256,
        }

    def to_json(self) -> dict[str, object]:
        """The whole set as one JSON object."""
        fragments = [{"n": n, "data": data.hex()} for n, data in self.fragments.items()]
        return {**self.description(), "fragments": fragments}

    @classmethod
    def from_json(cls, value: object) -> Self:
        """The set that a JSON object describes. Raises NotAFragmentSet."""
        if not isinstance(value, dict) or not isinstance(value.get("fragments"), list):
            raise NotAFragmentSet(
                "this JSON is not what `fleetcast fragment --json` writes: it has no list of fragments"
            )
        fragments: dict[int, bytes] = {}
        for entry in value["fragments"]:
            if not isinstance(entry, dict) or not isinstance(entry.get("data"), str):
                raise NotAFragmentSet('every fragment has the form {"n": 1, "data": "00ff"}')
            fragments[_number(entry, "n")] = parse_hex(entry["data"], "data of a fragment")
        return cls.from_description(value, fragments)

    @classmethod
    def from_description(cls, value: object, fragments: Mapping[int, bytes]) -> Self:
        """The set of these fragments, described as in `description`. Raises NotAFragmentSet."""
        if not isinstance(value, dict):
            raise NotAFragmentSet(
                "the description of the fragments is not a JSON object; run `fleetcast fragment` anew"
            )
        for name in ("scheme", "sha256"):
            if not isinstance(value.get(name), str):
                raise NotAFragmentSet(f"{name} is missing from the description; run `fleetcast fragment` anew")
        count, coded_count = _number(value, "fragment_count"), _number(value, "coded_count")
        _check_numbers(fragments, count, coded_count)
        return cls(
            fragment_count=count,
            fragment_size=_number(value, "fragment_size"),
            padding=_number(value, "padding"),
            scheme=value["scheme"],
            coded_count=coded_count,
            sha256=value["sha256"],
            fragments=dict(sorted(fragments.items())),
        )


def write_directory(fragments: FragmentSet, directory: Path) -> None:
    """One file per fragment and the description, in place of an earlier set. Raises FileUnusable, BadArgument."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        earlier = _numbered_files(directory)
        if earlier and not (directory / SESSION_FILE).exists():
            raise BadArgument(
                f"{directory}: it holds numbered .bin files that are not from here; name another directory"
            )
        (directory / SESSION_FILE).unlink(missing_ok=True)
        for path in earlier.values():
            path.unlink()
        for n, data in fragments.fragments.items():
            (directory / f"{n:05d}.bin").write_bytes(data)
        # Last, so that a set that was interrupted half-way is not taken for a whole one.
        (directory / SESSION_FILE).write_text(json.dumps(fragments.description(), indent=2) + "\n")
    except (FileExistsError, NotADirectoryError):
        raise FileUnusable(f"{directory}: this is a file; name a directory to write to") from None
    except OSError as error:
        raise FileUnusable(f"{error.filename or directory}: cannot be written ({error.strerror})") from None


def read_fragments(source: Path, standard_input: str | None) -> FragmentSet:
    """The set in a directory, in a JSON file, or in JSON text. Raises FileUnusable, BadArgument, NotAFragmentSet."""
    if standard_input is not None:
        return FragmentSet.from_json(parse_json(standard_input, "set of fragments"))
    if source.is_dir():
        if not (source / SESSION_FILE).exists():
            raise FileUnusable(
                f"{source}: it has no {SESSION_FILE}; name a directory made by `fleetcast fragment --out`"
            )
        description = parse_json(_text(source / SESSION_FILE), SESSION_FILE)
        # A fragment of no bytes is a file cut short, and tells nothing.
        fragments = {n: path.read_bytes() for n, path in _numbered_files(source).items()}
        return FragmentSet.from_description(description, {n: data for n, data in fragments.items() if data})
    return FragmentSet.from_json(parse_json(_text(source), f"file {source}"))


def _numbered_files(directory: Path) -> dict[int, Path]:
    found = ((_NUMBERED.fullmatch(path.name), path) for path in sorted(directory.iterdir()))
    return {int(match[1]): path for match, path in found if match}


def _text(path: Path) -> str:
    try:
        return read_file(path, "set of fragments").decode()
    except UnicodeDecodeError:
        raise NotAFragmentSet(
            f"{path}: this is not what `fleetcast fragment` writes; name its directory or its JSON"
        ) from None


def _check_numbers(fragments: Mapping[int, bytes], count: int, coded_count: int) -> None:
    from fleetcast.fec.parity_matrix import MAX_FRAGMENT_NUMBER, check_fragment_count

    sent = check_fragment_count(count) + coded_count
    if sent > MAX_FRAGMENT_NUMBER:
        raise NotAFragmentSet(
            f"the description counts {sent} fragments, and numbers end at {MAX_FRAGMENT_NUMBER}; "
            "run `fleetcast fragment` anew"
        )
    for n in fragments:
        if not 1 <= n <= sent:
            raise NotAFragmentSet(
                f"fragment {n} is not one of the {sent} that the description counts; run `fleetcast fragment` anew"
            )


def _number(value: Mapping[str, object], name: str) -> int:
    number = value.get(name)
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise NotAFragmentSet(f"{name} is {number!r} where a number is due; run `fleetcast fragment` anew")
    return number
