"""`fleetcast airtime`: how long a frame occupies the air, and a transfer of many."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from fleetcast.cli.arguments import BadArgument, parse_share
from fleetcast.cli.output import duration, milliseconds, percent, print_json, print_line

if TYPE_CHECKING:
    from fleetcast.radio.band import Band
    from fleetcast.radio.modulation import Modulation

_BANDWIDTHS_KHZ = (125, 250, 500)
_CODING_RATES = ("4/5", "4/6", "4/7", "4/8")


class FrameDirection(StrEnum):
    """Downlinks have no payload CRC, uplinks have one."""

    DOWN = "down"
    UP = "up"


@dataclass(frozen=True, slots=True)
class Frame:
    """What is sent: its modulation, the whole PHYPayload, and where they came from."""

    modulation: Modulation
    phy_payload_bytes: int
    direction: FrameDirection
    band: Band | None = None
    dr: int | None = None


def airtime(
    *,
    band: Annotated[str | None, typer.Option(help="A band of `fleetcast bands`, with --dr.")] = None,
    dr: Annotated[int | None, typer.Option(help="Data rate of the band.", min=0)] = None,
    sf: Annotated[int | None, typer.Option(help="Instead of a band: LoRa spreading factor, 5 to 12.")] = None,
    bw: Annotated[int, typer.Option(help="With --sf: bandwidth in kHz, 125, 250 or 500.")] = 125,
    fsk: Annotated[int | None, typer.Option(help="Instead of a band: FSK bit rate, 50000.", metavar="BPS")] = None,
    fragment: Annotated[int | None, typer.Option(help="Bytes of a fragment, alone in its frame.", min=1)] = None,
    payload: Annotated[int | None, typer.Option(help="Bytes of an application payload (FRMPayload).", min=0)] = None,
    phy: Annotated[int | None, typer.Option(help="Bytes of the whole frame (PHYPayload).", min=0)] = None,
    direction: Annotated[FrameDirection, typer.Option(help="Uplinks carry a payload CRC.")] = FrameDirection.DOWN,
    repeater: Annotated[bool, typer.Option("--repeater", help="With --band: leave room for a repeater.")] = False,
    dwell: Annotated[bool, typer.Option("--dwell", help="With --band: under the 400 ms dwell limit.")] = False,
    coding_rate: Annotated[str, typer.Option(help="With --sf: 4/5, 4/6, 4/7 or 4/8.")] = "4/5",
    count: Annotated[int, typer.Option(help="So many frames of this kind.", min=1)] = 1,
    duty_cycle: Annotated[str | None, typer.Option(help="With --count: 10%, for how long they take.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """Time on air of a frame, by band and data rate or by raw modulation.

    With --band, lengths that the data rate does not allow are refused. With --duty-cycle, the duration of the whole
    transfer by one gateway: sent back to back until the hour's budget is spent, and evenly paced.

    Examples:

        fleetcast airtime --band EU868 --dr 5 --fragment 48
        fleetcast airtime --band EU868 --dr 3 --fragment 112 --count 1000 --duty-cycle 10%
        fleetcast airtime --sf 12 --bw 125 --payload 51 --direction up --json
    """
    from fleetcast.radio.airtime import downlink_airtime_us, lora_airtime_us, uplink_airtime_us
    from fleetcast.radio.modulation import Fsk, LoRa

    if (band is not None) + (sf is not None) + (fsk is not None) != 1:
        raise BadArgument("say what sends: one of --band with --dr, --sf with --bw, or --fsk")
    if (fragment is not None) + (payload is not None) + (phy is not None) != 1:
        raise BadArgument("say how long the frame is: one of --fragment, --payload or --phy, in bytes")
    if coding_rate not in _CODING_RATES:
        raise BadArgument(f"coding rate {coding_rate!r} does not exist: use {', '.join(_CODING_RATES)}")
    denominator = int(coding_rate[-1])
    if band is not None:
        if coding_rate != "4/5":
            raise BadArgument("every band uses coding rate 4/5: leave --coding-rate out, or use --sf")
        frame = _frame_of_band(band, dr, direction, fragment, payload, phy, repeater=repeater, dwell=dwell)
    else:
        if dr is not None or repeater or dwell:
            raise BadArgument("--dr, --repeater and --dwell belong to a band: add --band")
        if bw not in _BANDWIDTHS_KHZ:
            raise BadArgument(f"bandwidth {bw} kHz does not exist in LoRaWAN: use 125, 250 or 500")
        modulation = LoRa(sf, bw * 1000) if sf is not None else Fsk(fsk or 0)
        if direction is FrameDirection.UP and fragment is not None:
            raise BadArgument("fragments go down: leave --direction up out, or use --payload")
        frame = Frame(modulation, _frame_bytes(fragment, payload, phy), direction)
    down = frame.direction is FrameDirection.DOWN
    if denominator != 5 and isinstance(frame.modulation, LoRa):
        airtime_us = lora_airtime_us(
            frame.phy_payload_bytes,
            sf=frame.modulation.sf,
            bw_hz=frame.modulation.bw_hz,
            coding_rate_denominator=denominator,
            crc_on=not down,
        )
    else:
        airtime_us = (downlink_airtime_us if down else uplink_airtime_us)(frame.modulation, frame.phy_payload_bytes)
    report = _report(frame, airtime_us, count)
    if duty_cycle is not None:
        report |= _durations(airtime_us, count, duty_cycle)
    if as_json:
        print_json(report)
    else:
        _print(frame, airtime_us, report)


def _frame_of_band(
    name: str,
    dr: int | None,
    direction: FrameDirection,
    fragment: int | None,
    payload: int | None,
    phy: int | None,
    *,
    repeater: bool,
    dwell: bool,
) -> Frame:
    from fleetcast.radio.airtime import PHY_OVERHEAD_BYTES
    from fleetcast.radio.band import Direction
    from fleetcast.radio.bands import catalog
    from fleetcast.radio.fragments import max_fragment_bytes

    band = catalog.band(name)
    way = Direction.DOWNLINK if direction is FrameDirection.DOWN else Direction.UPLINK
    if dr is None:
        rates = ", ".join(map(str, band.usable_data_rates(way)))
        raise BadArgument(f"--dr is missing: {band} has data rates {rates} for {way.value}s")
    modulation = band.data_rate(dr, way).modulation
    limit = band.max_payload(dr, way, repeater=repeater, dwell_limited=dwell).frmpayload_bytes
    length = _frame_bytes(fragment, payload, phy)
    if fragment is not None:
        if way is Direction.UPLINK:
            raise BadArgument("fragments go down: leave --direction up out, or use --payload")
        largest = max_fragment_bytes(band, dr, repeater=repeater, dwell_limited=dwell)
        if largest == 0:
            raise BadArgument(f"{band} DR{dr} carries no fragments under these limits: use a higher data rate")
        if fragment > largest:
            raise BadArgument(f"a fragment of {fragment} bytes does not fit {band} DR{dr}: use 1 to {largest}")
    elif payload is not None and payload > limit:
        raise BadArgument(f"a payload of {payload} bytes does not fit {band} DR{dr}: use 0 to {limit}")
    elif length > limit + PHY_OVERHEAD_BYTES:
        raise BadArgument(
            f"a frame of {length} bytes does not fit {band} DR{dr}: use up to {limit + PHY_OVERHEAD_BYTES}"
        )
    return Frame(modulation, length, direction, band, dr)


def _frame_bytes(fragment: int | None, payload: int | None, phy: int | None) -> int:
    from fleetcast.radio.airtime import PHY_OVERHEAD_BYTES, fragment_frame_bytes

    if fragment is not None:
        return fragment_frame_bytes(fragment)
    return PHY_OVERHEAD_BYTES + payload if payload is not None else phy or 0


def _report(frame: Frame, airtime_us: int, count: int) -> dict[str, object]:
    return {
        "band": frame.band and str(frame.band),
        "dr": frame.dr,
        "modulation": str(frame.modulation),
        "direction": frame.direction.value,
        "phy_payload_bytes": frame.phy_payload_bytes,
        "airtime_us": airtime_us,
        "count": count,
        "total_airtime_us": airtime_us * count,
    }


def _durations(airtime_us: int, count: int, duty_cycle: str) -> dict[str, object]:
    from fleetcast.radio.duty_cycle import DutyCycleUse, transfer_duration_us

    share = float(parse_share(duty_cycle, "duty cycle"))
    burst, even = (
        transfer_duration_us(count, airtime_us, share, use) for use in (DutyCycleUse.BURST, DutyCycleUse.EVEN)
    )
    return {"duty_cycle": share, "burst_duration_us": burst, "even_duration_us": even}


def _print(frame: Frame, airtime_us: int, report: dict[str, object]) -> None:
    where = f"{frame.band} DR{frame.dr}, " if frame.band else ""
    print_line(f"{where}{frame.modulation}, {frame.direction.value}link frame of {frame.phy_payload_bytes} bytes")
    print_line(f"airtime {milliseconds(airtime_us)}")
    count, total = report["count"], report["total_airtime_us"]
    if isinstance(count, int) and isinstance(total, int) and count > 1:
        print_line(f"{count} of them {duration(total / 1e6)} on the air")
    share, burst, even = (report.get(key) for key in ("duty_cycle", "burst_duration_us", "even_duration_us"))
    if isinstance(share, float) and isinstance(burst, int) and isinstance(even, int):
        print_line(f"at a duty cycle of {percent(share)}:")
        print_line(f"  back to back until the hour's budget is spent {duration(burst / 1e6)}")
        print_line(f"  evenly paced {duration(even / 1e6)}")
