"""The report of a rehearsal as one HTML file: no script, no request to anywhere, light and dark."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape

from fleetcast import __version__
from fleetcast.instants import to_datetime
from fleetcast.planning.plan import Band90
from fleetcast.rehearsal import charts
from fleetcast.rehearsal.charts import Lane, Line
from fleetcast.rehearsal.report import Phase, Report, StageReport
from fleetcast.rehearsal.style import STYLE
from fleetcast.rehearsal.wording import airtime, bytes_written, duration, percent, percent_band, phases_written

_SUCCESS, _FAILURE = 2, 4
_STAGE_COLOURS = 7
_LONGEST_WHOLE_WORD = 30
_BADGES = {"SUCCEEDED": "good", "FAILED": "bad"}


def to_html(report: Report) -> str:
    """The whole page."""
    sections = (
        _summary(report), _timeline(report), _stages(report), _failures(report), _airtime(report), _estimate(report),
        _details(report),
    )  # fmt: skip
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>Rehearsal: {escape(report.name)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(section for section in sections if section)
        + f"\n</main>\n<footer>Rehearsed by fleetcast {escape(__version__)}, seed {report.seed}: the same scenario and "
        "seed play the same campaign.</footer>\n</body>\n</html>\n"
    )


def _summary(report: Report) -> str:
    badge = _BADGES.get(report.status, "other")
    what = report.campaign_type
    if report.file_name is not None:
        what += f" · {report.file_name}, {bytes_written(report.file_bytes)}"
    began = f"{to_datetime(report.start):%Y-%m-%d %H:%M} UTC"
    wanted = f"of {report.total}, {percent(report.success_share)}; {report.threshold_percent} % were wanted"
    tiles = [
        ("devices succeeded", f"{report.succeeded}", wanted),
        ("campaign took", duration(report.virtual_seconds), f"rehearsed in {report.wall_seconds:.1f} s"),
    ]
    if report.fragments_sent:
        ratio = report.over_limit
        beside = "no device completed" if ratio is None else f"{ratio:.3f} of the physical minimum"
        tiles.append(("airtime of fragments", airtime(report.airtime_s), beside))
    if report.energy is not None:
        share = percent(report.energy.battery_share)
        tiles.append(
            ("energy of an ordinary device", f"{report.energy.median_mah:.2f} mAh", f"mean: {share} of a battery")
        )
    busiest = max((each.busiest_hour_share for each in report.sub_bands), default=0.0)
    wrong = "no violation" if not report.violations else f"{report.violations} violations"
    tiles.append(("busiest hour on the air", percent(busiest), f"duty cycle: {wrong}"))
    cards = "".join(
        f'<div class="tile"><p class="name">{escape(name)}</p><p class="figure">{escape(figure)}</p>'
        f'<p class="beside">{escape(beside)}</p></div>'
        for name, figure, beside in tiles
    )
    why = f"<p class='why'>{escape(report.why)}</p>" if report.why else ""
    return (
        f'<header><h1>{escape(report.name)} <span class="badge {badge}">{escape(report.status)}</span></h1>'
        f"<p>{escape(what)} · {report.total} devices · {escape(report.strategy)} · {escape(report.setup)} setup · "
        f'{began}</p>{why}</header>\n<div class="tiles">{cards}</div>'
    )


def _timeline(report: Report) -> str:
    end_s = max(report.virtual_seconds, 1.0)
    rows: list[Lane] = []
    lines: list[Line] = []
    for stage in report.stages:
        if stage.started is None:
            continue
        series = (stage.number - 1) % _STAGE_COLOURS
        rows.append(Lane(f"{stage.number} {_short_name(stage)}", (_span(report, stage),), series))
        for kind in dict.fromkeys(phase.kind for phase in stage.phases):
            same = [phase for phase in stage.phases if phase.kind == kind]
            label = kind if len(same) == 1 else f"{kind}s"
            rows.append(Lane(label, tuple(_phase_span(report, phase) for phase in same), series, thin=True))
        if stage.completed:
            lines.append(Line(f"past {stage.name}", stage.completed, series))
    if report.success_over_time:
        lines.append(Line("succeeded", report.success_over_time, 7))
    if report.failures_over_time:
        lines.append(Line("failed", report.failures_over_time, 8, dashed=True))
    wanted = -(-report.threshold_percent * report.total // 100)
    picture = charts.curves(lines, end_s, report.total, "devices", (wanted, f"threshold {report.threshold_percent} %"))
    text = "<section><h2>Timeline</h2><h3>Stages</h3>" + charts.lanes(rows, end_s)
    text += "<h3>Devices that have passed a stage</h3>" + charts.legend([(line.label, line.series) for line in lines])
    text += picture
    sent = [Line(f"group {group.name}", group.over_time, g % _STAGE_COLOURS) for g, group in enumerate(report.groups)]
    if any(line.points for line in sent):
        most = max(group.sent for group in report.groups)
        mark = None
        if len(report.groups) == 1 and report.groups[0].minimum:
            mark = (float(report.groups[0].minimum), f"physical minimum {report.groups[0].minimum}")
        text += "<h3>Fragments sent</h3>"
        if len(sent) > 1:
            text += charts.legend([(line.label, line.series) for line in sent])
        text += charts.curves(sent, end_s, most, "fragments", mark)
    return text + "</section>"


def _short_name(stage: StageReport) -> str:
    return "Further rounds" if stage.name.startswith("Multiple rounds") else stage.name


def _phase_span(report: Report, phase: Phase) -> tuple[float, float, str]:
    begin, stop = (phase.started - report.start) / 1000, (phase.ended - report.start) / 1000
    return begin, stop, f"{phase.name}: {duration(stop - begin)}"


def _span(report: Report, stage: StageReport) -> tuple[float, float, str]:
    begin = ((stage.started or report.start) - report.start) / 1000
    stop = ((stage.ended or report.end) - report.start) / 1000
    return begin, stop, f"{stage.name}: {duration(stop - begin)}, {stage.succeeded} devices succeeded"


def _stages(report: Report) -> str:
    rows = []
    for stage in report.stages:
        began = "" if stage.started is None else duration((stage.started - report.start) / 1000)
        took = "" if stage.started is None or stage.ended is None else duration((stage.ended - stage.started) / 1000)
        phases = "not needed" if stage.not_needed else phases_written(stage.phases)
        rows.append((str(stage.number), stage.name, began, took, str(stage.succeeded), phases))
    return (
        "<section><h2>Stages</h2>"
        + _table(("", "stage", "began after", "took", "succeeded", "phases"), rows, "0234")
        + ("</section>")
    )


def _failures(report: Report) -> str:
    if not (report.failed or report.left_out):
        return "<section><h2>Failures</h2><p>Every device succeeded.</p></section>"
    text = "<section><h2>Failures</h2>"
    if report.failed:
        rows = [(cause, float(count), str(count), _FAILURE) for cause, count, _ in report.failed]
        text += charts.bars(rows)
        text += _table(("cause", "devices", "what to do"), [(c, str(n), advice) for c, n, advice in report.failed], "1")
    if report.examples:
        text += "<details><summary>Particulars, with one device each</summary>"
        text += _table(("device", "failure"), report.examples) + "</details>"
    if report.left_out:
        text += "<h3>Left out at the start</h3>"
        text += _table(("reason", "devices"), [(reason, str(count)) for reason, count in report.left_out], "1")
    return text + "</section>"


def _airtime(report: Report) -> str:
    text = "<section><h2>Airtime</h2>"
    for group in report.groups:
        if not group.sent:
            continue
        frame_s = group.airtime_s / group.sent
        rows: list[tuple[str, float, str, int]] = [
            ("the file alone", float(group.fragments), _frames(group.fragments, frame_s), 0),
            ("physical minimum", float(group.minimum), _frames(group.minimum, frame_s), 1),
            ("sent", float(group.sent), _frames(group.sent, frame_s), 2),
        ]
        text += f"<h3>Group {escape(group.name)}: {escape(group.strategy)}, {escape(group.scheme)}</h3>" + charts.bars(
            rows
        )
    text += (
        "<p class='note'>The physical minimum is the frame with which the last device that completed had received any "
        "fragments as many as the file has: with these losses no code and no sender can do with less.</p>"
    )
    rows_duty = [
        (each.gateway, each.sub_band, percent(each.duty_cycle), percent(each.busiest_hour_share),
         airtime(each.airtime_s), "violated" if each.violated else "kept")
        for each in report.sub_bands
    ]  # fmt: skip
    text += "<h3>Duty cycle of the gateways</h3>"
    text += _table(("gateway", "sub-band", "limit", "busiest hour", "airtime in all", ""), rows_duty, "234")
    return text + "</section>"


def _frames(count: int, frame_s: float) -> str:
    return f"{count} frames, {airtime(count * frame_s)}"


def _estimate(report: Report) -> str:
    estimate = report.estimate
    if estimate is None:
        return ""
    rows = [_range("duration", estimate.duration_s, report.virtual_seconds, duration)]
    if report.fragments_sent:
        rows.append(_range("airtime", estimate.airtime_s, report.airtime_s, airtime))
    success = f"expected {percent_band(estimate.success_share)}, came {percent(report.success_share)}"
    share = estimate.success_share
    rows.append(("success", share.low, share.median, share.high, report.success_share, success))
    if report.energy is not None:
        rows.append(_range("energy", estimate.energy_mah, report.energy.median_mah, lambda mah: f"{mah:.2f} mAh"))
    return (
        "<section><h2>Estimate and outcome</h2><p class='note'>The band holds nine of ten runs; the line in it is the "
        "median, the dot what came.</p>" + charts.ranges(rows) + "</section>"
    )


def _range(
    name: str, band: Band90, outcome: float, write: Callable[[float], str]
) -> tuple[str, float, float, float, float, str]:
    text = f"expected {write(band.median)} ({write(band.low)} to {write(band.high)}), came {write(outcome)}"
    return name, band.low, band.median, band.high, outcome, text


def _details(report: Report) -> str:
    groups = [
        (group.name, f"{group.band} DR{group.data_rate}", group.session_class, f"{group.frequency_hz / 1e6:.3f} MHz",
         str(group.devices), f"{group.fragments} x {group.fragment_bytes} B", str(group.sent), str(group.polls),
         group.finish)
        for group in report.groups
    ]  # fmt: skip
    text = "<section><h2>Details</h2><h3>Multicast groups</h3>"
    headings = ("group", "data rate", "class", "frequency", "devices", "fragments", "sent", "polls", "transfer ended")
    text += _table(headings, groups, "4567")
    facts = [
        ("transferred · valid · running", f"{report.transferred} · {report.valid} · {report.running}"),
        (
            "status requests",
            f"{report.polls} over multicast, {report.polls_unicast} by unicast; {report.answers} answers",
        ),
        ("uplinks heard", str(report.uplinks_heard)),
        ("time requests", f"{report.time_requests}, of which {report.time_answers} needed an answer"),
    ]
    if report.file_sha256 is not None:
        same = all(digest == report.file_sha256 for digest, _ in report.rebuilt_sha256)
        count = sum(number for _, number in report.rebuilt_sha256)
        verdict = "byte for byte the file" if same else "NOT the file"
        facts.append(("sha256 of the file", report.file_sha256))
        facts.append(("rebuilt from real bytes", f"{count} devices, {verdict}" if count else "no device"))
    text += "<h3>Figures</h3>" + _table(("", ""), facts)
    text += "<h3>Requests to single devices</h3>"
    text += _table(("request", "sent"), [(name, str(count)) for name, count in report.requests], "1")
    if report.warnings:
        text += "<h3>Warnings of the plan</h3><ul>"
        text += "".join(f"<li>{escape(warning)}</li>" for warning in report.warnings) + "</ul>"
    lines = [(duration((at - report.start) / 1000), kind, line) for at, kind, line in report.journal]
    text += "<details><summary>Journal</summary>" + _table(("after", "about", "what"), lines, "0") + "</details>"
    return text + "</section>"


def _has_long_word(text: str) -> bool:
    """Whether a word is so long that it has to be broken on a narrow page."""
    return max(map(len, text.split()), default=0) > _LONGEST_WHOLE_WORD


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], right: str = "") -> str:
    """A table; `right` names the columns of numbers by their position."""
    numbers = {int(position) for position in right}

    def cell(tag: str, position: int, text: str) -> str:
        kind = " class=number" if position in numbers else " class=long" if _has_long_word(text) else ""
        return f"<{tag}{kind}>{escape(text)}</{tag}>"

    head = "".join(cell("th", position, text) for position, text in enumerate(headings)) if any(headings) else ""
    body = "".join("<tr>" + "".join(cell("td", i, text) for i, text in enumerate(row)) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
