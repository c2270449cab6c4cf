"""MCUboot headers are shown, and images that a boot loader would refuse are told."""

from __future__ import annotations

from fleetcast.firmware.mcuboot import read_mcuboot_header
from tests.firmware.files import mcuboot

IMAGE = mcuboot(b"firmware" * 40)


def problem(data: bytes) -> str | None:
    header = read_mcuboot_header(data)
    assert header is not None
    return header.problem


def test_a_whole_image_has_no_problem() -> None:
    assert problem(IMAGE) is None
    assert problem(IMAGE + b"\xff" * 100) is None


def test_a_changed_byte_is_found_by_its_hash() -> None:
    assert problem(IMAGE[:100] + b"X" + IMAGE[101:]) == "its SHA-256 is not that of the image: the file is damaged"


def test_a_file_that_was_cut_off_is_told() -> None:
    for kept in (32, 100, len(IMAGE) - 1):
        assert problem(IMAGE[:kept]) == (
            "no TLVs behind the image (hash, signature): the file is cut off, or was never signed"
        )


def test_other_bytes_have_no_header() -> None:
    assert read_mcuboot_header(b"") is None
    assert read_mcuboot_header(bytes(64)) is None
