"""Intel HEX and S-records, read strictly."""

from __future__ import annotations

import pytest

from fleetcast.firmware.image import read_segments
from fleetcast.firmware.segments import ImageRefused, Segment
from tests.firmware.files import intel_hex, s_records

DATA = (0x1234, bytes(range(64)))


@pytest.mark.parametrize("file", [intel_hex(DATA), s_records(DATA)], ids=["hex", "srec"])
def test_a_file_that_was_cut_off_is_refused_wherever_it_was_cut(file: bytes) -> None:
    lines = file.splitlines(keepends=True)
    for kept in range(1, len(lines)):
        with pytest.raises(ImageRefused):
            read_segments(b"".join(lines[:kept]))
    with pytest.raises(ImageRefused):
        read_segments(file.rstrip()[:-2])


@pytest.mark.parametrize("file", [intel_hex(DATA), s_records(DATA)], ids=["hex", "srec"])
def test_a_changed_digit_is_found_and_its_line_named(file: bytes) -> None:
    lines = file.splitlines()
    lines[1] = lines[1][:12] + (b"1" if lines[1][12:13] == b"0" else b"0") + lines[1][13:]
    with pytest.raises(ImageRefused, match="line 2: the checksum is wrong"):
        read_segments(b"\n".join(lines))


def test_every_line_end_and_blank_lines_are_read() -> None:
    for end in (b"\n", b"\r\n", b"\r", b" \r\n\r\n"):
        assert read_segments(end + end.join(intel_hex(DATA).splitlines()) + end) == (Segment(*DATA),)


def test_offsets_wrap_within_a_segment_and_go_on_under_a_linear_address() -> None:
    in_segment = b":020000021000EC\n:04FFFE0001020304F5\n:00000001FF\n"
    assert read_segments(in_segment) == (Segment(0x10000, b"\x03\x04"), Segment(0x1FFFE, b"\x01\x02"))
    linear = b":020000040800F2\n:04FFFE0001020304F5\n:00000001FF\n"
    assert read_segments(linear) == (Segment(0x0800_FFFE, b"\x01\x02\x03\x04"),)


def test_two_records_about_one_byte_are_refused() -> None:
    with pytest.raises(ImageRefused, match="two records hold the byte at 0x00001234"):
        read_segments(b"".join(intel_hex(DATA).splitlines(keepends=True)[:1]) + intel_hex(DATA))


def test_missing_lines_are_found_by_the_count_of_s_records() -> None:
    lines = s_records(DATA).splitlines(keepends=True)
    with pytest.raises(ImageRefused, match="the file has 1 data records and says 2"):
        read_segments(lines[0] + b"".join(lines[2:]))


def test_nothing_may_follow_the_record_that_ends_a_file() -> None:
    for file in (intel_hex(DATA), s_records(DATA) + b"S9030000FC\n"):
        with pytest.raises(ImageRefused, match="stands behind"):
            read_segments(file + file.splitlines()[0])


def test_s_records_may_end_with_their_count_or_with_a_start_address() -> None:
    lines = s_records(DATA).splitlines(keepends=True)
    assert lines[-1].startswith(b"S5")
    assert read_segments(b"".join(lines)) == read_segments(b"".join(lines[:-1]) + b"S9030000FC\n")
