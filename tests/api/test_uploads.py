"""Uploads: their rate, and what must not be kept or unpacked whatever is sent."""

from __future__ import annotations

import gzip
import io
import zipfile
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fleetcast.api.upload_rate import TooManyUploads, UploadRate
from tests.api import fleet
from tests.api.conftest import Api, Server
from tests.api.test_users import PASSWORD, basic
from tests.firmware.files import intel_hex

MINUTE_MS = 60_000


def wait_s(raised: pytest.ExceptionInfo[TooManyUploads]) -> int:
    assert raised.value.headers is not None
    return int(raised.value.headers["Retry-After"])


def test_the_number_of_uploads_fills_up_again_steadily() -> None:
    rate = UploadRate(uploads_a_minute=3)
    for _ in range(3):
        rate.begin(1, 0)
    with pytest.raises(TooManyUploads) as raised:
        rate.begin(1, 0)
    assert wait_s(raised) == 20
    rate.begin(2, 0)  # somebody else's are counted apart
    rate.begin(1, 20_000)
    with pytest.raises(TooManyUploads):
        rate.begin(1, 20_001)


def test_bytes_may_be_overdrawn_by_one_upload_which_the_next_one_waits_for() -> None:
    rate = UploadRate(bytes_a_minute=1000, most_upload_bytes=3000)
    rate.begin(1, 0)
    rate.came(1, 3000, 0)
    with pytest.raises(TooManyUploads) as raised:
        rate.begin(1, 0)
    assert wait_s(raised) == 121
    with pytest.raises(TooManyUploads):
        rate.begin(1, 119_000)
    rate.begin(1, 121_000)


def test_several_uploads_at_once_come_to_no_more_than_one_may_be() -> None:
    rate = UploadRate(bytes_a_minute=1000, most_upload_bytes=3000)
    for _ in range(10):
        rate.begin(1, 0)
    rate.came(1, 4000, 0)
    with pytest.raises(TooManyUploads):
        rate.came(1, 1, 0)


def test_many_users_do_not_fill_the_memory_and_debts_are_not_forgotten() -> None:
    rate = UploadRate(uploads_a_minute=1, bytes_a_minute=10, most_upload_bytes=10_000)
    rate.begin(0, 0)
    rate.came(0, 5000, 0)
    for user in range(1, 5000):
        rate.begin(user, user * MINUTE_MS // 1000)
    assert len(rate._left) < 2100
    with pytest.raises(TooManyUploads):
        rate.begin(0, 5 * MINUTE_MS)


def test_a_clock_that_is_put_back_costs_nobody_anything() -> None:
    rate = UploadRate(uploads_a_minute=2)
    rate.begin(1, 10 * MINUTE_MS)
    rate.begin(1, 0)
    rate.begin(1, MINUTE_MS)


@pytest.fixture
def limited(server: Server) -> Server:
    rate = UploadRate(uploads_a_minute=2, bytes_a_minute=2000, most_upload_bytes=64_000_000)
    server.parts = replace(server.parts, uploads=rate)
    server.api.client.app.state.parts = server.parts  # type: ignore[attr-defined]
    return server


def upload(api: Api, content: Any = b"x", status: int = 200, query: str = "", **fields: Any) -> Any:
    number = len(api.get("/files?limit=1000&archived=all")["items"])
    made = api.post("/files", {"name": f"file {number}", "kind": "binary"} | fields)["id"]
    how = {"headers": fields.pop("headers")} if "headers" in fields else {}
    return made, api.put(f"/files/{made}/content{query}", content=content, status=status, **how)


def test_who_uploads_too_often_or_too_much_is_told_how_long_to_wait(limited: Server) -> None:
    api = limited.api
    upload(api)
    upload(api)
    refused = upload(api, status=429)[1]
    assert refused["detail"].startswith("too much was uploaded by this user")
    number = api.post("/files", {"name": "x", "kind": "binary"})["id"]
    answer = api.client.put(
        f"/api/v1/files/{number}/content", content=b"x", headers={"Authorization": f"Bearer {api.token}"}
    )
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "30")
    api.post("/device-sets/import", content=b"a,b,\r\n", status=429)
    # Somebody else may.
    api.post("/users", {"login": "ada", "role": "operator", "password": PASSWORD})
    token = api.client.post("/api/v1/tokens", json={"name": "t"}, headers=basic("ada", PASSWORD)).json()["token"]
    upload(Api(api.client, token))
    limited.clock.advance(timedelta(seconds=30))
    upload(api, bytes(5000))
    limited.clock.advance(timedelta(seconds=30))
    upload(api, status=429)


