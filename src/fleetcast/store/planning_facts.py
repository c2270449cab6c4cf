"""What the planner needs to know, read from the rows: devices with what is learned of them, groups, the file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from sqlalchemy import Connection, Row, select

from fleetcast.fec import Scheme
from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.instants import InstantMs
from fleetcast.interchange.redundancy import parse_redundancy
from fleetcast.planning import facts
from fleetcast.protocol.packages import Package
from fleetcast.radio.payload_sizes import Revision
from fleetcast.store import tables as t

_PACKAGES: Final = {
    Package.CLOCK_SYNC: "clock_sync",
    Package.MULTICAST_SETUP: "multicast_setup",
    Package.FRAGMENTATION: "fragmentation",
    Package.FIRMWARE_MANAGEMENT: "firmware_management",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everything about a campaign's devices, groups and file, and the numbers of the rows."""

    devices: tuple[facts.Device, ...]
    device_ids: Mapping[DevEui, int]
    profiles: Mapping[str, facts.Profile]
    groups: tuple[facts.Group, ...]
    group_ids: Mapping[DevEui, int]
    file: facts.File | None
    without_profile: tuple[DevEui, ...]
    """Devices that nobody gave a profile: they can't be planned for."""


def read(
    connection: Connection,
    subscriber_id: int,
    set_ids: Collection[int],
    region_ids: Collection[int],
    file_id: int | None,
) -> Known:
    """What is known of the devices of these sets, the active groups of these regions, and the file."""
    labels = _Labels(connection, subscriber_id)
    groups = _groups(connection, subscriber_id, region_ids, labels)
    rows = _device_rows(connection, subscriber_id, set_ids)
    key_since = _key_since(connection, subscriber_id)
    devices: list[facts.Device] = []
    device_ids: dict[DevEui, int] = {}
    without: list[DevEui] = []
    for row in rows:
        # Of an archived device and an active one with the same DevEUI the active one counts.
        dev_eui = DevEui(row.dev_eui)
        if dev_eui in device_ids and row.archived_at is not None:
            continue
        if row.device_profile_id is None:
            without.append(dev_eui)
            continue
        device_ids[dev_eui] = row.id
        devices.append(_device(row, dev_eui, labels, key_since))
    return Known(
        devices=tuple(devices),
        device_ids=device_ids,
        profiles=labels.profiles,
        groups=tuple(group for _, group in groups),
        group_ids={group.dev_eui: number for number, group in groups},
        file=_file(connection, subscriber_id, file_id, labels),
        without_profile=tuple(without),
    )


class _Labels:
    """What rows are called in a plan: by name, and by number too where two have the same."""

    def __init__(self, connection: Connection, subscriber_id: int) -> None:
        profiles = connection.execute(
            select(t.device_profile).where(t.device_profile.c.subscriber_id == subscriber_id)
        ).all()
        self.profile = _distinct([(row.id, row.name) for row in profiles])
        self.profiles = {self.profile[row.id]: _profile(row, self.profile[row.id]) for row in profiles}
        connections = connection.execute(
            select(t.connection.c.id, t.connection.c.name, t.connection.c.capabilities).where(
                t.connection.c.subscriber_id == subscriber_id
            )
        ).all()
        self.connection = _distinct([(row.id, row.name) for row in connections])
        self.capabilities: dict[int, Mapping[str, Any]] = {row.id: row.capabilities or {} for row in connections}
        groups = connection.execute(
            select(t.multicast_group.c.id, t.multicast_group.c.dev_eui, t.multicast_group.c.campaign_id).where(
                t.multicast_group.c.subscriber_id == subscriber_id
            )
        ).all()
        self.group = {row.id: DevEui(row.dev_eui) for row in groups}
        self.groups_in_use = {row.dev_eui for row in groups if row.campaign_id is not None}
        running = connection.execute(
            select(t.campaign.c.id, t.campaign.c.name).where(
                t.campaign.c.subscriber_id == subscriber_id,
                t.campaign.c.status.in_(("RUNNING", "PAUSED", "STOPPING", "STOPPED", "FAILED", "SUCCEEDED")),
            )
        )
        self.campaign = {row.id: f"{row.name} ({row.id})" for row in running}


def _distinct(named: Sequence[tuple[int, str]]) -> dict[int, str]:
    counts: dict[str, int] = {}
    for _, name in named:
        counts[name] = counts.get(name, 0) + 1
    return {number: name if counts[name] == 1 else f"{name} ({number})" for number, name in named}


