"""Devices in the network server's export format."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetcast.identifiers import DevEui, FirmwareVersion
from fleetcast.interchange.devices import DeviceRow, read_devices, write_devices
from fleetcast.interchange.table import BadRows, letter
from fleetcast.secret import Secret

GOOD = {
    "B": "70b3d57ed0000001",
    "K": "Meter, hall 1",
    "W": "LORAWAN_1_0",
    "Y": "000102030405060708090A0B0C0D0E0F",
    "AC": "1.2.3.4",
    "AD": "Acme",
    "AE": "M1",
    "AF": "7",
}


def line(**changed: str) -> bytes:
    cells = {**GOOD, **changed}
    texts = [cells.get(letter(index), "") for index in range(32)]
    return ",".join(f'"{text}"' if "," in text else text for text in texts).encode() + b"\r\n"


def complaints(data: bytes, *, update_existing: bool = False) -> list[str]:
    return [str(each) for each in read_devices(data, update_existing=update_existing).complaints]


def test_a_device_is_read_with_everything_it_has() -> None:
    sheet = read_devices(line(AA="b", AB=" north ", A="ignored", Z="ignored too"))
    assert sheet.complaints == []
    assert sheet.rows == [
        (
            1,
            DeviceRow(
                dev_eui=DevEui("70B3D57ED0000001"),
                name="Meter, hall 1",
                lorawan_1_1=False,
                gen_app_key=Secret(bytes(range(16))),
                session_classes="B",
                tag="north",
                firmware_version=FirmwareVersion(0x01020304),
                producer_id="Acme",
                module_id="M1",
                hw_revision=7,
            ),
        )
    ]


def test_the_key_is_the_one_of_the_lorawan_version() -> None:
    one_0 = read_devices(line(X="not looked at")).rows[0][1]
    one_1 = read_devices(line(W="lorawan_1_1", X="FF" * 16, Y="not looked at")).rows[0][1]
    assert one_0.key(lorawan_1_1=False) == Secret(bytes(range(16)))
    assert one_1.key(lorawan_1_1=True) == Secret(b"\xff" * 16)


def test_a_device_without_its_key_is_imported() -> None:
    assert read_devices(line(Y="")).rows[0][1].key(lorawan_1_1=False) is None


def test_every_bad_cell_of_every_bad_row_is_named() -> None:
    data = line() + line(B="12", W="1.0", AA="A", AC="1.2", AF="256") + line(B="", W="", AD="", AE="", AF="") + line()
    assert complaints(data) == [
        "line 2, column B: '12' is not a DevEUI: write 16 hex digits",
        "line 2, column W: '1.0' is not a LoRaWAN version: write LORAWAN_1_0 or LORAWAN_1_1",
        "line 2, column AA: 'A' is not a multicast class: write B, C or BC",
        "line 2, column AC: '1.2' is not a firmware version: write 1.2.3.4 with numbers from 0 to 255, or 0x01020304",
        "line 2, column AF: '256' is not a HW revision: write a whole number from 0 to 255",
        "line 3, column B: the DevEUI is missing: write 16 hex digits",
        "line 3, column W: the LoRaWAN version is missing: write LORAWAN_1_0 or LORAWAN_1_1",
        "line 3, column AD: the producer id is missing",
        "line 3, column AE: the module id is missing",
        "line 3, column AF: the HW revision is missing: write a whole number from 0 to 255",
        "line 4, column B: DevEUI 70B3D57ED0000001 stands in line 1 already",
    ]


def test_a_bad_key_is_never_repeated_in_the_complaint() -> None:
    with pytest.raises(BadRows) as raised:
        read_devices(line(Y="DEADBEEF")).refuse()
    assert "DEADBEEF" not in str(raised.value)
    assert "line 1, column Y: this is not a key: write 32 hex digits" in str(raised.value)


def test_an_update_needs_only_the_dev_eui_and_tells_what_a_new_device_would_miss() -> None:
    data = b",70B3D57ED0000001,,,,,,,,,New name\n" + line()
    sheet = read_devices(data, update_existing=True)
    assert sheet.complaints == []
    assert [number for number, _ in sheet.rows] == [1, 2]
    assert sheet.rows[0][1].missing() == ["W", "AD", "AE", "AF"]
    assert sheet.rows[1][1].missing() == []


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12).map(
    lambda text: text.strip(" \t")
)
KEYS = st.binary(min_size=16, max_size=16).map(Secret)


@st.composite
def devices(draw: st.DrawFn) -> DeviceRow:
    one_1 = draw(st.booleans())
    return DeviceRow(
        dev_eui=DevEui.from_int(draw(st.integers(0, (1 << 64) - 1))),
        name=draw(TEXTS),
        lorawan_1_1=one_1,
        app_key=draw(KEYS) if one_1 else None,
        gen_app_key=None if one_1 else draw(KEYS),
        session_classes=draw(st.sampled_from(["B", "C", "BC", None])),
        tag=draw(TEXTS),
        firmware_version=draw(st.none() | st.integers(0, 0xFFFFFFFF).map(FirmwareVersion)),
        producer_id=draw(TEXTS.filter(bool)),
        module_id=draw(TEXTS.filter(bool)),
        hw_revision=draw(st.integers(0, 255)),
    )


@given(st.lists(devices(), min_size=1, max_size=4, unique_by=lambda each: each.dev_eui))
def test_what_is_exported_is_imported_and_exported_again_to_the_same_bytes(rows: list[DeviceRow]) -> None:
    exported = "".join(write_devices(rows)).encode()
    sheet = read_devices(exported)
    assert sheet.complaints == []
    assert [device for _, device in sheet.rows] == rows
    assert "".join(write_devices(device for _, device in sheet.rows)).encode() == exported
