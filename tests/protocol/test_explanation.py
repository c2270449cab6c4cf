"""Bytes explained: fields with their bits, and what was ignored, forgiven or not understood."""

from __future__ import annotations

from fleetcast.protocol.explanation import Span, explain, explain_frame
from fleetcast.protocol.packages import Direction, Package
from fleetcast.protocol.tolerances import USUAL, Tolerance


def short(spans: tuple[Span, ...]) -> list[tuple[int, str, tuple[int, int] | None, str, str]]:
    return [(span.offset, span.raw.hex(), span.bits, span.field, span.value) for span in spans]


def test_a_set_up_is_explained_bit_by_bit() -> None:
    payload = bytes.fromhex("02132c0132c411010203040201aabbccdd")
    assert short(explain(payload, Package.FRAGMENTATION, 2, Direction.DOWN)) == [
        (0, "02", None, "CID", "0x02"),
        (1, "13", (7, 6), "RFU", "0"),
        (1, "13", (5, 4), "frag_index", "1"),
        (1, "13", (3, 0), "mc_group_bit_mask", "3"),
        (2, "2c01", None, "nb_frag", "300"),
        (4, "32", None, "frag_size", "50"),
        (5, "c4", (7, 7), "RFU", "1 (ignored)"),
        (5, "c4", (6, 6), "ack_reception", "true"),
        (5, "c4", (5, 3), "frag_algo", "0"),
        (5, "c4", (2, 0), "block_ack_delay", "4"),
        (6, "11", None, "padding", "17"),
        (7, "01020304", None, "descriptor", "01020304"),
        (11, "0201", None, "session_cnt", "258"),
        (13, "aabbccdd", None, "mic", "aabbccdd"),
    ]


def test_records_tails_and_signed_numbers_are_explained() -> None:
    groups = explain(bytes.fromhex("0129004523012603efcdab01"), Package.MULTICAST_SETUP, 1, Direction.UP)
    assert short(groups)[4:] == [
        (2, "00", None, "groups[0].mc_group_id", "0"),
        (3, "45230126", None, "groups[0].mc_addr", "26012345"),
        (7, "03", None, "groups[1].mc_group_id", "3"),
        (8, "efcdab01", None, "groups[1].mc_addr", "01abcdef"),
    ]
    start = explain(bytes.fromhex("04014b0200"), Package.MULTICAST_SETUP, 2, Direction.UP)
    assert short(start)[-1] == (2, "4b0200", None, "time_to_start", "587")
    correction = explain(bytes.fromhex("01a6ffffff06"), Package.CLOCK_SYNC, 1, Direction.DOWN)
    assert short(correction)[1] == (1, "a6ffffff", None, "time_correction", "-90")


def test_what_cannot_be_read_is_shown_and_named() -> None:
    spans = explain(bytes.fromhex("03034099"), Package.CLOCK_SYNC, 1, Direction.DOWN)
    assert short(spans)[-1] == (2, "4099", None, "unexplained", "4099")
    assert "no command has this identifier" in spans[-1].note


def test_what_was_forgiven_is_said() -> None:
    swallowed = explain(bytes.fromhex("0106000000"), Package.FRAGMENTATION, 2, Direction.UP)
    assert short(swallowed)[-1] == (2, "000000", None, "swallowed", "000000")
    assert "three zero bytes" in swallowed[0].note
    tolerances = USUAL | {Tolerance.STATUS_V2_IN_V1_LAYOUT}
    turned = explain(bytes.fromhex("012c810402"), Package.FRAGMENTATION, 2, Direction.UP, tolerances)
    assert (1, "2c81", (13, 0), "nb_frag_received", "300") in short(turned)
    assert (4, "02", (1, 1), "mic_error", "true") in short(turned)
    swapped = explain(
        bytes.fromhex("01812c0400"), Package.FRAGMENTATION, 1, Direction.UP, USUAL | {Tolerance.BIG_ENDIAN_STATUS}
    )
    assert (1, "812c", (13, 0), "nb_frag_received", "300") in short(swapped)


def test_a_frame_of_several_packages_is_explained() -> None:
    spans = explain_frame(bytes.fromhex("820201850002"), Direction.UP, {2: 1})
    assert short(spans) == [
        (0, "82", None, "PackageID", "2"),
        (1, "02", None, "CID", "0x02"),
        (2, "01", (7, 3), "RFU", "0"),
        (2, "01", (2, 2), "id_error", "false"),
        (2, "01", (1, 0), "mc_group_id", "1"),
        (3, "8500", None, "unexplained", "8500"),
        (5, "02", (7, 2), "RFU", "0"),
        (5, "02", (1, 0), "CommandToken", "2"),
    ]
    assert spans[0].note == "multicast_setup"
