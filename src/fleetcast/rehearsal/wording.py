"""Durations, sizes and shares as people read them, on the terminal and in the HTML report."""

from __future__ import annotations

from collections.abc import Sequence

from fleetcast.planning.plan import Band90
from fleetcast.rehearsal.report import Phase


def duration(seconds: float) -> str:
    """`42 s`, `7 min 12 s`, `3 h 05 min`, `2 d 03 h`."""
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours:02d} h"


def airtime(seconds: float) -> str:
    """`83.4 s`."""
    return f"{seconds:.1f} s"


def bytes_written(size: int) -> str:
    """`231.6 kB`, in powers of ten."""
    return f"{size} bytes" if size < 1000 else f"{size / 1000:.1f} kB"


def percent(share: float) -> str:
    """`97.5 %`."""
    return f"{share * 100:.3g} %"


def percent_band(band: Band90) -> str:
    """`97 % (94 % to 99 %)`."""
    return f"{percent(band.median)} ({percent(band.low)} to {percent(band.high)})"


def phases_written(phases: Sequence[Phase]) -> str:
    """`image check, class sessions 2 to 4, version check`: those of one kind together, where the first began."""
    parts = []
    for kind in dict.fromkeys(phase.kind for phase in phases):
        labels = [phase.label for phase in phases if phase.kind == kind]
        if len(labels) == 1:
            parts.append(f"{kind} {labels[0]}".strip())
        elif all(label.isdigit() for label in labels):
            parts.append(f"{kind}s {labels[0]} to {labels[-1]}")
        else:
            parts.append(f"{kind}s {', '.join(labels)}")
    return ", ".join(parts)
