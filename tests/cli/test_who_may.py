"""Every command, every role, and a foreign tenant: run, not assumed.

The commands come from the application: one without its row here fails the suite. A row says which right a command takes
and how it is called; which roles have that right, the table of routes says by hand.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from enum import Enum, auto
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer

from fleetcast.access import Right
from fleetcast.cli.app import app
from tests.api import fleet
from tests.api.conftest import server
from tests.api.test_users import PASSWORD
from tests.api.test_who_may import PEOPLE, PUBLIC_KEY, ROLES, World, world
from tests.cli.terminal import Ended, fleetcast
from tests.conftest import Databases, SqliteDatabases

__all__ = ["server", "world"]  # fixtures


class Where(Enum):
    """Commands that take no right of a server's user."""

    ALONE = auto()
    """It works with what it is given."""
    MACHINE = auto()
    """It opens the database and the key file themselves: who may read those may run it; no server is asked."""
    SERVER = auto()
    """It is the server."""
    DOOR = auto()
    """It is how one becomes known."""
    ANYBODY = auto()
    """Whoever is known; what is shown is one's own, or the same for everybody."""
    PEOPLE = auto()
    """Admins of the subscriber; system admins have people of their own."""
    MACHINES = auto()
    """Admins of either kind."""


LOOK, EDIT, RUN, APPROVE = Right.LOOK, Right.EDIT, Right.RUN, Right.APPROVE
ADMINISTER, READ_KEYS, AUDIT, SYSTEM = Right.ADMINISTER, Right.READ_KEYS, Right.AUDIT, Right.SYSTEM
Row = tuple[Right | Where, str]


def _kept(noun: str, right: Right | Where, create: str, *, look: Right | Where = LOOK, edit: str) -> dict[str, Row]:
    """The rows of a noun that is listed, made, looked at, changed, archived and restored."""
    named = "{" + noun + "}"
    return {
        f"{noun} list": (look, ""),
        f"{noun} show": (look, named),
        f"{noun} fields": (Where.ANYBODY, ""),
        f"{noun} create": (right, create),
        f"{noun} edit": (right, f"{named} {edit}"),
        f"{noun} archive": (right, named),
        f"{noun} restore": (right, named),
    }


DRAFT = "name={new} type=firmware device_sets={device-set} regions={region} file_id={file} max_duration_minutes=1440"
PERIOD = "--from 2026-01-01 --until 2026-02-01"

