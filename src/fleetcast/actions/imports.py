"""What every mass import has in common: all or nothing, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import did, or would do."""

    created: int
    updated: int
    """Those that were there already, and were asked to be updated; restored ones among them."""
    restored: int
    """Of these those that were archived."""


EXISTS = "there is one already: choose to update what exists, or take the row out"
ARCHIVED = "there is an archived one: choose to update what exists, and it is restored"
