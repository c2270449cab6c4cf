"""LoRaWAN data frames: a published frame, round trips, and frames that are none."""

from __future__ import annotations

import dataclasses

import pytest
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given
from hypothesis import strategies as st

from fleetcast.errors import Invalid
from fleetcast.identifiers import DevAddr
from fleetcast.protocol.data_frames import (
    DataFrame,
    FrameSigner,
    NoDataFrame,
    PayloadCipher,
    build,
    full_f_cnt,
    is_signed,
    parse,
)
from fleetcast.protocol.packages import Direction
from fleetcast.secret import Secret

# The example frame that public LoRaWAN decoders document: FCnt 2, FPort 1, "test".
PUBLISHED = bytes.fromhex("40F17DBE4900020001954378762B11FF0D")
NET_KEY = Secret.from_hex("44024241ed4ce9a68c6a8bc055233fd3")
APP_KEY = Secret.from_hex("ec925802ae430ca77fd3dd73cb2cc588")
ADDRESS = DevAddr("49BE7DF1")


def test_a_published_frame_is_read_checked_and_decrypted() -> None:
    frame = parse(PUBLISHED)
    assert frame == DataFrame(
        direction=Direction.UP, dev_addr=ADDRESS, f_cnt=2, f_port=1, frm_payload=bytes.fromhex("95437876")
    )
    assert is_signed(PUBLISHED, frame, 2, FrameSigner(NET_KEY))
    assert PayloadCipher(APP_KEY).crypt(frame.frm_payload, frame.direction, frame.dev_addr, 2) == b"test"


def test_the_published_frame_is_built_again() -> None:
    payload = PayloadCipher(APP_KEY).crypt(b"test", Direction.UP, ADDRESS, 2)
    frame = DataFrame(direction=Direction.UP, dev_addr=ADDRESS, f_cnt=2, f_port=1, frm_payload=payload)
    assert build(frame, FrameSigner(NET_KEY)) == PUBLISHED


def test_the_signature_depends_on_key_direction_and_the_whole_counter() -> None:
    frame = parse(PUBLISHED)
    assert not is_signed(PUBLISHED, frame, 2 + 65536, FrameSigner(NET_KEY))
    assert not is_signed(PUBLISHED, frame, 2, FrameSigner(APP_KEY))
    down = dataclasses.replace(frame, direction=Direction.DOWN)
    assert not is_signed(PUBLISHED, down, 2, FrameSigner(NET_KEY))
    assert not is_signed(PUBLISHED[:-1] + b"\0", frame, 2, FrameSigner(NET_KEY))


def test_a_multicast_frame_has_the_block_and_signature_of_the_text() -> None:
    """Multicast down, counter above 16 bits: block B0 and the MIC spelled out byte by byte."""
    frame = DataFrame(
        direction=Direction.DOWN, dev_addr=DevAddr("26012345"), f_cnt=0x00012345, f_port=201, frm_payload=b"\x08\1\0ab"
    )
    signed = build(frame, FrameSigner(NET_KEY))
    assert signed[:-4].hex() == "60" + "45230126" + "00" + "4523" + "c9" + "0801006162"
    cmac = CMAC(algorithms.AES(NET_KEY.reveal()))
    cmac.update(bytes.fromhex("49" + "00000000" + "01" + "45230126" + "45230100" + "00" + "0e") + signed[:-4])
    assert signed[-4:] == cmac.finalize()[:4]


FLAGS = st.fixed_dictionaries({name: st.booleans() for name in ("confirmed", "adr", "ack", "f_pending_or_class_b")})


