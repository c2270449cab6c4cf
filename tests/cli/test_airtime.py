"""Airtime by band and by modulation."""

from __future__ import annotations

import pytest

from tests.cli.terminal import fleetcast, refusal


@pytest.mark.parametrize(
    ("arguments", "airtime_us"),
    [
        # Rows of vectors/airtime.json and of the SX126x data sheet's formula, by hand.
        (("--band", "EU868", "--dr", 5, "--fragment", 48), 118_016),
        (("--band", "eu868", "--dr", 0, "--fragment", 48), 2_793_472),
        (("--band", "US915", "--dr", 8, "--fragment", 50), 616_448),
        (("--band", "EU868", "--dr", 7, "--phy", 64), 12_000),
        (("--sf", 7, "--fragment", 48), 118_016),
        (("--sf", 7, "--payload", 4, "--direction", "up"), 51_456),
        (("--sf", 9, "--phy", 64, "--coding-rate", "4/8", "--direction", "up"), 574_464),
        (("--sf", 12, "--bw", 500, "--phy", 66), 616_448),
        (("--fsk", 50_000, "--phy", 64), 12_000),
    ],
)
def test_airtime_is_that_of_the_formulas(arguments: tuple[object, ...], airtime_us: int) -> None:
    assert fleetcast("airtime", *arguments, "--json").json["airtime_us"] == airtime_us


def test_many_frames_take_their_time_at_a_duty_cycle() -> None:
    arguments = ("airtime", "--band", "EU868", "--dr", 3, "--fragment", 112, "--count", 1000, "--duty-cycle", "10%")
    report = fleetcast(*arguments, "--json").json
    assert report["total_airtime_us"] == 1000 * 676_864
    # 531 frames fit an hour's 360 s; the other 469 follow when the first of them has left the window.
    assert report["burst_duration_us"] == pytest.approx(3_600e6 + 469 * 676_864, abs=676_864)
    assert report["even_duration_us"] == pytest.approx(10 * 999 * 676_864, rel=1e-3)
    text = fleetcast(*arguments).out
    assert "airtime 676.864 ms" in text
    assert "at a duty cycle of 10 %:" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "say what sends"),
        (("--sf", 7, "--fsk", 50_000, "--phy", 5), "say what sends"),
        (("--sf", 7), "say how long the frame is"),
        (("--sf", 7, "--phy", 5, "--payload", 5), "say how long the frame is"),
        (("--sf", 4, "--phy", 5), "use 5 to 12"),
        (("--sf", 7, "--bw", 100, "--phy", 5), "use 125, 250 or 500"),
        (("--sf", 7, "--phy", 256), "use 0 to 255"),
        (("--sf", 7, "--phy", 5, "--dr", 5), "belong to a band"),
        (("--sf", 7, "--phy", 5, "--coding-rate", "5/5"), "4/5, 4/6, 4/7, 4/8"),
        (("--sf", 7, "--fragment", 5, "--direction", "up"), "fragments go down"),
        (("--fsk", 0, "--phy", 5), "bit rate"),
        (("--band", "XX", "--dr", 5, "--phy", 5), "'XX' is not a band"),
        (("--band", "EU868", "--phy", 20), "--dr is missing"),
        (("--band", "EU868", "--dr", 15, "--phy", 20), "DR15 does not exist"),
        (("--band", "EU868", "--dr", 0, "--fragment", 49), "use 1 to 48"),
        (("--band", "EU868", "--dr", 0, "--payload", 52), "use 0 to 51"),
        (("--band", "EU868", "--dr", 0, "--phy", 65), "use up to 64"),
        (("--band", "EU868", "--dr", 0, "--fragment", 5, "--direction", "up"), "fragments go down"),
        (("--band", "EU868", "--dr", 0, "--phy", 20, "--coding-rate", "4/6"), "every band uses coding rate 4/5"),
        (("--sf", 12, "--phy", 255, "--duty-cycle", "0%"), "duty cycle of 0.0"),
        (("--sf", 12, "--phy", 255, "--duty-cycle", "0.01%"), "never fits a budget"),
        (("--sf", 12, "--phy", 255, "--count", 0), "--count"),
    ],
)
def test_bad_input_gets_one_line_on_what_to_do(arguments: tuple[object, ...], said: str) -> None:
    assert said in refusal("airtime", *arguments)


def test_a_data_rate_that_carries_no_fragments_is_refused_by_that_name() -> None:
    said = refusal("airtime", "--band", "AS923-1", "--dr", 0, "--fragment", 5, "--dwell")
    assert said == "AS923-1 DR0 carries no fragments under these limits: use a higher data rate"
