"""[campaign], [[group]] and [file]: what is sent, to which groups, and how; every complaint as in `reading`."""

from __future__ import annotations

from pathlib import Path
from stat import S_ISREG
from typing import cast, get_args

from fleetcast.errors import Invalid
from fleetcast.planning.facts import FileKind, SessionClass
from fleetcast.planning.plan import CampaignType, StrategyName, SuccessMeans
from fleetcast.planning.policy import Policy
from fleetcast.radio.band import Band, Direction
from fleetcast.radio.downlink import check_downlink
from fleetcast.rehearsal.reading import Table
from fleetcast.rehearsal.scenario import CampaignSpec, FileSpec, GroupSpec, Make
from fleetcast.rehearsal.settings_tables import read_settings
from fleetcast.rehearsal.versions import read_version
from fleetcast.simulator.chance import stream
from fleetcast.simulator.fleet import Fixed

LARGEST_FILE_BYTES = 16_383 * 255
"""Fragment numbers end at 16383, fragments at 255 bytes: no file is larger than that."""
_LONGEST_S = 31_536_000
"""A year."""
STRATEGIES: tuple[StrategyName, ...] = get_args(StrategyName)


def read_campaign(table: Table, band: Band) -> tuple[CampaignSpec, GroupSpec]:
    settings = table.table("settings")
    campaign = CampaignSpec(
        type=table.member("type", CampaignType, CampaignType.FIRMWARE),
        threshold_percent=table.whole("threshold_percent", 90, least=1, most=100),
        max_duration_s=table.whole("max_duration_s", 172_800, least=60, most=_LONGEST_S),
        strategy=cast("StrategyName | None", table.choice("strategy", STRATEGIES)),
        success_means=table.member("success_means", SuccessMeans),
        session_start_after_s=table.whole("session_start_after_s", least=1, most=_LONGEST_S),
        reboot_after_s=table.whole("reboot_after_s", least=1, most=_LONGEST_S),
        confirmed_downgrade=table.flag("confirmed_downgrade"),
        settings=read_settings(settings, Policy),
    )
    default = _group_values(
        table, GroupSpec(name="", session_class="C", data_rate=_usual_rate(band), frequency_hz=0), band
    )
    table.finish()
    return campaign, default


def read_group(table: Table, default: GroupSpec, band: Band) -> GroupSpec:
    found = _group_values(table, default, band, name=table.required("name"))
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


def read_file(table: Table, of: CampaignType, makes: tuple[Make, ...], directory: Path) -> FileSpec | None:
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
        status = path.stat()
        if not S_ISREG(status.st_mode):
            raise table.wrong("path", f"{path} is no file: name one with bytes in it")
        if status.st_size > LARGEST_FILE_BYTES:
            raise table.wrong(
                "path", f"{path} has {status.st_size} bytes: all fragments together carry {LARGEST_FILE_BYTES} at most"
            )
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise table.wrong("path", f"{path} can't be read ({why}); paths start at the scenario's folder") from None
    if not data:
        raise table.wrong("path", f"{path} is empty: name a file with bytes in it")
    return data