@given(
    direction=st.sampled_from(Direction),
    address=st.integers(0, 0xFFFFFFFF),
    f_cnt=st.integers(0, 0xFFFFFFFF),
    f_port=st.one_of(st.none(), st.integers(1, 255)),
    payload=st.binary(max_size=220),
    f_opts=st.binary(max_size=15),
    flags=FLAGS,
)
def test_what_was_built_is_read_again(
    direction: Direction,
    address: int,
    f_cnt: int,
    f_port: int | None,
    payload: bytes,
    f_opts: bytes,
    flags: dict[str, bool],
) -> None:
    dev_addr = DevAddr.from_int(address)
    cipher, signer = PayloadCipher(APP_KEY), FrameSigner(NET_KEY)
    sent = DataFrame(
        direction=direction,
        dev_addr=dev_addr,
        f_cnt=f_cnt,
        f_port=f_port,
        frm_payload=b"" if f_port is None else cipher.crypt(payload, direction, dev_addr, f_cnt),
        f_opts=f_opts,
        **flags,
    )
    phy = build(sent, signer)
    heard = parse(phy)
    assert heard == dataclasses.replace(sent, f_cnt=f_cnt & 0xFFFF)
    assert is_signed(phy, heard, full_f_cnt(heard.f_cnt, max(0, f_cnt - 100)), signer)
    if f_port is not None:
        assert cipher.crypt(heard.frm_payload, direction, dev_addr, f_cnt) == payload


@given(st.binary(max_size=64))
def test_any_bytes_are_a_frame_or_the_one_error(phy: bytes) -> None:
    try:
        frame = parse(phy)
    except NoDataFrame:
        return
    assert len(frame.frm_payload) + len(frame.f_opts) + 12 + (frame.f_port is not None) == len(phy)


@pytest.mark.parametrize(
    ("phy", "text"),
    [
        (bytes(11), "at least 12"),
        (bytes.fromhex("00") + bytes(22), "MHDR 0x00"),
        (bytes.fromhex("41") + bytes(15), "MHDR 0x41"),
        (bytes.fromhex("40" + "00000000" + "0f" + "0000") + bytes(10), "FOptsLen 15"),
    ],
)
def test_bytes_that_are_no_data_frame_are_named(phy: bytes, text: str) -> None:
    with pytest.raises(NoDataFrame, match=text):
        parse(phy)


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        ({"frm_payload": b"x"}, "without FPort"),
        ({"f_port": 256}, "f_port 256"),
        ({"f_opts": bytes(16)}, "f_opts of 16 bytes"),
        ({"f_port": 0, "f_opts": b"x"}, "one of the two"),
        ({"adr_ack_req": True}, "reserved there"),
        ({"f_port": 1, "frm_payload": bytes(250)}, "at most 255"),
        ({"f_cnt": 1 << 32}, "f_cnt 4294967296"),
    ],
)
def test_frames_that_cannot_be_said_are_refused(frame: dict[str, object], text: str) -> None:
    whole = {"direction": Direction.DOWN, "dev_addr": ADDRESS, "f_cnt": 0} | frame
    with pytest.raises(Invalid, match=text):
        build(DataFrame(**whole), FrameSigner(NET_KEY))  # type: ignore[arg-type]


def test_the_upper_half_of_the_counter_is_guessed_upwards() -> None:
    assert full_f_cnt(5, 5) == 5
    assert full_f_cnt(4, 5) == 65540
    assert full_f_cnt(0x0001, 0x1FFFF) == 0x20001
    with pytest.raises(NoDataFrame, match="no 32-bit counter"):
        full_f_cnt(0, 0xFFFFFFFF)


def test_keys_of_the_wrong_length_are_refused() -> None:
    for make in (PayloadCipher, FrameSigner):
        with pytest.raises(Invalid, match="of 5 bytes"):
            make(Secret(bytes(5)))


def test_a_payload_beyond_the_counter_of_blocks_is_refused() -> None:
    with pytest.raises(Invalid, match="at most 242"):
        PayloadCipher(APP_KEY).crypt(bytes(4096), Direction.DOWN, ADDRESS, 0)


def test_an_address_is_read_as_it_travels() -> None:
    address = DevAddr("01AB23CD")
    assert DevAddr.from_wire(address.wire()) == address
    assert address.wire() == bytes.fromhex("CD23AB01")
    with pytest.raises(Invalid, match="3 bytes are not a DevAddr"):
        DevAddr.from_wire(b"\x01\x02\x03")
