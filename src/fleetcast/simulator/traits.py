"""How one device stack behaves: limits, delays, habits and quirks, as values that simulated devices share.

The catalogue in `data/device-traits.json` describes public stacks; `reference` is what the specifications say. What is
not known of a stack is taken from the reference. Devices themselves are in `device`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from importlib.resources import files
from typing import Any, Literal, Self, cast

from fleetcast.errors import NotFound
from fleetcast.fec import Scheme
from fleetcast.protocol.packages import Package
from fleetcast.simulator.quirks import Quirk, split

REFERENCE = "reference"

Spread = tuple[float, float]
"""Seconds, from and to: drawn uniformly."""


@dataclass(frozen=True, slots=True)
class PackagePort:
    """A package that the stack has: its version and where it listens."""

    version: int
    f_port: int


@dataclass(frozen=True, slots=True)
class BlockAckDelay:
    """What waits 0 to 2^(BlockAckDelay+4) units before it is sent (TS004)."""

    applies_to: frozenset[str] = frozenset({"status", "block_received"})
    applies_when: Literal["always", "multicast_only", "never"] = "always"
    unit_s: float = 1.0


@dataclass(frozen=True, slots=True)
class BlockReceivedReq:
    """How FragDataBlockReceivedReq is repeated (TS004-2.0.0): `sendings` None is without end, `interval_s` None a
    new random delay each time."""

    supported: bool = True
    sendings: int | None = 3
    interval_s: float | None = 60.0


@dataclass(frozen=True, slots=True)
class DoneUplink:
    """An uplink of the application when a block is done: 0x05 and the CRC-32 of the block, again and again."""

    f_port: int
    period_s: float
    jitter_s: float


@dataclass(frozen=True, slots=True)
class Persists:
    """What a reboot leaves."""

    mc_groups: bool = True
    mc_fcnt: bool = True
    session_timer: bool = True
    frag_session: bool = True


@dataclass(frozen=True, slots=True)
class ClockRequests:
    """When a device asks for the time by itself (TS003)."""

    on_start: bool = True
    period_s: float | None = 86400.0
    jitter_s: float = 30.0
    ans_required: bool = False
    periodicity_supported: bool = True
    force_resync_spacing_s: float = 60.0


@dataclass(frozen=True, slots=True)
class FirmwareHabits:
    """How the TS006 commands behave."""

    reboot_time: Literal["ok", "compares_unix"] = "ok"
    reboot_countdown: Literal["ok", "ok_but_not_seen_as_scheduled"] = "ok"
    upgrade_image: Literal["ok", "always_0", "status_ok_version_0"] = "ok"
    delete_image: Literal["ok", "always_error", "always_deletes"] = "ok"


def _ports() -> dict[Package, PackagePort]:
    newest = {Package.CLOCK_SYNC: 2, Package.MULTICAST_SETUP: 2, Package.FRAGMENTATION: 2}
    return {package: PackagePort(newest.get(package, 1), package.default_f_port) for package in Package}


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """The behaviour of a stack; the defaults are what the specifications say, in their newest versions."""

    id: str = REFERENCE
    packages: Mapping[Package, PackagePort] = field(default_factory=_ports)
    class_b: bool = True
    mc_groups: int = 4
    frag_sessions: int = 4
    frag_decoders: int = 4
    """How many blocks can be received at once; with one, a set-up on another index restarts the decoder."""
    max_nb_frag: int = 16383
    max_frag_size: int = 255
    min_frag_size: int = 1
    frag_size_multiple_of: int = 1
    max_lost_fragments: int | None = None
    """Most lost uncoded fragments the decoder can repair; None: no limit."""
    max_block_bytes: int | None = None
    answer_delay_s: Mapping[Package, Spread] = field(default_factory=dict)
    block_ack_delay: BlockAckDelay = BlockAckDelay()
    answer_buffer_bytes: Mapping[Package, int] = field(default_factory=dict)
    max_commands_per_payload: int | None = None
    answers_confirmed: bool = False
    unknown_command: Literal["keep_before", "drop_all", "skip_byte", "silent"] = "keep_before"
    short_command: Literal["keep_before", "drop_all", "reads_beyond", "silent"] = "keep_before"
    drops_setup_on_multicast: bool = True
    checks_mc_group_bit_mask: bool = True
    setup_same_index: Literal["restart", "refuse"] = "restart"
    setup_refusals: frozenset[str] = frozenset(
        {"algo", "nb_frag", "frag_size", "block_bytes", "index", "descriptor", "session_cnt"}
    )
    fragment_out_of_order: Literal["use", "drop", "drop_uncoded"] = "use"
    fragment_repeated: Literal["count", "drop", "no_effect"] = "count"
    first_fragment_number: int = 1
    min_fragment_interval_s: float = 0.0
    setup_busy_s: float = 0.0
    too_many_lost: Literal["memory_error", "failed", "reports_finished"] = "memory_error"
    missing_frag: Literal[
        "m_minus_rank",
        "lost_never_falls",
        "lost_until_complete",
        "m_minus_received_then_lost_minus_rank",
        "m_minus_all_receptions",
    ] = "m_minus_rank"
    missing_frag_before_first: Literal["all", "zero"] = "all"
    missing_frag_after_lossless: int = 0
    nb_frag_received: Literal[
        "all_receptions", "last_number", "last_number_minus_lost", "received_without_repeats", "big_endian"
    ] = "all_receptions"
    scheme_v2: Scheme = "v2-relative"
    """The parity scheme of fragmentation version 2; version 1 has one only."""
    status_layout: Literal["v1", "v2", "v1_big_endian"] | None = None
    """None: the layout of the package's version."""
    status_participants_0: Literal["text", "if_lost_ever", "if_missing_gt_0"] = "text"
    status_no_session: Literal["text", "decoder_state", "zeros_no_flag", "bit2_full_length", "silent"] = "text"
    status_memory_error_sticky: bool = False
    status_as_of: Literal["sending", "request"] = "sending"
    """Whether a status tells what is so when it is sent, or what was so when it was asked for."""
    session_cnt_persistent: bool = True
    data_block_mic: Literal["checked", "checked_on_report", "not_compliant"] = "checked"
    block_received_req: BlockReceivedReq = BlockReceivedReq()
    done_uplink: DoneUplink | None = None
    reboot_after_block: Literal["none", "application", "device_management", "self_immediate", "self_random"] = (
        "device_management"
    )
    class_after_block: Literal["A", "unchanged"] = "unchanged"
    class_after_session: Literal["A", "unchanged"] = "A"
    session_timer: Literal["per_group", "one_for_all_group0"] = "per_group"
    start_in_past: Literal["bit4", "bit5", "start_now"] = "bit5"
    clock_unknown: Literal["accept_ffffff_start_when_known", "accept_ffffff_no_start", "own_epoch"] = (
        "accept_ffffff_start_when_known"
    )
    undefined_group_status: int = 16
    time_to_start_groups_1_3: bool = True
    f_cnt_max_inclusive: bool = False
    f_cnt_range_checked: bool = True
    persists: Persists = Persists()
    clock_request: ClockRequests = ClockRequests()
    firmware: FirmwareHabits = FirmwareHabits()
    quirks: frozenset[Quirk] = frozenset()

    def on_port(self, f_port: int) -> Package | None:
        """The package that listens there, if any."""
        for package, port in self.packages.items():
            if port.f_port == f_port:
                return package
        return None

    def version(self, package: Package) -> int:
        """The version of a package that the stack has; raises KeyError for one that it has not."""
        return self.packages[package].version

    def with_quirks(self, names: Iterable[str]) -> Self:
        """The same stack with further quirks; raises QuirkNotSimulated."""
        switches, changes = split(names)
        changed: Self = _changed(self, changes)
        return replace(changed, quirks=self.quirks | switches)

    def in_version(self, version: int) -> Self:
        """The same stack with clock, multicast and fragmentation packages in version 1 or 2."""
        ports = dict(self.packages)
        for package in (Package.CLOCK_SYNC, Package.MULTICAST_SETUP, Package.FRAGMENTATION):
            if package in ports:
                ports[package] = replace(ports[package], version=version)
        return replace(self, packages=ports)


