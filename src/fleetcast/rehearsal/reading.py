"""Reads a scenario's tables into typed values; every complaint names the file, the line, the key and what is allowed.

A table that has been read says which of its keys nobody asked for. What the values mean is `scenario`'s.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import TypeVar, overload

from fleetcast.errors import FleetcastError, Invalid
from fleetcast.rehearsal.distributions import Beta
from fleetcast.rehearsal.source_lines import Path
from fleetcast.simulator.fleet import Distribution, Fixed, Steps, Uniform

T = TypeVar("T")
E = TypeVar("E", bound=Enum)


class ScenarioWrong(Invalid):
    """Something in a scenario can't be meant; `line` is where."""

    def __init__(self, source: str, line: int | None, problem: str) -> None:
        self.source, self.line, self.problem = source, line, problem
        where = source if line is None else f"{source}, line {line}"
        super().__init__(f"{where}: {problem}")


class Source:
    """The text a table came from."""

    def __init__(self, name: str, lines: Mapping[Path, int]) -> None:
        self.name = name
        self._lines = lines

    def wrong(self, path: Path, problem: str) -> ScenarioWrong:
        """A complaint about what stands at a path, or at the nearest place above it that has a line."""
        line = next((self._lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self._lines), None)
        name = written(path)
        return ScenarioWrong(self.name, line, f"{name}: {problem}" if name else problem)


def written(path: Path) -> str:
    """A path as people write it: `fleet[2].loss`, tables of an array counted from 1."""
    text = ""
    for key in path:
        text += f"[{key + 1}]" if isinstance(key, int) else f".{key}" if text else key
    return text


