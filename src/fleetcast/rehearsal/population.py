"""A scenario's fleet, drawn: each device as it is, and as the server knows it; the groups, and everybody's keys.

What the server knows is less than what is: losses are what an earlier transfer would have shown, a device that speaks
no more was last heard long ago, other defects are unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from fleetcast.errors import NotFound
from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.planning.facts import (
    ASK,
    Device,
    File,
    FirmwareCommand,
    Group,
    PackageAbility,
    Profile,
    Reboots,
    RunningUplink,
    SessionClass,
)
from fleetcast.planning.request import CampaignRequest
from fleetcast.protocol.packages import Package
from fleetcast.radio.band import Band, Direction
from fleetcast.radio.bands import catalog
from fleetcast.rehearsal.scenario import CONNECTION, FleetPart, Make, Network, Scenario
from fleetcast.rehearsal.scenario_file import digest
from fleetcast.secret import Secret
from fleetcast.simulator.air import NO_GATEWAY
from fleetcast.simulator.chance import key, stream
from fleetcast.simulator.device_spec import Model, VersionUplink
from fleetcast.simulator.fleet import Broken, Fleet, Part
from fleetcast.simulator.quirks import Quirk

_FIRST_GROUP = 0x02F1_EE71_0000_0000
_FIRST_MC_ADDR = 0x01FC_0001
_VERSION_PREFIX = b"\x56"
_EARLIER_FRAMES = 300
"""What is known of a loss was seen in an earlier transfer of so many frames."""
_LEAST_STORE_MS = 100
_PARITY_SLOW_MS = 3000
_KNOWN_SINCE_MS = 86_400_000
_SILENT_SINCE_MS = 30 * 86_400_000
"""When a device that is never heard was heard last."""
SAMPLE_OF_EACH_PROFILE = 100
"""So many devices of each profile rebuild the real bytes, where the rest is counted."""


@dataclass(frozen=True, slots=True)
class Population:
    """The fleet as it is, and as the server knows it."""

    fleet: Fleet
    gateways: tuple[str, ...]
    devices: list[Device]
    profiles: dict[str, Profile]
    groups: list[Group]
    keys: SimulatedKeys


@dataclass(frozen=True, slots=True)
class SimulatedKeys:
    """Keys of a simulated fleet and its groups."""

    fleet: Fleet
    groups: frozenset[DevEui]

    def root_key(self, dev_eui: DevEui) -> Secret:
        """GenAppKey or AppKey of a device; raises NotFound."""
        return self.fleet.root_key(self.fleet.number(dev_eui))

    def mc_key(self, group: DevEui) -> Secret:
        """McKey of a group; raises NotFound."""
        if group not in self.groups:
            raise NotFound(f"multicast group {group}: it is not in this scenario")
        return Secret(key(self.fleet.seed, "McKey", int(group) - _FIRST_GROUP))


def band_of(network: Network) -> Band:
    """The band under the network's channel plan and country."""
    band = catalog.band(network.band, plan=network.channel_plan)
    return band if network.country is None else band.in_country(network.country)


def draw(scenario: Scenario, seed: int) -> Population:
    """Every device of the scenario; the same seed draws the same fleet."""
    band = band_of(scenario.network)
    makes = {make.name: make for make in scenario.makes}
    version = None if scenario.file is None else scenario.file.version
    groups = [
        Group(
            dev_eui=DevEui.from_int(_FIRST_GROUP + g), name=spec.name, connection=CONNECTION,
            session_class=spec.session_class, band=band.name, channel_plan=scenario.network.channel_plan,
            country=scenario.network.country, mc_addr=DevAddr.from_int(_FIRST_MC_ADDR + g),
            frequency_hz=spec.frequency_hz, data_rate=spec.data_rate, coded_per_uncoded=spec.redundancy,
            periodicity=spec.periodicity, next_f_cnt=spec.next_f_cnt, network_counts=scenario.network.network_counts,
            max_under_way=scenario.network.max_under_way,
        )
        for g, spec in enumerate(scenario.groups)
    ]  # fmt: skip
    gateways = tuple(f"gateway {number}" for number in range(1, scenario.network.gateways + 1))
    parts = tuple(_part(part, makes[part.make], band) for part in scenario.fleet)
    fleet = Fleet(parts, gateways, seed)
    keys = SimulatedKeys(fleet, frozenset(group.dev_eui for group in groups))
    devices = list(_known(scenario, makes, fleet, band, stream(seed, "what the server knows")))
    profiles = {make.name: profile(make, version) for make in scenario.makes}
    return Population(fleet, gateways, devices, profiles, groups, keys)