TABLE: dict[str, Row] = {
    **_kept(
        "device", EDIT, "dev_eui={eui} lorawan_version=1.0 connection={connection} profile={profile}", edit="tag=x"
    ),
    **_kept("device-set", EDIT, "name={new}", edit="description=x"),
    **_kept("profile", EDIT, "name={new} producer_id=p module_id={new} hw_revision=1", edit="description=x"),
    **_kept(
        "group",
        EDIT,
        "dev_eui={group_eui} connection={connection} session_class=C band=EU868 dev_addr={addr} "
        "frequency_hz=869525000 data_rate=5",
        edit="tag=x",
    ),
    **_kept("region", EDIT, "name={new}", edit="description=x"),
    **_kept("file", EDIT, "name={new} kind=binary", edit="description=x"),
    **_kept("campaign", EDIT, DRAFT, edit="description=x"),
    **_kept("connection", ADMINISTER, "name={new} kind=simulated", edit="description=x"),
    **_kept("trusted-key", ADMINISTER, "name={new} public_key=@{pem}", edit="description=x"),
    **_kept("webhook", ADMINISTER, "name={new} url=https://example.com/{new}", edit="enabled=false"),
    **_kept("user", Where.PEOPLE, "{new}", edit="role=viewer"),
    **_kept("subscriber", SYSTEM, "{new} --admin {new}", look=SYSTEM, edit="max_devices=100"),
    "user list": (Where.ANYBODY, ""),
    "user show": (Where.PEOPLE, "{user}"),
    "user password": (Where.PEOPLE, "{user}"),
    "device key": (READ_KEYS, "{device}"),
    "device messages": (LOOK, "{device}"),
    "device-set devices": (LOOK, "{device-set}"),
    "device-set add": (EDIT, "{device-set} {known_eui}"),
    "device-set remove": (EDIT, "{device-set} {known_eui}"),
    "group keys": (READ_KEYS, "{group}"),
    "file upload": (EDIT, "{image} name={new}"),
    "file download": (LOOK, "{file} --out {out}"),
    "campaign validate": (LOOK, "{campaign}"),
    "campaign start": (RUN, "{campaign}"),
    "campaign schedule": (RUN, "{campaign} --at 2027-01-01T00:00:00Z"),
    "campaign unschedule": (RUN, "{campaign}"),
    "campaign pause": (RUN, "{campaign}"),
    "campaign resume": (RUN, "{campaign}"),
    "campaign stop": (RUN, "{campaign}"),
    "campaign copy": (EDIT, "{campaign} --name {new}"),
    "campaign retry-failed": (EDIT, "{campaign} --name {new}"),
    "campaign failed-devices": (EDIT, "{campaign} --name {new}"),
    "campaign approve": (APPROVE, "{campaign}"),
    "campaign withdraw-approval": (APPROVE, "{campaign}"),
    "campaign devices": (LOOK, "{campaign}"),
    "campaign left-out": (LOOK, "{campaign}"),
    "campaign journal": (LOOK, "{campaign}"),
    "campaign explain": (LOOK, "{campaign} {known_eui}"),
    "campaign watch": (LOOK, "{campaign}"),
    "connection kinds": (Where.ANYBODY, ""),
    "import devices": (EDIT, "{empty} --connection {connection}"),
    "import device-sets": (EDIT, "{empty}"),
    "import groups": (EDIT, "{empty} --connection {connection}"),
    "export devices": (LOOK, "--out {out}"),
    "export device-sets": (LOOK, "--out {out}"),
    "export groups": (LOOK, "--out {out}"),
    "export devices --keys": (READ_KEYS, "--out {out}"),
    "export groups --keys": (READ_KEYS, "--out {out}"),
    "token list": (Where.ANYBODY, ""),
    "token create": (Where.ANYBODY, "{new}"),
    "token revoke": (Where.PEOPLE, "{token}"),
    "audit list": (AUDIT, ""),
    "audit head": (AUDIT, ""),
    "audit export": (AUDIT, "{out}"),
    "webhook secret": (ADMINISTER, "{webhook}"),
    "webhook deliveries": (LOOK, "{webhook}"),
    "webhook redeliver": (ADMINISTER, "{webhook} 1"),
    "usage-report list": (LOOK, ""),
    "usage-report create": (LOOK, f"usage {PERIOD}"),
    "usage-report download": (LOOK, "1 --out {out}"),
    "counters": (LOOK, ""),
    "workers": (Where.MACHINES, ""),
    "seed-demo": (ADMINISTER, "--anyway"),
    "login": (Where.DOOR, ""),
    "serve": (Where.SERVER, ""),
    "decode": (Where.ALONE, "0000 --port 200"),
    "encode": (Where.ALONE, ""),
    "airtime": (Where.ALONE, ""),
    "bands": (Where.ALONE, ""),
    "fragment": (Where.ALONE, "{image} --size 50"),
    "assemble": (Where.ALONE, "{image}"),
    "rehearse": (Where.ALONE, "{image}"),
    "settings": (Where.ALONE, ""),
    "version": (Where.ALONE, ""),
    "database migrate": (Where.MACHINE, ""),
    "database check": (Where.MACHINE, ""),
    "database backup": (Where.MACHINE, "{out}"),
    "key status": (Where.MACHINE, ""),
    "key rotate": (Where.MACHINE, ""),
    "key forget-older": (Where.MACHINE, ""),
    "key new": (Where.MACHINE, ""),
    "audit verify": (Where.MACHINE, ""),
}
ENDLESS = {"campaign watch", "seed-demo"}
"""They go on for long: only refusals are asked for."""
AT_SERVER = (Where.ANYBODY, Where.PEOPLE, Where.MACHINES)


def commands() -> Iterator[str]:
    """What the application can be told."""

    def below(command: Any, path: tuple[str, ...]) -> Iterator[str]:
        if not hasattr(command, "commands"):
            yield " ".join(path)
            return
        for name, each in command.commands.items():
            yield from below(each, (*path, name))

    return below(typer.main.get_command(app), ())


def name_of(row: str) -> str:
    """The command, without the flags that make another right of it."""
    return row.partition(" --")[0]


def test_every_command_has_its_row_and_every_row_its_command() -> None:
    assert sorted({name_of(row) for row in TABLE}) == sorted(commands())


def allowed(row: str) -> set[str]:
    """Who may, by hand."""
    match TABLE[row][0]:
        case Right.LOOK:
            return ROLES[LOOK] | {"keeper"}
        case Right() as right:
            return ROLES[right]
        case Where.ANYBODY:
            return set(PEOPLE)
        case Where.MACHINES:
            return {"admin", "system admin"}
        case _:
            return {"admin"}


