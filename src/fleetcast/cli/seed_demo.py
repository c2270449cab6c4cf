"""`fleetcast seed-demo`: fill an empty server with an invented utility, and play its campaigns.

Nothing is written past the API: every object is made and every campaign started as a person would, and what becomes of
them is what the simulated network makes of them.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import typer

from fleetcast import clock
from fleetcast.cli import demo_fleet as demo
from fleetcast.cli.output import counted, print_json, print_line
from fleetcast.cli.remote import Remote, connect
from fleetcast.errors import Conflict, Invalid, NotFound, Unavailable

_FINAL: Final = frozenset({"SUCCEEDED", "FAILED", "STOPPED"})
_LOOK_S: Final = 0.5
_SLOW: Final = 100
"""Below this many times real time, nobody would want to wait for campaigns of days."""
_FEWEST: Final = 20
_EUI: Final = 0x70B3_D57E_D800_0000


class ServerNotEmpty(Conflict):
    """Somebody uses this server already."""

    def __init__(self, devices: int, campaigns: int) -> None:
        super().__init__(
            f"this server has {counted(devices, 'device')} and {counted(campaigns, 'campaign')} already: seed an empty "
            "one, or add --anyway to put the demo beside them (nothing that is there is touched)"
        )


class StillUnderWay(Unavailable):
    """Campaigns did not end in the time one was ready to wait."""


def seed_demo(
    *,
    devices: Annotated[int, typer.Option(help="So many devices in all.", min=_FEWEST, max=20_000)] = 200,
    anyway: Annotated[bool, typer.Option("--anyway", help="Even if the server is not empty.")] = False,
    wait: Annotated[float, typer.Option(help="Minutes to wait at most for campaigns to end.", min=0)] = 15,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each thing made.")] = False,
) -> None:
    """Fill an empty server with a believable fleet and campaigns in every status, all on simulated networks.

    The campaigns are really played, which takes days of the fleet's time: start the server with `--time-factor 2000`
    for this, and without it afterwards; then time goes on from there as fast as everywhere. Needs an admin's login.
    Users are made for every role; their passwords are shown this once.

    Examples:

        fleetcast seed-demo --help
    """
    with connect() as remote:
        _Seeding(remote, devices, as_json=as_json).run(anyway=anyway, wait_s=wait * 60)


@dataclass(slots=True)
class _Seeding:
    remote: Remote
    devices: int
    as_json: bool
    mark: str = ""
    """Behind every name, where a demo is there already."""
    number: int = 0
    made: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    """By path and name as the demo calls it."""

    def run(self, *, anyway: bool, wait_s: float) -> None:
        self._look_around(anyway=anyway)
        began_s = clock.steady_s()
        first = self._make_networks()
        self._make_fleet()
        self._make_files()
        self._make_users()
        for play in demo.CAMPAIGNS:
            self._make_campaign(play)
        pace = self._pace(first, began_s)
        self._play(wait_s if pace >= _SLOW else 0.0, pace)

    def _look_around(self, *, anyway: bool) -> None:
        there = {path: self.remote.get(path, limit=1, archived="all")["total"] for path in ("/devices", "/campaigns")}
        if any(there.values()) and not anyway:
            raise ServerNotEmpty(there["/devices"], there["/campaigns"])
        while self._taken():
            self.number += 1
            self.mark = f" ({self.number + 1})"

    def _taken(self) -> bool:
        """Whether a demo was put here under these names; an archived one still has its numbers."""
        name = f"{demo.MAKES[0].name}{self.mark}"
        return bool(self.remote.get("/device-profiles", filter=f"name={name}", archived="all", limit=1)["total"])

    def _make(self, path: str, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = self.remote.post(path, {"name": f"{name}{self.mark}", **body})
        self.made[path, name] = made
        return made

    def _number_of(self, path: str, name: str) -> int:
        return int(self.made[path, name]["id"])

    def _say(self, kind: str, text: str, **fields: Any) -> None:
        if self.as_json:
            print_json({"made": kind, **fields})
        else:
            print_line(text)
        sys.stdout.flush()

    def _make_networks(self) -> datetime:
        found = next(self.remote.items("/connections", most=1, filter=["name=simulated", "kind=simulated"]), None)
        self.made["/connections", "simulated"] = found or self._make("/connections", "simulated", {"kind": "simulated"})
        valley = self._make("/connections", demo.VALLEY, {"kind": "simulated", "settings": dict(demo.VALLEY_SETTINGS)})
        self._say("connection", f"connection: {valley['name']}", name=valley["name"])
        return datetime.fromisoformat(valley["created_at"])

    def _make_fleet(self) -> None:
        for make in demo.MAKES:
            module = f"{make.module}{self.mark}"
            made = self._make("/device-profiles", make.name, {**make.profile(), "module_id": module})
            self._say("device profile", f"device profile: {made['name']}, behaves like {make.stack}", name=made["name"])
        makes = {make.name: make for make in demo.MAKES}
        first = 0
        for at, place in enumerate(demo.PLACES):
            size = max(2, self.devices * place.share // 100)
            self._make_place(at, place, makes[place.make], range(first, first + size))
            first += size
            text = f"device set, region and multicast group: {place.name}{self.mark}, {counted(size, 'device')}"
            self._say("device set", text, name=f"{place.name}{self.mark}", devices=size)

    def _make_place(self, at: int, place: demo.Place, make: demo.Make, numbers: range) -> None:
        connection = self._number_of("/connections", place.connection)
        profile = self._number_of("/device-profiles", make.name)
        block = _EUI + (self.number << 20)
        euis = []
        for number in numbers:
            eui = f"{block + number:016X}"
            euis.append(eui)
            self.remote.post("/devices", {
                "dev_eui": eui, "name": f"{place.name} {number - numbers.start + 1}", "tag": place.name,
                "connection_id": connection, "device_profile_id": profile, "lorawan_version": "1.0",
                "own_class": make.own_class, "band": "EU868", "firmware_version": make.version,
                "key": secrets.token_hex(16),
            })  # fmt: skip
        self._make("/device-sets", place.name, {"dev_euis": euis, "description": f"All of {place.name}."})
        group = self._make("/multicast-groups", place.name, {
            "dev_eui": f"{block + 0x000F_FF00 + at:016X}", "connection_id": connection, "session_class": "C",
            "band": "EU868", "dev_addr": f"{0x01D0_0000 + (self.number << 8) + at:08X}",
            "frequency_hz": demo.FREQUENCY_HZ, "data_rate": place.data_rate, "redundancy": place.redundancy,
        })  # fmt: skip
        self._make("/regions", place.name, {"multicast_group_ids": [group["id"]]})

    def _make_files(self) -> None:
        for upload in demo.FILES:
            profile = self._number_of("/device-profiles", upload.make)
            about = {"kind": upload.kind, "device_profile_id": profile, "version": upload.version}
            made = self._make("/files", upload.name, about)
            content = upload.bytes()
            self.remote.ask(
                "PUT", f"/files/{made['id']}/content", content=content, params={"name": upload.content},
                headers={"Content-Type": "application/octet-stream"},
            )  # fmt: skip
            text = f"file: {made['name']}, {counted(len(content), 'byte')}"
            self._say("file", text, name=made["name"], size_bytes=len(content))

    def _make_users(self) -> None:
        number = f"-{self.number + 1}" if self.number else ""
        for role, can in demo.USERS:
            login, password = f"demo-{role}{number}", secrets.token_urlsafe(12)
            self.remote.post("/users", {"login": login, "role": role, "password": password})
            text = f"user: {login}, password {password} (shown this once). {can}"
            self._say("user", text, login=login, role=role, password=password)

    def _make_campaign(self, play: demo.Play) -> None:
        body: dict[str, Any] = {
            "description": play.description, "type": play.type,
            "device_set_ids": [self._number_of("/device-sets", play.place)],
            "region_ids": [self._number_of("/regions", play.place)],
            "file_id": self._number_of("/files", play.file),
            "max_duration_minutes": play.days * 1440, "threshold_percent": play.threshold, "strategy": play.strategy,
        }  # fmt: skip
        if play.starts_in_days and play.ends != "SCHEDULED":
            body["session_start_at"] = self._later(play.starts_in_days)
        self._make("/campaigns", play.name, body)

    def _later(self, days: int) -> str:
        """So many days after now, in the fleet's time: as an object that was just made says it."""
        now = datetime.fromisoformat(self.made["/connections", demo.VALLEY]["created_at"])
        return (now + timedelta(days=days)).isoformat()

    def _pace(self, first: datetime, began_s: float) -> float:
        """How many times as fast as the real time the fleet's goes."""
        last = datetime.fromisoformat(self.made["/campaigns", demo.CAMPAIGNS[-1].name]["created_at"])
        return (last - first).total_seconds() / max(clock.steady_s() - began_s, 0.001)

    # The campaigns

    def _play(self, wait_s: float, pace: float) -> None:
        for play in demo.CAMPAIGNS:
            if play.ends == "SCHEDULED":
                self._order(play, "schedule", {"at": self._later(play.starts_in_days)})
            elif play.ends != "CONFIGURED":
                self._order(play, "start")
        self._order(_the("PAUSED"), "pause", {"why": "A gateway is being replaced."})
        self._order(_the("STOPPED"), "stop", {"why": "The table was the wrong one."})
        ending = [play for play in demo.CAMPAIGNS if play.ends in _FINAL]
        left = self._wait(ending, wait_s)
        for play in ending:
            if play.archived and play.name not in left:
                self._order(play, "archive")
        self._show()
        if left and not wait_s:
            self._slow(left, pace)
        elif left:
            raise StillUnderWay(
                f"still under way after {wait_s / 60:g} min: {', '.join(left)}; they go on by themselves"
            )

    def _order(self, play: demo.Play, order: str, body: Mapping[str, Any] | None = None) -> None:
        try:
            self.remote.post(f"/campaigns/{self._number_of('/campaigns', play.name)}/{order}", body)
        except (Conflict, Invalid, NotFound) as error:
            raise type(error)(f"campaign {play.name!r} can't be made to {order}: {error}") from None

    def _status(self, play: demo.Play) -> dict[str, Any]:
        found: dict[str, Any] = self.remote.get(f"/campaigns/{self._number_of('/campaigns', play.name)}")
        return found

    def _wait(self, plays: list[demo.Play], wait_s: float) -> list[str]:
        """Until they are over; those that are not."""
        until_s = clock.steady_s() + wait_s
        left = [play for play in plays if self._status(play)["status"] not in _FINAL]
        while left and clock.steady_s() < until_s:
            asyncio.run(clock.pause(_LOOK_S))
            left = [play for play in left if self._status(play)["status"] not in _FINAL]
        return [play.name for play in left]

    def _show(self) -> None:
        for play in demo.CAMPAIGNS:
            now = self._status(play)
            counts = f", {now['succeeded']} of {now['participants']} succeeded" if now["participants"] else ""
            archived = ", archived" if now["archived_at"] else ""
            text = f"campaign: {now['name']}: {now['status']}{archived}{counts}"
            self._say("campaign", text, name=now["name"], status=now["status"], archived=bool(archived))

    def _slow(self, left: list[str], pace: float) -> None:
        if not self.as_json:
            print_line(
                f"{counted(len(left), 'campaign')} will go on for hours: this server's time runs {pace:.3g} times as "
                "fast as the real one. To see them end, start it again with --time-factor 2000."
            )


def _the(status: str) -> demo.Play:
    return next(play for play in demo.CAMPAIGNS if play.ends == status)
