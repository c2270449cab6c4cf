"""LoRaWAN sessions of simulated devices: the network's side and the device's, frame by frame (LoRaWAN 1.0.x).

Every unicast frame is really encrypted, signed, taken apart, verified and decrypted. MAC commands, ADR and the two-key
signature of LoRaWAN 1.1 are left out: a 1.1 device differs by its root key alone.
"""

from __future__ import annotations

from collections import OrderedDict

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

_CIPHERS_KEPT = 2048
_NET_ID_BITS = 0x26 << 24


class FrameRejected(Damaged):
    """A frame that its receiver drops: another address, a wrong MIC, or a counter used before."""


class Activation:
    """What a join leaves on both sides: address, keys, and counters."""

    __slots__ = ("app_s_key", "dev_addr", "down_next", "down_seen", "nwk_s_key", "up_next", "up_seen")

    def __init__(self, seed: int, device: int, joins: int) -> None:
        """The session of a device after so many joins."""
        self.dev_addr = DevAddr.from_int(_NET_ID_BITS | device & 0xFFFFFF)
        self.app_s_key = Secret(key(seed, f"AppSKey {joins}", device))
        self.nwk_s_key = Secret(key(seed, f"NwkSKey {joins}", device))
        self.up_next = self.down_next = 0
        self.up_seen = self.down_seen = -1


class Ciphers:
    """Ciphers of the sessions used last: to set them up costs more than a short frame."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Secret, Secret], tuple[PayloadCipher, FrameSigner]] = OrderedDict()

    def of(self, app_s_key: Secret, net_s_key: Secret) -> tuple[PayloadCipher, FrameSigner]:
        """Payload cipher and signer for a pair of session keys."""
        name = (app_s_key, net_s_key)
        found = self._kept.get(name)
        if found is None:
            found = self._kept[name] = (PayloadCipher(app_s_key), FrameSigner(net_s_key))
            if len(self._kept) > _CIPHERS_KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(name)
        return found


def seal(
    ciphers: tuple[PayloadCipher, FrameSigner],
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


def unseal(
    ciphers: tuple[PayloadCipher, FrameSigner], address: DevAddr, last_seen: int, phy_payload: bytes
) -> tuple[DataFrame, int, bytes]:
    """The frame, its 32-bit counter, and its payload in clear; raises FrameRejected as a receiver drops it."""
    cipher, signer = ciphers
    frame = parse(phy_payload)
    if frame.dev_addr != address:
        raise FrameRejected(f"a frame for {frame.dev_addr}, not for {address}")
    f_cnt = full_f_cnt(frame.f_cnt, last_seen + 1)
    if not is_signed(phy_payload, frame, f_cnt, signer):
        raise FrameRejected(f"MIC of the frame for {address} does not fit counter {f_cnt}")
    return frame, f_cnt, cipher.crypt(frame.frm_payload, frame.direction, address, f_cnt)
