"""A scenario from a TOML file; every complaint names line, key and what is allowed.

Reads tables and checks what they say against one another and the band. What only planning can find out (a file that
needs too many fragments, times that don't fit) is refused there, before anything is sent.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

from fleetcast.errors import Invalid, NotFound
from fleetcast.instants import parse_rfc3339
from fleetcast.planning.facts import FileKind, SessionClass
from fleetcast.planning.plan import CampaignType, StrategyName, SuccessMeans
from fleetcast.planning.policy import Policy
from fleetcast.protocol.packages import Package
from fleetcast.radio.airtime import PHY_OVERHEAD_BYTES
from fleetcast.radio.band import Band, Direction
from fleetcast.radio.bands import catalog
from fleetcast.radio.downlink import check_downlink
from fleetcast.rehearsal.defect_tables import read_defects
from fleetcast.rehearsal.reading import ScenarioWrong, Source, Table
from fleetcast.rehearsal.scenario import (
    CONNECTION,
    DEFAULT_START,
    CampaignSpec,
    FileSpec,
    FleetPart,
    GroupSpec,
    Make,
    Network,
    Scenario,
)
from fleetcast.rehearsal.settings_tables import read_settings
from fleetcast.rehearsal.source_lines import lines_of
from fleetcast.rehearsal.versions import read_version
from fleetcast.simulator.air import Bursts
from fleetcast.simulator.chance import stream
from fleetcast.simulator.fleet import Fixed
from fleetcast.simulator.network_settings import NetworkSettings
from fleetcast.simulator.quirks import QuirkNotSimulated
from fleetcast.simulator.traits import REFERENCE, Traits, known_stacks, quirks_of, stack

_NOT_READ = frozenset({"connection", "counter", "first_f_cnt", "refuses_groups", "group_needs_person", "outages_s"})
"""Settings of the network server that a scenario says elsewhere, or not at all."""

MOST_DEVICES = 2_000_000
LARGEST_FILE_BYTES = 16_383 * 255
"""Fragment numbers end at 16383, fragments at 255 bytes: no file is larger than that."""
STRATEGIES: tuple[StrategyName, ...] = get_args(StrategyName)


class ScenarioMissing(NotFound):
    """The scenario, or a file it names, can't be read."""


