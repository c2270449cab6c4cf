"""A fleet of devices that somebody registered: each is drawn from its own DevEUI, whenever it comes.

What a device is (keys, packages, limits) is told; where it stands (losses, gateways, data rate, period, clock) is drawn
from the seed and its DevEUI alone, so that the order in which devices come changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fleetcast.connectors.port import PracticeDevice
from fleetcast.errors import NotFound
from fleetcast.identifiers import DevEui
from fleetcast.radio.band import Band, Direction
from fleetcast.secret import Secret
from fleetcast.simulator.air import NO_GATEWAY, Links
from fleetcast.simulator.device_spec import DeviceSpec, Model
from fleetcast.simulator.quirks import QuirkNotSimulated
from fleetcast.simulator.traits import PackagePort, Traits

_JITTER_S = 30.0
_FARTHER_LOSS = 0.3
_GATEWAYS_IN_RANGE = 2
_FIRST_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Between which bounds a device's place is drawn. Losses are shares, 0 to 1."""

    seed: int
    gateways: int
    least_loss: float
    most_loss: float
    least_uplink_loss: float
    most_uplink_loss: float
    data_rate: int
    clock_offset_s: float
    """Clocks are off by up to this, either way."""
    uplink_period_s: int | None
    """None: the profile's."""


class RegisteredFleet:
    """All devices that were told so far, counted from 0 in the order of their coming."""

    def __init__(self, band: Band, places: Places) -> None:
        self._band = band
        self._places = places
        self._devices: list[PracticeDevice] = []
        self._number: dict[DevEui, int] = {}
        self._models: dict[PracticeDevice, Model] = {}
        self._marked: dict[PracticeDevice, int] = {}
        width = min(places.gateways, _GATEWAYS_IN_RANGE)
        none = np.zeros((0, width), np.float32)
        self.links = Links(np.zeros((0, width), np.int16), none, none)
        self._sample = np.zeros(0, np.bool_)

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self._devices)

    @property
    def uplink_data_rate(self) -> NDArray[np.int16]:
        """The data rate of each one's uplinks."""
        return np.full(self.size, self._places.data_rate, np.int16)

    def knows(self, dev_eui: DevEui) -> bool:
        """Whether a device is here."""
        return dev_eui in self._number

    def add(self, devices: Sequence[PracticeDevice], *, sample: int) -> None:
        """More devices; of each make the first `sample` take real bytes. Those that are here are left as they are."""
        new = [device for device in devices if device.dev_eui not in self._number]
        drawn = [self._links_of(device.dev_eui) for device in new]
        marks = []
        for device in new:
            self._number[device.dev_eui] = len(self._devices)
            self._devices.append(device)
            make = _make_of(device)
            self._marked[make] = self._marked.get(make, 0) + 1
            marks.append(self._marked[make] <= sample)
        if new:
            gateway, down, up = (np.array(column) for column in zip(*drawn, strict=True))
            self.links = Links(
                np.concatenate([self.links.gateway, gateway.astype(np.int16)]),
                np.concatenate([self.links.down_loss, down.astype(np.float32)]),
                np.concatenate([self.links.up_loss, up.astype(np.float32)]),
            )
            self._sample = np.concatenate([self._sample, np.array(marks, np.bool_)])

    def dev_eui(self, device: int) -> DevEui:
        """The DevEUI of a device."""
        return self._devices[device].dev_eui

    def number(self, dev_eui: DevEui) -> int:
        """The device with this DevEUI; raises NotFound."""
        found = self._number.get(dev_eui)
        if found is None:
            raise NotFound(f"{dev_eui} is not registered on this connection")
        return found

    def spec(self, device: int) -> DeviceSpec:
        """What a device is."""
        told, places = self._devices[device], self._places
        dice = _dice(places.seed, told.dev_eui, "clock and period")
        period_s = places.uplink_period_s or told.uplink_period_s
        return DeviceSpec(
            dev_eui=told.dev_eui,
            root_key=told.root_key,
            model=self._model(told),
            firmware_version=_FIRST_VERSION if told.firmware_version is None else told.firmware_version,
            clock_offset_s=(2 * dice[0] - 1) * places.clock_offset_s,
            drift_ppm=20 * (2 * dice[1] - 1),
            uplink_period_s=period_s * (0.95 + 0.1 * dice[2]),
        )

    def sample(self, of_each: int) -> NDArray[np.bool_]:  # noqa: ARG002 - settled when they came
        """A mark on those that take real bytes."""
        return self._sample

    def _links_of(self, dev_eui: DevEui) -> tuple[list[int], list[float], list[float]]:
        places = self._places
        nearest, down, up = _dice(places.seed, dev_eui, "place")
        down = places.least_loss + down * (places.most_loss - places.least_loss)
        up = places.least_uplink_loss + up * (places.most_uplink_loss - places.least_uplink_loss)
        gateways, downs, ups = [], [], []
        for place in range(min(places.gateways, _GATEWAYS_IN_RANGE)):
            through = 1 - min(1.0, _FARTHER_LOSS * place)
            gateways.append((int(nearest * places.gateways) + place) % places.gateways)
            downs.append(1 - (1 - down) * through)
            ups.append(1 - (1 - up) * through)
        return gateways or [NO_GATEWAY], downs, ups

    def _model(self, told: PracticeDevice) -> Model:
        make = _make_of(told)
        found = self._models.get(make)
        if found is None:
            band = self._band
            period_s = self._places.uplink_period_s or told.uplink_period_s
            found = self._models[make] = Model(
                traits=_traits(told),
                lorawan_1_1=told.lorawan_1_1,
                own_class="C" if told.own_class == "C" else "A",
                data_rates=frozenset(band.usable_data_rates(Direction.DOWNLINK)),
                frequencies_hz=(band.device_range.min_hz, band.device_range.max_hz),
                uplink_period_s=float(period_s),
                uplink_jitter_s=min(_JITTER_S, 0.1 * period_s),
                hw_version=1 if told.hw_version is None else told.hw_version,
                reports_version_s=(10.0, 60.0) if told.reports_version else None,
            )
        return found


