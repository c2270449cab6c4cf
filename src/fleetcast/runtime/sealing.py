"""A command and the keys it needs → the bytes that leave, at the last moment.

The engine leaves zeros where key material belongs; here they are filled in: McKey wrapped for one device, the MIC over
the data block for one device, fragments from the encoder, and, where the caller encrypts, the multicast payload under
McAppSKey. Nothing is decided here, nothing is kept but what can be worked out again, and keys are asked for by name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from fleetcast.campaign.effects import SendFragment, SendMulticast, SendUnicast
from fleetcast.errors import Damaged, NotFound
from fleetcast.fec import Encoder
from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.planning.plan import Plan, PlannedGroup
from fleetcast.protocol.data_frames import PayloadCipher
from fleetcast.protocol.keys import (
    LorawanVersion,
    data_block_int_key,
    mc_app_s_key,
    mc_ke_key,
    mc_net_s_key,
    mc_root_key,
    wrap_mc_key,
)
from fleetcast.protocol.packages import Direction, Package
from fleetcast.protocol.payload import encode
from fleetcast.protocol.ts004_fragmentation import v2 as fragmentation_v2
from fleetcast.protocol.ts004_fragmentation.block_integrity import data_block_mic
from fleetcast.protocol.ts004_fragmentation.v1 import DataFragment
from fleetcast.protocol.ts005_multicast.v1 import McGroupSetupReq
from fleetcast.protocol.wire import Command
from fleetcast.secret import Secret


class FileChanged(Damaged):
    """The bytes at hand are not the file that was planned."""


class GroupUnknown(NotFound):
    """A command names a multicast group that the plan doesn't have."""


class Keys(Protocol):
    """Where keys come from; asked at the last moment, one at a time."""

    def root_key(self, dev_eui: DevEui) -> Secret:
        """GenAppKey of a LoRaWAN 1.0.x device, AppKey of a 1.1 one; raises NotFound."""
        ...

    def mc_key(self, group: DevEui) -> Secret:
        """McKey of a multicast group; raises NotFound."""
        ...


@dataclass(frozen=True, slots=True)
class SealedMulticast:
    """A multicast payload, and whether it is under McAppSKey already or the network server encrypts it."""

    payload: bytes
    encrypted: bool


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """McAppSKey and McNetSKey of a multicast group."""

    mc_app_s_key: Secret
    mc_net_s_key: Secret


class Sealer:
    """Seals the effects of one campaign."""

    def __init__(self, plan: Plan, data: bytes | None, keys: Keys) -> None:
        """`data`: the file, byte for byte; None for a campaign without one. Raises FileChanged."""
        if plan.file is not None and (data is None or hashlib.sha256(data).hexdigest() != plan.file.sha256):
            raise FileChanged(
                f"{plan.file.name} is not the file that was planned (sha256 {plan.file.sha256}): plan anew"
            )
        self._plan = plan
        self._data = data or b""
        self._keys = keys
        self._encoders: dict[tuple[int, str], Encoder] = {}
        self._streams = {group.dev_eui: _Stream(group, self._encoder, self._cipher) for group in plan.groups}
        self._by_address = {group.mc_addr: group.dev_eui for group in plan.groups}
        self._speaks_1_1 = {device.dev_eui for device in plan.devices if device.lorawan_1_1}

    def unicast(self, effect: SendUnicast) -> bytes:
        """The FRMPayload for one device, in clear: the network server encrypts unicast payloads itself."""
        return encode(tuple(self._complete(command, effect) for command in effect.commands))

    def multicast(self, effect: SendFragment | SendMulticast) -> SealedMulticast:
        """The payload for a group; under McAppSKey when the counter is ours to know and the policy doesn't forbid."""
        stream = self._streams[effect.group]
        if isinstance(effect, SendFragment):
            clear = stream.fragment(effect.frag_index, effect.n)
        else:
            clear = encode(effect.commands)
        if effect.f_cnt is None or self._plan.policy.encrypt_disabled:
            return SealedMulticast(clear, encrypted=False)
        return SealedMulticast(stream.encrypt(clear, effect.f_cnt), encrypted=True)

    def session_keys(self, group: DevEui) -> SessionKeys:
        """What the network server needs to sign a group's frames, and to encrypt them where it does that."""
        mc_key, mc_addr = self._keys.mc_key(group), self._streams[group].group.mc_addr
        return SessionKeys(mc_app_s_key(mc_key, mc_addr), mc_net_s_key(mc_key, mc_addr))

    def _complete(self, command: Command, effect: SendUnicast) -> Command:
        if isinstance(command, McGroupSetupReq):
            return replace(command, mc_key_encrypted=self._wrapped(effect.dev_eui, command.mc_addr))
        if effect.package is Package.FRAGMENTATION and isinstance(command, fragmentation_v2.FragSessionSetupReq):
            return replace(command, mic=self._mic(effect.dev_eui, command))
        return command

    def _wrapped(self, dev_eui: DevEui, mc_addr: DevAddr) -> bytes:
        group = self._by_address.get(mc_addr)
        if group is None:
            raise GroupUnknown(f"McAddr {mc_addr}: no group of campaign {self._plan.campaign} has it")
        version = LorawanVersion.V1_1 if dev_eui in self._speaks_1_1 else LorawanVersion.V1_0
        key_encryption_key = mc_ke_key(mc_root_key(self._keys.root_key(dev_eui), version))
        return wrap_mc_key(key_encryption_key, self._keys.mc_key(group))

    def _mic(self, dev_eui: DevEui, command: fragmentation_v2.FragSessionSetupReq) -> bytes:
        return data_block_mic(
            data_block_int_key(self._keys.root_key(dev_eui)),
            session_cnt=command.session_cnt,
            frag_index=command.frag_index,
            descriptor=command.descriptor,
            data=self._data,
        )

    def _encoder(self, group: PlannedGroup) -> Encoder:
        key = (group.fragment_bytes, group.scheme)
        if key not in self._encoders:
            self._encoders[key] = Encoder(self._data, group.fragment_bytes, group.scheme)
        return self._encoders[key]

    def _cipher(self, group: PlannedGroup) -> PayloadCipher:
        return PayloadCipher(mc_app_s_key(self._keys.mc_key(group.dev_eui), group.mc_addr))


class _Stream:
    """What one group's frames are made of; encoder and cipher are set up with the first frame."""

    __slots__ = ("_cipher", "_cipher_of", "_encoder", "_encoder_of", "group")

    def __init__(
        self,
        group: PlannedGroup,
        encoder_of: Callable[[PlannedGroup], Encoder],
        cipher_of: Callable[[PlannedGroup], PayloadCipher],
    ) -> None:
        self.group = group
        self._encoder_of, self._cipher_of = encoder_of, cipher_of
        self._encoder: Encoder | None = None
        self._cipher: PayloadCipher | None = None

    def fragment(self, frag_index: int, n: int) -> bytes:
        """The payload of DataFragment `n`."""
        if self._encoder is None:
            self._encoder = self._encoder_of(self.group)
        return DataFragment(frag_index=frag_index, n=n, data=self._encoder.fragment(n)).encode()

    def encrypt(self, clear: bytes, f_cnt: int) -> bytes:
        """The payload under McAppSKey."""
        if self._cipher is None:
            self._cipher = self._cipher_of(self.group)
        return self._cipher.crypt(clear, Direction.DOWN, self.group.mc_addr, f_cnt)
