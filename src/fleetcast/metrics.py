"""Every metric, declared once with its unit and meaning; `docs/reference/metrics.md` is generated from here.

Counters count since the process began. What the database knows better (campaigns by status, queues) is read when the
metrics are asked for, by whoever serves them.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics import MetricWrapperBase

REGISTRY: Final = CollectorRegistry()
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

# A second series for each counter that says when it began: `started_timestamp_seconds` says it once.
disable_created_metrics()  # type: ignore[no-untyped-call]

_DECLARED: Final[list[MetricWrapperBase]] = []


def _counter(name: str, sentence: str, *labels: str) -> Counter:
    made = Counter(f"fleetcast_{name}", sentence, labels, registry=REGISTRY)
    _DECLARED.append(made)
    return made


def _gauge(name: str, sentence: str, *labels: str) -> Gauge:
    made = Gauge(f"fleetcast_{name}", sentence, labels, registry=REGISTRY)
    _DECLARED.append(made)
    return made


def _histogram(name: str, sentence: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
    made = Histogram(f"fleetcast_{name}", sentence, labels, buckets=buckets, registry=REGISTRY)
    _DECLARED.append(made)
    return made


BUILD: Final = _gauge(
    "build_info", "Always 1; the labels name the version and the role of the process.", "version", "role"
)
STARTED: Final = _gauge("started_timestamp_seconds", "When the process began, in seconds since 1970 (UTC).")
READY: Final = _gauge("ready", "1 while `/readyz` says yes: the database answers, and every part is well.")
PART_WELL: Final = _gauge("part_well", "1 while a part of the process (loop, connection, campaign) is well.", "part")
PART_RESTARTS: Final = _gauge("part_restarts", "How often a part of the process failed and was begun again.", "part")
DATABASE_UP: Final = _gauge("database_up", "1 while the database answers.")
DATABASE_SECONDS: Final = _gauge("database_answer_seconds", "How long the database took for the smallest question.")

UPLINKS: Final = _counter("uplinks_total", "Messages from devices that were taken in and committed.")
DOWNLINKS: Final = _counter("downlinks_total", "Frames that were handed over to network servers.")
INTAKE_REPORTS: Final = _counter(
    "intake_reports_total", "Reports that network servers sent by HTTP, by the status they were answered.", "status"
)
REPORTS_MALFORMED: Final = _counter(
    "reports_malformed_total", "Reports of network servers that could not be read; nothing else came of them.", "kind"
)
CAMPAIGNS_OWNED: Final = _gauge("campaigns_owned", "Campaigns that this process runs just now.")

CAMPAIGNS: Final = _gauge("campaigns", "Campaigns of all subscribers that aren't archived, by status.", "status")
DEVICES: Final = _gauge("devices", "Devices of all subscribers that aren't archived.")
INBOX: Final = _gauge("inbox_waiting", "Events and orders that campaigns have not thought about yet.")
OUTBOX: Final = _gauge("outbox_waiting", "Effects that were decided and not carried out yet.")

REQUESTS: Final = _counter(
    "http_requests_total", "Requests that were answered; routes without /api/v1.", "method", "route", "status"
)
REQUEST_SECONDS: Final = _histogram(
    "http_request_seconds",
    "How long answers took, until their last byte; streams of events are not counted.",
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    "method",
    "route",
)


def exposition() -> bytes:
    """All metrics, as Prometheus reads them."""
    return generate_latest(REGISTRY)


def metrics_markdown() -> str:
    """The reference page."""
    lines = ["# Metrics", "", _INTRODUCTION, "", "| metric | kind | labels | |", "| --- | --- | --- | --- |"]
    for metric in _DECLARED:
        (family,) = metric.describe()
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = ", ".join(f"`{each}`" for each in metric._labelnames)
        lines.append(f"| `{name}` | {family.type} | {labels} | {family.documentation} |")
    return "\n".join(lines) + "\n"


_INTRODUCTION: Final = (
    "`/metrics` answers in the format of Prometheus, without asking who reads it. Names end in their unit; counters "
    "begin at 0 with the process."
)
