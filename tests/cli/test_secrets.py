"""After a full run no key, password or token is anywhere but where it belongs: raw, in hex, in base64."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.cli import test_campaign_commands as campaigns
from tests.cli.servers import ServerProcess
from tests.cli.terminal import fleetcast
from tests.postgresql import PostgreSQL

ROOT_KEY = "C7A91E5504D27B3F8862EA10B9437DCC"
LISTS = (
    "devices", "multicast-groups", "connections", "files", "campaigns", "users", "tokens", "journal", "audit",
    "subscriber", "campaigns/1/journal", "campaigns/1/progress", "campaigns/1/devices", "devices/1/messages",
    "devices/export", "multicast-groups/export", "audit/export", "delta-keys", "workers", "counters",
)  # fmt: skip


def forms(secret: bytes) -> dict[str, bytes]:
    """How bytes may stand somewhere; in base64 at any of the three offsets, without what is mixed with neighbours."""
    found = {"raw": secret, "hex": secret.hex().encode(), "HEX": secret.hex().upper().encode()}
    for offset in range(3):
        text = base64.b64encode(bytes(offset) + secret)
        found[f"base64 at {offset}"] = text[4 if offset else 0 : len(text) // 4 * 4 - 4]
    return found


def everything_in(postgresql: PostgreSQL, url: str) -> dict[str, bytes]:
    """What PostgreSQL keeps: every table as it says it, and every file as it lies there, write-ahead log and all."""
    found = {}
    with psycopg.connect(url, autocommit=True) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (name,) in tables:
            with connection.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(name))) as rows:
                found[f"table {name}"] = b"".join(bytes(each) for each in rows)
        connection.execute("CHECKPOINT")
    files = [path for path in postgresql.directory.rglob("*") if path.is_file()]
    return found | {str(path.relative_to(postgresql.directory)): path.read_bytes() for path in files}


@pytest.mark.usefixtures("no_login")
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_no_secret_is_anywhere_after_a_full_run(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    url = ""
    if kind == "postgresql":
        url = request.getfixturevalue("postgresql_databases").empty()
    monkeypatch.setattr(campaigns, "KEY", ROOT_KEY)
    printed: list[str] = []

    def done(*arguments: object) -> str:
        ended = fleetcast(*arguments)
        assert ended.code == 0, (arguments, ended)
        printed.append(ended.out + ended.err)
        return ended.out

    with ServerProcess(tmp_path, "--time-factor", "20000", *(("--database", url) if url else ())) as running:
        first = running.first
        assert first is not None
        monkeypatch.setenv("FLEETCAST_PASSWORD", first["password"])
        done("login", "--server", running.url)
        monkeypatch.delenv("FLEETCAST_PASSWORD")
        campaigns.make_fleet()
        done("device", "edit", campaigns.eui(0), "tag=seen")
        image = tmp_path / "image.bin"
        image.write_bytes(bytes(n % 251 for n in range(500)))
        done("file", "upload", image, "name=image", "kind=firmware", "version=2.0.0.0", "profile=meter")
        done(
            "campaign", "create", "name=update", "type=firmware", "device_sets=north", "regions=lowlands",
            "file=image", "max_duration_minutes=1440", "settings.setup=pipelined",
        )  # fmt: skip
        done("campaign", "start", "update")
        fleetcast("campaign", "watch", "update", "--every", "0.2")
        auth = {"Authorization": f"Bearer {first['token']}"}
        wrong = running.get("/api/v1/me", auth=("admin", "wrong-" + ROOT_KEY))
        shown = running.post("/api/v1/multicast-groups/1/keys", headers=auth).json()
        assert running.post("/api/v1/devices/1/key", headers=auth).json()["key"].upper() == ROOT_KEY
        answers = {path: running.get(f"/api/v1/{path}?limit=1000", headers=auth).content for path in LISTS}
        process = Path(f"/proc/{running.process.pid}")
        places = {f"answer of {path}": content for path, content in answers.items()}
        if sys.platform == "linux":
            places["process arguments"] = (process / "cmdline").read_bytes()
    data = tmp_path / "data"
    key_file = data / "key-encryption-keys.json"
    secrets = {"root key": bytes.fromhex(ROOT_KEY)}
    secrets |= {name: bytes.fromhex(text) for name, text in shown.items() if isinstance(text, str) and len(text) == 32}
    secrets |= {f"kek {name}": bytes.fromhex(key) for name, key in json.loads(key_file.read_text())["keys"].items()}
    secrets |= {name: first[name].encode() for name in ("password", "token", "system_password")}
    assert len(secrets) >= 8, sorted(secrets)
    places |= {str(path.relative_to(data)): path.read_bytes() for path in data.rglob("*") if path.is_file()}
    if url:
        postgresql: PostgreSQL = request.getfixturevalue("postgresql")
        kept = everything_in(postgresql, url)
        assert kept["table key_material"], "there were keys to be found"
        assert any(campaigns.eui(0).encode() in content for name, content in kept.items() if "base/" in name)
        places |= kept
        request.getfixturevalue("postgresql_databases").drop(url)
    places["log"] = (tmp_path / "server.log").read_bytes()
    places["what commands printed"] = "".join(printed).encode()
    places["a refusal"] = wrong.content
    del places[key_file.name]
    found = [
        f"{name} ({form}) in {place}"
        for name, secret in secrets.items()
        for form, needle in forms(secret).items()
        for place, content in places.items()
        if needle in content
    ]
    assert found == []


def test_the_hunt_finds_what_it_hunts_for() -> None:
    secret = bytes.fromhex(ROOT_KEY)
    for offset in range(6):
        surrounded = bytes(range(offset)) + secret + b"xyz"
        texts = surrounded, surrounded.hex().encode(), surrounded.hex().upper().encode(), base64.b64encode(surrounded)
        for text in texts:
            assert any(needle in text for needle in forms(secret).values())