class Table:
    """One table, read key by key."""

    def __init__(self, source: Source, path: Path, values: Mapping[str, object]) -> None:
        self.source, self.path, self._values = source, path, values
        self._asked: dict[str, None] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._values

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys it has."""
        return tuple(self._values)

    def wrong(self, key: str | None, problem: str) -> ScenarioWrong:
        """A complaint about one of its keys, or the table itself."""
        return self.source.wrong(self.path if key is None else (*self.path, key), problem)

    def finish(self) -> None:
        """Refuses keys that nobody asked for, naming the nearest ones there are."""
        for key in self._values:
            if key not in self._asked:
                near = difflib.get_close_matches(key, self._asked, 3, 0.6)
                hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(sorted(self._asked))}"
                raise self.wrong(key, f"unknown key; {hint}")

    def said(self, key: str, make: Callable[[], T]) -> T:
        """What `make` gives; what it refuses is a complaint about the key."""
        try:
            return make()
        except ScenarioWrong:
            raise
        except FleetcastError as refusal:
            raise self.wrong(key, str(refusal)) from refusal

    # Tables inside.

    def table(self, key: str) -> Table:
        """The table under a key; an empty one where there is none."""
        value = self._take(key)
        if value is None:
            return Table(self.source, (*self.path, key), {})
        return self._as_table((*self.path, key), value)

    def tables(self, key: str) -> list[Table]:
        """The tables of an array; a single table counts as one."""
        value = self._take(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.wrong(key, f"write [[{written((*self.path, key))}]], once for each")
        return [self._as_table((*self.path, key, i), each) for i, each in enumerate(value)]

    def _as_table(self, path: Path, value: object) -> Table:
        if not isinstance(value, dict):
            raise self.source.wrong(path, f"{_shown(value)} is no table: write [{written(path)}] and keys below it")
        return Table(self.source, path, value)

    def empty(self, key: str) -> Table:
        """A table under a key that holds something else."""
        return Table(self.source, (*self.path, key), {})

    # Plain values.

    def plain(self, key: str) -> object:
        """Whatever stands there, unread."""
        return self._take(key)

    def share(self, key: str, default: float = 0.0) -> float:
        """A number from 0 to 1, or a percentage."""
        value = self._take(key)
        return default if value is None else self._number(key, value, 0, 1, share=True)

    @overload
    def text(self, key: str) -> str | None: ...
    @overload
    def text(self, key: str, default: str) -> str: ...
    def text(self, key: str, default: str | None = None) -> str | None:
        """A text that is not empty."""
        value = self._take(key)
        if value is None:
            return default
        if not isinstance(value, str) or not value:
            raise self.wrong(key, f"{_shown(value)} is no text: write it in quotes")
        return value

    def required(self, key: str) -> str:
        """A text that must be there."""
        found = self.text(key)
        if found is None:
            raise self.wrong(key, "is missing: give it a text")
        return found

    def flag(self, key: str, *, default: bool = False) -> bool:
        """True or false."""
        value = self._take(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.wrong(key, f"{_shown(value)}: write true or false")
        return value

    @overload
    def whole(self, key: str, *, least: int = 0, most: int | None = None) -> int | None: ...
    @overload
    def whole(self, key: str, default: int, *, least: int = 0, most: int | None = None) -> int: ...
    def whole(self, key: str, default: int | None = None, *, least: int = 0, most: int | None = None) -> int | None:
        """A whole number within bounds."""
        value = self._take(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.wrong(key, f"{_shown(value)} is no whole number: {_bounds(least, most)}")
        if value < least or (most is not None and value > most):
            raise self.wrong(key, f"{value}: {_bounds(least, most)}")
        return value

    @overload
    def number(self, key: str, *, least: float = 0, most: float = math.inf) -> float | None: ...
    @overload
    def number(self, key: str, default: float, *, least: float = 0, most: float = math.inf) -> float: ...
    def number(
        self, key: str, default: float | None = None, *, least: float = 0, most: float = math.inf
    ) -> float | None:
        """A number within bounds."""
        value = self._take(key)
        return default if value is None else self._number(key, value, least, most)

    @overload
    def choice(self, key: str, allowed: Sequence[str]) -> str | None: ...
    @overload
    def choice(self, key: str, allowed: Sequence[str], default: str) -> str: ...
    def choice(self, key: str, allowed: Sequence[str], default: str | None = None) -> str | None:
        """One of a few words."""
        value = self._take(key)
        if value is None:
            return default
        if value not in allowed:
            raise self.wrong(key, f"{_shown(value)}: choose {_listed(allowed)}")
        return str(value)

    @overload
    def member(self, key: str, kind: type[E]) -> E | None: ...
    @overload
    def member(self, key: str, kind: type[E], default: E) -> E: ...
    def member(self, key: str, kind: type[E], default: E | None = None) -> E | None:
        """One of an enumeration's values."""
        found = self.choice(key, [str(each.value) for each in kind])
        return default if found is None else kind(found)

    def texts(self, key: str) -> tuple[str, ...]:
        """An array of texts."""
        value = self._take(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self.wrong(key, f'{_shown(value)}: write texts in brackets, such as ["a", "b"]')
        return tuple(value)

    def spread(self, key: str) -> tuple[float, float] | None:
        """Two numbers, from and to."""
        value = self._take(key)
        return None if value is None else self._pair(key, value, 0, math.inf)

    # What differs from device to device.

    def distribution(
        self, key: str, default: float, *, least: float = 0, most: float = math.inf, share: bool = False
    ) -> Distribution:
        """A number, { uniform = [low, high] } or { beta = [a, b], min = …, max = … }; a `share` may be a percentage."""
        value = self._take(key)
        if value is None:
            return Fixed(default)
        if isinstance(value, dict):
            return self._spread_out(Table(self.source, (*self.path, key), value), least, most, share)
        return Fixed(self._number(key, value, least, most, share=share))

    def _spread_out(self, inner: Table, least: float, most: float, share: bool) -> Distribution:
        found: Distribution
        if "uniform" in inner:
            low, high = inner._pair("uniform", inner._take("uniform"), least, most, share=share)
            found = Uniform(low, high)
        elif "beta" in inner:
            a, b = inner._pair("beta", inner._take("beta"), 1e-3, 1e6, rising=False)
            value_low, value_high = inner._take("min"), inner._take("max")
            top = 1.0 if math.isinf(most) else most
            low = least if value_low is None else inner._number("min", value_low, least, most, share=share)
            high = top if value_high is None else inner._number("max", value_high, least, most, share=share)
            if low > high:
                raise inner.wrong("min", f"{low:g} is above max, {high:g}")
            found = Beta(a, b, low, high)
        else:
            raise inner.wrong(None, "write a number, { uniform = [low, high] } or { beta = [a, b], min = …, max = … }")
        inner.finish()
        return found

    def weighted(self, key: str, default: int, allowed: Sequence[int], what: str) -> Steps:
        """A whole number, or numbers with their weights: { 0 = 0.2, 5 = 0.8 }."""
        value = self._take(key)
        if value is None:
            return Steps(((default, 1.0),))
        if isinstance(value, int) and not isinstance(value, bool):
            self._check_allowed(key, value, allowed, what)
            return Steps(((value, 1.0),))
        if not isinstance(value, dict) or not value:
            raise self.wrong(key, f"{_shown(value)}: write a number, or weights such as {{ 0 = 0.2, 5 = 0.8 }}")
        inner = Table(self.source, (*self.path, key), value)
        choices = []
        for name, weight in value.items():
            if not re.fullmatch(r"\d{1,3}", name):
                raise inner.wrong(name, f"the name of a {what} is a number: {_listed([str(one) for one in allowed])}")
            inner._check_allowed(name, int(name), allowed, what)
            choices.append((int(name), inner._number(name, weight, 0, math.inf, share=True)))
        if not sum(weight for _, weight in choices):
            raise self.wrong(key, "the weights are all 0: give one more than that")
        return Steps(tuple(choices))

    def _check_allowed(self, key: str, value: int, allowed: Sequence[int], what: str) -> None:
        if value not in allowed:
            raise self.wrong(key, f"there is no {what} {value} here: {_listed([str(one) for one in allowed])}")

    # Underneath.

    def _take(self, key: str) -> object:
        self._asked[key] = None
        return self._values.get(key)

    def _number(self, key: str, value: object, least: float, most: float, *, share: bool = False) -> float:
        percent = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", value, re.ASCII) if isinstance(value, str) else None
        if share and percent:
            value = float(percent[1]) / 100
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            also = ', or a percentage in quotes such as "10 %"' if share else ""
            raise self.wrong(key, f"{_shown(value)} is no number: {_bounds(least, most)}{also}")
        if not least <= value <= most:
            raise self.wrong(key, f"{value:g}: {_bounds(least, most)}")
        return float(value)

    def _pair(
        self, key: str, value: object, least: float, most: float, *, share: bool = False, rising: bool = True
    ) -> tuple[float, float]:
        if not isinstance(value, list) or len(value) != 2:
            raise self.wrong(key, f"{_shown(value)}: write two numbers in brackets, such as [1, 2]")
        low, high = (self._number(key, each, least, most, share=share) for each in value)
        if rising and low > high:
            raise self.wrong(key, f"[{low:g}, {high:g}]: the lower number comes first")
        return low, high


def _bounds(least: float, most: float | None) -> str:
    if most is None or math.isinf(most):
        return f"write {_plain(least)} or more"
    return f"write {_plain(least)} to {_plain(most)}"


def _plain(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _shown(value: object) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 60 else text[:57] + "…"