def _changed(traits: Any, changes: Mapping[str, object]) -> Any:
    """The traits with these changes; `part.name` changes a part of a trait."""
    flat: dict[str, object] = {}
    for name, value in changes.items():
        whole, _, part = name.partition(".")
        if not part:
            flat[whole] = value
            continue
        whole = "firmware" if whole == "firmware_management" else whole
        present = flat.get(whole, getattr(traits, whole))
        flat[whole] = _with_entry(present, part, value) if isinstance(present, Mapping) else replace(
            cast(Any, present), **{part: value}
        )  # fmt: skip
    return replace(traits, **flat)


def _with_entry(present: Mapping[Package, object], label: str, value: object) -> dict[Package, object]:
    package = Package[label.upper()]
    kept = {known: entry for known, entry in present.items() if known is not package}
    return kept if value is None else {**kept, package: value}


@cache
def _catalogue() -> Mapping[str, Mapping[str, Any]]:
    text = files("fleetcast.simulator").joinpath("data/device-traits.json").read_text(encoding="utf-8")
    return {entry["id"]: entry for entry in json.loads(text)}


def known_stacks() -> tuple[str, ...]:
    """The ids of all stacks in the catalogue."""
    return tuple(_catalogue())


def stack(name: str, *, without: Iterable[str] = ()) -> Traits:
    """The traits of a stack in the catalogue, leaving out the quirks named in `without`.

    Raises NotFound, naming those there are, and QuirkNotSimulated for a stack with a quirk that cannot be imitated.
    """
    entry = _entry(name)
    read = _read(entry)
    quirky = read.with_quirks(quirk for quirk in entry["quirks"] if quirk not in set(without))
    # A name stands for a figure that differs from stack to stack; the entry's own is the right one.
    return replace(quirky, min_frag_size=read.min_frag_size)


