"""A simulated world that follows from its log: begun anew or played again, then carried on, input by input.

It knows no clock and no loop: whoever hosts it says how far time has come. What it tells is numbered, so that after a
restart what was acknowledged isn't told again, and what was not is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, assert_never

from fleetcast.connectors import port
from fleetcast.connectors.port import Cause, EffectId, PracticeDevice, PracticeKeys
from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.instants import InstantMs
from fleetcast.protocol.packages import Package
from fleetcast.radio.band import Band
from fleetcast.secret import Secret
from fleetcast.simulator import heard
from fleetcast.simulator.chance import key
from fleetcast.simulator.multicast_group import GroupAtNetwork
from fleetcast.simulator.network_log import Input, NetworkLog
from fleetcast.simulator.network_settings import NetworkSettings
from fleetcast.simulator.registered_fleet import Places, RegisteredFleet
from fleetcast.simulator.world import World

_CHEAP_TO_PLAY_UPLINKS = 200_000
"""A world at rest in which devices spoke no more often than this is played again; an older one begins anew."""

_CAUSES: dict[heard.FailureCause, Cause] = {
    "queue full": Cause.QUEUE_FULL,
    "no gateway": Cause.NO_GATEWAY,
    "duty cycle": Cause.DUTY_CYCLE,
    "too late": Cause.TOO_LATE,
    "refused": Cause.NOT_PERMITTED,
    "expired": Cause.EXPIRED,
    "counter refused": Cause.COUNTER_REJECTED,
    "size refused": Cause.TOO_LONG,
    "connection lost": Cause.UNREACHABLE,
    "flushed": Cause.FLUSHED,
    "other": Cause.BUSY,
}


class PlayedWorld:
    """One world, its log, and what it told that nobody has taken yet."""

    def __init__(
        self,
        log: NetworkLog,
        band: Band,
        places: Places,
        settings: NetworkSettings,
        sample: int,
        devices: Sequence[PracticeDevice],
        groups: Sequence[PracticeKeys],
        now: InstantMs,
    ) -> None:
        """Play the log again, or begin anew; in both cases `devices` are there afterwards."""
        self._log = log
        self._band = band
        self._places = places
        self._settings = settings
        self._sample = sample
        self._roots: dict[DevEui, Secret] = {}
        self._keys: dict[DevEui, PracticeKeys] = {}
        self.told: deque[tuple[int, port.Heard]] = deque()
        """Number and message, oldest first."""
        self._count = 0
        self._acknowledged = 0
        self._saved = 0
        self._asking: dict[DevEui, list[int]] = {}
        self._learn(devices, groups)
        rest, epoch = log.at_rest(), log.epoch()
        if epoch is None:
            self._begin({}, devices, now)
        elif epoch.nature != self._nature():
            # Other settings make another world; whatever devices of the old one had set up is gone.
            self._begin({"holding": [str(device.dev_eui) for device in devices]}, devices, now)
        elif rest is not None and self._begins_anew(rest, now - epoch.start, len(devices)):
            self._begin(rest, devices, now)
        else:
            self._acknowledged = self._saved = epoch.acknowledged
            self._make(epoch.start)
            for each in log.inputs():
                self.run_until(each.at)
                self._carry_out(each)
            self.provide(devices, (), max(now, self.now))

    @property
    def now(self) -> InstantMs:
        """How far it has come."""
        return self.world.now

    def next_at(self) -> InstantMs | None:
        """When something happens next."""
        return self.world.next_at()

    def run_until(self, until: InstantMs, most: int | None = None) -> None:
        """Let time pass up to this instant, or until so many messages wait to be taken."""
        while self.world.now < until and (most is None or len(self.told) < most):
            for each in self.world.run_until(until):
                self._hear(each)

    def ask(self, kind: str, what: dict[str, Any], effect: EffectId | None = None) -> int | None:
        """Write an input down and carry it out, at the instant the world has come to; None: it was asked before."""
        seq = self._log.ask(kind, what, self.now, None if effect is None else str(effect))
        if seq is not None:
            self._carry_out(Input(seq, self.now, kind, what))
        return seq

    def take_waiting(self) -> None:
        """Carry out what other processes asked for."""
        for each in self._log.take_waiting(self.now):
            self._carry_out(each)

    def provide(self, devices: Sequence[PracticeDevice], groups: Sequence[PracticeKeys], now: InstantMs) -> None:
        """These exist now, besides those that did."""
        self._learn(devices, groups)
        new = [device for device in devices if not self.fleet.knows(device.dev_eui)]
        if new:
            self.run_until(now)
            self.ask("add", {"devices": [_said(device) for device in new]})

    def knows(self, dev_eui: DevEui) -> bool:
        """Whether a device lives here."""
        return self.fleet.knows(dev_eui)

    def has_keys(self, group: DevEui) -> bool:
        """Whether a group's keys were provided."""
        return group in self._keys

    def acknowledge(self, number: int) -> None:
        """The message with this number, and all before it, are safe."""
        self._acknowledged = max(self._acknowledged, number + 1)

    def save(self) -> None:
        """Write down how much was acknowledged, and whether the world is at rest."""
        if self._saved != self._acknowledged:
            self._saved = self._acknowledged
            self._log.acknowledge(self._saved)

    def rest(self) -> None:
        """Before it is closed: if nothing is under way, remember what matters, so that it needn't be played again."""
        self.save()
        if not self.world.idle() or self._acknowledged < self._count:
            return
        devices = self.world.stations.devices
        self._log.rest(
            {
                "running": {str(device.spec.dev_eui): device.firmware_version for device in devices},
                "holding": [str(device.spec.dev_eui) for device in devices if device.groups],
            }
        )

    # Beginning

    def _begins_anew(self, rest: dict[str, Any], age_ms: int, devices: int) -> bool:
        period_s = self._places.uplink_period_s or 600
        return not rest["holding"] or age_ms // 1000 * devices // period_s > _CHEAP_TO_PLAY_UPLINKS

    def _begin(self, rest: dict[str, Any], devices: Sequence[PracticeDevice], now: InstantMs) -> None:
        self._log.begin(now, self._nature())
        self._make(now)
        running = rest.get("running", {})
        self.provide(
            [replace(each, firmware_version=running.get(str(each.dev_eui), each.firmware_version)) for each in devices],
            (),
            now,
        )
        if rest.get("holding"):
            self.ask("reset", {"devices": rest["holding"]})

    def _nature(self) -> str:
        return f"{self._band.name} {self._places} {self._settings.counter} {self._sample}"

    def _make(self, start: InstantMs) -> None:
        self.fleet = RegisteredFleet(self._band, self._places)
        self.world = World(
            fleet=self.fleet,
            band=self._band,
            gateways=tuple(f"gateway {number + 1}" for number in range(self._places.gateways)),
            settings=self._settings,
            start=start,
            seed=self._places.seed,
            sample=self._sample,
        )

    def _learn(self, devices: Sequence[PracticeDevice], groups: Sequence[PracticeKeys]) -> None:
        self._roots.update((device.dev_eui, device.root_key) for device in devices)
        self._keys.update((group.group, group) for group in groups)

    # Inputs

    def _carry_out(self, asked: Input) -> None:
        world, what, now = self.world, asked.what, asked.at
        match asked.kind:
            case "add":
                self.fleet.add([self._heard_of(said) for said in what["devices"]], sample=self._sample)
                world.grow()
            case "reset":
                for dev_eui in what["devices"]:
                    self._tell(port.SessionReset(DevEui(dev_eui), now, "the simulated network began anew"))
            case "unicast":
                world.send_unicast(
                    now, _number(what["effect"]), DevEui(what["device"]), what["f_port"],
                    bytes.fromhex(what["payload"]), what["valid_until"], class_c=what["class_c"],
                )  # fmt: skip
            case "multicast":
                world.send_multicast(
                    now, _number(what["effect"]), DevEui(what["group"]), what["f_port"],
                    bytes.fromhex(what["payload"]), what["f_cnt"], what["not_before"],
                    fragment_n=what["fragment"], encrypted=what["encrypted"],
                )  # fmt: skip
            case "ensure":
                self._ensure(asked)
            case "release":
                world.release_group(now, DevEui(what["group"]))
            case "flush":
                world.flush(now, DevEui(what["target"]))
            case "state":
                state = world.group_state(DevEui(what["group"]))
                self._log.answer(asked.seq, {"state": state})

    def _ensure(self, asked: Input) -> None:
        what, group = asked.what, DevEui(asked.what["group"])
        keys = self._keys.get(group)
        if keys is None:
            self._log.answer(asked.seq, {"refused": f"the keys of {group} were not provided"})
            return
        self._asking.setdefault(group, []).append(asked.seq)
        self.world.ensure_group(
            asked.at,
            GroupAtNetwork(
                dev_eui=group,
                mc_addr=DevAddr(what["mc_addr"]),
                mc_app_s_key=keys.mc_app_s_key,
                mc_net_s_key=keys.mc_net_s_key,
                session_class=what["session_class"],
                frequency_hz=what["frequency_hz"],
                data_rate=what["data_rate"],
                periodicity=what["periodicity"],
                next_f_cnt=what["next_f_cnt"],
                gateways=frozenset(what["gateways"]),
                network_counts=what["network_counts"],
            ),
        )

    def _heard_of(self, said: dict[str, Any]) -> PracticeDevice:
        """A device from the log; one that is registered no more gets a key that nobody knows."""
        dev_eui = DevEui(said["dev_eui"])
        root = self._roots.get(dev_eui) or Secret(key(self._places.seed, "forgotten", int(dev_eui)))
        packages = tuple((Package(package), version, f_port) for package, version, f_port in said["packages"])
        kept = {name: value for name, value in said.items() if name not in ("dev_eui", "packages", "absent", "quirks")}
        absent = frozenset(Package(each) for each in said["absent"])
        quirks = frozenset(said["quirks"])
        return PracticeDevice(dev_eui=dev_eui, root_key=root, packages=packages, absent=absent, quirks=quirks, **kept)

    # Messages

    def _hear(self, told: heard.Heard) -> None:
        match told:
            case heard.Uplink():
                gateways = tuple(port.Reception(name) for name in told.gateways)
                self._tell(
                    port.Uplink(
                        told.dev_eui, told.f_port, told.payload, told.received_at, told.f_cnt, told.data_rate, gateways
                    )
                )
            case heard.Joined():
                self._tell(port.Joined(told.dev_eui, told.at))
            case heard.Queued():
                self._tell(port.DownlinkQueued(_effect(told.effect_id)))
            case heard.Sent():
                effect = _effect(told.effect_id)
                self._tell(port.DownlinkSent(effect, told.sent_at, told.f_cnt, told.sent_by, told.refused_by))
            case heard.Failed():
                effect = _effect(told.effect_id)
                self._tell(port.DownlinkFailed(effect, _CAUSES[told.cause], told.detail, told.next_f_cnt))
            case heard.Unknown():
                self._tell(port.DownlinkFailed(_effect(told.effect_id), Cause.UNKNOWN, "no report came"))
            case heard.GroupReady():
                ready = {
                    "next_f_cnt": told.next_f_cnt, "frequency_hz": told.frequency_hz, "data_rate": told.data_rate,
                    "created": told.created_by_us,
                }  # fmt: skip
                self._answer(told.group, {"ready": ready})
            case heard.GroupRefused():
                self._answer(told.group, {"refused" if told.final else "pending": told.why})
            case heard.ConnectionLost():
                self._tell(port.LinkState(up=False, reason="out of service"))
            case heard.ConnectionBack():
                self._tell(port.LinkState(up=True))
            case _:
                assert_never(told)

    def _answer(self, group: DevEui, what: dict[str, Any]) -> None:
        asking = self._asking.get(group)
        if asking:
            self._log.answer(asking.pop(0), what)

    def _tell(self, message: port.Heard) -> None:
        number = self._count
        self._count += 1
        if number >= self._acknowledged:
            self.told.append((number, message))


def _said(device: PracticeDevice) -> dict[str, Any]:
    """A device for the log: everything but its key."""
    said = {field.name: getattr(device, field.name) for field in fields(device) if field.name != "root_key"}
    said["dev_eui"] = str(device.dev_eui)
    said["packages"] = [[int(package), version, f_port] for package, version, f_port in device.packages]
    said["absent"] = sorted(int(each) for each in device.absent)
    said["quirks"] = sorted(device.quirks)
    return said


def _number(effect: str) -> int:
    return int(effect, 16)


def _effect(number: int) -> EffectId:
    return EffectId(number >> 32, number & 0xFFFFFFFF)
