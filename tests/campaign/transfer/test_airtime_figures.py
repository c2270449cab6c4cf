"""A small run of the benchmark, so that it keeps working and its figures don't slip unseen."""

from __future__ import annotations

import pytest

from benchmarks.transfer_airtime import Case, play


def test_adaptive_stays_near_the_limit_with_few_questions():
    outcomes = [play(Case(200, 200), run) for run in range(6)]
    assert all(one.ratio >= 1 for one in outcomes)
    assert sum(one.ratio for one in outcomes) / 6 < 1.03
    assert sum(one.rounds for one in outcomes) / 6 <= 6
    assert sum(one.answers for one in outcomes) / 6 < 1.35
    assert not any(one.incomplete for one in outcomes)


@pytest.mark.parametrize(("strategy", "dearer"), [("fixed", 1.0), ("carousel", 3.0)])
def test_the_other_strategies_leave_devices_behind_or_cost_more(strategy: str, dearer: float):
    outcome = play(Case(100, 60, strategy), 0)  # type: ignore[arg-type]
    assert outcome.incomplete > 0 or outcome.ratio > dearer
