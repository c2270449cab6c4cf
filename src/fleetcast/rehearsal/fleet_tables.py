"""[[profile]] and [[fleet]]: makes of devices, and the parts of the fleet; every complaint as in `reading`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, cast

from fleetcast.errors import Invalid
from fleetcast.protocol.packages import Package
from fleetcast.radio.airtime import PHY_OVERHEAD_BYTES
from fleetcast.radio.band import Band, Direction
from fleetcast.rehearsal.defect_tables import read_defects
from fleetcast.rehearsal.reading import Table
from fleetcast.rehearsal.scenario import FleetPart, Make, Network
from fleetcast.rehearsal.versions import read_version
from fleetcast.simulator.quirks import QuirkNotSimulated
from fleetcast.simulator.traits import REFERENCE, Traits, known_stacks, quirks_of, stack

MOST_DEVICES = 2_000_000


def read_makes(tables: list[Table]) -> tuple[Make, ...]:
    if not tables:
        return (Make(name=REFERENCE, traits=stack(REFERENCE).in_version(1)),)
    makes = tuple(_make(each) for each in tables)
    names = [make.name for make in makes]
    for i, (table, name) in enumerate(zip(tables, names, strict=True)):
        if name in names[:i]:
            raise table.wrong("name", f'"{name}" is there already: give each profile its own')
    return makes


def _make(table: Table) -> Make:
    name = table.required("name")
    stack_name = table.choice("stack", known_stacks(), REFERENCE)
    left, added = table.texts("without_quirks"), table.texts("quirks")
    traits = table.said("stack", lambda: _stack(stack_name, left))
    traits = table.said("quirks", lambda: traits.with_quirks(added))
    version = table.whole("packages", least=1, most=2)
    if version is None and stack_name == REFERENCE:
        version = 1
    if version is not None:
        traits = traits.in_version(version)
    changes: dict[str, Any] = {}
    for key, trait, most in (
        ("decoder_memory", "max_lost_fragments", 16_383),
        ("max_file_bytes", "max_block_bytes", None),
    ):
        limit = table.whole(key, least=1, most=most)
        if limit is not None:
            changes[trait] = limit
    if not table.flag("firmware_management", default=True):
        changes["packages"] = {p: port for p, port in traits.packages.items() if p is not Package.FIRMWARE_MANAGEMENT}
    make = Make(
        name=name,
        traits=replace(traits, **changes),
        lorawan_1_1=table.choice("lorawan", ("1.0", "1.1"), "1.0") == "1.1",
        hw_version=table.whole("hw_version", 1, most=0xFFFFFFFF),
        uplink_bytes=table.whole("uplink_bytes", 12, least=1, most=51),
        uplink_period_s=table.whole("uplink_period_s", 3600, least=10, most=604_800),
        time_tolerance_s=table.whole("time_tolerance_s", 2, least=1, most=3600),
        flash_time_s=table.number("flash_time_s", 20.0, most=86_400),
        boot_time_s=table.number("boot_time_s", 3.0, most=3600),
        reports_version_s=table.spread("reports_version_s"),
        commands_per_downlink=table.whole("commands_per_downlink", 1, least=1, most=10),
        version_uplink_port=table.whole("version_uplink_port", least=1, most=199),
        joins_after_reboot=table.flag("joins_after_reboot", default=True),
        quirks=frozenset(added) | frozenset(quirks_of(stack_name)) - frozenset(left),
        versions_known=table.flag("versions_known", default=True),
        decoder_known=table.flag("decoder_known", default=True),
    )
    table.finish()
    return make


def _stack(name: str, without: tuple[str, ...]) -> Traits:
    try:
        return stack(name, without=without)
    except QuirkNotSimulated as refusal:
        raise Invalid(f'{refusal}: without_quirks = ["{refusal.name}"]') from refusal


# [[fleet]]


def read_part(table: Table, makes: tuple[Make, ...], band: Band, network: Network) -> FleetPart:
    names = [make.name for make in makes]
    name = table.choice("profile", names) or (names[0] if len(names) == 1 else None)
    if name is None:
        raise table.wrong("profile", f"say which: {', '.join(names)}")
    make = next(each for each in makes if each.name == name)
    count = table.whole("count", least=1, most=MOST_DEVICES)
    if count is None:
        raise table.wrong("count", "say how many devices there are")
    rates = _uplink_rates(band, make.uplink_bytes)
    part = FleetPart(
        make=name,
        count=count,
        own_class=cast(Literal["A", "C"], table.choice("class", ("A", "C"), "A")),
        loss=table.distribution("loss", 0.1, most=1, share=True),
        uplink_loss=table.distribution("uplink_loss", 0.05, most=1, share=True),
        uplink_period_s=table.distribution("uplink_period_s", float(make.uplink_period_s), least=10, most=604_800),
        data_rate=table.weighted("data_rate", 5 if 5 in rates else max(rates), rates, "uplink data rate"),
        clock_offset_s=table.distribution("clock_offset_s", 0.0, least=-1e9, most=1e9),
        clock_unknown=table.share("clock_unknown"),
        drift_ppm=table.distribution("drift_ppm", 20.0, least=-1000, most=1000),
        firmware_version=read_version(table, "firmware_version", 1),
        farther_loss=table.share("farther_loss", 0.3),
        gateways_in_range=table.whole("gateways_in_range", 1, least=1, most=min(network.gateways, 16)),
        known=table.flag("known", default=True),
        defects=read_defects(table.table("defects"), count),
    )
    table.finish()
    return part


def _uplink_rates(band: Band, uplink_bytes: int) -> list[int]:
    """Uplink data rates that carry such an uplink, and after which RX1 has one too."""
    found = []
    for rate in band.usable_data_rates(Direction.UPLINK):
        limit = band.max_payload(rate, Direction.UPLINK).macpayload_bytes or 0
        if limit >= uplink_bytes + PHY_OVERHEAD_BYTES - 5 and any(rate == dr for dr, _ in band.rx1_dr):
            found.append(rate)
    return found
