"""`fleetcast bands`: the bands there are, and what one of them allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fleetcast.cli.output import milliseconds, percent, print_json, print_line, print_table

if TYPE_CHECKING:
    from fleetcast.radio.band import Band, DataRate
    from fleetcast.radio.spectrum import SubBand


def bands(
    name: Annotated[str | None, typer.Argument(help="One band, for its details.", show_default=False)] = None,
    *,
    revision: Annotated[
        str | None, typer.Option(help="Edition of the regional parameters: RP002-1.0.3.", show_default="the latest")
    ] = None,
    repeater: Annotated[bool, typer.Option("--repeater", help="Sizes for devices behind a repeater.")] = False,
    dwell: Annotated[bool, typer.Option("--dwell", help="Sizes under the 400 ms dwell limit.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """List the bands, or show one: data rates, largest fragments, sub-bands, class B.

    Examples:

        fleetcast bands
        fleetcast bands EU868
        fleetcast bands AS923-1 --dwell --json
    """
    from fleetcast.radio.bands import catalog

    if name is not None:
        found = catalog.band(name, revision)
        detail = _detail(found, repeater=repeater, dwell=dwell)
        if as_json:
            print_json(detail)
        else:
            _print_band(found, repeater=repeater, dwell=dwell)
        return
    every = [catalog.band(each, revision) for each in catalog.names()]
    if as_json:
        print_json([_summary(each) for each in every])
        return
    rows = (
        (
            each.name,
            str(each.device_range),
            _rates(each),
            str(max(_fragment_bytes(each, dr, repeater=repeater, dwell=dwell) for dr in each.usable_data_rates())),
            _duty_cycles(each),
        )
        for each in every
    )
    print_table(
        ("band", "devices", "downlink DR", "largest fragment", "gateway duty cycle"), rows, right=("largest fragment",)
    )


def _summary(band: Band) -> dict[str, object]:
    return {
        "name": band.name,
        "specification": band.spec_name,
        "revision": str(band.revision),
        "min_hz": band.device_range.min_hz,
        "max_hz": band.device_range.max_hz,
        "downlink_data_rates": list(band.usable_data_rates()),
        "duty_cycles": sorted({sub_band.duty_cycle for sub_band in band.gateway_sub_bands}),
    }


def _detail(band: Band, *, repeater: bool, dwell: bool) -> dict[str, object]:
    return _summary(band) | {
        "source": band.source,
        "data_rates": [_rate(band, rate, repeater=repeater, dwell=dwell) for rate in band.data_rates],
        "sub_bands": [_sub_band(each) for each in band.gateway_sub_bands],
        "downlink_frequencies": str(band.downlink_valid),
        "rx2": {"dr": band.rx2.dr, "frequencies_hz": list(band.rx2.frequencies_hz)},
        "beacon": {"dr": band.beacon.dr, "frequencies_hz": list(band.beacon.frequencies_hz)},
        "ping_slot": {"dr": band.ping_slot.dr, "frequencies_hz": list(band.ping_slot.frequencies_hz)},
        "max_eirp_device_dbm": band.max_eirp_device_dbm,
        "dwell_limit_ms": band.dwell_time.limit_ms if band.dwell_time else None,
        "notes": list(band.notes),
    }


def _rate(band: Band, rate: DataRate, *, repeater: bool, dwell: bool) -> dict[str, object]:
    from fleetcast.radio.airtime import fragment_airtime_us
    from fleetcast.radio.band import Direction

    goes_down = rate.dr in band.usable_data_rates() and rate.direction.includes(Direction.DOWNLINK)
    largest = _fragment_bytes(band, rate.dr, repeater=repeater, dwell=dwell) if goes_down else 0
    return {
        "dr": rate.dr,
        "modulation": str(rate.modulation),
        "direction": rate.direction.value,
        "since": str(rate.since) if rate.since is not None else None,
        "max_payload_bytes": _payload_bytes(band, rate, repeater=repeater, dwell=dwell),
        "max_fragment_bytes": largest or None,
        "max_fragment_airtime_us": fragment_airtime_us(band, rate.dr, largest) if largest else None,
    }


def _sub_band(each: SubBand) -> dict[str, object]:
    return {
        "name": each.name,
        "min_hz": each.min_hz,
        "max_hz": each.max_hz,
        "duty_cycle": each.duty_cycle,
        "max_eirp_dbm": each.max_eirp_dbm,
        "note": each.note,
    }


def _print_band(band: Band, *, repeater: bool, dwell: bool) -> None:
    print_line(f"{band} ({band.spec_name}), {band.device_range}; {band.revision}; {band.source}")
    print_line()
    rates = [_rate(band, rate, repeater=repeater, dwell=dwell) for rate in band.data_rates]
    print_table(
        ("DR", "modulation", "direction", "payload", "fragment", "its airtime", "since"),
        (
            (
                str(rate["dr"]),
                str(rate["modulation"]),
                str(rate["direction"]),
                _text(rate["max_payload_bytes"]),
                _text(rate["max_fragment_bytes"]),
                milliseconds(airtime) if isinstance(airtime := rate["max_fragment_airtime_us"], int) else "-",
                str(rate["since"] or ""),
            )
            for rate in rates
        ),
        right=("DR", "payload", "fragment", "its airtime"),
    )
    print_line()
    print_line("Gateways may send in:")
    for each in band.gateway_sub_bands:
        power = f", {each.max_eirp_dbm:g} dBm EIRP" if each.max_eirp_dbm is not None else ""
        print_line(f"  {each}{power}{f' ({each.note})' if each.note else ''}")
    print_line(f"Devices accept downlinks at {band.downlink_valid}")
    print_line(f"RX2 DR{band.rx2.dr} at {_frequencies(band.rx2.frequencies_hz)}")
    print_line(
        f"class B: beacon DR{band.beacon.dr} at {_frequencies(band.beacon.frequencies_hz)}, "
        f"ping slots DR{band.ping_slot.dr} at {_frequencies(band.ping_slot.frequencies_hz)}"
    )
    if band.dwell_time is not None:
        print_line(f"dwell time limit {band.dwell_time.limit_ms} ms, set by {band.dwell_time.set_by}")
    for note in band.notes:
        print_line(f"note: {note}")


def _payload_bytes(band: Band, rate: DataRate, *, repeater: bool, dwell: bool) -> int | None:
    from fleetcast.radio.band import Direction

    way = Direction.DOWNLINK if rate.direction.includes(Direction.DOWNLINK) else Direction.UPLINK
    if rate.dr not in band.usable_data_rates(way):
        return None
    return band.max_payload(rate.dr, way, repeater=repeater, dwell_limited=dwell).frmpayload_bytes


def _fragment_bytes(band: Band, dr: int, *, repeater: bool, dwell: bool) -> int:
    from fleetcast.radio.fragments import max_fragment_bytes

    return max_fragment_bytes(band, dr, repeater=repeater, dwell_limited=dwell)


def _rates(band: Band) -> str:
    """Data rates with runs drawn together: `0-7, 12-13`."""
    runs: list[list[int]] = []
    for dr in band.usable_data_rates():
        if runs and dr == runs[-1][-1] + 1:
            runs[-1].append(dr)
        else:
            runs.append([dr])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def _duty_cycles(band: Band) -> str:
    shares = sorted({sub_band.duty_cycle for sub_band in band.gateway_sub_bands})
    return ", ".join("no limit" if share == 1 else percent(share) for share in shares)


def _frequencies(frequencies_hz: tuple[int, ...]) -> str:
    from fleetcast.radio.spectrum import mhz

    if not frequencies_hz:
        return "a frequency of the channel plan"
    if len(frequencies_hz) == 1:
        return mhz(frequencies_hz[0])
    return f"{len(frequencies_hz)} frequencies, {mhz(min(frequencies_hz))} to {mhz(max(frequencies_hz))}"


def _text(value: object) -> str:
    return "-" if value is None else str(value)
