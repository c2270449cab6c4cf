"""What is wrong with what somebody filled in: every field at once, each with a sentence."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, TypeVar

from fleetcast.errors import Invalid

T = TypeVar("T")

NAME_LONGEST: Final = 200
TEXT_LONGEST: Final = 4000
LARGEST: Final = 2**53 - 1
"""Whole numbers beyond this don't survive JSON everywhere."""


@dataclass(frozen=True, slots=True)
class InvalidField:
    """One field and what is wrong with it."""

    field: str
    message: str


class InvalidFields(Invalid):
    """Fields that can't be as they are; `problems` names every one."""

    def __init__(self, *problems: InvalidField) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{each.field}: {each.message}" for each in problems))


class Checks:
    """Looks at fields one by one and complains about all of them at once."""

    __slots__ = ("_problems",)

    def __init__(self) -> None:
        self._problems: list[InvalidField] = []

    def complain(self, field: str, message: str) -> None:
        """This field can't be as it is."""
        self._problems.append(InvalidField(field, message))

    def that(self, right: bool, field: str, message: str) -> None:
        """Complain unless it is right."""
        if not right:
            self.complain(field, message)

    def text(self, field: str, value: str | None, *, must: bool = False, longest: int = NAME_LONGEST) -> None:
        """A text that people and both databases can read."""
        if value is None or not value.strip():
            self.that(not must, field, "must be given")
            return
        self.that(len(value) <= longest, field, f"{len(value)} characters: at most {longest}")
        self.that(is_readable(value), field, "has characters in it that are no text: leave control characters out")

    def number(self, field: str, value: float | None, least: float, most: float = LARGEST) -> None:
        """A number in a range; None is right."""
        if value is None:
            return
        self.that(least <= value <= most, field, f"{value}: choose {least:.15g} to {most:.15g}")

    def one_of(self, field: str, value: str | None, allowed: Collection[str]) -> None:
        """One of a few words; None is right."""
        if value is not None and value not in allowed:
            self.complain(field, f"{value[:40]!r}: choose {', '.join(sorted(allowed))}")

    def parsed(self, field: str, parse: Callable[[], T]) -> T | None:
        """What the parser makes of it; None and a complaint where it raises Invalid."""
        try:
            return parse()
        except Invalid as error:
            self.complain(field, str(error))
            return None

    def done(self) -> None:
        """Raise InvalidFields if there was any complaint."""
        if self._problems:
            raise InvalidFields(*self._problems)


def is_readable(text: str) -> bool:
    """Whether a text has neither control characters (but line ends and tabs) nor halves of characters."""
    return all((char >= " " and not "\ud800" <= char <= "\udfff") or char in "\n\r\t" for char in text)
