"""Text from the command line and from files, turned into values once. Every complaint says what to write instead."""

from __future__ import annotations

import json
import re
import sys
from fractions import Fraction
from pathlib import Path

from fleetcast.errors import Invalid, NotFound

NAMED_REDUNDANCY = {
    "ONE_TO_TWO": Fraction(1),
    "THREE_TO_FOUR": Fraction(1, 3),
    "FIVE_TO_SIX": Fraction(1, 5),
    "SEVEN_TO_EIGHT": Fraction(1, 7),
    "NO_REDUNDANCY_ONE": Fraction(0),
}
"""Coded fragments per uncoded one, by the names that multicast groups are given."""

_LONGEST_NUMBER = 20
_LARGEST_INPUT = 64 << 20
"""Bytes: many times the largest block, which has 16383 fragments of 255 bytes, as JSON. Devices never end."""


class BadArgument(Invalid):
    """Something on the command line, or in what it was handed, does not read as what it should be."""


class FileUnusable(NotFound):
    """A file that was named cannot be used."""


def parse_hex(text: str, what: str = "payload") -> bytes:
    """The bytes that hex digits name; blanks, colons, hyphens and a leading 0x are allowed. Raises BadArgument."""
    digits = re.sub(r"[\s:-]", "", text)
    digits = digits.removeprefix("0x").removeprefix("0X")
    if not digits:
        raise BadArgument(f"the {what} is empty: write it as hex digits, for example 0201")
    wrong = re.search(r"[^0-9a-fA-F]", digits)
    if wrong:
        raise BadArgument(
            f"{wrong.group()!r} in the {what} is not a hex digit: write two digits 0-9, a-f for each byte"
        )
    if len(digits) % 2:
        raise BadArgument(f"the {what} has {len(digits)} hex digits, an odd number: write two for each byte")
    return bytes.fromhex(digits)


def parse_share(text: str, what: str) -> Fraction:
    """A share written as `30%`, `0.3` or `3/10`, exactly; never negative. Raises BadArgument."""
    number, percent = re.subn(r"\s*%$", "", text.strip())
    # Short numbers without an exponent only: an exact fraction of 1e999999999 would fill the memory.
    if len(number) > _LONGEST_NUMBER or not re.fullmatch(r"-?(\d+(\.\d*)?|\.\d+)(/0*[1-9]\d*)?", number, re.ASCII):
        raise BadArgument(f"{what} {text[:40]!r} is not a share: write for example 30% or 0.3")
    top, _, bottom = number.partition("/")
    value = Fraction(top) / Fraction(bottom or "1") / (100 if percent else 1)
    if value < 0:
        raise BadArgument(f"{what} {text} is negative: write 0% or more")
    return value


def parse_redundancy(text: str) -> Fraction:
    """Coded fragments per uncoded one: a share, or one of `NAMED_REDUNDANCY`. Raises BadArgument."""
    named = NAMED_REDUNDANCY.get(text.strip().upper())
    if named is not None:
        return named
    try:
        return parse_share(text, "redundancy")
    except BadArgument as error:
        raise BadArgument(f"{error}, or one of {', '.join(NAMED_REDUNDANCY)}") from None


def parse_loss(text: str) -> float:
    """The share of fragments that are not heard, 0 to 100 %. Raises BadArgument."""
    loss = parse_share(text, "loss")
    if loss > 1:
        raise BadArgument(f"loss {text}: more than everything cannot be lost; write 0% to 100%")
    return float(loss)


def parse_json(text: str, what: str = "") -> object:
    """The value of a JSON text, called `what` in complaints. Raises BadArgument with the place where it breaks."""
    called = f"{what}: " if what else ""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadArgument(f"{called}this is not JSON, {error.msg} ({where})") from None
    except (ValueError, RecursionError) as error:
        # Numbers of thousands of digits, and nesting without end.
        raise BadArgument(f"{called}JSON that nobody can mean, {error}") from None


def read_file(path: Path, what: str = "file") -> bytes:
    """The content of a file that holds something. Raises FileUnusable."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_INPUT + 1)
    except FileNotFoundError:
        raise FileUnusable(f"{path}: there is no such {what}; check the name") from None
    except IsADirectoryError:
        raise FileUnusable(f"{path}: this is a directory; name a {what} in it") from None
    except OSError as error:
        raise FileUnusable(f"{path}: the {what} cannot be read ({error.strerror})") from None
    if not content:
        raise FileUnusable(f"{path}: the {what} is empty; nothing to do with it")
    if len(content) > _LARGEST_INPUT:
        raise FileUnusable(f"{path}: the {what} has more than {_LARGEST_INPUT} bytes; no device takes so much")
    return content


def read_standard_input(what: str) -> str:
    """All of standard input, as text. Raises BadArgument when nothing can come from there."""
    if sys.stdin is None or sys.stdin.isatty():
        raise BadArgument(f"no {what} given: write it as an argument, or pipe it in")
    try:
        text: str = sys.stdin.read(_LARGEST_INPUT + 1)
    except UnicodeDecodeError:
        raise BadArgument(f"{what}: what comes from standard input is not UTF-8 text") from None
    if not text.strip():
        raise BadArgument(f"no {what} given: write it as an argument, or pipe it in; standard input was empty")
    if len(text) > _LARGEST_INPUT:
        raise BadArgument(f"{what}: more than {_LARGEST_INPUT} characters come from standard input; pipe in less")
    return text