def request(scenario: Scenario, population: Population, seed: int) -> CampaignRequest:
    """The campaign as somebody would ask for it."""
    asked, file = scenario.campaign, scenario.file
    return CampaignRequest(
        campaign=f"{scenario.name} {seed}",
        type=asked.type,
        devices=population.devices,
        profiles=population.profiles,
        groups=population.groups,
        file=None
        if file is None
        else File(
            name=file.name,
            kind=file.kind,
            size_bytes=len(file.data),
            sha256=digest(file.data),
            profile=file.make,
            version=file.version,
            base_version=file.base_version,
        ),
        policy=asked.settings,
        threshold_percent=asked.threshold_percent,
        max_duration_s=asked.max_duration_s,
        reboot_at=None if asked.reboot_after_s is None else scenario.start + asked.reboot_after_s * 1000,
        session_start=None
        if asked.session_start_after_s is None
        else scenario.start + asked.session_start_after_s * 1000,
        success_means=asked.success_means,
        strategy=asked.strategy,
        seed=seed,
        confirmed_downgrade=asked.confirmed_downgrade,
    )


def profile(make: Make, target_version: int | None) -> Profile:
    """A make as the server's profile tells it."""
    traits = make.traits
    has_firmware = Package.FIRMWARE_MANAGEMENT in traits.packages
    prefix = _VERSION_PREFIX + (target_version or 0).to_bytes(4, "little")
    by_itself = traits.reboot_after_block.startswith("self_") or (
        traits.reboot_after_block == "application" and not has_firmware
    )
    tracked = (p for p in Package if p is not Package.MULTI_PACKAGE_ACCESS and p in traits.packages)
    return Profile(
        name=make.name,
        packages={
            package: PackageAbility(
                traits.packages[package].f_port, traits.packages[package].version if make.versions_known else ASK
            )
            for package in tracked
        },
        mc_groups=traits.mc_groups,
        frag_sessions=traits.frag_sessions,
        max_fragment_bytes=traits.max_frag_size,
        min_fragment_bytes=traits.min_frag_size,
        fragment_multiple_of=traits.frag_size_multiple_of,
        max_image_bytes=traits.max_block_bytes,
        max_fragments=traits.max_nb_frag,
        max_lost_fragments=traits.max_lost_fragments if make.decoder_known else None,
        takes_any_order=traits.fragment_out_of_order == "use",
        commands_per_downlink=make.commands_per_downlink,
        store_time_ms=_store_time_ms(make),
        firmware_commands=_firmware_commands(make),
        reboots=Reboots.ITSELF if by_itself else Reboots.COMMAND,
        reports_version=has_firmware
        and (make.reports_version_s is not None or Quirk.DEVVERSION_UNASKED in traits.quirks),
        running_uplink=None if make.version_uplink_port is None else RunningUplink(make.version_uplink_port, prefix),
        time_tolerance_s=make.time_tolerance_s,
        uplink_period_s=make.uplink_period_s,
        hw_version=make.hw_version,
        quirks=make.quirks,
    )


def _firmware_commands(make: Make) -> frozenset[FirmwareCommand]:
    """Those that work: a profile doesn't list what its stack answers wrongly."""
    habits = make.traits.firmware
    useless = {
        FirmwareCommand.REBOOT_TIME: habits.reboot_time != "ok",
        FirmwareCommand.UPGRADE_IMAGE: habits.upgrade_image != "ok",
        FirmwareCommand.DELETE_IMAGE: habits.delete_image == "always_error",
    }
    return frozenset(command for command in FirmwareCommand if not useless.get(command))


def _store_time_ms(make: Make) -> int:
    if "PARITY_SLOW" in make.quirks:
        return _PARITY_SLOW_MS
    return max(_LEAST_STORE_MS, round(make.traits.min_fragment_interval_s * 1000))