def _profile(row: Row[Any], label: str) -> facts.Profile:
    given: dict[str, Any] = {
        name: getattr(row, name)
        for name in (
            "mc_groups", "frag_sessions", "max_fragment_bytes", "min_fragment_bytes", "fragment_multiple_of",
            "max_image_bytes", "max_fragments", "max_lost_fragments", "takes_any_order", "commands_per_downlink",
            "store_time_ms", "descriptor", "repeater", "hw_version",
        )
        if getattr(row, name) is not None
    }  # fmt: skip
    if row.firmware_commands is not None:
        given["firmware_commands"] = frozenset(facts.FirmwareCommand(each) for each in row.firmware_commands)
    if row.reboots is not None:
        given["reboots"] = facts.Reboots(row.reboots)
    if row.regional_revision is not None:
        given["revision"] = Revision.parse(row.regional_revision)
    if row.running_f_port is not None:
        given["running_uplink"] = facts.RunningUplink(row.running_f_port, bytes(row.running_prefix or b""))
    currents = {
        name: getattr(row, name)
        for name in ("receive_ma", "transmit_ma", "idle_ma", "battery_mah")
        if getattr(row, name) is not None
    }
    return facts.Profile(
        name=label,
        packages={package: _package(row, name) for package, name in _PACKAGES.items()},
        scheme=cast("Scheme | None", row.scheme),
        version_format=facts.VersionFormat(row.version_format),
        time_tolerance_s=row.time_tolerance_s,
        uplink_period_s=row.uplink_period_s,
        quirks=frozenset(row.quirks),
        currents=facts.Currents(**currents),
        **given,
    )


def _package(row: Row[Any], name: str) -> facts.PackageAbility:
    stated = getattr(row, f"{name}_version")
    version: facts.PackageVersion = facts.ASK if stated == "ask" else None if stated == "absent" else int(stated)
    return facts.PackageAbility(getattr(row, f"{name}_f_port"), version)


def _groups(
    connection: Connection, subscriber_id: int, region_ids: Collection[int], labels: _Labels
) -> list[tuple[int, facts.Group]]:
    table = t.multicast_group
    rows = connection.execute(
        select(table)
        .where(
            table.c.subscriber_id == subscriber_id,
            table.c.archived_at.is_(None),
            table.c.id.in_(
                select(t.region_group.c.multicast_group_id).where(t.region_group.c.region_id.in_(region_ids))
            ),
        )
        .order_by(table.c.dev_eui)
    )
    return [(row.id, _group(row, labels)) for row in rows]


def _group(row: Row[Any], labels: _Labels) -> facts.Group:
    share = parse_redundancy(row.redundancy)
    can = labels.capabilities[row.connection_id]
    return facts.Group(
        dev_eui=DevEui(row.dev_eui),
        name=row.name,
        connection=labels.connection[row.connection_id],
        session_class=row.session_class,
        band=row.band,
        channel_plan=row.channel_plan,
        country=row.country,
        dwell_time=row.dwell_time,
        mc_addr=DevAddr(row.dev_addr),
        frequency_hz=row.frequency_hz,
        data_rate=row.data_rate,
        coded_per_uncoded=None if share is None else float(share),
        periodicity=row.periodicity,
        next_f_cnt=max(row.next_f_cnt, can.get("first_counter", 0)),
        gateways=frozenset(row.gateways),
        network_counts=can.get("multicast_counter") == "network",
        max_under_way=min(3, max(1, can.get("max_under_way", 1))),
        busy_with=None if row.campaign_id is None else labels.campaign.get(row.campaign_id, str(row.campaign_id)),
    )


_DEVICE: Final = (
    "id", "dev_eui", "device_profile_id", "connection_id", "multicast_group_id", "session_classes", "lorawan_version",
    "own_class", "band", "has_key", "firmware_version", "firmware_learned_at", "archived_at",
)  # fmt: skip
_FACTS: Final = (
    "last_uplink_at", "uplink_period_s", "data_rate", "gateways", "hw_version", "package_versions", "set_up_groups",
    "frag_slots", "session_cnt", "expected_loss", "expected_uplink_loss", "campaign_id",
)  # fmt: skip


