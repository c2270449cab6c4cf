"""Loss by device, gateway and direction, alone and in bursts."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fleetcast.errors import Invalid
from fleetcast.simulator.air import NO_GATEWAY, Air, Bursts, Links

SECOND_US = 1_000_000


def _air(loss: NDArray[np.float64], bursts: Bursts | None = None, seed: int = 1) -> Air:
    return Air(Links.one_gateway(loss, loss), seed, bursts)


def _heard(air: Air, devices: int, frames: int, gap_us: int = SECOND_US) -> NDArray[np.bool_]:
    return np.array([air.hear_multicast(np.arange(devices), (0,), frame * gap_us) for frame in range(frames)])


def test_each_device_loses_its_own_share_of_multicast_frames() -> None:
    loss = np.linspace(0, 1, 11)
    shares = 1 - _heard(_air(loss), 11, 4000).mean(axis=0)
    assert np.abs(shares - loss).max() < 0.03
    assert shares[0] == 0
    assert shares[-1] == 1


def test_losses_of_two_devices_have_nothing_to_do_with_each_other() -> None:
    heard = _heard(_air(np.full(2, 0.5)), 2, 4000)
    assert abs(np.corrcoef(heard.T)[0, 1]) < 0.05


def test_single_frames_are_lost_as_often_as_the_device_loses_them_up_and_down() -> None:
    air = Air(Links.one_gateway(np.array([0.2]), np.array([0.4])), 1)
    down = sum(air.hears_downlink(0, 0, 0) for _ in range(4000)) / 4000
    up = sum(air.heard_by(0, 0) == [0] for _ in range(4000)) / 4000
    assert down == pytest.approx(0.8, abs=0.03)
    assert up == pytest.approx(0.6, abs=0.03)


def test_a_device_hears_only_gateways_in_range_and_is_heard_by_any_of_them() -> None:
    links = Links(
        np.array([[0, 2], [1, NO_GATEWAY]], np.int16),
        np.array([[0, 1], [0, 1]], np.float32),
        np.array([[1, 0], [0, 1]], np.float32),
    )
    air = Air(links, 1)
    both = np.array([0, 1])
    assert air.hear_multicast(both, (0,), 0).tolist() == [True, False]
    assert air.hear_multicast(both, (1,), 0).tolist() == [False, True]
    assert air.hear_multicast(both, (2,), 0).tolist() == [False, False]
    assert not air.hears_downlink(0, 1, 0)
    assert air.heard_by(0, 0) == [2]
    assert air.gateways_of(1) == [1]


def test_the_same_seed_loses_the_same_frames_and_another_seed_others() -> None:
    loss = np.full(20, 0.3)
    first, again, other = (_heard(_air(loss, seed=seed), 20, 50) for seed in (5, 5, 6))
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("loss", [0.02, 0.1, 0.4, 0.95])
def test_bursts_keep_the_mean_loss(loss: float) -> None:
    bursts = Bursts(bad_share=0.1, mean_bad_s=5, bad_loss=0.9)
    heard = _heard(_air(np.full(400, loss), bursts), 400, 600)
    assert 1 - heard.mean() == pytest.approx(loss, abs=0.02)


def test_bursts_make_losses_come_together_and_fade_with_time() -> None:
    bursts = Bursts(bad_share=0.1, mean_bad_s=5, bad_loss=0.9)

    def likeness(gap_us: int) -> float:
        lost = ~_heard(_air(np.full(300, 0.1), bursts), 300, 400, gap_us)
        return float((lost[1:] & lost[:-1]).mean() / lost.mean())

    near, far = likeness(SECOND_US), likeness(60 * SECOND_US)
    assert near > 0.5  # without bursts: 0.1
    assert far == pytest.approx(0.1, abs=0.03)


def test_bursts_hit_uplinks_and_downlinks_of_a_device_alike() -> None:
    air = _air(np.full(1, 0.1), Bursts(bad_share=0.1, mean_bad_s=100, bad_loss=1.0))
    pairs = [(air.hears_downlink(0, 0, at), bool(air.heard_by(0, at))) for at in range(0, 10**10, 10**6)]
    assert sum(down == up for down, up in pairs) > 0.95 * len(pairs)
    assert 0 < sum(not down for down, _ in pairs) < len(pairs)


@pytest.mark.parametrize("wrong", [(0, 5, 0.9), (1, 5, 0.9), (0.1, 0, 0.9), (0.1, 5, 0), (0.1, 5, 1.1)])
def test_bursts_that_cannot_be_are_refused(wrong: tuple[float, float, float]) -> None:
    with pytest.raises(Invalid, match="bursts with a bad share"):
        Bursts(*wrong)


def test_links_that_cannot_be_are_refused() -> None:
    with pytest.raises(Invalid, match="use 0 to 1"):
        Links.one_gateway(np.array([1.5]), np.array([0.0]))
    with pytest.raises(Invalid, match="must be"):
        Links(np.zeros((2, 1), np.int16), np.zeros((2, 2), np.float32), np.zeros((2, 1), np.float32))


def test_a_frame_that_several_gateways_send_together_is_heard_through_either() -> None:
    devices = 20_000
    links = Links(
        np.tile(np.array([0, 1], np.int16), (devices, 1)),
        np.tile(np.array([0.5, 0.4], np.float32), (devices, 1)),
        np.zeros((devices, 2), np.float32),
    )
    air = Air(links, 1)
    everyone = np.arange(devices)
    assert air.hear_multicast(everyone, (0, 1), 0).mean() == pytest.approx(1 - 0.5 * 0.4, abs=0.02)
    assert air.hear_multicast(everyone, (1, 7), 0).mean() == pytest.approx(0.6, abs=0.02)


def test_who_is_near_a_gateway_is_named_but_for_a_gateway_that_all_have() -> None:
    links = Links(
        np.array([[0, 2], [0, NO_GATEWAY]], np.int16), np.zeros((2, 2), np.float32), np.zeros((2, 2), np.float32)
    )
    air = Air(links, 1)
    assert air.near(0) is None
    near = air.near(2)
    assert near is not None
    assert near.tolist() == [0]
