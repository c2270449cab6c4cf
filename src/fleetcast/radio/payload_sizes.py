"""Payload sizes by data rate, and the editions of the regional parameters that they come from (RP002).

A device checks sizes against the edition it was built for; which band has which sizes is in `bands`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from fleetcast.errors import Invalid

_HEADER_BYTES = 8  # FHDR without FOpts 7, FPort 1: the difference between M and N


class Revision(IntEnum):
    """Editions of the regional parameters, in order; `LORAWAN_1_0` stands for all before RP002-1.0.0."""

    LORAWAN_1_0 = 0
    RP002_1_0_0 = 1
    RP002_1_0_1 = 2
    RP002_1_0_2 = 3
    RP002_1_0_3 = 4
    RP002_1_0_4 = 5
    RP002_1_0_5 = 6

    @classmethod
    def parse(cls, text: str) -> Revision:
        """The edition written as `RP002-1.0.3`, or `LoRaWAN-1.0` for those before; raises Invalid otherwise."""
        for revision in cls:
            if text.strip().upper() == str(revision).upper():
                return revision
        known = ", ".join(map(str, cls))
        raise Invalid(f"{text!r} is not an edition of the regional parameters: use one of {known}")

    def __str__(self) -> str:
        return "LoRaWAN-1.0" if self is Revision.LORAWAN_1_0 else f"RP002-1.0.{self.value - 1}"


LATEST = Revision.RP002_1_0_5


@dataclass(frozen=True, slots=True)
class PayloadLimit:
    """Largest payload at one data rate: `macpayload_bytes` is RP002's M; 0 means that the data rate carries nothing."""

    dr: int
    macpayload_bytes: int

    @property
    def frmpayload_bytes(self) -> int:
        """RP002's N: the largest FRMPayload with empty FOpts."""
        return max(self.macpayload_bytes - _HEADER_BYTES, 0)


PayloadTable = tuple[PayloadLimit, ...]


def sizes(macpayload_bytes_by_dr: Mapping[int, int]) -> PayloadTable:
    """A payload table from {data rate: M}, the form in which the band files write it."""
    return tuple(PayloadLimit(dr, size) for dr, size in macpayload_bytes_by_dr.items())


@dataclass(frozen=True, slots=True)
class PayloadTables:
    """Sizes for one direction, with and without room for a repeater's header, and under the 400 ms dwell limit."""

    no_repeater: PayloadTable
    repeater: PayloadTable
    no_repeater_dwell_400ms: PayloadTable | None = None
    repeater_dwell_400ms: PayloadTable | None = None

    def table(self, *, repeater: bool, dwell_limited: bool) -> PayloadTable:
        """The table to read; a band without a dwell table has one limit for both."""
        limited = self.repeater_dwell_400ms if repeater else self.no_repeater_dwell_400ms
        if dwell_limited and limited is not None:
            return limited
        return self.repeater if repeater else self.no_repeater


@dataclass(frozen=True, slots=True)
class EarlierPayloads:
    """Payload tables that devices built for editions up to and including `until` go by."""

    until: Revision
    downlink: PayloadTables
    uplink: PayloadTables | None = None
