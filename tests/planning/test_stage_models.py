"""How the estimate lets unicast stages go, against the rules told device by device."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetcast.planning.fleet_sample import FleetSample
from fleetcast.planning.policy import BelowThreshold, Policy
from fleetcast.planning.stage_models import ANSWER_S, Course, exchanges, session_stage, stage_over, unicast_stage


def sample(count: int, *, period_s: float = 3600.0, loss: float = 0.0, uplink_loss: float = 0.0) -> FleetSample:
    def of(value: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.full(count, value)

    return FleetSample(
        group=np.zeros(count, np.int64), period_s=of(period_s), transfer_loss=of(loss),
        answered=of((1 - loss) * (1 - uplink_loss)), heard=of(1 - uplink_loss), speaks=np.ones(count, bool),
        always_open=np.zeros(count, bool),
        questions=np.ones(count, np.int64), any_order=np.ones(count, bool), memory=of(math.inf),
        closing_exchanges=np.ones(count, np.int64), provable=np.ones(count, bool),
    )  # fmt: skip


def course(fleet: FleetSample, needed: int, policy: Policy | None = None, runs: int = 50) -> Course:
    return Course.begin(fleet, policy or Policy(), np.random.default_rng(1), needed, runs)


def test_without_loss_every_exchange_is_done_at_the_first_uplink() -> None:
    begun = course(sample(30), 30)
    done, final = exchanges(begun, np.zeros((50, 1)), 1)
    assert np.array_equal(done, final)
    assert np.allclose(done, begun.phase + ANSWER_S)


def test_exchanges_in_a_row_cost_no_further_uplink() -> None:
    begun = course(sample(30), 30)
    done, _ = exchanges(begun, np.zeros((50, 1)), 4)
    assert np.allclose(done, begun.phase + 4 * ANSWER_S)


def test_a_lost_exchange_waits_for_the_next_uplink_and_is_given_up_after_the_retries() -> None:
    fleet = sample(4000, loss=0.5)
    begun = course(fleet, 1, Policy(msg_retries=2), runs=10)
    done, final = exchanges(begun, np.zeros((10, 1)), 1)
    tries = (final - begun.phase - ANSWER_S) / 3600
    assert set(np.unique(tries.round(6))) <= {0.0, 1.0, 2.0, 3.0}
    assert np.isinf(done).mean() == pytest.approx(0.5**3, abs=0.01)
    assert np.array_equal(np.isinf(done), tries.round() == 3)


def test_unheard_uplinks_are_no_opportunities() -> None:
    begun = course(sample(4000, uplink_loss=0.5), 1, Policy(msg_retries=50), runs=10)
    done, _ = exchanges(begun, np.zeros((10, 1)), 1)
    # The first uplink heard is the second on average; half of the answers are lost, and each costs two more periods.
    assert ((done - begun.phase - ANSWER_S) / 3600).mean() == pytest.approx(1 + 2, abs=0.1)


def test_a_device_in_class_c_for_good_is_reached_at_any_time_once_it_was_heard() -> None:
    fleet = sample(20, loss=0.3)
    fleet.always_open[:] = True
    begun = course(fleet, 1)
    done, final = exchanges(begun, np.zeros((50, 1)), 1)
    assert (final - begun.phase < 60).all()
    later, _ = exchanges(begun, np.full((50, 1), 7200.0), 1)
    assert (later[np.isfinite(later)] < 7300).all()
    at_once = course(fleet, 1, Policy(class_c_at_once=True))
    assert (exchanges(at_once, np.zeros((50, 1)), 1)[1] < 60).all()
    assert np.isfinite(done).any()


def test_a_device_that_never_speaks_is_never_final() -> None:
    fleet = sample(3)
    fleet.speaks[1] = False
    done, final = exchanges(course(fleet, 1), np.zeros((50, 1)), 1)
    assert np.isinf(done[:, 1]).all()
    assert np.isinf(final[:, 1]).all()


def test_nothing_to_ask_is_done_at_once() -> None:
    done, final = exchanges(course(sample(3), 1), np.full((50, 1), 7.0), 0)
    assert (done == 7.0).all()
    assert (final == 7.0).all()


def test_a_stage_below_the_threshold_ends_the_campaign_unless_it_goes_on_with_those_it_has() -> None:
    hopeless = sample(10, loss=0.95)
    failing = course(hopeless, 9)
    unicast_stage(failing, 1, 1e6)
    assert not failing.going.any()
    assert (failing.time > 0).all(), "it failed when the threshold was out of reach, not at the start"
    going_on = course(hopeless, 9, Policy(below_threshold=BelowThreshold.CONTINUE))
    unicast_stage(going_on, 1, 1e6)
    assert going_on.going.all()


def test_a_session_starts_when_all_could_have_been_told_or_at_the_latest() -> None:
    begun = course(sample(10), 1)
    session_stage(begun, 10_862.0, 1e6, 1, None)
    assert (begun.time == 10_862.0).all()
    bounded = course(sample(10), 1)
    session_stage(bounded, 10_862.0, 1800.0, 1, None)
    assert (bounded.time == 1800.0).all()
    assert bounded.passing.mean() == pytest.approx(0.5, abs=0.1), "half of the devices speak too late"
    given_start = course(sample(10), 1)
    session_stage(given_start, 10_862.0, 1e6, 1, 20_000.0)
    assert (given_start.time == 20_000.0).all()


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(0, 2), st.floats(0, 20_000))
def test_a_stage_is_over_as_the_rules_say(seed: int, needed: int, grace: int, latest_s: float) -> None:
    dice = np.random.default_rng(seed)
    fleet = sample(12, loss=0.4, uplink_loss=0.3)
    fleet.speaks[:] = dice.random(12) > 0.2
    begun = Course.begin(fleet, Policy(stage_complete_delay=grace), dice, needed, 6)
    begun.passing &= dice.random((6, 12)) > 0.1
    done, final = exchanges(begun, begun.time[:, None], 1)
    over = stage_over(begun, done, final, latest_s)
    for run in range(6):
        assert over[run] == pytest.approx(_told_device_by_device(begun, done[run], final[run], run, latest_s))


def _told_device_by_device(begun: Course, done: np.ndarray, final: np.ndarray, run: int, latest_s: float) -> float:  # type: ignore[type-arg]
    """The instants at which something could end the stage, tried one after the other."""
    fleet, needed = begun.fleet, begun.needed
    mine = [i for i in range(len(fleet)) if begun.passing[run, i]]
    if len(mine) < needed:
        return 0.0
    for now in sorted({*(done[i] for i in mine), *(final[i] for i in mine)} - {math.inf}):
        succeeded = [i for i in mine if done[i] <= now]
        failed = [i for i in mine if math.isinf(done[i]) and final[i] <= now]
        if len(succeeded) + len(failed) == len(mine) or len(mine) - len(failed) < needed:
            return min(now, latest_s)
        if len(succeeded) >= needed:
            still_open = [i for i in mine if final[i] > now]
            grace_s = (begun.policy.stage_complete_delay + 1) * max(float(fleet.period_s[i]) for i in still_open)
            return min(now + grace_s, max(final[i] for i in still_open), latest_s)
    return latest_s
