"""What a device has of a data block: worked out from real fragments, or looked up where it is worked out for many.

Both ways give the same `Reception`, and a fragmentation session does not know which one it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from fleetcast.fec import Decoder, Scheme
from fleetcast.simulator.traits import Traits


@dataclass(frozen=True, slots=True)
class Reception:
    """How far a device is with a block."""

    received: int
    """Fragments heard until the block was complete, repeated ones too where the stack counts them."""
    distinct: int
    """Different fragments taken."""
    uncoded: int
    """Different uncoded fragments taken."""
    last_n: int
    """The number heard last, dropped or not; 0: none."""
    highest_n: int
    """The highest number heard."""
    missing: int
    """M - rank."""
    memory_exceeded: bool = False
    """Decoding was given up: more uncoded fragments were lost than the decoder can hold."""

    @property
    def complete(self) -> bool:
        """Whether the block is known."""
        return self.missing == 0

    def lost(self, nb_frag: int) -> int:
        """Uncoded fragments lost, as far as one can know: a fragment counts when a higher number was heard."""
        return min(self.highest_n, nb_frag) - self.uncoded


class Receiver(Protocol):
    """Where a session looks up what was received."""

    def reception(self) -> Reception:
        """The present state."""
        ...

    def block(self, padding: int) -> bytes:
        """The complete block without its padding; raises Conflict when it is not complete."""
        ...


class Listeners(Protocol):
    """A stream of fragments whose reception is worked out for all its listeners at once (statistics)."""

    def reception(self, position: int) -> Reception:
        """The state of the listener at this position."""
        ...

    def block(self, padding: int) -> bytes:
        """The block that the stream carries, without padding; the same object each time, since listeners share it."""
        ...


class Followed:
    """A listener among many: what it received is looked up."""

    __slots__ = ("listeners", "position")

    def __init__(self, listeners: Listeners, position: int) -> None:
        self.listeners = listeners
        self.position = position

    def reception(self) -> Reception:
        """As `Receiver`."""
        return self.listeners.reception(self.position)

    def block(self, padding: int) -> bytes:
        """As `Receiver`."""
        return self.listeners.block(padding)


class Collected:
    """A device that takes real fragments and rebuilds the block."""

    __slots__ = ("_decoder", "_heard", "_highest_n", "_last_n", "_received", "_uncoded")

    def __init__(self, nb_frag: int, frag_size: int, scheme: Scheme, memory: int | None) -> None:
        self._decoder = Decoder(nb_frag, frag_size, scheme, memory)
        self._heard: set[int] = set()
        self._received = self._uncoded = self._last_n = self._highest_n = 0

    def reception(self) -> Reception:
        """As `Receiver`."""
        decoder = self._decoder
        return Reception(
            self._received, len(self._heard), self._uncoded, self._last_n, self._highest_n, decoder.missing,
            decoder.memory_exceeded,
        )  # fmt: skip

    def block(self, padding: int) -> bytes:
        """As `Receiver`."""
        return self._decoder.data(padding)

    def take(self, n: int, data: bytes, traits: Traits) -> None:
        """Take fragment `n`, as this stack takes repeated ones and numbers below the last."""
        decoder = self._decoder
        if decoder.complete:
            return
        repeated = n in self._heard
        if not repeated or traits.fragment_repeated == "count":
            self._received += 1
        self._last_n = n
        out_of_order = n < self._highest_n and (
            traits.fragment_out_of_order == "drop"
            or (traits.fragment_out_of_order == "drop_uncoded" and n <= decoder.fragment_count)
        )
        self._highest_n = max(self._highest_n, n)
        if repeated or out_of_order:
            return
        decoder.add(n, data)
        if decoder.memory_exceeded:
            return
        self._heard.add(n)
        self._uncoded += n <= decoder.fragment_count
