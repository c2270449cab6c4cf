"""Redundancy as people and files write it: a name, a share in percent, or ADAPTIVE.

Coded fragments per uncoded one. The names are those that users of such servers know: how many uncoded
fragments go with how many in all.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from fleetcast.errors import Invalid

NAMED: Final = {
    "ONE_TO_TWO": Fraction(1),
    "THREE_TO_FOUR": Fraction(1, 3),
    "FIVE_TO_SIX": Fraction(1, 5),
    "SEVEN_TO_EIGHT": Fraction(1, 7),
    "NO_REDUNDANCY_ONE": Fraction(0),
}
"""Coded fragments per uncoded one, by name."""

ADAPTIVE: Final = "ADAPTIVE"
_NAME_OF = {share: name for name, share in NAMED.items()}
_MOST_PERCENT: Final = 1000


def parse_redundancy(text: str) -> Fraction | None:
    """Coded fragments per uncoded one; None: ADAPTIVE. Raises Invalid."""
    name = text.strip().upper()
    if name == ADAPTIVE:
        return None
    if name in NAMED:
        return NAMED[name]
    share = re.fullmatch(r"(\d{1,4}(?:\.\d{1,6})?)\s*%", name, re.ASCII)
    if share is not None and (percent := Fraction(share.group(1))) <= _MOST_PERCENT:
        return percent / 100
    raise Invalid(
        f"{text[:40]!r} is not a redundancy: write {', '.join(NAMED)}, {ADAPTIVE} or a percentage "
        f"up to {_MOST_PERCENT}, for example 25%"
    )


def write_redundancy(coded_per_uncoded: Fraction | None) -> str:
    """The name where there is one, else the percentage; what is written reads back as the same."""
    if coded_per_uncoded is None:
        return ADAPTIVE
    name = _NAME_OF.get(coded_per_uncoded)
    return name if name is not None else f"{float(coded_per_uncoded * 100):.6f}".rstrip("0").rstrip(".") + "%"
