"""LoRaWAN sessions of simulated devices: the network's side and the device's, frame by frame (LoRaWAN 1.0.x).

Every unicast frame is really encrypted, signed, taken apart, verified and decrypted. MAC commands, ADR and the two-key
signature of LoRaWAN 1.1 are left out: a 1.1 device differs by its root key alone.
"""

from __future__ import annotations

from collections import deque

from fleetcast.errors import Damaged
from fleetcast.identifiers import DevAddr
from fleetcast.protocol.data_frames import (
    DataFrame,
    FrameSigner,
    PayloadCipher,
    build,
    full_f_cnt,
    is_signed,
    parse,
)
from fleetcast.protocol.packages import Direction
from fleetcast.secret import Secret
from fleetcast.simulator.chance import key

SESSIONS_READY = 131_072
_GROUPS_READY = 1024
_NET_ID_BITS = 0x26 << 24


class FrameRejected(Damaged):
    """A frame that its receiver drops: another address, a wrong MIC, or a counter used before."""


Pair = tuple[PayloadCipher, FrameSigner]
"""What a session needs to seal and unseal frames."""


class Activation:
    """What a join leaves on both sides: address, keys, and counters."""

    __slots__ = ("app_s_key", "ciphers", "dev_addr", "down_next", "down_seen", "nwk_s_key", "up_next", "up_seen")

    def __init__(self, seed: int, device: int, joins: int) -> None:
        """The session of a device after so many joins."""
        self.dev_addr = DevAddr.from_int(_NET_ID_BITS | device & 0xFFFFFF)
        self.app_s_key = Secret(key(seed, f"AppSKey {joins}", device))
        self.nwk_s_key = Secret(key(seed, f"NwkSKey {joins}", device))
        self.up_next = self.down_next = 0
        self.up_seen = self.down_seen = -1
        self.ciphers: Pair | None = None
        """Ready for use, while the session is among those used last."""


class Ciphers:
    """Ciphers made lately: to set them up costs more than a short frame, to keep them all more than all devices."""

    __slots__ = ("_groups", "_ready")

    def __init__(self) -> None:
        self._ready: deque[Activation] = deque()
        self._groups: dict[tuple[Secret, Secret], Pair] = {}

    def of(self, activation: Activation) -> Pair:
        """Payload cipher and signer of a device's session."""
        found = activation.ciphers
        if found is None:
            found = activation.ciphers = (PayloadCipher(activation.app_s_key), FrameSigner(activation.nwk_s_key))
            self._ready.append(activation)
            if len(self._ready) > SESSIONS_READY:
                self._ready.popleft().ciphers = None
        return found

    def of_group(self, mc_app_s_key: Secret, mc_net_s_key: Secret) -> Pair:
        """Payload cipher and signer of a multicast group; of few, or of devices that found a wrong key."""
        name = (mc_app_s_key, mc_net_s_key)
        found = self._groups.get(name)
        if found is None:
            if len(self._groups) == _GROUPS_READY:
                self._groups.clear()
            found = self._groups[name] = (PayloadCipher(mc_app_s_key), FrameSigner(mc_net_s_key))
        return found


def seal(
    ciphers: Pair,
    direction: Direction,
    address: DevAddr,
    f_cnt: int,
    f_port: int | None,
    payload: bytes,
    *,
    confirmed: bool = False,
    ack: bool = False,
    encrypted: bool = False,
) -> bytes:
    """The PHYPayload of a data frame; `encrypted`: the payload is already."""
    cipher, signer = ciphers
    return build(
        DataFrame(
            direction=direction,
            dev_addr=address,
            f_cnt=f_cnt,
            f_port=f_port,
            frm_payload=payload if encrypted else cipher.crypt(payload, direction, address, f_cnt),
            confirmed=confirmed,
            ack=ack,
        ),
        signer,
    )


def unseal(ciphers: Pair, address: DevAddr, last_seen: int, phy_payload: bytes) -> tuple[DataFrame, int, bytes]:
    """The frame, its 32-bit counter, and its payload in clear; raises FrameRejected as a receiver drops it."""
    cipher, signer = ciphers
    frame = parse(phy_payload)
    if frame.dev_addr != address:
        raise FrameRejected(f"a frame for {frame.dev_addr}, not for {address}")
    f_cnt = full_f_cnt(frame.f_cnt, last_seen + 1)
    if not is_signed(phy_payload, frame, f_cnt, signer):
        raise FrameRejected(f"MIC of the frame for {address} does not fit counter {f_cnt}")
    return frame, f_cnt, cipher.crypt(frame.frm_payload, frame.direction, address, f_cnt)
