"""What the simulated network was asked for, read from its own log."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any


def inputs(directory: Path) -> list[tuple[int, str, dict[str, Any]]]:
    """What was asked of the simulated network, over all lives of the process: instant, kind and particulars."""
    found: list[tuple[int, str, dict[str, Any]]] = []
    for log in directory.glob("*/network.sqlite"):
        link = sqlite3.connect(log)
        rows = link.execute("SELECT at, kind, what FROM input WHERE turn IS NOT NULL ORDER BY turn").fetchall()
        found += [(at, kind, json.loads(what)) for at, kind, what in rows]
        link.close()
    return found


def multicast_payloads(directory: Path) -> dict[int, set[str]]:
    """What was ordered of the network under each multicast counter."""
    found: dict[int, set[str]] = {}
    for _, kind, what in inputs(directory):
        if kind == "multicast":
            found.setdefault(what["f_cnt"], set()).add(what["payload"])
    return found