def quirks_of(name: str) -> tuple[str, ...]:
    """The names of a stack's quirks, as a server's profile would list them; raises NotFound."""
    return tuple(_entry(name)["quirks"])


def _entry(name: str) -> Mapping[str, Any]:
    entry = _catalogue().get(name)
    if entry is None:
        raise NotFound(f"device stack {name!r}: there are {', '.join(known_stacks())}")
    return entry


_PLAIN = frozenset(one.name for one in fields(Traits)) - {
    "packages", "answer_delay_s", "block_ack_delay", "answer_buffer_bytes", "setup_refusals", "block_received_req",
    "done_uplink", "persists", "clock_request", "status_layout", "quirks", "max_lost_fragments",
}  # fmt: skip


def _read(entry: Mapping[str, Any]) -> Traits:
    """The traits of one entry, without its quirks."""
    values: dict[str, Any] = {name: value for name, value in entry.items() if name in _PLAIN and value is not None}
    ports = {
        Package(one["package_identifier"]): PackagePort(one["version"], one["f_port"]) for one in entry["packages"]
    }
    if entry["setup_refusals"]:
        values["setup_refusals"] = frozenset(entry["setup_refusals"])
    layout = entry["status_layout"]
    written = ports.get(Package.FRAGMENTATION)
    lost = entry["max_lost_fragments"]
    acknowledging = entry["block_ack_delay"]
    when = acknowledging["applies_when"]
    return Traits(
        **values,
        packages=ports,
        class_b="B" in entry["device_classes"] and entry["class_b_sessions"] is not False,
        max_lost_fragments=None if lost is None or lost >= 16383 else lost,
        answer_delay_s={
            Package[label.upper()]: (float(spread[0]), float(spread[1]))
            for label, spread in entry["answer_delay_s"].items()
            if spread is not None
        },
        answer_buffer_bytes={
            Package[label.upper()]: size for label, size in entry["answer_buffer_bytes"].items() if size is not None
        },
        block_ack_delay=BlockAckDelay(
            frozenset(acknowledging["applies_to"]),
            "always" if when == "unknown" else when,
            float(acknowledging["unit_s"]),
        ),
        block_received_req=BlockReceivedReq(**entry["block_received_req"]),
        done_uplink=_done_uplink(entry["done_uplink"]),
        status_layout=layout if written and layout not in (None, f"v{written.version}") else None,
        status_as_of="sending" if entry["basis"] == "text" else "request",
        f_cnt_max_inclusive=bool(entry["fcnt"]["max_inclusive"]),
        f_cnt_range_checked=entry["fcnt"]["range_checked"] is not False,
        persists=_part(Persists, entry["persists"]),
        clock_request=_part(ClockRequests, entry["clock_request"]),
        firmware=_part(FirmwareHabits, entry["firmware_management"]),
    )


def _part(kind: type[Any], entry: Mapping[str, Any]) -> Any:
    """A part of the traits; what is unknown keeps its default, a period left to the application is none."""
    known = {one.name for one in fields(kind)}
    given = {name: value for name, value in entry.items() if name in known and value is not None}
    if "period_s" in entry and entry["period_s"] is None:
        given["period_s"] = None
    return kind(**given)


def _done_uplink(entry: Mapping[str, Any] | None) -> DoneUplink | None:
    """A done-uplink with a CRC-32; another kind belongs to a quirk that is refused by its name."""
    if entry is None or entry["period_s"] is None:
        return None
    return DoneUplink(entry["f_port"], float(entry["period_s"]), float(entry["jitter_s"]))
