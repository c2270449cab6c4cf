"""Small worlds for tests, and the hands that play the server in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from fleetcast.fec import Encoder
from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.instants import InstantMs
from fleetcast.protocol.keys import LorawanVersion, mc_app_s_key, mc_ke_key, mc_net_s_key, mc_root_key, wrap_mc_key
from fleetcast.protocol.ts005_multicast import v1 as multicast
from fleetcast.radio.bands import catalog
from fleetcast.secret import Secret
from fleetcast.simulator.fleet import Fleet, Part
from fleetcast.simulator.gps import true_gps_ms
from fleetcast.simulator.heard import GroupReady, Heard, Uplink
from fleetcast.simulator.multicast import GroupAtNetwork
from fleetcast.simulator.network_settings import NetworkSettings
from fleetcast.simulator.world import World
from tests.simulator.devices import NOW, fragment, fragment_setup, model

GROUP = DevEui("02F1EE7100000001")
MC_ADDR = DevAddr("01FC0001")
MC_KEY = Secret(bytes(range(16)))
FREQUENCY_HZ = 869_525_000
EU868 = catalog.band("EU868")
LATER: InstantMs = NOW + 30 * 86_400_000


def part(count: int = 1, **changes: object) -> Part:
    """Devices that speak every ten minutes and lose nothing."""
    make = replace(model(), uplink_period_s=600.0, uplink_jitter_s=20.0)
    return replace(Part(profile="meter", count=count, model=make), **changes)  # type: ignore[arg-type]


def world(*parts: Part, seed: int = 1, gateways: tuple[str, ...] = ("gw-1",), **changes: object) -> World:
    """A world with these parts of a fleet."""
    settings = changes.pop("settings", NetworkSettings())
    return World(
        fleet=Fleet(parts or (part(),), gateways, seed),
        band=EU868,
        gateways=gateways,
        settings=settings,  # type: ignore[arg-type]
        start=NOW,
        seed=seed,
        **changes,  # type: ignore[arg-type]
    )


def group(**changes: object) -> GroupAtNetwork:
    """The test group: class C, DR5."""
    wanted = GroupAtNetwork(
        dev_eui=GROUP,
        mc_addr=MC_ADDR,
        mc_app_s_key=mc_app_s_key(MC_KEY, MC_ADDR),
        mc_net_s_key=mc_net_s_key(MC_KEY, MC_ADDR),
        session_class="C",
        frequency_hz=FREQUENCY_HZ,
        data_rate=5,
    )
    return replace(wanted, **changes)  # type: ignore[arg-type]


@dataclass
class Hand:
    """Somebody who listens to a world and answers uplinks."""

    world: World
    heard: list[Heard] = field(default_factory=list)
    effects: int = 0

    def run(self, until: InstantMs, on_uplink: Callable[[Uplink], None] | None = None) -> list[Heard]:
        """Let time pass; returns what was heard on the way."""
        before = len(self.heard)
        while self.world.now < until:
            for each in self.world.run_until(until):
                self.heard.append(each)
                if on_uplink is not None and isinstance(each, Uplink):
                    on_uplink(each)
        return self.heard[before:]

    def until(self, kind: type[Heard], within_s: float = 86_400) -> Heard:
        """Let time pass until such a thing is heard."""
        deadline = self.world.now + round(1000 * within_s)
        while self.world.now < deadline:
            told = self.world.run_until(deadline)
            self.heard += told
            for each in told:
                if isinstance(each, kind):
                    return each
        raise AssertionError(f"no {kind.__name__} within {within_s} s")

    def say(self, dev_eui: DevEui, f_port: int, payload: bytes, valid_s: float = 86_400, class_c: bool = False) -> int:
        """Hand over a unicast downlink; returns its effect id."""
        self.effects += 1
        until = self.world.now + round(1000 * valid_s)
        self.world.send_unicast(self.world.now, self.effects, dev_eui, f_port, payload, until, class_c=class_c)
        return self.effects

    def cast(
        self,
        payload: bytes,
        f_cnt: int | None = None,
        not_before: InstantMs = 0,
        n: int | None = None,
        f_port: int = 201,
    ) -> int:
        """Hand over a frame of the test group."""
        self.effects += 1
        self.world.send_multicast(self.world.now, self.effects, GROUP, f_port, payload, f_cnt, not_before, fragment_n=n)
        return self.effects

    def set_up(self, encoder: Encoder, session_start: InstantMs, time_out: int = 12, **group_changes: object) -> None:
        """Group at the network, then group, fragmentation session and class session at every device, one per uplink."""
        world = self.world
        world.ensure_group(world.now, group(**group_changes))
        assert isinstance(self.until(GroupReady), GroupReady)
        todo = {world.fleet.dev_eui(number): 0 for number in range(world.fleet.size)}

        def next_step(uplink: Uplink) -> None:
            done = uplink.f_port in (200, 201)
            todo[uplink.dev_eui] += done
            if uplink.f_port == 2 or done:
                commands = setup_commands(world, uplink.dev_eui, encoder, session_start, time_out)
                if todo[uplink.dev_eui] < len(commands):
                    self.say(uplink.dev_eui, *commands[todo[uplink.dev_eui]], valid_s=300)

        self.run(session_start, next_step)

    def transfer(self, encoder: Encoder, numbers: range, gap_ms: int = 4000) -> None:
        """Send fragments to the group, one every so often."""
        for n in numbers:
            self.cast(fragment(encoder, n), n=n)
            self.run(self.world.now + gap_ms)


def setup_commands(
    world: World, dev_eui: DevEui, encoder: Encoder, session_start: InstantMs, time_out: int
) -> list[tuple[int, bytes]]:
    """What a device is told before a transfer, FPort and payload."""
    ke_key = mc_ke_key(mc_root_key(world.fleet.root_key(world.fleet.number(dev_eui)), LorawanVersion.V1_0))
    return [
        (
            200,
            multicast.McGroupSetupReq(
                mc_group_id=0,
                mc_addr=MC_ADDR,
                mc_key_encrypted=wrap_mc_key(ke_key, MC_KEY),
                min_mc_f_cnt=0,
                max_mc_f_cnt=4096,
            ).encode(),
        ),
        (201, fragment_setup(encoder)),
        (
            200,
            multicast.McClassCSessionReq(
                mc_group_id=0,
                session_time=true_gps_ms(session_start) // 1000,
                session_time_out=time_out,
                dl_freq=FREQUENCY_HZ // 100,
                dr=5,
            ).encode(),
        ),
    ]
