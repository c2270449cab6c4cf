"""Device sets: name, description, DevEUIs."""

from __future__ import annotations

from fleetcast.identifiers import DevEui
from fleetcast.interchange.device_sets import DeviceSetRow, read_device_sets, write_device_sets

A, B = DevEui.from_int(0xA), DevEui.from_int(0xB)


def complaints(data: bytes, *, update_existing: bool = False) -> list[str]:
    return [str(each) for each in read_device_sets(data, update_existing=update_existing).complaints]


def test_sets_are_read_with_each_device_once() -> None:
    sheet = read_device_sets(b"North,,000000000000000a ;000000000000000B;000000000000000A;\n")
    assert sheet.rows == [(1, DeviceSetRow("North", "", (A, B)))]


def test_bad_rows_are_named_with_every_name_that_is_none() -> None:
    data = b"North,,;\n,x,0A0B0C0D0E0F0A0B\nSouth,,1;0A0B0C0D0E0F0A0B;2;3;4\n" + 2 * b"East,,0A0B0C0D0E0F0A0B\n"
    assert complaints(data) == [
        "line 1, column C: the devices are missing: write their DevEUIs with semicolons between them",
        "line 2, column A: the name is missing",
        (
            "line 3, column C: '1', '2', '3' and 1 more: not a DevEUI; write 16 hex digits each, "
            "with semicolons between them"
        ),
        "line 5, column A: the set 'East' stands in line 4 already",
    ]


def test_a_new_set_needs_devices_and_an_update_does_not() -> None:
    assert complaints(b"North,only the description\n") == [
        "line 1, column C: the devices are missing: write their DevEUIs with semicolons between them"
    ]
    assert complaints(b"North,only the description\n", update_existing=True) == []


def test_a_set_of_a_hundred_thousand_devices_goes_out_and_comes_in_again() -> None:
    row = DeviceSetRow('All, of "them"', "", tuple(DevEui.from_int(n) for n in range(100_000)))
    assert read_device_sets("".join(write_device_sets([row])).encode()).rows == [(1, row)]
