"""Simulated devices for tests: made in one line, driven step by step."""

from __future__ import annotations

from dataclasses import replace

from fleetcast.fec import Encoder
from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.instants import InstantMs
from fleetcast.protocol.keys import LorawanVersion, mc_ke_key, mc_root_key, wrap_mc_key
from fleetcast.protocol.packages import Package
from fleetcast.protocol.ts004_fragmentation import v1 as fragmentation_v1
from fleetcast.protocol.ts004_fragmentation import v2 as fragmentation_v2
from fleetcast.protocol.ts005_multicast import v1 as multicast
from fleetcast.secret import Secret
from fleetcast.simulator.device import Device
from fleetcast.simulator.device_answers import JoinRequest, OwnUplink
from fleetcast.simulator.device_keys import block_mic
from fleetcast.simulator.device_spec import SOUND, Defects, DeviceSpec, Model
from fleetcast.simulator.gps import true_gps_ms
from fleetcast.simulator.traits import Traits

NOW: InstantMs = 1_767_225_600_000
"""2026-01-01 00:00:00 UTC."""
ROOT_KEY = Secret(bytes.fromhex("00112233445566778899aabbccddeeff"))
MC_KEY = Secret(bytes(range(0xA0, 0xB0)))
MC_ADDR = DevAddr("26012345")
QUIET_S = 1e9
"""A period so long that no test sees it."""


def traits(version: int = 1, **changes: object) -> Traits:
    """What the specifications say, in one version of the packages, without time requests of its own."""
    made = Traits().in_version(version)
    return replace(made, **changes)  # type: ignore[arg-type]


def model(behaviour: Traits | None = None, **changes: object) -> Model:
    """A make that says nothing unasked."""
    quiet = traits() if behaviour is None else behaviour
    requests = replace(quiet.clock_request, period_s=None, on_start=False)
    made = Model(traits=replace(quiet, clock_request=requests), uplink_period_s=QUIET_S)
    return replace(made, **changes)  # type: ignore[arg-type]


def device(
    make: Model | None = None, *, defects: Defects = SOUND, seed: int = 1, now: InstantMs = NOW, **changes: object
) -> Device:
    """A device of this make."""
    spec = DeviceSpec(dev_eui=DevEui.from_int(seed), root_key=ROOT_KEY, model=make or model(), defects=defects)
    return Device(replace(spec, **changes), seed, now)  # type: ignore[arg-type]


def said(one: Device, until: InstantMs) -> list[tuple[InstantMs, OwnUplink | JoinRequest]]:
    """Whatever the device says up to and including an instant, as soon as it wants to."""
    found: list[tuple[InstantMs, OwnUplink | JoinRequest]] = []
    while one.next_wake is not None and one.next_wake <= until:
        at = one.next_wake
        found += [(at, frame) for frame in one.wake(at)]
    return found


def payloads(one: Device, until: InstantMs) -> list[bytes]:
    """The payloads of what the device says up to an instant."""
    return [frame.payload for _, frame in said(one, until) if isinstance(frame, OwnUplink)]


def answers(one: Device, payload: bytes, f_port: int, at: InstantMs = NOW, within_s: float = 2100) -> list[str]:
    """What the device answers to a unicast payload, in hex."""
    one.receive(at, f_port, payload)
    return [found.hex() for found in payloads(one, at + round(1000 * within_s))]


def group_setup(mc_group_id: int = 0, *, first: int = 0, end: int = 1024, root_key: Secret = ROOT_KEY) -> bytes:
    """McGroupSetupReq for a 1.0.x device."""
    ke_key = mc_ke_key(mc_root_key(root_key, LorawanVersion.V1_0))
    return multicast.McGroupSetupReq(
        mc_group_id=mc_group_id,
        mc_addr=MC_ADDR,
        mc_key_encrypted=wrap_mc_key(ke_key, MC_KEY),
        min_mc_f_cnt=first,
        max_mc_f_cnt=end,
    ).encode()


def class_c_session(at: InstantMs, time_out: int = 10, mc_group_id: int = 0) -> bytes:
    """McClassCSessionReq for a session that begins at an instant."""
    return multicast.McClassCSessionReq(
        mc_group_id=mc_group_id,
        session_time=true_gps_ms(at) // 1000,
        session_time_out=time_out,
        dl_freq=8_695_250,
        dr=3,
    ).encode()


def fragment_setup(
    encoder: Encoder,
    *,
    descriptor: bytes = bytes([2, 0, 0, 0]),
    block_ack_delay: int = 0,
    frag_index: int = 0,
    mask: int = 1,
) -> bytes:
    """FragSessionSetupReq of version 1 for an encoder's block."""
    return fragmentation_v1.FragSessionSetupReq(
        frag_index=frag_index,
        mc_group_bit_mask=mask,
        nb_frag=encoder.fragment_count,
        frag_size=encoder.fragment_size,
        frag_algo=0,
        block_ack_delay=block_ack_delay,
        padding=encoder.padding,
        descriptor=descriptor,
    ).encode()


def fragment_setup_v2(
    encoder: Encoder,
    data: bytes,
    spec: DeviceSpec,
    *,
    session_cnt: int = 1,
    descriptor: bytes = bytes([2, 0, 0, 0]),
    block_ack_delay: int = 0,
    ack_reception: bool = False,
) -> bytes:
    """FragSessionSetupReq of version 2 for an encoder's block and one device."""
    sound = replace(spec, defects=SOUND)
    mic = block_mic(sound, session_cnt=session_cnt, frag_index=0, descriptor=descriptor, data=data)
    return fragmentation_v2.FragSessionSetupReq(
        frag_index=0,
        mc_group_bit_mask=1,
        nb_frag=encoder.fragment_count,
        frag_size=encoder.fragment_size,
        ack_reception=ack_reception,
        frag_algo=0,
        block_ack_delay=block_ack_delay,
        padding=encoder.padding,
        descriptor=descriptor,
        session_cnt=session_cnt,
        mic=mic,
    ).encode()


def fragment(encoder: Encoder, n: int, frag_index: int = 0) -> bytes:
    """DataFragment `n`."""
    return fragmentation_v1.DataFragment(frag_index=frag_index, n=n, data=encoder.fragment(n)).encode()


def port(package: Package) -> int:
    """The recommended FPort."""
    return package.default_f_port