def load(path: Path) -> Scenario:
    """The scenario in a file; raises ScenarioMissing and ScenarioWrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ScenarioMissing(f"{path}: the scenario can't be read ({error.strerror}); check the name") from None
    except UnicodeDecodeError:
        raise ScenarioMissing(f"{path}: this is no text; a scenario is a TOML file") from None
    return parse(text, str(path), path.parent)


def parse(text: str, name: str, directory: Path) -> Scenario:
    """The scenario in a text; files it names are looked for in `directory`."""
    try:
        top = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = getattr(error, "lineno", None)
        raise ScenarioWrong(name, line, f"this is no TOML: {error}") from None
    table = Table(Source(name, lines_of(text)), (), top)
    scenario = _scenario(table, directory)
    table.finish()
    return scenario


def _scenario(top: Table, directory: Path) -> Scenario:
    start_text = top.text("start")
    network_table = top.table("network")
    network, band = _network(network_table)
    makes = _makes(top.tables("profile"))
    campaign_table = top.table("campaign")
    campaign, group_default = _campaign(campaign_table, band)
    file = _file(top.table("file"), campaign.type, makes, directory)
    fleet = tuple(_part(each, makes, band, network) for each in top.tables("fleet"))
    if not fleet:
        raise top.wrong("fleet", "there are no devices: write [[fleet]] and how many there are (count = 100)")
    size = sum(part.count for part in fleet)
    if size > MOST_DEVICES:
        raise top.wrong("fleet", f"{size} devices: at most {MOST_DEVICES}")
    groups = tuple(_group(each, group_default, band) for each in top.tables("group"))
    _distinct(top, "group", [each.name for each in groups])
    return Scenario(
        name=top.text("name", "rehearsal"),
        seed=top.whole("seed", 1),
        start=DEFAULT_START if start_text is None else top.said("start", lambda: parse_rfc3339(start_text)),
        makes=makes,
        fleet=fleet,
        network=network,
        groups=groups or _groups_for(makes, fleet, group_default),
        campaign=campaign,
        file=file,
    )


def _distinct(top: Table, key: str, names: list[str]) -> None:
    for i, name in enumerate(names):
        if name in names[:i]:
            raise top.source.wrong((key, i, "name"), f'"{name}" is there already: give each its own')


# [[profile]]


def _makes(tables: list[Table]) -> tuple[Make, ...]:
    if not tables:
        return (Make(name=REFERENCE, traits=stack(REFERENCE).in_version(1)),)
    makes = tuple(_make(each) for each in tables)
    names = [make.name for make in makes]
    for i, (table, name) in enumerate(zip(tables, names, strict=True)):
        if name in names[:i]:
            raise table.wrong("name", f'"{name}" is there already: give each profile its own')
    return makes


def _make(table: Table) -> Make:
    name = _required(table, "name")
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


def _part(table: Table, makes: tuple[Make, ...], band: Band, network: Network) -> FleetPart:
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


# [network]


def _network(table: Table) -> tuple[Network, Band]:
    name = table.text("band", "EU868")
    plan, country = table.text("channel_plan"), table.text("country")
    band = table.said("band", lambda: catalog.band(name))
    if plan is not None:
        band = table.said("channel_plan", lambda: catalog.band(name, plan=plan))
    if country is not None:
        band = table.said("country", lambda: band.in_country(country))
    gateways = table.whole("gateways", 1, least=1, most=1000)
    bursts = None
    if "bursts" in table:
        inner = table.table("bursts")
        bursts = Bursts(
            inner.number("bad_share", 0.1, least=0.001, most=0.999),
            inner.number("mean_bad_s", 10.0, least=0.01),
            inner.number("bad_loss", 0.9, least=0.01, most=1),
        )
        inner.finish()
    outages = tuple(_outage(each) for each in table.tables("outage"))
    network = Network(
        band=band.name,
        channel_plan=plan,
        country=country,
        gateways=gateways,
        uplink_channels=table.whole("uplink_channels", 8, least=1, most=96),
        network_counts=table.flag("network_counts"),
        max_under_way=table.whole("max_under_way", 1, least=1, most=3),
        bursts=bursts,
        server=read_settings(
            table.table("server"), NetworkSettings, {"connection": CONNECTION, "outages_s": outages}, _NOT_READ
        ),
    )
    table.finish()
    return network, band


def _outage(table: Table) -> tuple[float, float]:
    """From and to, in seconds after the start."""
    after_s = table.number("after_s", 0.0)
    until_s = after_s + table.number("lasts_s", 600.0, least=0.001)
    table.finish()
    return after_s, until_s


# [campaign] and [[group]]


def _campaign(table: Table, band: Band) -> tuple[CampaignSpec, GroupSpec]:
    settings = table.table("settings")
    campaign = CampaignSpec(
        type=table.member("type", CampaignType, CampaignType.FIRMWARE),
        threshold_percent=table.whole("threshold_percent", 90, least=1, most=100),
        max_duration_s=table.whole("max_duration_s", 172_800, least=60, most=31_536_000),
        strategy=cast("StrategyName | None", table.choice("strategy", STRATEGIES)),
        success_means=table.member("success_means", SuccessMeans),
        session_start_after_s=table.whole("session_start_after_s", least=1),
        reboot_after_s=table.whole("reboot_after_s", least=1),
        confirmed_downgrade=table.flag("confirmed_downgrade"),
        settings=read_settings(settings, Policy),
    )
    default = _group_values(
        table, GroupSpec(name="", session_class="C", data_rate=_usual_rate(band), frequency_hz=0), band
    )
    table.finish()
    return campaign, default


def _group(table: Table, default: GroupSpec, band: Band) -> GroupSpec:
    found = _group_values(table, default, band, name=_required(table, "name"))
    table.finish()
    return found


def _group_values(table: Table, default: GroupSpec, band: Band, name: str = "") -> GroupSpec:
    session_class = cast(SessionClass, table.choice("class", ("B", "C"), default.session_class))
    rate = table.whole("data_rate", default.data_rate)
    table.said("data_rate", lambda: band.data_rate(rate, Direction.DOWNLINK))
    mhz = table.number("frequency_mhz")
    if mhz is not None:
        frequency_hz = round(mhz * 1_000_000)
    elif default.frequency_hz and default.session_class == session_class:
        frequency_hz = default.frequency_hz
    else:
        frequency_hz = table.said("class", lambda: _usual_frequency(band, session_class))
    key = "data_rate" if mhz is None else "frequency_mhz"
    table.said(key, lambda: check_downlink(band, frequency_hz, rate))
    return GroupSpec(
        name=name,
        session_class=session_class,
        data_rate=rate,
        frequency_hz=frequency_hz,
        redundancy=_redundancy(table, default.redundancy),
        periodicity=table.whole("ping_slot_periodicity", default.periodicity, most=7),
        next_f_cnt=table.whole("next_f_cnt", default.next_f_cnt, most=0xFFFFFFFE),
    )


def _redundancy(table: Table, default: float | None) -> float | None:
    """ "adaptive", "none", or coded fragments per uncoded one."""
    if "redundancy" not in table:
        table.plain("redundancy")
        return default
    word = table.plain("redundancy")
    if word in ("adaptive", "none"):
        return None if word == "adaptive" else 0.0
    found = table.distribution("redundancy", 0, most=100, share=True)
    if not isinstance(found, Fixed):
        raise table.wrong("redundancy", 'write "adaptive", "none" or a share such as 0.3 or "30 %"')
    return found.value


def _usual_rate(band: Band) -> int:
    usable = band.usable_data_rates(Direction.DOWNLINK)
    return 5 if 5 in usable else max(rate for rate in usable if rate <= 13)


def _usual_frequency(band: Band, session_class: SessionClass) -> int:
    """Where devices listen anyway: RX2 for class C, the first ping-slot channel for class B."""
    if session_class == "C":
        return band.rx2.frequency_hz
    if not band.ping_slot.frequencies_hz:
        raise Invalid("the ping-slot frequency depends on the channel plan: give frequency_mhz")
    return band.ping_slot.frequencies_hz[0]


def _groups_for(makes: tuple[Make, ...], fleet: Iterable[FleetPart], default: GroupSpec) -> tuple[GroupSpec, ...]:
    """One group for each version of the fragmentation package in the fleet: a group has one parity scheme."""
    used = {part.make for part in fleet}
    versions = sorted(
        {make.traits.version(Package.FRAGMENTATION) for make in makes
         if make.name in used and Package.FRAGMENTATION in make.traits.packages}
    )  # fmt: skip
    return tuple(replace(default, name=str(number)) for number, _ in enumerate(versions or [1], 1))


# [file]


def _file(table: Table, of: CampaignType, makes: tuple[Make, ...], directory: Path) -> FileSpec | None:
    if of is CampaignType.MULTICAST_SETUP:
        if table.keys:
            raise table.wrong(None, "multicast setup sends no file: take this table out, or choose another type")
        return None
    path, size = table.text("path"), table.whole("size_bytes", least=1, most=LARGEST_FILE_BYTES)
    if (path is None) == (size is None):
        raise table.wrong(None, 'give either path = "firmware.bin" or size_bytes = 50000')
    seed = table.whole("seed", 1)
    if path is not None:
        name, data = path, _content(table, directory / path)
    else:
        name, data = f"{size} random bytes", stream(seed, "file").bytes(size or 0)
    firmware = of is CampaignType.FIRMWARE
    base = read_version(table, "base_version") if "base_version" in table else None
    make = table.choice("profile", [each.name for each in makes])
    if make is None and firmware:
        make = makes[0].name
        if len(makes) > 1:
            raise table.wrong("profile", f"say which the firmware is for: {', '.join(each.name for each in makes)}")
    kind = FileKind.BINARY if not firmware else FileKind.DELTA if base is not None else FileKind.FIRMWARE
    version = read_version(table, "version", 2) if firmware or "version" in table else None
    file = FileSpec(name=Path(name).name, kind=kind, data=data, make=make, version=version, base_version=base)
    table.finish()
    return file


def _content(table: Table, path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise table.wrong(
            "path", f"{path} can't be read ({error.strerror}); paths start at the scenario's folder"
        ) from None
    if not data:
        raise table.wrong("path", f"{path} is empty: name a file with bytes in it")
    if len(data) > LARGEST_FILE_BYTES:
        raise table.wrong("path", f"{path} has {len(data)} bytes: fragments can number {LARGEST_FILE_BYTES} at most")
    return data


def digest(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def _required(table: Table, key: str) -> str:
    found = table.text(key)
    if found is None:
        raise table.wrong(key, "is missing: give it a text")
    return found
