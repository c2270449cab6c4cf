"""Instants as plain integers: milliseconds since 1970-01-01 00:00:00 UTC.

Campaigns hold several instants for each of up to a million devices; an integer costs a fraction of an aware `datetime`
and compares faster. People and interfaces see RFC 3339; this is the one place where the two meet.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from fleetcast.errors import Invalid

InstantMs: TypeAlias = int

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def from_datetime(when: datetime) -> InstantMs:
    """The instant of an aware datetime; a naive one is refused with `Invalid`, since its zone would be a guess."""
    if when.tzinfo is None:
        raise Invalid(f"{when.isoformat()}: a time needs a zone, for example 2026-03-01T08:00:00Z")
    return (when - _EPOCH) // _MS


def to_datetime(instant: InstantMs) -> datetime:
    """The instant as an aware UTC datetime."""
    return _EPOCH + timedelta(milliseconds=instant)


def rfc3339(instant: InstantMs) -> str:
    """The instant as people and programs read it, in UTC, to the millisecond."""
    return to_datetime(instant).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_rfc3339(text: str) -> InstantMs:
    """The instant a text names; `Invalid` when it has no offset or is no time."""
    try:
        return from_datetime(datetime.fromisoformat(text))
    except ValueError:
        raise Invalid(f"{text!r} is no time: write it as 2026-03-01T08:00:00Z") from None
