"""A scenario from a TOML file; every complaint names line, key and what is allowed.

The tables are read by `fleet_tables`, `network_tables` and `campaign_tables`, and checked against one another and the
band. What only planning can find out (a file that needs too many fragments, times that don't fit) is refused there,
before anything is sent.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from fleetcast.errors import NotFound
from fleetcast.instants import InstantMs, parse_rfc3339
from fleetcast.protocol.packages import Package
from fleetcast.rehearsal.campaign_tables import read_campaign, read_file, read_group
from fleetcast.rehearsal.fleet_tables import MOST_DEVICES, read_makes, read_part
from fleetcast.rehearsal.network_tables import read_network
from fleetcast.rehearsal.reading import ScenarioWrong, Source, Table
from fleetcast.rehearsal.scenario import DEFAULT_START, FleetPart, GroupSpec, Make, Scenario
from fleetcast.rehearsal.source_lines import lines_of

_LARGEST_SCENARIO_BYTES = 16 << 20
_EARLIEST = parse_rfc3339("1980-01-06T00:00:00Z")
"""GPS time begins: session starts are told in it (TS005, 0x04)."""
_LATEST = parse_rfc3339("2100-01-01T00:00:00Z")
_PLACE_IN_MESSAGE = re.compile(r" \(at line (\d+), column \d+\)$| \(at end of document\)$")


class ScenarioMissing(NotFound):
    """The scenario, or a file it names, can't be read."""


def load(path: Path) -> Scenario:
    """The scenario in a file; raises ScenarioMissing and ScenarioWrong."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_SCENARIO_BYTES + 1)
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise ScenarioMissing(f"{path}: the scenario can't be read ({error.strerror}); check the name") from None
    except UnicodeDecodeError:
        raise ScenarioMissing(f"{path}: this is no text; a scenario is a TOML file") from None
    if len(content) > _LARGEST_SCENARIO_BYTES:
        raise ScenarioMissing(f"{path}: more than {_LARGEST_SCENARIO_BYTES >> 20} MB; a scenario is a short TOML file")
    return parse(text, str(path), path.parent)


def parse(text: str, name: str, directory: Path) -> Scenario:
    """The scenario in a text; files it names are looked for in `directory`."""
    try:
        top = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _no_toml(str(error), text, name) from None
    table = Table(Source(name, lines_of(text)), (), top)
    scenario = _scenario(table, directory)
    table.finish()
    return scenario


def _no_toml(said: str, text: str, name: str) -> ScenarioWrong:
    """What the parser says, with the line as it stands."""
    place = _PLACE_IN_MESSAGE.search(said)
    problem = said if place is None else said[: place.start()]
    lines = text.splitlines()
    number = len(lines) if place is None or place[1] is None else int(place[1])
    shown = lines[number - 1].strip() if 1 <= number <= len(lines) else ""
    shown = shown if shown.isprintable() else ""
    return ScenarioWrong(name, number or None, f"this is no TOML: {problem}" + (f": {shown[:80]}" if shown else ""))


def _scenario(top: Table, directory: Path) -> Scenario:
    network_table = top.table("network")
    network, band = read_network(network_table)
    makes = read_makes(top.tables("profile"))
    campaign_table = top.table("campaign")
    campaign, group_default = read_campaign(campaign_table, band)
    file = read_file(top.table("file"), campaign.type, makes, directory)
    fleet = tuple(read_part(each, makes, band, network) for each in top.tables("fleet"))
    if not fleet:
        raise top.wrong("fleet", "there are no devices: write [[fleet]] and how many there are (count = 100)")
    size = sum(part.count for part in fleet)
    if size > MOST_DEVICES:
        raise top.wrong("fleet", f"{size} devices: at most {MOST_DEVICES}")
    groups = tuple(read_group(each, group_default, band) for each in top.tables("group"))
    _distinct(top, "group", [each.name for each in groups])
    return Scenario(
        name=top.text("name", "rehearsal"),
        seed=top.whole("seed", 1),
        start=_start(top),
        makes=makes,
        fleet=fleet,
        network=network,
        groups=groups or _groups_for(makes, fleet, group_default),
        campaign=campaign,
        file=file,
        source=top.source,
    )


def _start(top: Table) -> InstantMs:
    text = top.text("start")
    if text is None:
        return DEFAULT_START
    start = top.said("start", lambda: parse_rfc3339(text))
    if not _EARLIEST <= start < _LATEST:
        raise top.wrong("start", f"{text}: write a time from 1980-01-06 to the end of 2099")
    return start


def _distinct(top: Table, key: str, names: list[str]) -> None:
    for i, name in enumerate(names):
        if name in names[:i]:
            raise top.source.wrong((key, i, "name"), f'"{name}" is there already: give each its own')


def _groups_for(makes: tuple[Make, ...], fleet: Iterable[FleetPart], default: GroupSpec) -> tuple[GroupSpec, ...]:
    """One group for each version of the fragmentation package in the fleet: a group has one parity scheme."""
    used = {part.make for part in fleet}
    versions = sorted(
        {make.traits.version(Package.FRAGMENTATION) for make in makes
         if make.name in used and Package.FRAGMENTATION in make.traits.packages}
    )  # fmt: skip
    return tuple(replace(default, name=str(number)) for number, _ in enumerate(versions or [1], 1))


def digest(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()
