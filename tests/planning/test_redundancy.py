"""How many coded fragments are planned."""

from __future__ import annotations

import pytest

from fleetcast.planning.redundancy import coded_for_share, expected_share, first_batch, passes_for, reserve


def test_the_first_batch_replaces_what_most_devices_lose() -> None:
    assert first_batch(400, [0.1] * 10) == 45
    assert first_batch(400, [0.0] * 10) == 0
    assert first_batch(400, [0.05] * 50 + [0.2] * 50) == 100


def test_a_few_bad_devices_do_not_make_the_first_batch_large() -> None:
    assert first_batch(400, [0.1] * 99 + [0.9]) == 45


def test_the_reserve_serves_a_device_that_loses_half() -> None:
    assert reserve(400, [0.1]) >= 800
    assert reserve(400, [0.1, 0.75]) >= 1600


def test_a_wanted_share_is_reached_by_the_number_found_and_not_by_one_less() -> None:
    losses = [0.05] * 50 + [0.15] * 50
    needed = coded_for_share(400, losses, 0.95, "v1")
    assert needed is not None
    assert expected_share(400, needed, losses, "v1") >= 0.95
    assert expected_share(400, needed - 1, losses, "v1") < 0.95


def test_half_the_fleet_needs_only_what_the_better_half_needs() -> None:
    losses = [0.02] * 50 + [0.4] * 50
    half, all_of_them = coded_for_share(400, losses, 0.49, "v1"), coded_for_share(400, losses, 0.99, "v1")
    assert half is not None
    assert all_of_them is not None
    assert half < 40 < 250 < all_of_them


def test_no_number_helps_beyond_the_decoder_memory() -> None:
    assert coded_for_share(400, [0.3] * 10, 0.9, "v1", [40] * 10) is None
    assert expected_share(400, 4000, [0.3] * 10, "v1", [40] * 10) < 0.01


def test_no_redundancy_helps_only_those_that_lose_nothing() -> None:
    assert expected_share(200, 0, [0.0, 0.5], "v1") == pytest.approx(0.5)
    assert expected_share(200, 0, [], "v1") == 1.0


@pytest.mark.parametrize("fragments", [20, 50, 100])
def test_small_blocks_need_more_than_they_lose(fragments: int) -> None:
    needed = coded_for_share(fragments, [0.1] * 20, 0.99, "v1")
    assert needed is not None
    assert needed > fragments * 0.1 / 0.9 + 2


def test_passes_of_a_carousel_grow_with_fleet_and_loss() -> None:
    assert passes_for(200, 1000, 0.0, 50) == 1
    few, many, bad = passes_for(200, 10, 0.1, 50), passes_for(200, 100_000, 0.1, 50), passes_for(200, 1000, 0.4, 50)
    assert few < many < bad
    assert passes_for(200, 1000, 0.4, 5) == 5
