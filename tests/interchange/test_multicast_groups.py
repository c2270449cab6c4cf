"""Multicast groups: columns A to M, and N and O in exports."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.interchange.multicast_groups import MulticastGroupRow, read_multicast_groups, write_multicast_groups
from fleetcast.interchange.redundancy import write_redundancy
from fleetcast.secret import Secret

BANDS = ("EU868", "AS923-1")
ROW = "0123456789ABCDEF,C,0123456789ABCDEF0123456789ABCDEF,ABCDEF01,869525000,2,EU868,ONE_TO_TWO,0,,Test group,TEST,0"


def complaints(text: str, *, update_existing: bool = False) -> list[str]:
    sheet = read_multicast_groups(text.encode(), BANDS, update_existing=update_existing)
    return [str(each) for each in sheet.complaints]


def test_the_documented_row_is_read() -> None:
    sheet = read_multicast_groups(ROW.encode(), BANDS)
    assert sheet.complaints == []
    assert sheet.rows == [
        (
            1,
            MulticastGroupRow(
                dev_eui=DevEui("0123456789ABCDEF"),
                session_class="C",
                mc_key=Secret.from_hex("0123456789ABCDEF0123456789ABCDEF"),
                mc_addr=DevAddr("ABCDEF01"),
                frequency_hz=869_525_000,
                data_rate=2,
                band="EU868",
                redundancy="ONE_TO_TWO",
                dwell_time=False,
                name="Test group",
                tag="TEST",
                initial_f_cnt=0,
            ),
        )
    ]
    assert sheet.rows[0][1].coded_per_uncoded() == 1


def test_every_bad_cell_is_named() -> None:
    bad = "1,A,KEY,2,869525050,16,EU9,HALF,2,3,n,t,-1"
    assert sorted(each.partition(":")[0][-1] for each in complaints(bad)) == list("ABCDEFGHIJM")
    assert "line 1, column E: 869525050 Hz can't be told to a device: write a multiple of 100 Hz" in complaints(bad)


def test_what_a_new_group_needs_is_asked_for() -> None:
    assert [each.split(":")[0][-1] for each in complaints("0123456789ABCDEF")] == list("BDEFGHI")
    assert complaints("0123456789ABCDEF", update_existing=True) == []
    class_b = ROW.replace(",C,", ",B,")
    assert [each.split(":")[0] for each in complaints(class_b)] == ["line 1, column J"]
    assert complaints(class_b.replace(",0,,", ",0,128,")) == []


def test_a_dev_eui_and_a_dev_addr_stand_once_in_a_file() -> None:
    second = ROW.replace("0123456789ABCDEF,C", "0123456789ABCDE0,C")
    assert complaints(f"{ROW}\n{second}\n{ROW}\n") == [
        "line 2, column D: DevAddr ABCDEF01 stands in line 1 already",
        "line 3, column A: DevEUI 0123456789ABCDEF stands in line 1 already",
        "line 3, column D: DevAddr ABCDEF01 stands in line 1 already",
    ]


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12).map(
    lambda text: text.strip(" \t")
)
KEYS = st.binary(min_size=16, max_size=16).map(Secret)
SHARES = (
    st.none()
    | st.sampled_from([Fraction(1, 3), Fraction(1, 5), Fraction(1, 7)])
    | st.integers(0, 1000).map(lambda percent: Fraction(percent, 100))
)


@st.composite
def groups(draw: st.DrawFn) -> MulticastGroupRow:
    return MulticastGroupRow(
        dev_eui=DevEui.from_int(draw(st.integers(0, (1 << 64) - 1))),
        session_class=draw(st.sampled_from(["B", "C"])),
        mc_key=draw(KEYS),
        mc_addr=DevAddr.from_int(draw(st.integers(0, 0xFFFFFFFF))),
        frequency_hz=100 * draw(st.integers(1, 0xFFFFFF)),
        data_rate=draw(st.integers(0, 15)),
        band=draw(st.sampled_from(BANDS)),
        redundancy=write_redundancy(draw(SHARES)),
        dwell_time=draw(st.booleans()),
        periodicity=draw(st.integers(0, 7)),
        name=draw(TEXTS),
        tag=draw(TEXTS),
        initial_f_cnt=draw(st.integers(0, 0xFFFFFFFF)),
        mc_app_s_key=draw(KEYS),
        mc_nwk_s_key=draw(KEYS),
    )


@given(st.lists(groups(), min_size=1, max_size=4, unique_by=(lambda each: each.dev_eui, lambda each: each.mc_addr)))
def test_what_is_exported_is_imported_and_exported_again_to_the_same_bytes(rows: list[MulticastGroupRow]) -> None:
    exported = "".join(write_multicast_groups(rows)).encode()
    sheet = read_multicast_groups(exported, BANDS)
    assert sheet.complaints == []
    assert [group for _, group in sheet.rows] == rows
    assert "".join(write_multicast_groups(group for _, group in sheet.rows)).encode() == exported
