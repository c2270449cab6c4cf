"""The ledger of a group's stream: what became of every fragment number, and the airtime it took.

An immutable value, exchanged with every event and small enough to be saved each time: counters, the few numbers under
way, and two sets of numbers packed into integers. It decides nothing and knows no strategy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from fleetcast.errors import Conflict, Invalid

MAX_NUMBER: Final = 16383
"""N has 14 bits on the wire (TS004, DataFragment)."""


class FragmentNumberUsed(Conflict):
    """A coded fragment's number that may have been on the air was ordered again."""

    def __init__(self, n: int) -> None:
        self.n = n
        super().__init__(f"Coded fragment {n} may have been on the air already: go on with a higher number.")


class Fate(StrEnum):
    """What became of a fragment number; in a later pass over the uncoded ones it starts anew."""

    PLANNED = "planned"
    HANDED_OVER = "handed over"
    SENT = "sent"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Numbers handed to the network, one value per group and fragmentation session. Make one with `Ledger.of(m)`."""

    fragments: int
    """M: numbers above it are coded."""
    highest: int = 0
    """Highest number ever handed over."""
    last: int = 0
    """Number handed over last, repeats of refused ones aside."""
    steps: int = 0
    """Hand-overs, repeats of refused ones aside: how far a batch is."""
    uncoded: int = 0
    """Hand-overs of uncoded numbers, each time counted."""
    coded: int = 0
    """Hand-overs of coded numbers, each time counted."""
    repeated: int = 0
    """Of both: hand-overs of a number that had been handed over before."""
    sent: int = 0
    refused: int = 0
    """Hand-overs that no gateway sent."""
    unknown: int = 0
    airtime_us: int = 0
    """Airtime of all hand-overs: what Fleetcast booked."""
    under_way: tuple[int, ...] = ()
    """Handed over, and nothing heard of it yet; oldest first."""
    passed: int = 0
    """Highest number of the present pass that may have been on the air: what lies below comes too late."""
    refused_numbers: int = 0
    """Bit n: number n was refused and not handed over again since."""
    unknown_numbers: int = 0
    """Bit n: nobody knows whether number n was sent."""

    @classmethod
    def of(cls, fragments: int) -> Ledger:
        """An empty ledger for a block of `fragments` (1 to 16383) uncoded fragments; raises Invalid."""
        if not 1 <= fragments <= MAX_NUMBER:
            raise Invalid(f"A block of {fragments} fragments is not possible: use 1 to {MAX_NUMBER} fragments.")
        return cls(fragments=fragments)

    @property
    def on_air(self) -> int:
        """Frames of the stream that were on the air, as far as anybody can tell: sent and unknown ones."""
        return self.sent + self.unknown

    @property
    def handed_over(self) -> int:
        """All hand-overs."""
        return self.uncoded + self.coded

    @property
    def coded_numbers(self) -> int:
        """Coded numbers used up."""
        return max(0, self.highest - self.fragments)

    def to_repeat(self) -> int | None:
        """The number to hand over again before going on, or None.

        Only what can still arrive in rising order: a refused number below one that may have been on the air stays
        refused, because most devices throw falling numbers away. While something is under way the answer is None, since
        it may yet be on the air before the repeat (`must_wait`).
        """
        late = self.refused_numbers >> self.passed << self.passed
        if not late or self.under_way:
            return None
        return (late & -late).bit_length() - 1

    @property
    def must_wait(self) -> bool:
        """Something was refused and something is under way: hand nothing over before its fate is known."""
        return bool(self.under_way) and bool(self.refused_numbers >> self.passed)

    def fate(self, n: int) -> Fate:
        """What became of number `n` when it was last handed over."""
        if n in self.under_way:
            return Fate.HANDED_OVER
        if self.refused_numbers >> n & 1:
            return Fate.REFUSED
        if self.unknown_numbers >> n & 1:
            return Fate.UNKNOWN
        return Fate.SENT if 1 <= n <= self.highest else Fate.PLANNED

    def hand_over(self, n: int, airtime_us: int) -> Ledger:
        """Number `n` (1 to 16383) is handed to the network; raises Invalid, FragmentNumberUsed for a used coded one."""
        if not 1 <= n <= MAX_NUMBER or airtime_us < 0:
            raise Invalid(f"Fragment {n} with {airtime_us} µs: numbers are 1 to {MAX_NUMBER}, airtime at least 0.")
        bit = 1 << n
        refused = bool(self.refused_numbers & bit)
        if n > self.fragments and n <= self.highest and not refused:
            raise FragmentNumberUsed(n)
        again = refused and (n >= self.passed or n > self.fragments)
        new_pass = not again and n <= self.last
        return replace(
            self,
            highest=max(self.highest, n),
            last=self.last if again else n,
            steps=self.steps + (not again),
            uncoded=self.uncoded + (n <= self.fragments),
            coded=self.coded + (n > self.fragments),
            repeated=self.repeated + (n <= self.highest),
            airtime_us=self.airtime_us + airtime_us,
            under_way=(*self.under_way, n),
            passed=0 if new_pass else self.passed,
            # A new pass sends the uncoded numbers anyway: what the last one could not send is no debt any more.
            refused_numbers=0 if new_pass else self.refused_numbers & ~bit,
            unknown_numbers=self.unknown_numbers & ~bit,
        )

    def was_sent(self, n: int) -> Ledger:
        """A gateway sent number `n`. Told twice, or of a number nobody waits for, it changes nothing."""
        if n in self.under_way:
            return replace(self, sent=self.sent + 1, under_way=_without(self.under_way, n), passed=max(self.passed, n))
        if self.unknown_numbers >> n & 1:
            return replace(
                self, sent=self.sent + 1, unknown=self.unknown - 1, unknown_numbers=self.unknown_numbers & ~(1 << n)
            )
        return self

    def was_refused(self, n: int) -> Ledger:
        """No gateway sent number `n`: it is to be repeated, if it can still arrive in rising order."""
        if n in self.under_way:
            return replace(
                self,
                refused=self.refused + 1,
                under_way=_without(self.under_way, n),
                refused_numbers=self.refused_numbers | 1 << n,
            )
        if self.unknown_numbers >> n & 1:  # heard late; `passed` knows whether the stream went on meanwhile
            return replace(
                self,
                refused=self.refused + 1,
                unknown=self.unknown - 1,
                unknown_numbers=self.unknown_numbers & ~(1 << n),
                refused_numbers=self.refused_numbers | 1 << n,
            )
        return self

    def is_unknown(self, n: int) -> Ledger:
        """Nobody knows whether number `n` was sent: it counts as sent, and is not repeated."""
        if n not in self.under_way:
            return self
        return replace(
            self,
            unknown=self.unknown + 1,
            unknown_numbers=self.unknown_numbers | 1 << n,
            under_way=_without(self.under_way, n),
            passed=max(self.passed, n),
        )


def _without(numbers: tuple[int, ...], n: int) -> tuple[int, ...]:
    """The numbers less the oldest occurrence of `n`."""
    at = numbers.index(n)
    return numbers[:at] + numbers[at + 1 :]