def _device_rows(connection: Connection, subscriber_id: int, set_ids: Collection[int]) -> Sequence[Any]:
    member = t.device_set_member
    chosen = select(member.c.device_id).where(member.c.device_set_id.in_(set_ids))
    return connection.execute(
        select(
            *(t.device.c[name] for name in _DEVICE),
            *(t.device_facts.c[name] for name in _FACTS),
            t.device_facts.c.band.label("heard_band"),
        )
        .select_from(t.device.outerjoin(t.device_facts, t.device_facts.c.device_id == t.device.c.id))
        .where(t.device.c.subscriber_id == subscriber_id, t.device.c.id.in_(chosen))
        .order_by(t.device.c.archived_at.is_not(None), t.device.c.id)
    ).all()


def _device(row: Row[Any], dev_eui: DevEui, labels: _Labels, key_since: Mapping[DevEui, InstantMs]) -> facts.Device:
    busy = row.campaign_id
    return facts.Device(
        dev_eui=dev_eui,
        profile=labels.profile[row.device_profile_id],
        lorawan_1_1=row.lorawan_version == "1.1",
        has_key=row.has_key,
        session_classes=_CLASSES[row.session_classes],
        own_class=row.own_class,
        connection=labels.connection[row.connection_id],
        band=row.band or row.heard_band or "EU868",
        group=None if row.multicast_group_id is None else labels.group[row.multicast_group_id],
        gateways=frozenset(row.gateways or ()),
        firmware_version=row.firmware_version,
        firmware_version_learned=row.firmware_learned_at,
        hw_version=row.hw_version,
        uplink_period_s=row.uplink_period_s,
        data_rate=row.data_rate,
        expected_loss=row.expected_loss,
        expected_uplink_loss=row.expected_uplink_loss,
        last_uplink=row.last_uplink_at,
        package_versions=tuple(
            (Package(int(number)), version) for number, version in (row.package_versions or {}).items()
        ),
        groups_set_up=_set_up(row.set_up_groups or {}, labels, key_since),
        frag_indexes_in_use=frozenset(int(index) for index in row.frag_slots or ()),
        session_cnt=tuple((int(index), count) for index, count in (row.session_cnt or {}).items()),
        archived=row.archived_at is not None,
        busy_with=None if busy is None else labels.campaign.get(busy, str(busy)),
    )


_CLASSES: Final[dict[str, frozenset[facts.SessionClass]]] = {
    "B": frozenset({"B"}), "C": frozenset({"C"}), "BC": frozenset({"B", "C"}),
}  # fmt: skip


def _set_up(
    slots: Mapping[str, Mapping[str, Any]], labels: _Labels, key_since: Mapping[DevEui, InstantMs]
) -> tuple[facts.SetUpGroup, ...]:
    return tuple(
        facts.SetUpGroup(
            mc_group_id=int(number),
            group=DevEui(slot["group"]),
            # With a key that came later the device's record is of no use; an address that no group has says so.
            mc_addr=DevAddr(slot["mc_addr"]) if _same_key(slot, key_since) else _NO_ADDRESS,
            first_f_cnt=slot["first_f_cnt"],
            end_f_cnt=slot["end_f_cnt"],
            in_use=slot["group"] in labels.groups_in_use,
            last_used=slot["last_used_at"],
        )
        for number, slot in slots.items()
    )


_NO_ADDRESS: Final = DevAddr.from_int(0)


def _same_key(slot: Mapping[str, Any], key_since: Mapping[DevEui, InstantMs]) -> bool:
    return int(slot["last_used_at"]) >= key_since.get(DevEui(slot["group"]), 0)


def _key_since(connection: Connection, subscriber_id: int) -> dict[DevEui, InstantMs]:
    """Since when each group has its present McKey."""
    key, group = t.key_material, t.multicast_group
    rows = connection.execute(
        select(group.c.dev_eui, key.c.created_at)
        .join_from(key, group, group.c.id == key.c.owner_id)
        .where(key.c.subscriber_id == subscriber_id, key.c.owner_table == "multicast_group")
        .order_by(key.c.created_at)
    )
    return {DevEui(row.dev_eui): row.created_at for row in rows}


def _file(connection: Connection, subscriber_id: int, file_id: int | None, labels: _Labels) -> facts.File | None:
    if file_id is None:
        return None
    row = connection.execute(
        select(t.file).where(t.file.c.id == file_id, t.file.c.subscriber_id == subscriber_id)
    ).one()
    return facts.File(
        name=row.name,
        kind=facts.FileKind(row.kind),
        size_bytes=row.size_bytes,
        sha256=row.sha256 or "",
        profile=None if row.device_profile_id is None else labels.profile[row.device_profile_id],
        version=row.version,
        base_version=row.base_version,
        time_tolerance_s=row.time_tolerance_s,
        uplink_period_s=row.uplink_period_s,
    )
