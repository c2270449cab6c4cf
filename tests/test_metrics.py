"""Metrics: every one has a unit or a plain meaning, and stands on its page."""

from __future__ import annotations

import re

from fleetcast import metrics
from fleetcast.metrics import metrics_markdown


def families() -> dict[str, str]:
    return {
        f"{each.name}_total" if each.type == "counter" else each.name: each.documentation
        for each in metrics.REGISTRY.collect()
    }


def test_every_metric_stands_on_the_page_with_its_meaning() -> None:
    page = metrics_markdown()
    assert len(families()) > 10
    for name, meaning in families().items():
        assert f"| `{name}` |" in page
        assert meaning.endswith("."), name
        assert name.startswith("fleetcast_")


def test_times_are_in_seconds_and_counters_end_in_total() -> None:
    for name in families():
        assert not re.search(r"_(ms|us|minutes|millis)", name), name
    assert "fleetcast_uplinks_total" in families()


def test_what_prometheus_reads_has_a_help_line_for_each() -> None:
    text = metrics.exposition().decode()
    for name in families():
        assert f"# HELP {name}" in text
