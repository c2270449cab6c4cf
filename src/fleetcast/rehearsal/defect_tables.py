"""[fleet.defects]: which devices of a part are broken, and how. Each device has at most one defect.

A defect is given as a count, a share, or a table with one of the two and what belongs to it:
`too_little_memory = { count = 3, fragments = 5 }`.
"""

from __future__ import annotations

from collections.abc import Callable

from fleetcast.rehearsal.reading import Table
from fleetcast.rehearsal.scenario import DefectName, SomeDefective
from fleetcast.rehearsal.versions import read_version
from fleetcast.simulator.device_spec import Defects, ImageStatus

DR_ERROR, FREQ_ERROR, NO_MEMORY = 4, 8, 2

_MAKE: dict[DefectName, Callable[[Table], Defects]] = {
    DefectName.NEVER_HEARD: lambda _: Defects(never_heard=True),
    DefectName.WRONG_ROOT_KEY: lambda _: Defects(wrong_root_key=True),
    DefectName.REFUSES_GROUP: lambda _: Defects(refuses_group=True),
    DefectName.REFUSES_SESSION: lambda _: Defects(refuses_session_bits=FREQ_ERROR),
    DefectName.REFUSES_FRAGMENTATION: lambda _: Defects(refuses_fragmentation_bits=NO_MEMORY),
    DefectName.REFUSES_REBOOT: lambda _: Defects(refuses_reboot=True),
    DefectName.TOO_LITTLE_MEMORY: lambda table: Defects(decoder_memory=table.whole("fragments", 2, most=16_383)),
    DefectName.REBOOTS_IN_THE_MIDDLE: lambda table: Defects(
        reboots_in_session_after_s=table.number("after_s", 60.0, least=0.1)
    ),
    DefectName.ANSWERS_TWICE: lambda _: Defects(answers_twice=True),
    DefectName.CLOCK_NEVER_SET: lambda _: Defects(clock_never_set=True),
    DefectName.CORRUPT_IMAGE: lambda _: Defects(image_status=ImageStatus.CORRUPT),
    DefectName.OTHER_HARDWARE: lambda _: Defects(image_status=ImageStatus.OTHER_HARDWARE),
    DefectName.DOES_NOT_REBOOT: lambda _: Defects(runs_after_update="old"),
    DefectName.WRONG_VERSION: lambda table: Defects(runs_after_update=read_version(table, "version", 0x09090909)),
}


def read_defects(table: Table, devices: int) -> tuple[SomeDefective, ...]:
    """The defects of a part of `devices` devices; raises ScenarioWrong when there are more than that."""
    found: list[SomeDefective] = []
    for name in DefectName:
        if name not in table:
            table.plain(name)
            continue
        details = table.table(name) if isinstance(table.plain(name), dict) else None
        count = _count(table, name, devices) if details is None else _count_of(details, devices)
        found.append(SomeDefective(name, count, _MAKE[name](details or table.empty(name))))
        if details is not None:
            details.finish()
    table.finish()
    if sum(each.count for each in found) > devices:
        raise table.wrong(
            None, f"{sum(each.count for each in found)} defects among {devices} devices: each has one at most"
        )
    return tuple(found)


def _count_of(details: Table, devices: int) -> int:
    for key in ("count", "share"):
        if key in details:
            return _count(details, key, devices)
    raise details.wrong(None, "say how many: count = 3, or share = 0.01")


def _count(table: Table, key: str, devices: int) -> int:
    """A whole number of devices, or their share: below 1, or a percentage."""
    value = table.plain(key)
    if isinstance(value, int) and not isinstance(value, bool) and key != "share":
        return table.whole(key, 0, most=devices)
    return round(table.share(key) * devices)