class Terminal:
    """Command lines of anybody, in the world of the routes' tests."""

    def __init__(self, world: World, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._world, self._monkeypatch, self._directory = world, monkeypatch, directory
        self._numbers = itertools.count(1)
        transport, client = world.server.api.client._transport, httpx.Client
        monkeypatch.setenv("XDG_CONFIG_HOME", str(directory / "config"))
        monkeypatch.setenv("FLEETCAST_SERVER", "http://testserver")
        monkeypatch.setenv("FLEETCAST_NEW_PASSWORD", PASSWORD)
        monkeypatch.setattr(httpx, "Client", lambda **how: client(transport=transport, **how))
        for name, content in (("image.bin", bytes(100)), ("empty.csv", b""), ("key.pem", PUBLIC_KEY.encode())):
            (directory / name).write_bytes(content)

    def run(self, row: str, token: str) -> Ended:
        """One command line, which could be right."""
        n, ids = next(self._numbers), self._world.ids
        words = {
            "device": ids["/devices"], "device-set": ids["/device-sets"], "profile": ids["/device-profiles"],
            "group": ids["/multicast-groups"], "region": ids["/regions"], "file": ids["/files"],
            "campaign": ids["/campaigns"], "connection": ids["/connections"], "trusted-key": ids["/trusted-keys"],
            "webhook": ids["/webhooks"], "user": ids["/users"], "subscriber": ids["/subscribers"],
            "token": ids["/tokens"], "new": f"n{n}", "eui": fleet.eui(5000 + n), "known_eui": fleet.eui(1),
            "group_eui": f"{0x0300_0000_0000_0000 + 5000 + n:016X}", "addr": f"{0x01FC_5000 + n:08X}",
            "image": self._directory / "image.bin", "empty": self._directory / "empty.csv",
            "pem": self._directory / "key.pem", "out": self._directory / f"out{n}",
        }  # fmt: skip
        self._monkeypatch.setenv("FLEETCAST_TOKEN", token)
        self._world.server.api.client.cookies.clear()
        ended = fleetcast(*row.split(), *TABLE[row][1].format_map(words).split())
        written = Path(words["out"])
        return replace(ended, out=ended.out + written.read_text(errors="replace")) if written.exists() else ended


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Databases:
    """SQLite alone: what the databases make of rights, the table of routes asks of both."""
    return SqliteDatabases(tmp_path_factory.mktemp("databases"))


@pytest.fixture
def terminal(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    return Terminal(world, tmp_path, monkeypatch)


def in_order() -> list[str]:
    """What is done at a server; what takes things out of use comes last."""
    last = ("archive", "restore", "start", "revoke", "stop", "campaign edit", "user password")
    those = [row for row, (right, _) in TABLE.items() if isinstance(right, Right) or right in AT_SERVER]
    return sorted(those, key=lambda row: (any(word in row for word in last), row))


def test_each_command_is_open_to_the_roles_of_its_row_and_closed_to_all_others(
    world: World, terminal: Terminal
) -> None:
    wrong, done = [], set()
    for row in in_order():
        needed = TABLE[row][0]
        for role in PEOPLE:
            if role in allowed(row) and row in ENDLESS:
                continue
            ended = terminal.run(row, world.people[role].token)
            if role in allowed(row):
                right = "may not do this" not in ended.err and "--help" not in ended.err
                done |= {row} if ended.code == 0 else set()
            elif isinstance(needed, Right):
                right = ended.code == 2 and "may not do this: it takes the right to" in ended.err
            else:
                # To others than admins people are not there; to system admins those of subscribers.
                right = ended.code == 2
            if not right:
                wrong.append(f"{row} as {role}: {ended}")
    assert wrong == []
    never = {row for row in in_order() if row not in done} - ENDLESS
    assert never <= NOT_DONE, sorted(never - NOT_DONE)


NOT_DONE = {
    "device archive", "device-set archive", "profile archive", "group archive", "region archive", "file archive",
    "connection archive", "import device-sets", "import groups", "campaign explain",
    "campaign failed-devices", "campaign pause", "campaign resume", "campaign retry-failed", "campaign unschedule",
    "campaign start", "campaign stop", "campaign validate", "campaign approve", "import devices", "webhook redeliver",
}  # fmt: skip
"""What this world gives no occasion for; anything else that nobody can do here is called wrongly in its row."""


def test_no_command_shows_or_reaches_anything_of_another_tenant(world: World, terminal: Terminal) -> None:
    wrong = []
    for row in in_order():
        if row in ENDLESS:
            continue
        ended = terminal.run(row, world.foreign.token)
        if "ALPHA" in (ended.out + ended.err).upper():
            wrong.append(f"{row} shows it: {ended}")
        named = any(f"{{{noun.replace('/', '')}}}" in TABLE[row][1].partition(" ")[0] for noun in NOUNS)
        if named and ended.code == 0:
            wrong.append(f"{row} reaches it: {ended}")
    assert wrong == []
    assert "ALPHA" in terminal.run("device list", world.people["admin"].token).out


NOUNS = ("device", "device-set", "profile", "group", "region", "file", "campaign", "connection", "trusted-key",
         "webhook", "user", "token")  # fmt: skip


def test_commands_of_this_machine_ask_no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(httpx, "Client", lambda **how: asked.append(how))
    monkeypatch.setenv("FLEETCAST_DATA_DIRECTORY", str(tmp_path / "data"))
    monkeypatch.setenv("FLEETCAST_TOKEN", "fleetcast_" + "A" * 43)
    (tmp_path / "image.bin").write_bytes(bytes(100))
    words = {"image": tmp_path / "image.bin", "out": tmp_path / "out"}
    for row, (right, arguments) in TABLE.items():
        if right in (Where.ALONE, Where.MACHINE):
            fleetcast(*row.split(), *arguments.format_map(words).split())
    assert asked == []
