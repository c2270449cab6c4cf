"""Firmware versions as people write them in a scenario: `"1.4.0.2"`, or the 32-bit number itself."""

from __future__ import annotations

import re
from typing import overload

from fleetcast.rehearsal.reading import Table


@overload
def read_version(table: Table, key: str) -> int: ...
@overload
def read_version(table: Table, key: str, default: int) -> int: ...
def read_version(table: Table, key: str, default: int = 0) -> int:
    """The version under a key, most significant part first; missing parts are 0. Raises ScenarioWrong."""
    value = table.plain(key)
    if value is None:
        return default
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 0xFFFFFFFF:
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{1,3}(\.\d{1,3}){0,3}", value, re.ASCII):
        parts = [int(part) for part in value.split(".")]
        if max(parts) <= 255 and any(parts):
            return int.from_bytes(bytes([*parts, 0, 0, 0][:4]), "big")
    raise table.wrong(
        key, f'{value}: write "1.4.0.2" with four numbers from 0 to 255, or a number from 1 to 4294967295'
    )


def written_version(version: int) -> str:
    """The version in four parts."""
    return ".".join(str(part) for part in version.to_bytes(4, "big"))
