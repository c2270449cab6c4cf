"""Forms of an image are recognised, converted whole, or refused with the reason."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetcast.firmware.image import ImageFormat, as_binary, recognise, refuse_unless_binary
from fleetcast.firmware.segments import MAX_IMAGE_BYTES, ImageRefused
from tests.firmware.files import Piece, elf, intel_hex, mcuboot, s_records

WRITERS = {ImageFormat.INTEL_HEX: intel_hex, ImageFormat.S_RECORDS: s_records, ImageFormat.ELF: elf}
FLASH = 0x0800_0000
FIRST, SECOND = (FLASH, bytes(range(200))), (FLASH + 256, b"\x55" * 60)


@pytest.mark.parametrize("form", WRITERS)
def test_each_form_is_recognised_and_converted_with_its_gaps_filled(form: ImageFormat) -> None:
    file = WRITERS[form](FIRST, SECOND)
    assert recognise(file) is form
    image = as_binary(file)
    assert image.data == FIRST[1] + b"\xff" * 56 + SECOND[1]
    assert (image.format, image.address, image.gap_bytes) == (form, FLASH, 56)
    assert image.remark() == f"converted from {form}: 316 bytes from 0x08000000, 56 bytes in gaps filled with 0xFF"
    assert as_binary(file, fill=0).data == FIRST[1] + bytes(56) + SECOND[1]


@pytest.mark.parametrize("form", WRITERS)
def test_what_flash_does_not_hold_is_refused_until_conversion_is_asked_for(form: ImageFormat) -> None:
    with pytest.raises(ImageRefused, match=f"this is {form}, .* upload it with conversion to binary"):
        refuse_unless_binary(WRITERS[form](FIRST))


def test_a_binary_is_sent_as_it_is() -> None:
    for data in (b":", b":1000", b"S1\n", bytes(100), b""):
        assert recognise(data) is ImageFormat.BINARY
        image = as_binary(data)
        assert (image.data, image.address, image.gap_bytes, image.remark()) == (data, None, 0, None)
        refuse_unless_binary(data)


@pytest.mark.parametrize("form", WRITERS)
def test_parts_too_far_apart_to_be_one_image_are_named(form: ImageFormat) -> None:
    file = WRITERS[form](FIRST, (0x1FFF_F800, b"\x01\x02"))
    with pytest.raises(ImageRefused) as raised:
        as_binary(file)
    assert "nothing lies between 0x08000000 to 0x080000C7 and 0x1FFFF800 to 0x1FFFF801" in str(raised.value)
    assert "leave out" in str(raised.value)


def test_an_image_larger_than_fragments_can_carry_is_refused() -> None:
    with pytest.raises(ImageRefused, match=f"can carry {MAX_IMAGE_BYTES} at most: make it smaller"):
        as_binary(elf((0, bytes(MAX_IMAGE_BYTES // 2)), (MAX_IMAGE_BYTES // 2, bytes(MAX_IMAGE_BYTES // 2 + 2))))


def test_an_elf_file_is_taken_at_its_load_addresses_with_or_without_its_sections() -> None:
    for sections in (True, False):
        assert as_binary(elf(FIRST, SECOND, sections=sections)).data[:200] == FIRST[1]


@pytest.mark.parametrize(("kind", "said"), [(1, "an object file, not linked yet"), (4, "a core dump")])
def test_an_elf_file_that_is_no_program_is_refused(kind: int, said: str) -> None:
    with pytest.raises(ImageRefused, match=said):
        as_binary(elf(FIRST, kind=kind))


def test_files_without_any_data_are_refused() -> None:
    for file in (b":00000001FF\n", b"S9030000FC\n", elf()):
        with pytest.raises(ImageRefused, match="holds no bytes of an image"):
            as_binary(file)


def test_an_mcuboot_header_is_found_in_a_binary_and_in_what_was_converted() -> None:
    image = mcuboot(b"firmware" * 20)
    for file in (image, intel_hex((0x1000, image))):
        header = as_binary(file).mcuboot
        assert header is not None
        assert (header.version, header.image_bytes, header.problem) == ("1.2.3+4", 160, None)


@st.composite
def pieces(draw: st.DrawFn) -> list[Piece]:
    found: list[Piece] = []
    at = draw(st.integers(0, 0xFFFF_0000 - 5000))
    for _ in range(draw(st.integers(1, 4))):
        data = draw(st.binary(min_size=1, max_size=300))
        found.append((at, data))
        at += len(data) + draw(st.integers(0, 400))
    return found


@given(pieces(), st.sampled_from(list(WRITERS.values())), st.integers(0, 255))
def test_every_byte_lands_where_the_file_says(written: list[Piece], write: object, fill: int) -> None:
    assert callable(write)
    image = as_binary(write(*written), fill=fill)
    start = written[0][0]
    assert image.address == start
    expected = bytearray([fill]) * (written[-1][0] + len(written[-1][1]) - start)
    for address, data in written:
        expected[address - start : address - start + len(data)] = data
    assert image.data == bytes(expected)
    assert image.gap_bytes == len(expected) - sum(len(data) for _, data in written)


@given(
    st.sampled_from([writer(FIRST, SECOND) for writer in WRITERS.values()] + [elf(FIRST, sections=False)]),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=6),
    st.integers(0, 2000),
)
def test_a_damaged_file_is_refused_and_nothing_else_happens(
    file: bytes, damage: list[tuple[int, int]], cut: int
) -> None:
    damaged = bytearray(file)
    for at, value in damage:
        damaged[at % len(damaged)] = value
    damaged = damaged[: len(damaged) - cut] if cut % 3 == 0 else damaged
    with suppress(ImageRefused):
        as_binary(bytes(damaged))
