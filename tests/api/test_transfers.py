"""Mass import and export over the API: all or nothing, every bad row named, and back again byte by byte."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api import fleet
from tests.api.conftest import Api, Server

KEY = fleet.KEY


def row(number: int, **cells: str) -> str:
    """A line of the device format with what is needed, and cells by column."""
    columns = [chr(65 + i) if i < 26 else f"A{chr(65 + i - 26)}" for i in range(32)]
    said = {
        "B": fleet.eui(number), "K": f"Pump {number}", "W": "LORAWAN_1_0", "Y": KEY, "AD": "ACME", "AE": "Pump",
        "AF": "1",
    } | cells  # fmt: skip
    return ",".join(said.get(column, "") for column in columns) + "\r\n"


def send(api: Api, path: str, text: str, *, status: int = 200, **query: Any) -> Any:
    return api.post(f"/{path}/import", content=text.encode(), params=query, status=status)


def devices(api: Api) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get("/devices?sort=dev_eui")["items"]
    return found


def text_of(api: Api, path: str) -> str:
    found: str = api.get(path).text
    return found


def viewer_of(server: Server) -> Api:
    """Somebody who may look, and no more."""
    token = server.api.post("/tokens", {"name": "looks", "scope": ["look"]})["token"]
    return Api(server.api.client, token)


def reading_keys(server: Server) -> Api:
    """The admin, with the right to read keys."""
    me = server.api.get("/me")["user_id"]
    server.api.patch(f"/users/{me}", {"may_read_keys": True})
    return server.api


def complaints(answer: dict[str, Any]) -> list[tuple[int, str | None]]:
    return [(each["line"], each["column"]) for each in answer["errors"]]


def test_devices_come_in_with_key_profile_and_firmware(server: Server) -> None:
    api = server.api
    at, make = fleet.connection(api), fleet.profile(api)
    firmware = fleet.file(api, make, version="1.2.0.0")
    text = row(1, AC="1.2.0.0", AA="B", AB="north") + row(2, Y="") + row(3, W="LORAWAN_1_1", Y="", X=KEY)
    assert send(api, "devices", text, connection_id=at) == {"created": 3, "updated": 0, "restored": 0}
    first, second, third = devices(api)
    assert (first["name"], first["tag"], first["session_classes"]) == ("Pump 1", "north", "B")
    assert (first["firmware_version"], first["firmware_file_id"]) == ("1.2.0.0", firmware)
    assert first["firmware_learned_at"] is not None
    assert first["device_profile_id"] == make
    assert (first["has_key"], second["has_key"], third["has_key"]) == (True, False, True)
    assert third["lorawan_version"] == "1.1"
    assert api.post(f"/devices/{third['id']}/key", status=200)["key"] == KEY


def test_every_bad_row_is_named_and_nothing_comes_in(server: Server) -> None:
    api = server.api
    at, make = fleet.connection(api), fleet.profile(api)
    fleet.device(api, 9, at, make)
    group = fleet.group(api, at)
    eui = api.get(f"/multicast-groups/{group}")["dev_eui"]
    bad = [
        row(1), row(1), row(2, AE="Nobody"), row(3, W="1.0"), row(9), row(4, B=eui), row(5, Y="12"), "\"open\r\n",
        row(6, K="x" * 201), row(7, AF=""),
    ]  # fmt: skip
    answer = send(api, "devices", "".join(bad), status=422, connection_id=at)
    found = complaints(answer)
    assert found == [(2, "B"), (3, "AD"), (4, "W"), (5, "B"), (6, "B"), (7, "Y"), (8, "A"), (9, "K"), (10, "AF")]
    assert answer["title"] == "invalid"
    assert [each["dev_eui"] for each in devices(api)] == [fleet.eui(9)]


def test_a_dry_run_looks_and_leaves_everything_as_it_is(server: Server) -> None:
    api = server.api
    at = fleet.connection(api)
    fleet.profile(api)
    assert send(api, "devices", row(1), connection_id=at, dry_run=True)["created"] == 1
    assert devices(api) == []
    send(api, "devices", row(1, AE="none"), connection_id=at, dry_run=True, status=422)


def test_what_exists_is_updated_where_that_was_chosen_and_empty_cells_leave_it(server: Server) -> None:
    api = server.api
    at, make = fleet.connection(api), fleet.profile(api)
    one = fleet.device(api, 1, at, make, name="old", tag="kept")
    gone = fleet.device(api, 2, at, make)
    api.post(f"/devices/{gone}/archive", status=200)
    change = row(1, K="new", Y="", W="", AD="", AE="", AF="") + row(2) + row(3)
    send(api, "devices", change, connection_id=at, status=422)
    done = send(api, "devices", change, connection_id=at, update_existing=True)
    assert done == {"created": 1, "updated": 2, "restored": 1}
    shown = api.get(f"/devices/{one}")
    assert (shown["name"], shown["tag"], shown["has_key"], shown["device_profile_id"]) == ("new", "kept", True, make)
    assert api.get(f"/devices/{gone}")["archived_at"] is None


def test_an_unknown_connection_and_an_empty_file_are_refused(server: Server) -> None:
    api = server.api
    at = fleet.connection(api)
    send(api, "devices", row(1), connection_id=999, status=422)
    assert complaints(send(api, "devices", "", connection_id=at, status=422)) == [(1, None)]
    answer = api.post("/devices/import", content=b"\xff\xfe\x00", params={"connection_id": at}, status=422)
    assert "UTF-16" in answer["detail"]


def test_a_viewer_imports_nothing_and_exports_no_keys(server: Server) -> None:
    api = server.api
    at = fleet.connection(api)
    viewer = viewer_of(server)
    send(viewer, "devices", row(1), connection_id=at, status=403)
    viewer.get("/devices/export")
    viewer.get("/devices/export?keys=true", status=403)


def test_sets_come_in_with_their_devices_and_go_out_again(server: Server) -> None:
    api = server.api
    at, make = fleet.connection(api), fleet.profile(api)
    for number in range(3):
        fleet.device(api, number, at, make)
    euis = [fleet.eui(number) for number in range(3)]
    text = f'North,"the, north",{euis[0]};{euis[1]}\r\nSouth,,{euis[2]}\r\n'
    assert send(api, "device-sets", text)["created"] == 2
    assert text_of(api, "/device-sets/export") == text
    wrong = send(api, "device-sets", f"North,,{euis[2]}\r\nEast,,{fleet.eui(77)}\r\nWest,,\r\n", status=422)
    assert complaints(wrong) == [(1, "A"), (2, "C"), (3, "C")]
    assert send(api, "device-sets", f"North,,{euis[2]}\r\n", update_existing=True)["updated"] == 1
    assert text_of(api, "/device-sets/export").startswith(f'North,"the, north",{euis[2]}\r\n')


GROUP = "0123456789ABCDEF,C,0123456789ABCDEF0123456789ABCDEF,ABCDEF01,869525000,2,EU868,ONE_TO_TWO,0,,Test group,TEST,0"


def test_groups_come_in_as_the_format_says_and_go_out_with_their_keys(server: Server) -> None:
    api = server.api
    at = fleet.connection(api)
    assert send(api, "multicast-groups", GROUP + "\r\n", connection_id=at)["created"] == 1
    shown = api.get("/multicast-groups")["items"][0]
    assert (shown["dev_addr"], shown["data_rate"], shown["redundancy"]) == ("ABCDEF01", 2, "ONE_TO_TWO")
    keys = api.post(f"/multicast-groups/{shown['id']}/keys", status=200)
    line = text_of(api, "/multicast-groups/export?keys=true")
    assert line.startswith(GROUP + ",")
    assert line.strip().split(",")[13:] == [keys["mc_app_s_key"], keys["mc_nwk_s_key"]]
    assert KEY not in text_of(api, "/multicast-groups/export")
    clash = GROUP.replace("0123456789ABCDEF,C", "0123456789ABCDE0,C")
    assert complaints(send(api, "multicast-groups", clash, connection_id=at, status=422)) == [(1, "D")]
    impossible = GROUP.replace("0123456789ABCDEF,C", "0123456789ABCDE0,C").replace(",869525000,", ",915000000,")
    assert complaints(send(api, "multicast-groups", impossible, connection_id=at, status=422))[0] == (1, "E")
    assert send(api, "multicast-groups", line, connection_id=at, update_existing=True)["updated"] == 1
    wrong_key = line.replace(keys["mc_app_s_key"], "F" * 32)
    found = complaints(send(api, "multicast-groups", wrong_key, connection_id=at, update_existing=True, status=422))
    assert found == [(1, "N")]


def test_reading_keys_by_an_export_is_journalled(server: Server) -> None:
    text_of(reading_keys(server), "/devices/export?keys=true")
    kinds = [each["kind"] for each in server.api.get("/journal")["items"]]
    assert "device.exported-with-keys" in kinds


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12).map(str.strip)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(TEXT, TEXT, st.sampled_from(["B", "C", "BC"]), st.booleans(), st.none() | st.integers(0, 2**32 - 1)),
        min_size=1, max_size=8,
    )
)  # fmt: skip
def test_what_is_exported_can_be_imported_and_is_the_same(server: Server, rows: list[Any]) -> None:
    api = server.api
    if not api.get("/connections")["items"]:
        fleet.connection(api)
        fleet.profile(api)
    at = api.get("/connections")["items"][0]["id"]
    text = ""
    for number, (name, tag, classes, newer, version) in enumerate(rows):
        written = "" if version is None else f"0x{version:08X}"
        quoted = ['"' + each.replace('"', '""') + '"' for each in (name, tag)]
        text += row(
            number, K=quoted[0], AB=quoted[1], AA=classes, AC=written, W="LORAWAN_1_1" if newer else "LORAWAN_1_0",
            X=KEY if newer else "", Y="" if newer else KEY,
        )  # fmt: skip
    send(api, "devices", text, connection_id=at, update_existing=True)
    first = text_of(api, "/devices/export?keys=true")
    send(api, "devices", first, connection_id=at, update_existing=True)
    assert text_of(api, "/devices/export?keys=true") == first


@pytest.mark.parametrize("body", [b"\0", b'"', b",,,\n" * 50, b"\xff" * 40, "ü;\n".encode("latin-1")])
def test_whatever_is_sent_is_answered_with_what_is_wrong(server: Server, body: bytes) -> None:
    at = fleet.connection(server.api)
    for path in ("devices", "device-sets", "multicast-groups"):
        answer = server.api.post(f"/{path}/import", content=body, params={"connection_id": at}, status=422)
        assert answer["errors"]
