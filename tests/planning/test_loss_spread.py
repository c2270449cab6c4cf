"""How lossy devices truly are, given what was counted."""

from __future__ import annotations

import numpy as np
import pytest

from fleetcast.planning.loss_spread import LossSpread


def test_a_stated_loss_is_taken_as_it_is() -> None:
    spread = LossSpread([0.0, 0.5], [None, None], 0.1)
    assert spread.draw(np.random.default_rng(1)).tolist() == [0.0, 0.5]


def test_the_worst_of_many_counts_is_drawn_less_bad_than_it_looks() -> None:
    dice = np.random.default_rng(1)
    true = dice.uniform(0.05, 0.3, 400)
    counted = dice.binomial(300, true) / 300
    spread = LossSpread(counted.tolist(), [300] * 400, 0.1)
    worst = np.mean([spread.draw(dice).max() for _ in range(40)])
    assert abs(worst - true.max()) < abs(counted.max() - true.max())
    assert worst == pytest.approx(true.max(), abs=0.04)


def test_a_fleet_that_is_alike_is_drawn_alike() -> None:
    dice = np.random.default_rng(1)
    counted = dice.binomial(300, 0.1, 400) / 300
    drawn = LossSpread(counted.tolist(), [300] * 400, 0.1).draw(dice)
    assert drawn.std() < counted.std()
    assert drawn.mean() == pytest.approx(0.1, abs=0.01)


def test_an_unknown_device_is_like_the_others_of_its_fleet() -> None:
    dice = np.random.default_rng(1)
    spread = LossSpread([*([0.3] * 50), None], [*([1000] * 50), None], 0.1)
    assert np.mean([spread.draw(dice)[-1] for _ in range(200)]) == pytest.approx(0.3, abs=0.05)


def test_a_fleet_of_which_nothing_is_known_loses_what_is_usual() -> None:
    spread = LossSpread([None] * 2000, [None] * 2000, 0.1)
    assert spread.draw(np.random.default_rng(1)).mean() == pytest.approx(0.1, abs=0.1)
