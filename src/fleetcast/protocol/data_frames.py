"""LoRaWAN data frames: build them, take them apart, encrypt their payload, sign them (LoRaWAN 1.0.x, section 4).

For network servers that want a multicast payload encrypted by the application server, and for a simulator, which plays
both ends: unicast up and down, and multicast down. Multicast frames use the same 1.0 scheme with McAppSKey and
McNetSKey, are unconfirmed and carry no MAC commands (TS005, keys). The two-key signature of LoRaWAN 1.1 unicast frames
is not made here; a network server makes those.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from struct import Struct

from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC

from fleetcast.errors import Damaged, Invalid
from fleetcast.identifiers import DevAddr
from fleetcast.protocol.keys import KEY_BYTES, WrongKeyLength, block_cipher
from fleetcast.protocol.packages import Direction
from fleetcast.secret import Secret

MIC_BYTES = 4
HIGHEST_F_CNT = 0xFFFFFFFF
_MAX_F_OPTS_BYTES = 15
_HEADER = Struct("<B4sBH")
"""MHDR, DevAddr, FCtrl, FCnt."""
_HEADER_BYTES = _HEADER.size
_BLOCK = Struct("<B4xB4sIx")
"""Blocks A and B0 but for their last byte."""
_FIRST_M_TYPE = 2
_OF_M_TYPE = {2: (Direction.UP, False), 3: (Direction.DOWN, False), 4: (Direction.UP, True), 5: (Direction.DOWN, True)}


class NoDataFrame(Damaged):
    """Bytes that are no LoRaWAN 1.0 data frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFrame:
    """A data frame between header and MIC; `frm_payload` is as it travels, that is, encrypted."""

    direction: Direction
    dev_addr: DevAddr
    f_cnt: int
    """The low 16 bits when taken from the air; the whole 32-bit counter is needed to build one."""
    f_port: int | None = None
    frm_payload: bytes = b""
    f_opts: bytes = b""
    confirmed: bool = False
    adr: bool = False
    adr_ack_req: bool = False
    """Up only."""
    ack: bool = False
    f_pending_or_class_b: bool = False
    """FPending down; the class B bit up."""


class PayloadCipher:
    """FRMPayload encryption with AppSKey or McAppSKey, the same both ways. One instance per key, one thread."""

    __slots__ = ("_encrypt",)

    def __init__(self, app_s_key: Secret) -> None:
        self._encrypt = block_cipher("AppSKey", app_s_key)

    def crypt(self, frm_payload: bytes, direction: Direction, dev_addr: DevAddr, f_cnt: int) -> bytes:
        """The payload encrypted, or decrypted; `f_cnt` is the 32-bit counter. Raises Invalid above 32 bits."""
        length = len(frm_payload)
        if not length:
            return b""
        start = _block(0x01, direction, dev_addr, f_cnt)
        count = (length + 15) // 16
        if count > 255:
            raise Invalid(f"FRMPayload of {length} bytes: a data frame carries at most 242")
        if count == 1:
            stream = self._encrypt(start + b"\x01")
        else:
            stream = self._encrypt(b"".join([start + bytes([number]) for number in range(1, count + 1)]))
        mixed = int.from_bytes(frm_payload, "big") ^ int.from_bytes(stream[:length], "big")
        return mixed.to_bytes(length, "big")


class FrameSigner:
    """The MIC with NwkSKey or McNetSKey over block B0 and the frame. One instance per key, one thread."""

    __slots__ = ("_cmac",)

    def __init__(self, net_s_key: Secret) -> None:
        if len(net_s_key) != KEY_BYTES:
            raise WrongKeyLength("NwkSKey", len(net_s_key))
        self._cmac = CMAC(algorithms.AES(net_s_key.reveal()))

    def mic(self, frame: bytes, direction: Direction, dev_addr: DevAddr, f_cnt: int) -> bytes:
        """The four bytes behind `frame`, which runs from MHDR to the payload; `f_cnt` is the 32-bit counter."""
        cmac = self._cmac.copy()
        cmac.update(_block(0x49, direction, dev_addr, f_cnt) + bytes([len(frame)]) + frame)
        return cmac.finalize()[:MIC_BYTES]


