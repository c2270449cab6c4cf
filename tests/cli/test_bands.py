"""The bands, listed and one by one."""

from __future__ import annotations

import pytest

from fleetcast.radio.bands.catalog import names
from tests.cli.terminal import fleetcast, refusal


def test_the_list_names_every_band() -> None:
    text = fleetcast("bands").out
    assert [line.split()[0] for line in text.splitlines()[2:]] == list(names())
    assert [band["name"] for band in fleetcast("bands", "--json").json] == list(names())


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("options", [(), ("--repeater",), ("--dwell",)])
def test_every_band_can_be_shown(name: str, options: tuple[str, ...]) -> None:
    detail = fleetcast("bands", name, *options, "--json").json
    assert detail["name"] == name
    assert any(rate["max_fragment_bytes"] for rate in detail["data_rates"])
    assert detail["sub_bands"]
    text = fleetcast("bands", name, *options).out
    assert text.startswith(f"{name} (")
    assert "Gateways may send in:" in text


def test_eu868_shows_the_largest_fragments_and_the_sub_band_for_campaigns() -> None:
    detail = fleetcast("bands", "EU868", "--json").json
    largest = {rate["dr"]: rate["max_fragment_bytes"] for rate in detail["data_rates"]}
    assert (largest[0], largest[3], largest[5], largest[8]) == (48, 112, 239, None)
    assert {"name": "P", "duty_cycle": 0.1}.items() <= detail["sub_bands"][4].items()
    text = fleetcast("bands", "EU868").out
    assert any(line.split()[:6] == ["0", "LoRa", "SF12/125", "kHz", "both", "51"] for line in text.splitlines())


def test_an_earlier_edition_knows_fewer_data_rates() -> None:
    latest = fleetcast("bands", "EU868", "--json").json["downlink_data_rates"]
    earlier = fleetcast("bands", "EU868", "--revision", "RP002-1.0.3", "--json").json["downlink_data_rates"]
    assert set(earlier) < set(latest)


def test_bad_input_gets_one_line_on_what_to_do() -> None:
    assert "use one of EU868" in refusal("bands", "MARS")
    assert "use one of" in refusal("bands", "EU868", "--revision", "RP003")
