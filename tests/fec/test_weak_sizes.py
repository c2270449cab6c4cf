"""The weak block sizes, found by looking at the lines themselves."""

from __future__ import annotations

import numpy as np
import pytest

from fleetcast.errors import Invalid
from fleetcast.fec import SCHEMES, Scheme, completion, lines, twins, weak


@pytest.mark.parametrize("scheme", SCHEMES)
def test_looking_for_twins_finds_exactly_the_weak_sizes(scheme: Scheme) -> None:
    sizes = [*range(48, 460), *range(512, 1601, 64), 575, 577, 1000, 4096, 8000, 8192]
    found = {m for m in sizes if twins(m, scheme)}
    named = {m for m in sizes if weak(m, scheme)} - {96}  # its pair is milder: see below
    assert found == named
    assert {192, 320, 384, 448, 576, 640, 704, 768, 832, 896, 960, 1088} <= named
    assert not named & {64, 128, 256, 512, 1024, 4096, 8192}


def test_version_1_blocks_of_96_have_one_pair_that_agrees_in_nine_lines_of_ten() -> None:
    assert weak(96, "v1")
    assert not weak(96, "v2-relative")
    (pair,) = twins(96, "v1", least_agreement=0.88)
    assert (pair.first, pair.second) == (48, 95)
    assert 0.88 < pair.agreement < 0.92


def test_every_pair_of_columns_of_a_weak_block_compared_gives_the_same_twins() -> None:
    for m in (192, 320, 384):
        signs = np.unpackbits(lines(m, range(m + 1, m + 513)), axis=1, count=m, bitorder="little").astype(np.int32)
        signs = 2 * signs - 1
        agreement = (signs.T @ signs / 512 + 1) / 2
        close = np.argwhere(np.triu(agreement, 1) >= 0.95) + 1
        assert close.tolist() == [[pair.first, pair.second] for pair in twins(m)]
        assert len(close) == 2


def test_a_device_that_loses_twins_waits_long() -> None:
    pair = twins(384)[0]
    uncoded = np.ones((2, 384), np.bool_)
    uncoded[0, [pair.first - 1, pair.second - 1]] = False
    uncoded[1, [pair.first - 1, pair.second]] = False
    when = completion(384, uncoded, np.ones((2, 300), np.bool_))
    assert 0 <= when[1] < 20
    assert not 0 <= when[0] < 40


def test_an_impossible_block_is_neither() -> None:
    for m in (0, 16384):
        with pytest.raises(Invalid):
            weak(m)
        with pytest.raises(Invalid):
            twins(m)
    assert twins(16383) == ()