def test_who_may_not_upload_or_has_done_so_is_told_before_a_byte_is_read(server: Server) -> None:
    api = server.api
    number, _ = upload(api)
    api.post("/users", {"login": "ada", "role": "viewer", "password": PASSWORD})
    token = api.client.post("/api/v1/tokens", json={"name": "t"}, headers=basic("ada", PASSWORD)).json()["token"]

    # More than may be sent in a minute: were it read, that would be said.
    server.parts = replace(server.parts, uploads=UploadRate(bytes_a_minute=1, most_upload_bytes=1))
    api.client.app.state.parts = server.parts  # type: ignore[attr-defined]
    api.put(f"/files/{number}/content", content=bytes(5000), status=409)
    viewer = Api(api.client, token)
    viewer.put(f"/files/{number}/content", content=bytes(5000), status=403)
    viewer.post("/device-sets/import", content=bytes(5000), status=403)
    assert server.parts.uploads._left == {}


def bomb() -> bytes:
    """A small archive of much."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../etc/passwd", bytes(30_000_000))
    return made.getvalue()


def test_an_archive_is_kept_as_it_came_and_never_unpacked(api: Api) -> None:
    archive = bomb()
    profile = fleet.profile(api)
    number, done = upload(api, archive)
    assert (done["size_bytes"], done["original_format"]) == (len(archive), "binary")
    assert api.get(f"/files/{number}/content").content == archive
    said = {"kind": "firmware", "version": "2.0.0.0", "device_profile_id": profile}
    _, done = upload(api, archive, query="?convert=true", **said)
    assert done["size_bytes"] == len(archive)
    for path in ("devices", "device-sets", "multicast-groups"):
        query = {"connection_id": fleet.connection(api, f"for {path}")}
        api.post(f"/{path}/import", content=archive, params=query, status=422)


def test_a_body_that_says_it_is_packed_is_refused(api: Api) -> None:
    number = api.post("/files", {"name": "x", "kind": "binary"})["id"]
    packed = gzip.compress(bytes(10_000_000))
    headers = {"Content-Encoding": "gzip"}
    assert "as it is" in api.put(f"/files/{number}/content", content=packed, headers=headers, status=415)["detail"]
    api.post("/device-sets/import", content=packed, headers=headers, status=415)
    assert api.get(f"/files/{number}")["sha256"] is None


def test_a_few_lines_that_would_fill_gigabytes_are_refused(api: Api) -> None:
    profile = fleet.profile(api)
    said = {"kind": "firmware", "version": "2.0.0.0", "device_profile_id": profile}
    far_apart = intel_hex((0, b"begin"), (0xFFFF_FF00, b"end"))
    number, refused = upload(api, far_apart, status=422, query="?convert=true", **said)
    assert "detail" in refused
    assert api.get(f"/files/{number}")["sha256"] is None


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..\\..\\boot.ini", "/etc/shadow", 'a"; filename="b', "x\r\nSet-Cookie: a=b", "a\0b"]
)
def test_the_name_of_a_file_is_a_name_and_no_path(api: Api, name: str) -> None:
    number = api.post("/files", {"name": "x", "kind": "binary"})["id"]
    api.put(f"/files/{number}/content", content=b"content", params={"name": name})
    answer = api.get(f"/files/{number}/content")
    told = answer.headers["content-disposition"]
    assert told.startswith("attachment; filename*=UTF-8''")
    assert not set(told.removeprefix("attachment; filename*=UTF-8''")) & set('/\\"\r\n\0;')
    assert answer.content == b"content"
    assert "set-cookie" not in answer.headers