def _part(part: FleetPart, make: Make, band: Band) -> Part:
    model = Model(
        traits=make.traits,
        lorawan_1_1=make.lorawan_1_1,
        own_class=part.own_class,
        data_rates=frozenset(band.usable_data_rates(Direction.DOWNLINK)),
        frequencies_hz=(band.device_range.min_hz, band.device_range.max_hz),
        uplink_period_s=float(make.uplink_period_s),
        uplink_jitter_s=min(30.0, 0.1 * make.uplink_period_s),
        uplink_bytes=make.uplink_bytes,
        hw_version=make.hw_version,
        flash_time_s=make.flash_time_s,
        boot_time_s=make.boot_time_s,
        joins=make.joins_after_reboot,
        reports_version_s=make.reports_version_s,
        version_uplink=None
        if make.version_uplink_port is None
        else VersionUplink(make.version_uplink_port, _VERSION_PREFIX),
    )
    return Part(
        profile=make.name,
        count=part.count,
        model=model,
        down_loss=part.loss,
        up_loss=part.uplink_loss,
        uplink_period_s=part.uplink_period_s,
        uplink_data_rate=part.data_rate,
        gateways_in_range=part.gateways_in_range,
        farther_loss=part.farther_loss,
        firmware_version=part.firmware_version,
        clock_offset_s=part.clock_offset_s,
        clock_unknown_share=part.clock_unknown,
        drift_ppm=part.drift_ppm,
        broken=tuple(Broken(some.defects, count=some.count) for some in part.defects),
    )


def _known(scenario: Scenario, makes: dict[str, Make], fleet: Fleet, band: Band, chance: Generator) -> Iterator[Device]:
    """Each device as the server knows it: a loss is what an earlier transfer showed, a defect is not known.

    But for silence: who is never heard has been silent for long.
    """
    seen_loss = _seen(fleet.links.down_loss, chance)
    seen_uplink_loss = _seen(fleet.links.up_loss, chance)
    rates = fleet.uplink_data_rate.tolist()
    classes = {name: _classes(make) for name, make in makes.items()}
    learned = scenario.start - _KNOWN_SINCE_MS
    silent_since = scenario.start - _SILENT_SINCE_MS
    number = 0
    for part in scenario.fleet:
        make = makes[part.make]
        for i in range(number, number + part.count):
            yield Device(
                dev_eui=fleet.dev_eui(i),
                profile=make.name,
                lorawan_1_1=make.lorawan_1_1,
                session_classes=classes[make.name],
                own_class=part.own_class,
                connection=CONNECTION,
                band=band.name,
                hw_version=make.hw_version,
                firmware_version=part.firmware_version if part.known else None,
                firmware_version_learned=learned if part.known else None,
                uplink_period_s=max(1, round(fleet.uplink_period_s(i))) if part.known else None,
                data_rate=rates[i] if part.known else None,
                expected_loss=seen_loss[i] if part.known else None,
                loss_counted_over=_EARLIER_FRAMES if part.known else None,
                expected_uplink_loss=seen_uplink_loss[i] if part.known else None,
                last_uplink=silent_since if part.known and fleet.defects(i).never_heard else None,
                clock_off=part.known and _clock_off(fleet, i, make),
                gateways=_heard_by(fleet, i) if part.known else frozenset(),
            )
        number += part.count


def _seen(losses: NDArray[np.float32], chance: Generator) -> list[float]:
    """The share of frames lost on every path to or from a device, as counted over an earlier transfer."""
    lost: NDArray[np.float64] = losses.astype(np.float64).prod(axis=1)
    return [int(count) / _EARLIER_FRAMES for count in chance.binomial(_EARLIER_FRAMES, lost)]


def _heard_by(fleet: Fleet, i: int) -> frozenset[str]:
    """The gateways that heard a device lately."""
    return frozenset(f"gateway {gateway + 1}" for gateway in fleet.links.gateway[i].tolist() if gateway != NO_GATEWAY)


def _clock_off(fleet: Fleet, i: int, make: Make) -> bool:
    """Whether the last time request of a device showed that its clock is off; who doesn't know the time asks anew."""
    offset_s = fleet.spec(i).clock_offset_s
    return offset_s is not None and abs(offset_s) > make.time_tolerance_s + 1


def _classes(make: Make) -> frozenset[SessionClass]:
    return frozenset({"B", "C"} if make.traits.class_b else {"C"})
