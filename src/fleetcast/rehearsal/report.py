"""What became of a rehearsal, as values and as JSON. It measures nothing itself: see `measure`."""

from __future__ import annotations

from dataclasses import dataclass

from fleetcast.instants import InstantMs, rfc3339
from fleetcast.planning.plan import Band90, Estimate

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None
"""A value of JSON."""

Curve = tuple[tuple[float, int], ...]
"""Points of a count that rises over time: seconds since the start, and how many."""


@dataclass(frozen=True, slots=True)
class Phase:
    """Part of a stage, as it went; several class sessions are phases of one kind."""

    kind: str
    started: InstantMs
    ended: InstantMs
    label: str = ""
    """What tells it from others of its kind."""

    @property
    def name(self) -> str:
        """As it is shown."""
        return f"{self.kind} {self.label}" if self.label else self.kind


@dataclass(frozen=True, slots=True)
class StageReport:
    """One stage; instants are None for a stage that never began."""

    number: int
    name: str
    phases: tuple[Phase, ...]
    started: InstantMs | None
    ended: InstantMs | None
    succeeded: int
    not_needed: bool
    completed: Curve
    """Devices that passed it, over time."""


@dataclass(frozen=True, slots=True)
class GroupReport:
    """One group's stream of fragments."""

    name: str
    band: str
    session_class: str
    data_rate: int
    frequency_hz: int
    devices: int
    strategy: str
    scheme: str
    fragments: int
    """M."""
    fragment_bytes: int
    sent: int
    """Data fragments on the air, repeated ones too."""
    airtime_s: float
    minimum: int
    """The frame with which the last device that completed held any M frames; 0: none completed."""
    limit_s: float
    """Airtime of so many frames."""
    polls: int
    finish: str
    """Why its transfer ended."""
    over_time: Curve


@dataclass(frozen=True, slots=True)
class SubBandReport:
    """What one gateway sent in one sub-band."""

    gateway: str
    sub_band: str
    duty_cycle: float
    busiest_hour_share: float
    """Most airtime in any sliding hour, as a share of it."""
    airtime_s: float
    violated: bool


@dataclass(frozen=True, slots=True)
class Energy:
    """Charge that devices drew during the campaign, mAh."""

    mean_mah: float
    median_mah: float
    highest_mah: float
    battery_share: float
    """The mean as a share of the battery."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome."""

    name: str
    seed: int
    campaign_type: str
    strategy: str
    setup: str
    file_name: str | None
    file_bytes: int
    start: InstantMs
    end: InstantMs
    status: str
    why: str
    threshold_percent: int
    total: int
    """Participants."""
    left_out: tuple[tuple[str, int], ...]
    transferred: int
    valid: int
    running: int
    succeeded: int
    failed: tuple[tuple[str, int, str], ...]
    """Cause, devices, what an operator can do; most frequent first."""
    examples: tuple[tuple[str, str], ...]
    """DevEUI and particulars of some that failed."""
    stages: tuple[StageReport, ...]
    groups: tuple[GroupReport, ...]
    sub_bands: tuple[SubBandReport, ...]
    success_over_time: Curve
    failures_over_time: Curve
    polls: int
    polls_unicast: int
    answers: int
    requests: tuple[tuple[str, int], ...]
    """Unicast requests handed to the network, by name."""
    uplinks_heard: int
    time_requests: int
    time_answers: int
    file_sha256: str | None
    rebuilt_sha256: tuple[tuple[str, int], ...]
    """Digests of the blocks that devices rebuilt from real bytes, and how many devices each."""
    energy: Energy | None
    estimate: Estimate | None
    warnings: tuple[str, ...]
    journal: tuple[tuple[InstantMs, str, str], ...]
    wall_seconds: float

    @property
    def virtual_seconds(self) -> float:
        """How long the campaign took, in its own time."""
        return (self.end - self.start) / 1000

    @property
    def fragments_sent(self) -> int:
        """Data fragments on the air, all groups."""
        return sum(group.sent for group in self.groups)

    @property
    def airtime_s(self) -> float:
        """Their airtime."""
        return sum(group.airtime_s for group in self.groups)

    @property
    def fragments_minimum(self) -> int:
        """The physical minimum for the losses of this run, all groups."""
        return sum(group.minimum for group in self.groups)

    @property
    def airtime_limit_s(self) -> float:
        """Its airtime."""
        return sum(group.limit_s for group in self.groups)

    @property
    def over_limit(self) -> float | None:
        """Airtime over the physical limit; None where nothing was completed."""
        return self.airtime_s / self.airtime_limit_s if self.airtime_limit_s else None

    @property
    def violations(self) -> int:
        """Sub-bands of gateways in which some sliding hour held more than the regulation allows."""
        return sum(each.violated for each in self.sub_bands)

    @property
    def success_share(self) -> float:
        """Of the participants, 0 to 1."""
        return self.succeeded / self.total if self.total else 0.0


