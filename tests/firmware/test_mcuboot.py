"""MCUboot images are read and shown, and those that a boot loader would refuse are told."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetcast.firmware.mcuboot import ImageBroken, McubootHeader, SignatureKind, read_mcuboot_header
from tests.firmware.files import mcuboot, mcuboot_covered, tlvs

PAYLOAD = b"firmware" * 40
IMAGE = mcuboot(PAYLOAD)


def read(data: bytes) -> McubootHeader:
    header = read_mcuboot_header(data)
    assert header is not None
    return header


def problem(data: bytes) -> str | None:
    return read(data).problem


def test_a_whole_image_has_no_problem() -> None:
    found = read(IMAGE)
    assert (found.version, found.problem, found.damage, found.hash_checked) == ("1.2.3+4", None, None, "sha256")
    assert problem(IMAGE + b"\xff" * 100) is None


def test_a_changed_byte_is_found_by_its_hash() -> None:
    changed = IMAGE[:100] + b"X" + IMAGE[101:]
    assert problem(changed) == "its SHA-256 is not that of the image: the file is damaged"
    with pytest.raises(ImageBroken, match="SHA-256 is not that of the image"):
        read(changed).refuse_damaged()


@pytest.mark.parametrize(("kind", "name"), [(0x11, "sha384"), (0x12, "sha512")])
def test_longer_hashes_are_checked_too(kind: int, name: str) -> None:
    covered = mcuboot_covered(PAYLOAD)
    whole = covered + tlvs(0x6907, (kind, hashlib.new(name, covered).digest()))
    assert (read(whole).hash_checked, read(whole).damage) == (name, None)
    assert problem(whole[:-1] + bytes([whole[-1] ^ 1])) == (
        f"its SHA-{name[3:]} is not that of the image: the file is damaged"
    )


def test_a_file_that_was_cut_off_is_told() -> None:
    assert "cut off" in (read(IMAGE[:32]).damage or "")
    assert "cut off" in (read(IMAGE[:100]).damage or "")
    missing = "no TLVs behind the image (hash, signature): it was never signed, or they are cut off"
    assert read(IMAGE[:-1]).damage == "the TLVs behind the image (hash, signature) are cut off"
    never_signed = read(mcuboot_covered(PAYLOAD))
    assert (never_signed.problem, never_signed.damage) == (missing, None)


def test_what_protected_tlvs_say_is_covered_by_the_hash() -> None:
    covered = mcuboot_covered(PAYLOAD, (0x50, (7).to_bytes(4, "little")))
    whole = covered + tlvs(0x6907, (0x10, hashlib.sha256(covered).digest()))
    assert (read(whole).security_counter, read(whole).problem) == (7, None)
    at = len(covered) - 1
    assert "not that of the image" in (problem(whole[:at] + b"\x09" + whole[at + 1 :]) or "")
    cut = bytearray(whole)
    cut[len(covered) - 12] ^= 1  # the magic of the protected area
    assert "protected TLVs" in (problem(bytes(cut)) or "")


def test_tlvs_that_overrun_their_area_are_damage() -> None:
    covered = mcuboot_covered(PAYLOAD)
    for area in (b"\x07\x69\x0a\x00\x10\x00\xff\x00ab", b"\x07\x69\x06\x00\x10\x00"):
        assert read(covered + area).damage is not None


def test_signatures_are_read_with_what_they_are_over() -> None:
    digest = hashlib.sha256(mcuboot_covered(PAYLOAD)).digest()
    found = read(mcuboot(PAYLOAD, (0x01, b"k" * 32), (0x24, b"s" * 64), (0x20, b"r" * 256))).signatures
    assert [(each.kind, each.key_hash, each.pure) for each in found] == [
        (SignatureKind.ED25519, (b"k" * 32).hex(), False), (SignatureKind.RSA_2048, "", False),
    ]  # fmt: skip
    assert {each.signed for each in found} == {digest}
    pure = read(mcuboot(PAYLOAD, (0x25, b"\x01"), (0x24, b"s" * 64))).signatures[0]
    assert (pure.pure, pure.signed) == (True, mcuboot_covered(PAYLOAD))


def test_an_ecdsa_signature_loses_the_zeros_that_it_was_filled_up_with() -> None:
    made = b"\x30\x04\x02\x00\x02\x00"
    found = read(mcuboot(PAYLOAD, (0x22, made + b"\0\0"), (0x22, made + b"\0\1"))).signatures
    assert [each.signature for each in found] == [made, made + b"\0\1"]


def test_the_hash_of_an_encrypted_image_is_left_to_devices() -> None:
    covered = mcuboot_covered(PAYLOAD, flags=0x04)
    found = read(covered + tlvs(0x6907, (0x10, bytes(32))))
    assert (found.encrypted, found.hash_checked, found.problem) == (True, None, None)


def test_bytes_behind_the_image_are_told_unless_they_are_fill() -> None:
    assert not read(IMAGE + b"\xff\x00" * 8).tail
    assert read(IMAGE + b"\xff\x01").tail


def test_other_bytes_have_no_header() -> None:
    assert read_mcuboot_header(b"") is None
    assert read_mcuboot_header(bytes(64)) is None


@given(st.binary(max_size=120), st.integers(0, len(IMAGE)))
def test_whatever_comes_after_a_header_is_read_without_a_fault(noise: bytes, kept: int) -> None:
    read_mcuboot_header(IMAGE[:kept] + noise)
