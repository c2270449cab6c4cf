"""Keys as a device finds them with its own root key; devices of one group share the result."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from fleetcast.identifiers import DevAddr
from fleetcast.protocol.keys import (
    LorawanVersion,
    data_block_int_key,
    mc_app_s_key,
    mc_ke_key,
    mc_net_s_key,
    mc_root_key,
    unwrap_mc_key,
)
from fleetcast.protocol.ts004_fragmentation.block_integrity import data_block_mic
from fleetcast.secret import Secret
from fleetcast.simulator.device_spec import DeviceSpec
from fleetcast.simulator.quirks import Quirk


@dataclass(frozen=True, slots=True)
class GroupKeys:
    """Address and session keys of a multicast group; one object for all its devices, as far as memory allows."""

    mc_addr: DevAddr
    mc_app_s_key: Secret
    mc_net_s_key: Secret


@lru_cache(maxsize=1024)
def group_keys(mc_key: Secret, mc_addr: DevAddr) -> GroupKeys:
    """McAppSKey and McNetSKey of a group, from its McKey."""
    return GroupKeys(mc_addr, mc_app_s_key(mc_key, mc_addr), mc_net_s_key(mc_key, mc_addr))


def root_key_in_use(spec: DeviceSpec) -> Secret:
    """The root key, or another one in a device that has the wrong one."""
    if not spec.defects.wrong_root_key:
        return spec.root_key
    return Secret(bytes(byte ^ 0xA5 for byte in spec.root_key.reveal()))


def unwrapped_mc_key(spec: DeviceSpec, mc_key_encrypted: bytes) -> Secret:
    """McKey of a McGroupSetupReq, as this device unwraps it."""
    if Quirk.MCKEKEY_ZERO in spec.model.traits.quirks:
        return unwrap_mc_key(Secret(bytes(16)), mc_key_encrypted)
    version = LorawanVersion.V1_1 if spec.model.lorawan_1_1 else LorawanVersion.V1_0
    return unwrap_mc_key(mc_ke_key(mc_root_key(root_key_in_use(spec), version)), mc_key_encrypted)


def block_mic(spec: DeviceSpec, *, session_cnt: int, frag_index: int, descriptor: bytes, data: bytes) -> bytes:
    """The MIC this device expects for a data block."""
    key = data_block_int_key(root_key_in_use(spec))
    return data_block_mic(key, session_cnt=session_cnt, frag_index=frag_index, descriptor=descriptor, data=data)
