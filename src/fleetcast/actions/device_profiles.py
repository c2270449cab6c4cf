"""Device profiles: what may be said of a make of device."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from fleetcast.access import Identity
from fleetcast.actions.fields import TEXT_LONGEST, Checks
from fleetcast.actions.objects import Editable
from fleetcast.actions.references import require_active
from fleetcast.planning.facts import FirmwareCommand, Reboots, VersionFormat
from fleetcast.radio.payload_sizes import Revision
from fleetcast.store import delta_keys
from fleetcast.store.device_profiles import KIND, DeviceProfile

__all__ = ["PROFILES", "DeviceProfile", "check"]

_PACKAGES: Final = {
    "clock_sync": ("1", "2"), "multicast_setup": ("1", "2"), "fragmentation": ("1", "2"), "firmware_management": ("1",),
}  # fmt: skip
LIBRARIES: Final = ("smart delta", "other")
SCHEMES: Final = ("v1", "v2-relative", "v2-absolute")
_RANGES: Final = {
    "hw_revision": (0, 255), "hw_version": (0, 0xFFFFFFFF), "time_tolerance_s": (0, 3600),
    "uplink_period_s": (1, 366 * 86_400), "mc_groups": (1, 4), "frag_sessions": (1, 4), "max_fragment_bytes": (1, 255),
    "min_fragment_bytes": (1, 255), "fragment_multiple_of": (1, 255), "max_image_bytes": (1, 2**32),
    "max_fragments": (1, 16_383), "max_lost_fragments": (0, 16_383), "commands_per_downlink": (1, 10),
    "store_time_ms": (0, 3_600_000), "descriptor": (0, 0xFFFFFFFF), "running_f_port": (1, 223),
    "receive_ma": (0, 1000), "transmit_ma": (0, 1000), "idle_ma": (0, 1000), "battery_mah": (1, 1e6),
}  # fmt: skip


def check(what: DeviceProfile) -> None:
    """Raises InvalidFields with everything that can't be right whatever else is there."""
    checks = Checks()
    for name in ("name", "producer_id", "module_id"):
        checks.text(name, getattr(what, name), must=True)
    checks.text("description", what.description, longest=TEXT_LONGEST)
    checks.text("mcu_type", what.mcu_type)
    for name, (least, most) in _RANGES.items():
        checks.number(name, getattr(what, name), least, most)
    checks.one_of("fuota_library", what.fuota_library, LIBRARIES)
    checks.one_of("scheme", what.scheme, SCHEMES)
    checks.one_of("reboots", what.reboots, [each.value for each in Reboots])
    checks.one_of("version_format", what.version_format, [each.value for each in VersionFormat])
    for command in what.firmware_commands or ():
        checks.one_of("firmware_commands", command, [each.value for each in FirmwareCommand])
    ports: dict[int, str] = {}
    for package, versions in _PACKAGES.items():
        port = getattr(what, f"{package}_f_port")
        checks.number(f"{package}_f_port", port, 1, 223)
        checks.one_of(f"{package}_version", getattr(what, f"{package}_version"), (*versions, "absent", "ask"))
        if getattr(what, f"{package}_version") != "absent":
            other = ports.setdefault(port, package)
            checks.that(other == package, f"{package}_f_port", f"{port} is the FPort of {other.replace('_', ' ')} too")
    if what.regional_revision is not None:
        revision = what.regional_revision
        checks.parsed("regional_revision", lambda: Revision.parse(revision))
    for quirk in what.quirks:
        checks.text("quirks", quirk, must=True)
    if what.min_fragment_bytes is not None and what.max_fragment_bytes is not None:
        right = what.min_fragment_bytes <= what.max_fragment_bytes
        checks.that(right, "min_fragment_bytes", f"{what.min_fragment_bytes}: larger than max_fragment_bytes")
    prefix = what.running_prefix
    checks.that(
        (what.running_f_port is None) == (prefix is None), "running_prefix", "goes together with running_f_port"
    )
    checks.that(prefix is None or 1 <= len(prefix) <= 242, "running_prefix", "write 1 to 242 bytes")
    checks.done()


def _look_up(connection: Connection, who: Identity, what: DeviceProfile) -> None:
    checks = Checks()
    require_active(connection, who, checks, "delta_signing_key_id", delta_keys.KIND, what.delta_signing_key_id)
    checks.done()


PROFILES: Final = Editable(
    kind=KIND,
    check=check,
    look_up=_look_up,
    free=frozenset({"name", "description", "mcu_type", "receive_ma", "transmit_ma", "idle_ma", "battery_mah"}),
    label=lambda profile: profile.name,
)
