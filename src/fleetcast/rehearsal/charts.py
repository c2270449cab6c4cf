"""The pictures of a report, as SVG text: lanes over time, curves over time, bars, and ranges with what became of them.

Colours are CSS classes and variables of the page, so that light and dark are its matter alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from fleetcast.rehearsal.report import Curve
from fleetcast.rehearsal.wording import duration

WIDTH = 960
LEFT, RIGHT = 190, 24
_PLOT = WIDTH - LEFT - RIGHT
_NICE_S = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400, 172800, 345600,
    604800, 1209600, 2592000,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lane:
    """One row of a time picture: spans with their names, and what stands at the left."""

    label: str
    spans: tuple[tuple[float, float, str], ...]
    """From and to in seconds, and the text of the tooltip."""
    series: int
    """Which of the page's colours."""
    thin: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A curve with its name."""

    label: str
    points: Curve
    series: int
    dashed: bool = False


def lanes(rows: Sequence[Lane], end_s: float) -> str:
    """Rows of spans over time."""
    heights = [18 if row.thin else 26 for row in rows]
    bottom = 8 + sum(heights)
    parts = [_time_axis(end_s, 8, bottom)]
    y = 8
    for row, height in zip(rows, heights, strict=True):
        middle = y + height / 2
        label_class = "label minor" if row.thin else "label"
        parts.append(f'<text class="{label_class}" x="{LEFT - 12}" y="{middle + 4:.1f}" text-anchor="end">')
        parts.append(f"{escape(row.label)}</text>")
        bar = 8 if row.thin else 16
        for begin, stop, tip in row.spans:
            x, width = _x(begin, end_s), max(2.0, _x(stop, end_s) - _x(begin, end_s))
            parts.append(
                f'<rect class="s{row.series}{" thin" if row.thin else ""}" x="{x:.1f}" y="{middle - bar / 2:.1f}" '
                f'width="{width:.1f}" height="{bar}" rx="3"><title>{escape(tip)}</title></rect>'
            )
        y += height
    return _svg(bottom + 30, parts, "Stages over time")


def curves(drawn: Sequence[Line], end_s: float, top: int, unit: str, mark: tuple[float, str] | None = None) -> str:
    """Counts over time, as steps; `mark` is a level worth a dotted line, with its name."""
    height, y0 = 220, 12
    ceiling = _ceiling(top)
    parts = [_time_axis(end_s, y0, y0 + height)]
    for step in range(5):
        value = ceiling * step / 4
        y = y0 + height - height * step / 4
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        shown = f"{value:g}" + (f" {unit}" if step == 4 else "")
        parts.append(f'<text class="tick" x="{LEFT - 12}" y="{y + 4:.1f}" text-anchor="end">{shown}</text>')
    if mark is not None:
        level, name = mark
        y = y0 + height - height * level / ceiling
        parts.append(f'<line class="mark" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{LEFT + 8}" y="{y - 5:.1f}">{escape(name)}</text>')
    for line in drawn:
        if line.points:
            path = _steps(line.points, end_s, ceiling, y0, height)
            dashes = ' stroke-dasharray="5 4"' if line.dashed else ""
            parts.append(
                f'<path class="line l{line.series}" d="{path}"{dashes}><title>{escape(line.label)}</title></path>'
            )
    return _svg(y0 + height + 30, parts, "Counts over time")


def bars(rows: Sequence[tuple[str, float, str, int]]) -> str:
    """Horizontal bars: name, value, text behind the bar, colour."""
    most = max((value for _, value, _, _ in rows), default=1) or 1
    parts = []
    for i, (label, value, text, series) in enumerate(rows):
        y = 6 + i * 30
        width = max(2.0, (_PLOT - 180) * value / most)
        parts.append(f'<text class="label" x="{LEFT - 12}" y="{y + 15}" text-anchor="end">{escape(label)}</text>')
        parts.append(f'<rect class="s{series}" x="{LEFT}" y="{y}" width="{width:.1f}" height="20" rx="3"/>')
        parts.append(f'<text class="value" x="{LEFT + width + 8:.1f}" y="{y + 15}">{escape(text)}</text>')
    return _svg(10 + 30 * len(rows), parts, "Bars")


def ranges(rows: Sequence[tuple[str, float, float, float, float, str]]) -> str:
    """What was expected and what came: name, low, median, high, outcome, text; each row has its own scale."""
    parts = []
    for i, (label, low, median, high, outcome, text) in enumerate(rows):
        y = 16 + i * 44
        first, last = min(low, outcome), max(high, outcome)
        margin = (last - first) * 0.15 or abs(last) * 0.1 or 1.0
        start, span = first - margin, last - first + 2 * margin

        def at(value: float, start: float = start, span: float = span) -> float:
            return LEFT + _PLOT * (value - start) / span

        inside = "s2" if low <= outcome <= high else "s4"
        parts.append(f'<text class="label" x="{LEFT - 12}" y="{y + 4}" text-anchor="end">{escape(label)}</text>')
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        width = max(2.0, at(high) - at(low))
        parts.append(f'<rect class="band" x="{at(low):.1f}" y="{y - 7}" width="{width:.1f}" height="14" rx="3"/>')
        parts.append(f'<line class="median" x1="{at(median):.1f}" x2="{at(median):.1f}" y1="{y - 9}" y2="{y + 9}"/>')
        parts.append(f'<circle class="{inside} dot" cx="{at(outcome):.1f}" cy="{y}" r="6"/>')
        parts.append(f'<text class="tick" x="{LEFT}" y="{y + 22}">{escape(text)}</text>')
    return _svg(12 + 44 * len(rows), parts, "Expected ranges and outcomes")


def legend(entries: Sequence[tuple[str, int]]) -> str:
    """Names of colours."""
    shown = "".join(f'<li><span class="key k{series}"></span>{escape(name)}</li>' for name, series in entries)
    return f'<ul class="legend">{shown}</ul>'


def _svg(height: float, parts: Sequence[str], what: str) -> str:
    inner = "".join(parts)
    picture = f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{what}">{inner}</svg>'
    return f'<div class="scroll">{picture}</div>'


def _x(seconds: float, end_s: float) -> float:
    return LEFT + _PLOT * min(max(seconds, 0.0), end_s) / end_s


def _time_axis(end_s: float, top: float, bottom: float) -> str:
    step = next((each for each in _NICE_S if end_s / each <= 9), _NICE_S[-1])
    parts = []
    at = 0
    while at <= end_s:
        x = _x(at, end_s)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"/>')
        shown = "0" if at == 0 else _short(at)
        parts.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 17}" text-anchor="middle">{shown}</text>')
        at += step
    return "".join(parts)


def _short(seconds: int) -> str:
    for unit_s, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds % unit_s == 0:
            return f"{seconds // unit_s} {unit}"
    return duration(seconds)


def _ceiling(top: int) -> int:
    """The least multiple of four round steps that is not below."""
    size = 1
    while True:
        for factor in (1, 2, 3, 4, 5, 6, 8):
            if 4 * factor * size >= top:
                return 4 * factor * size
        size *= 10


def _steps(points: Curve, end_s: float, ceiling: int, y0: float, height: float) -> str:
    def y(count: int) -> float:
        return y0 + height - height * count / ceiling

    path = [f"M{_x(points[0][0], end_s):.1f},{y(0):.1f}V{y(points[0][1]):.1f}"]
    for _, (at, count) in pairwise(points):
        path.append(f"H{_x(at, end_s):.1f}V{y(count):.1f}")
    path.append(f"H{_x(end_s, end_s):.1f}")
    return "".join(path)