def build(frame: DataFrame, signer: FrameSigner) -> bytes:
    """The PHYPayload, signed; raises Invalid for what a frame cannot say."""
    if frame.f_port is None and frame.frm_payload:
        raise Invalid(f"FRMPayload of {len(frame.frm_payload)} bytes without FPort: give f_port 0 to 255")
    if frame.f_port is not None and not 0 <= frame.f_port <= 255:
        raise Invalid(f"f_port {frame.f_port}: allowed 0 to 255")
    if len(frame.f_opts) > _MAX_F_OPTS_BYTES:
        raise Invalid(f"f_opts of {len(frame.f_opts)} bytes: allowed 0 to {_MAX_F_OPTS_BYTES}")
    if frame.f_opts and frame.f_port == 0:
        raise Invalid("f_opts beside f_port 0: MAC commands travel in one of the two")
    if frame.adr_ack_req and frame.direction is Direction.DOWN:
        raise Invalid("adr_ack_req in a downlink: the bit is reserved there")
    control = (
        frame.adr << 7 | frame.adr_ack_req << 6 | frame.ack << 5 | frame.f_pending_or_class_b << 4 | len(frame.f_opts)
    )
    m_type = _FIRST_M_TYPE + (frame.direction is Direction.DOWN) + 2 * frame.confirmed
    header = _HEADER.pack(m_type << 5, frame.dev_addr.wire(), control, frame.f_cnt & 0xFFFF)
    body = b"" if frame.f_port is None else bytes([frame.f_port]) + frame.frm_payload
    unsigned = header + frame.f_opts + body
    if len(unsigned) > 255 - MIC_BYTES:
        raise Invalid(f"frame of {len(unsigned) + MIC_BYTES} bytes: a PHYPayload has at most 255")
    return unsigned + signer.mic(unsigned, frame.direction, frame.dev_addr, frame.f_cnt)


def parse(phy_payload: bytes) -> DataFrame:
    """The frame in a PHYPayload, its MIC unchecked (see `is_signed`); raises NoDataFrame for any other bytes."""
    if len(phy_payload) < _HEADER_BYTES + MIC_BYTES:
        raise NoDataFrame(f"{len(phy_payload)} bytes: a data frame has at least {_HEADER_BYTES + MIC_BYTES}")
    kind = _OF_M_TYPE.get(phy_payload[0] >> 5)
    if kind is None or phy_payload[0] & 3:
        raise NoDataFrame(f"MHDR 0x{phy_payload[0]:02X}: not a data frame of LoRaWAN R1")
    direction, confirmed = kind
    control = phy_payload[5]
    port_at = _HEADER_BYTES + (control & 15)
    end = len(phy_payload) - MIC_BYTES
    if port_at > end:
        raise NoDataFrame(f"FOptsLen {control & 15}: the frame has {end - _HEADER_BYTES} bytes behind its header")
    return DataFrame(
        direction=direction,
        confirmed=confirmed,
        dev_addr=DevAddr.from_wire(phy_payload[1:5]),
        adr=control & 0x80 != 0,
        adr_ack_req=control & 0x40 != 0 and direction is Direction.UP,
        ack=control & 0x20 != 0,
        f_pending_or_class_b=control & 0x10 != 0,
        f_cnt=phy_payload[6] | phy_payload[7] << 8,
        f_opts=phy_payload[_HEADER_BYTES:port_at],
        f_port=phy_payload[port_at] if port_at < end else None,
        frm_payload=phy_payload[port_at + 1 : end],
    )


def is_signed(phy_payload: bytes, frame: DataFrame, f_cnt: int, signer: FrameSigner) -> bool:
    """Whether the MIC of a PHYPayload fits the key and the 32-bit counter."""
    wanted = signer.mic(phy_payload[:-MIC_BYTES], frame.direction, frame.dev_addr, f_cnt)
    return hmac.compare_digest(wanted, phy_payload[-MIC_BYTES:])


def full_f_cnt(low_16_bits: int, lowest: int) -> int:
    """The smallest 32-bit counter from `lowest` on that ends in these 16 bits; raises NoDataFrame above 32 bits."""
    found = lowest + ((low_16_bits - lowest) & 0xFFFF)
    if found > HIGHEST_F_CNT:
        raise NoDataFrame(f"FCnt {low_16_bits}: no 32-bit counter from {lowest} on ends so")
    return found


def _block(kind: int, direction: Direction, dev_addr: DevAddr, f_cnt: int) -> bytes:
    if not 0 <= f_cnt <= HIGHEST_F_CNT:
        raise Invalid(f"f_cnt {f_cnt}: allowed 0 to {HIGHEST_F_CNT}")
    return _BLOCK.pack(kind, direction is Direction.DOWN, dev_addr.wire(), f_cnt)
