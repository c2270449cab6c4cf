"""Rows, quotes, characters and complaints."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fleetcast.interchange.table import BadRows, Complaint, Sheet, letter, read_rows, write_row


def read(data: bytes, last: str = "D") -> tuple[list[tuple[int, list[str]]], list[str]]:
    complaints: list[Complaint] = []
    rows = [(row.line, [row.text(c) for c in "ABCD"]) for row in read_rows(data, last, complaints)]
    return rows, [str(each) for each in complaints]


def test_blanks_around_fields_a_byte_order_mark_and_every_line_end_are_read() -> None:
    rows, complaints = read(b'\xef\xbb\xbf a ,\tb\r\n\r\n "c, d" , "e ""f""" \n   \ng\rh')
    assert rows == [
        (1, ["a", "b", "", ""]),
        (3, ["c, d", 'e "f"', "", ""]),
        (5, ["g", "", "", ""]),
        (6, ["h", "", "", ""]),
    ]
    assert complaints == []


def test_a_field_in_quotes_may_go_over_lines_and_the_next_row_keeps_its_number() -> None:
    rows, complaints = read(b'1,"two\r\nlines",3\r\n4\r\n')
    assert rows == [(1, ["1", "two\r\nlines", "3", ""]), (3, ["4", "", "", ""])]
    assert complaints == []


def test_one_lost_quote_does_not_hide_the_rows_behind_it() -> None:
    rows, complaints = read(b'a,"b\nc,d\ne,f"g\nh,i\n')
    assert complaints == [
        (
            "line 1, column B: a quotation mark inside a field: put the whole field in quotation marks "
            'and write it twice, ""'
        ),
        "line 3, column B: a quotation mark is never closed",
    ]
    assert [line for line, _ in rows] == [2, 4]


def test_what_is_no_utf_8_is_named_where_it_stands() -> None:
    rows, complaints = read(b"a,b\nc,\xe9\nd\0,e\n")
    assert len(rows) == 3
    assert complaints == [
        "line 2, column B: not UTF-8: save the file in UTF-8",
        "line 3, column A: there is a character with the code 0 in it: this is no text",
    ]
    assert read("a,b".encode("utf-16"))[1] == ["line 1: the file is in UTF-16: save it as UTF-8"]


def test_only_empty_cells_may_stand_behind_the_last_column() -> None:
    assert read(b"a,b,,,\n", last="B")[1] == []
    assert read(b"a,b,,c\n", last="B")[1] == ["line 1, column D: there is no such column: the last one is B"]


def test_an_empty_file_is_complained_about() -> None:
    assert read(b"\r\n")[1] == ["line 1: the file has no rows"]


def test_columns_have_the_letters_of_spreadsheets() -> None:
    assert [letter(index) for index in (0, 25, 26, 31, 701)] == ["A", "Z", "AA", "AF", "ZZ"]


def test_all_complaints_are_raised_at_once_in_the_order_of_the_file() -> None:
    sheet: Sheet[str] = Sheet()
    for line in (9, 2, 7, 1, 5, 6):
        sheet.complain(line, "B", "wrong")
    sheet.complain(1, "A", "missing")
    with pytest.raises(BadRows) as raised:
        sheet.refuse()
    assert [(each.line, each.column) for each in raised.value.complaints][:3] == [(1, "A"), (1, "B"), (2, "B")]
    assert str(raised.value).startswith("nothing was imported, 6 bad rows: line 1, column A: missing; line 1, column B")
    assert str(raised.value).endswith("and 2 more")


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")).map(lambda text: text.strip(" \t"))


@given(st.lists(st.lists(CELLS, min_size=2, max_size=4), min_size=1, max_size=5))
@example([["", ""], ["\r", "\n"]])
def test_what_is_written_is_read_again(rows: list[list[str]]) -> None:
    complaints: list[Complaint] = []
    text = "".join(write_row(["x", *row]) for row in rows)
    read_again = [[row.text(c) for c in "ABCDE"] for row in read_rows(text.encode(), "E", complaints)]
    assert read_again == [(["x", *row] + [""] * 4)[:5] for row in rows]
    assert complaints == []


@given(st.binary(max_size=60) | st.text(alphabet='a," \r\n', max_size=40).map(str.encode))
@example(b'"')
@example(b'"\n"\n"')
def test_any_bytes_are_read_or_complained_about_and_no_line_is_given_twice(data: bytes) -> None:
    complaints: list[Complaint] = []
    lines = [row.line for row in read_rows(data, "C", complaints)]
    assert lines == sorted(set(lines))
    assert lines or complaints
