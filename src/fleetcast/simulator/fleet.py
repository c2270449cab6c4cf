"""A fleet from one seed: sizes, makes, losses, periods, data rates and defects of up to a million devices.

Everything a device is drawn is held in arrays; its specification is put together when it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from fleetcast.errors import Invalid, NotFound
from fleetcast.identifiers import DevEui
from fleetcast.secret import Secret
from fleetcast.simulator.air import NO_GATEWAY, Links
from fleetcast.simulator.chance import key, stream
from fleetcast.simulator.device_spec import SOUND, Defects, DeviceSpec, Model

MOST_DEVICES = 1 << 24
_FIRST_DEV_EUI = 0x02F1_EE70_0000_0000
"""Locally administered: no maker's block."""


class Distribution(Protocol):
    """Where a number comes from that differs from device to device."""

    def draw(self, source: Generator, count: int) -> NDArray[np.float64]:
        """So many independent values."""
        ...


@dataclass(frozen=True, slots=True)
class Fixed:
    """The same for all."""

    value: float

    def draw(self, source: Generator, count: int) -> NDArray[np.float64]:  # noqa: ARG002 - nothing to draw
        """So many times the same."""
        return np.full(count, self.value)


@dataclass(frozen=True, slots=True)
class Uniform:
    """Anything from low to high, all alike."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise Invalid(f"a uniform distribution from {self.low} to {self.high}: the first must not be the larger")

    def draw(self, source: Generator, count: int) -> NDArray[np.float64]:
        """So many independent values."""
        return source.uniform(self.low, self.high, count)


@dataclass(frozen=True, slots=True)
class Normal:
    """Around a mean, cut at low and high."""

    mean: float
    deviation: float
    low: float
    high: float

    def draw(self, source: Generator, count: int) -> NDArray[np.float64]:
        """So many independent values."""
        return np.clip(source.normal(self.mean, self.deviation, count), self.low, self.high)


@dataclass(frozen=True, slots=True)
class Steps:
    """A few values, each with its weight."""

    weights: tuple[tuple[float, float], ...]
    """Value and weight."""

    def __post_init__(self) -> None:
        if not self.weights or any(weight < 0 for _, weight in self.weights) or not sum(w for _, w in self.weights):
            raise Invalid("a choice among values needs at least one, weights from 0 on, and not all of them 0")

    def draw(self, source: Generator, count: int) -> NDArray[np.float64]:
        """So many independent values."""
        weights = np.array([weight for _, weight in self.weights], np.float64)
        values = np.array([value for value, _ in self.weights], np.float64)
        return source.choice(values, count, p=weights / weights.sum())


@dataclass(frozen=True, slots=True)
class Broken:
    """Some devices of a part that have these defects; a device has at most one such set."""

    defects: Defects
    count: int | None = None
    share: float = 0.0
    """Of the part, where no count is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Devices of one make and one sort of place."""

    profile: str
    count: int
    model: Model
    down_loss: Distribution = Fixed(0.0)
    """Share of downlinks and multicast frames lost, 0 to 1."""
    up_loss: Distribution = Fixed(0.0)
    uplink_period_s: Distribution | None = None
    """None: the make's."""
    uplink_data_rate: Distribution = Fixed(5)
    gateways: tuple[str, ...] = ()
    """Those its devices may have in range; empty: all."""
    gateways_in_range: int = 1
    """How many of them each device has."""
    farther_loss: float = 0.3
    """How much more a device loses of what the next gateway sends or hears, in place of 0."""
    firmware_version: int = 1
    clock_offset_s: Distribution = Fixed(0.0)
    clock_unknown_share: float = 0.0
    drift_ppm: Distribution = Fixed(0.0)
    broken: tuple[Broken, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MOST_DEVICES:
            raise Invalid(f"{self.profile}: a part has 1 to {MOST_DEVICES} devices, not {self.count}")
        if self.gateways_in_range < 1:
            raise Invalid(f"{self.profile}: a device has at least one gateway in range")


class Fleet:
    """All devices of a simulated world, counted from 0."""

    def __init__(self, parts: tuple[Part, ...], gateways: tuple[str, ...], seed: int) -> None:
        """Draw a fleet; the same parts, gateways and seed give the same fleet."""
        if not parts or sum(part.count for part in parts) > MOST_DEVICES:
            raise Invalid(f"a fleet has 1 to {MOST_DEVICES} devices: give at least one part, and smaller ones")
        if not gateways:
            raise Invalid("a fleet without a gateway hears nothing: name at least one")
        self.parts = parts
        self.seed = seed
        self.size = sum(part.count for part in parts)
        self._first = [sum(part.count for part in parts[:number]) for number in range(len(parts))]
        self.part_of = np.repeat(np.arange(len(parts), dtype=np.int16), [part.count for part in parts])
        drawn = [_draw(part, gateways, stream(seed, f"fleet: part {number}")) for number, part in enumerate(parts)]
        places = max(links.gateway.shape[1] for links, _ in drawn)
        self.links = Links(
            np.concatenate([_widened(links.gateway, places, NO_GATEWAY) for links, _ in drawn]),
            np.concatenate([_widened(links.down_loss, places, 1) for links, _ in drawn]),
            np.concatenate([_widened(links.up_loss, places, 1) for links, _ in drawn]),
        )
        self._own = {name: np.concatenate([own[name] for _, own in drawn]) for name in drawn[0][1]}

    @property
    def uplink_data_rate(self) -> NDArray[np.int16]:
        """The data rate of each device's uplinks."""
        return self._own["data_rate"].astype(np.int16)

    def dev_eui(self, device: int) -> DevEui:
        """The DevEUI of a device."""
        return DevEui.from_int(_FIRST_DEV_EUI + device)

    def number(self, dev_eui: DevEui) -> int:
        """The device with this DevEUI; raises NotFound."""
        device = int(dev_eui) - _FIRST_DEV_EUI
        if not 0 <= device < self.size:
            raise NotFound(f"{dev_eui} is no device of this fleet of {self.size}")
        return device

    def part(self, device: int) -> Part:
        """The part a device belongs to."""
        return self.parts[int(self.part_of[device])]

    def root_key(self, device: int) -> Secret:
        """The root key as its maker told the server."""
        return Secret(key(self.seed, "root key", device))

    def uplink_period_s(self, device: int) -> float:
        """How often it speaks by itself."""
        period_s = float(self._own["period_s"][device])
        return self.part(device).model.uplink_period_s if np.isnan(period_s) else period_s

    def defects(self, device: int) -> Defects:
        """What is wrong with a device."""
        broken = int(self._own["broken"][device])
        return SOUND if broken < 0 else self.part(device).broken[broken].defects

    def spec(self, device: int) -> DeviceSpec:
        """What a device is."""
        part = self.part(device)
        offset_s = float(self._own["clock_offset_s"][device])
        period_s = float(self._own["period_s"][device])
        return DeviceSpec(
            dev_eui=self.dev_eui(device),
            root_key=self.root_key(device),
            model=part.model,
            firmware_version=part.firmware_version,
            clock_offset_s=None if np.isnan(offset_s) else offset_s,
            drift_ppm=float(self._own["drift_ppm"][device]),
            uplink_period_s=None if np.isnan(period_s) else period_s,
            defects=self.defects(device),
        )

    def sample(self, of_each: int) -> NDArray[np.bool_]:
        """A mark on so many devices of each profile, or all where there are fewer; defects are among them by chance."""
        marked = np.zeros(self.size, np.bool_)
        source = stream(self.seed, "fleet: sample")
        for profile in dict.fromkeys(part.profile for part in self.parts):
            numbers = [number for number, part in enumerate(self.parts) if part.profile == profile]
            devices = np.flatnonzero(np.isin(self.part_of, numbers))
            marked[devices if len(devices) <= of_each else source.choice(devices, of_each, replace=False)] = True
        return marked


def _draw(part: Part, gateways: tuple[str, ...], source: Generator) -> tuple[Links, dict[str, NDArray[np.float64]]]:
    count = part.count
    period = part.uplink_period_s
    own = {
        "period_s": np.full(count, np.nan) if period is None else period.draw(source, count),
        "data_rate": part.uplink_data_rate.draw(source, count),
        "clock_offset_s": part.clock_offset_s.draw(source, count),
        "drift_ppm": part.drift_ppm.draw(source, count),
        "broken": _broken(part, source),
    }
    if part.clock_unknown_share:
        own["clock_offset_s"][source.random(count) < part.clock_unknown_share] = np.nan
    return _links(part, gateways, source), own


def _broken(part: Part, source: Generator) -> NDArray[np.float64]:
    """Which of the part's sets of defects each device has, -1: none."""
    found = np.full(part.count, -1.0)
    order = source.permutation(part.count)
    taken = 0
    for number, broken in enumerate(part.broken):
        count = round(broken.share * part.count) if broken.count is None else broken.count
        if count < 0 or taken + count > part.count:
            raise Invalid(f"{part.profile}: more broken devices than the {part.count} there are")
        found[order[taken : taken + count]] = number
        taken += count
    return found


def _links(part: Part, gateways: tuple[str, ...], source: Generator) -> Links:
    names = part.gateways or gateways
    unknown = set(names) - set(gateways)
    if unknown:
        raise Invalid(f"{part.profile}: no gateway {', '.join(sorted(unknown))}; there are {', '.join(gateways)}")
    numbers = np.array([gateways.index(name) for name in names], np.int16)
    places = min(part.gateways_in_range, len(numbers))
    nearest = source.integers(len(numbers), size=part.count)
    gateway = numbers[(nearest[:, np.newaxis] + np.arange(places)) % len(numbers)]
    step = part.farther_loss * np.arange(places)
    down, up = (np.clip(loss.draw(source, part.count), 0, 1) for loss in (part.down_loss, part.up_loss))
    # The farther a gateway, the less of what reaches the nearest one gets through.
    down_loss = 1 - (1 - down[:, np.newaxis]) * (1 - np.clip(step, 0, 1))
    up_loss = 1 - (1 - up[:, np.newaxis]) * (1 - np.clip(step, 0, 1))
    return Links(gateway.astype(np.int16), down_loss.astype(np.float32), up_loss.astype(np.float32))


def _widened(values: NDArray[np.generic], places: int, with_: float) -> NDArray[np.generic]:
    missing = places - values.shape[1]
    return np.pad(values, ((0, 0), (0, missing)), constant_values=with_) if missing else values
