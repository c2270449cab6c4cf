"""Redundancy by name and in percent."""

from __future__ import annotations

from fractions import Fraction

import pytest

from fleetcast.errors import Invalid
from fleetcast.interchange.redundancy import ADAPTIVE, NAMED, parse_redundancy, write_redundancy


def test_names_percentages_and_adaptive_are_read_and_written() -> None:
    assert {name: write_redundancy(parse_redundancy(name.lower())) for name in NAMED} == {name: name for name in NAMED}
    assert parse_redundancy("12.5 %") == Fraction(1, 8)
    assert write_redundancy(Fraction(1, 8)) == "12.5%"
    assert write_redundancy(parse_redundancy("100%")) == "ONE_TO_TWO"
    assert parse_redundancy(ADAPTIVE) is None
    assert write_redundancy(None) == ADAPTIVE


@pytest.mark.parametrize("text", ["", "half", "1.5", "-1%", "1001%", "1e3%", "٣%"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="is not a redundancy"):
        parse_redundancy(text)