_NO_DEVICE = DevEui("0000000000000000")
_NO_KEY = Secret(bytes(16))


def _make_of(device: PracticeDevice) -> PracticeDevice:
    """What all devices of a make have in common."""
    return replace(device, dev_eui=_NO_DEVICE, root_key=_NO_KEY, firmware_version=None)


def _traits(told: PracticeDevice) -> Traits:
    stated = {package: PackagePort(version, f_port) for package, version, f_port in told.packages}
    packages = {
        package: stated.get(package, port)
        for package, port in Traits().packages.items()
        if package not in told.absent
    }  # fmt: skip
    traits = Traits(
        packages=packages,
        class_b=told.class_b,
        mc_groups=told.mc_groups,
        frag_sessions=told.frag_sessions,
        frag_decoders=told.frag_sessions,
        max_frag_size=told.max_fragment_bytes,
        max_nb_frag=told.max_fragments,
        max_lost_fragments=told.max_lost_fragments,
        max_block_bytes=told.max_image_bytes,
        fragment_out_of_order="use" if told.takes_any_order else "drop",
        reboot_after_block="self_random" if told.reboots_by_itself else "device_management",
    )
    for quirk in sorted(told.quirks):
        try:
            traits = traits.with_quirks((quirk,))
        except QuirkNotSimulated:
            continue  # what can't be imitated is left out: the device is milder than its make
    return traits


def _dice(seed: int, dev_eui: DevEui, purpose: str) -> tuple[float, float, float]:
    """Three numbers from 0 up to 1 that belong to a seed, a device and a purpose."""
    digest = hashlib.sha256(f"{seed} {dev_eui} {purpose}".encode()).digest()
    first, second, third = (int.from_bytes(digest[8 * at : 8 * at + 8], "big") / (1 << 64) for at in range(3))
    return first, second, third