def to_json(report: Report) -> dict[str, Json]:
    """The report for programs; instants in RFC 3339, durations in seconds."""
    return {
        "scenario": report.name,
        "seed": report.seed,
        "campaign": report.campaign_type,
        "status": report.status,
        "why": report.why,
        "started": rfc3339(report.start),
        "ended": rfc3339(report.end),
        "devices": {
            "total": report.total,
            "left_out": dict(report.left_out),
            "transferred": report.transferred,
            "valid": report.valid,
            "running": report.running,
            "succeeded": report.succeeded,
            "failed": {cause: count for cause, count, _ in report.failed},
        },
        "stages": [_stage(stage) for stage in report.stages],
        "fragments_sent": report.fragments_sent,
        "airtime_s": round(report.airtime_s, 6),
        "fragments_minimum": report.fragments_minimum,
        "airtime_limit_s": round(report.airtime_limit_s, 6),
        "airtime_over_limit": report.over_limit,
        "groups": [_group(group) for group in report.groups],
        "status_requests": {"multicast": report.polls, "unicast": report.polls_unicast},
        "polls": report.polls,
        "answers": report.answers,
        "requests": dict(report.requests),
        "uplinks_heard": report.uplinks_heard,
        "time": {"asked": report.time_requests, "answered": report.time_answers},
        "duty_cycle": [_sub_band(each) for each in report.sub_bands],
        "duty_cycle_violations": report.violations,
        "energy_mah": None
        if report.energy is None
        else {
            "mean": report.energy.mean_mah,
            "median": report.energy.median_mah,
            "highest": report.energy.highest_mah,
            "share_of_battery": report.energy.battery_share,
        },
        "estimate": None if report.estimate is None else _estimate(report.estimate),
        "sha256": report.rebuilt_sha256[0][0] if len(report.rebuilt_sha256) == 1 else None,
        "rebuilt": dict(report.rebuilt_sha256),
        "file": None
        if report.file_name is None
        else {"name": report.file_name, "bytes": report.file_bytes, "sha256": report.file_sha256},
        "warnings": list(report.warnings),
        "virtual_seconds": report.virtual_seconds,
        "wall_seconds": round(report.wall_seconds, 3),
    }


def _stage(stage: StageReport) -> Json:
    return {
        "number": stage.number,
        "name": stage.name,
        "phases": [
            {"name": phase.name, "started": rfc3339(phase.started), "ended": rfc3339(phase.ended)}
            for phase in stage.phases
        ],
        "started": None if stage.started is None else rfc3339(stage.started),
        "ended": None if stage.ended is None else rfc3339(stage.ended),
        "succeeded": stage.succeeded,
        "needed": not stage.not_needed,
    }


def _group(group: GroupReport) -> Json:
    return {
        "name": group.name,
        "class": group.session_class,
        "data_rate": group.data_rate,
        "devices": group.devices,
        "strategy": group.strategy,
        "scheme": group.scheme,
        "fragments": group.fragments,
        "fragment_bytes": group.fragment_bytes,
        "fragments_sent": group.sent,
        "airtime_s": round(group.airtime_s, 6),
        "fragments_minimum": group.minimum,
        "airtime_limit_s": round(group.limit_s, 6),
        "polls": group.polls,
        "finish": group.finish,
    }


def _sub_band(each: SubBandReport) -> Json:
    return {
        "gateway": each.gateway,
        "sub_band": each.sub_band,
        "limit": each.duty_cycle,
        "busiest_hour": round(each.busiest_hour_share, 6),
        "airtime_s": round(each.airtime_s, 3),
        "violated": each.violated,
    }


def _estimate(estimate: Estimate) -> Json:
    return {
        "duration_s": _band(estimate.duration_s),
        "airtime_s": _band(estimate.airtime_s),
        "success_share": _band(estimate.success_share),
        "energy_mah": _band(estimate.energy_mah),
        "duty_cycle": dict(estimate.duty_cycle),
    }


def _band(band: Band90) -> Json:
    return {"low": round(band.low, 4), "median": round(band.median, 4), "high": round(band.high, 4)}
