"""Keeps the enabled connections open: one loop each, that opens, tells a network for practice who is there, listens.

A connection that fails is told to the campaigns on it, closed, and opened again after a pause. Who wants to send asks
for an open one, and gets a refusal that says why there is none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import structlog

from fleetcast.actions import heard as safe
from fleetcast.actions.heard import Where
from fleetcast.clock import WorkingClock, pause
from fleetcast.connectors import catalog, connection
from fleetcast.connectors.catalog import Kind, Surroundings
from fleetcast.connectors.port import (
    Capabilities,
    Cause,
    Connector,
    ConnectorError,
    HearsOverHttp,
    HttpAnswer,
    HttpReport,
    LinkState,
    PracticeDevice,
    PracticeKeys,
    Practises,
)
from fleetcast.errors import Invalid, NotFound, Unavailable
from fleetcast.instants import from_datetime
from fleetcast.protocol.keys import mc_app_s_key, mc_net_s_key
from fleetcast.protocol.packages import Package
from fleetcast.runtime.health import Health
from fleetcast.runtime.intake import Intake
from fleetcast.runtime.key_source import KeySource
from fleetcast.runtime.supervisor import Supervisor
from fleetcast.runtime.time_service import TimeService
from fleetcast.store import open_connections
from fleetcast.store.database import Database
from fleetcast.store.open_connections import Enabled, OnConnection

PROVIDE_AT_ONCE: Final = 5_000
LOOK_S: Final = 5.0
"""How often, in real time, changed connections and new devices are looked for where nobody wakes us."""
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_POST_AGAIN_S: Final = 5
"""What a network server is asked to wait whose report can't be taken in just now."""

_log = structlog.get_logger("fleetcast.connections")


class Connections:
    """All connections of one worker."""

    def __init__(
        self,
        database: Database,
        clock: WorkingClock,
        keys: KeySource,
        kinds: Mapping[str, Kind],
        directory: Path,
        health: Health,
        supervisor: Supervisor,
        counted: Callable[[int], None],
        may_open: Callable[[int, str], bool] = lambda _number, _kind: True,
        *,
        time_tolerance_s: int = 1,
        listens: bool = True,
        look_s: float = LOOK_S,
    ) -> None:
        """`may_open` tells whether this worker may have a connection of a kind open: some are one worker's at a time.

        `listens` False: open for sending alone, another worker takes in what is heard.
        """
        self._database = database
        self._clock = clock
        self._keys = keys
        self._kinds = kinds
        self._directory = directory
        self._health = health
        self._supervisor = supervisor
        self._counted = counted
        self._may_open = may_open
        self._time_tolerance_s = time_tolerance_s
        self._listens = listens
        self._look_s = look_s
        self._open: dict[int, Connector] = {}
        self._hears: dict[int, HearsOverHttp] = {}
        self._why_not: dict[int, str] = {}
        self._known: dict[int, Enabled] = {}
        self._look_again = asyncio.Event()
        self._provided: dict[int, Callable[[], Any]] = {}
        self._tried: set[int] = set()
        self._all_tried = asyncio.Event()

    def connector(self, connection_id: int) -> Connector:
        """An open connection; raises ConnectorError, saying why it isn't open."""
        found = self._open.get(connection_id)
        if found is None:
            why = self._why_not.get(connection_id, "it is not open")
            raise ConnectorError(Cause.UNREACHABLE, f"connection {connection_id}: {why}")
        return found

    async def receive(self, connection_id: int, report: HttpReport) -> HttpAnswer:
        """What a network server POSTed, to the open connection that it is meant for."""
        hears = self._hears.get(connection_id)
        if hears is not None:
            return await hears.receive(report)
        if connection_id in self._open and self._listens:
            return HttpAnswer(404, f"connection {connection_id} takes no reports by HTTP")
        if connection_id not in self._known and self._all_tried.is_set():
            return HttpAnswer(404, f"there is no connection {connection_id}")
        why = self._why_not.get(connection_id, "it is not open")
        return HttpAnswer(503, f"connection {connection_id}: {why}", _POST_AGAIN_S)

    def opened(self, connection_id: int) -> bool:
        """Whether a connection is open."""
        return connection_id in self._open

    def tried(self, connection_id: int) -> bool:
        """Whether a connection is open, or could not be opened so far."""
        return connection_id in self._tried

    def look(self) -> None:
        """Connections, or devices on them, may have changed: look now."""
        self._look_again.set()

    async def settled(self) -> None:
        """Until each enabled connection is open, or was tried once."""
        await self._all_tried.wait()

    async def run(self) -> None:
        """Keep one loop for each enabled connection; runs for ever."""
        try:
            while True:
                self._look_again.clear()
                enabled = await asyncio.to_thread(self._enabled)
                wanted = {each.id: each for each in enabled if self._may_open(each.id, each.kind)}
                for number, known in list(self._known.items()):
                    if wanted.get(number) != known:
                        await self._supervisor.end(_name(known))
                        del self._known[number]
                        self._tried.discard(number)
                        self._why_not.pop(number, None)
                for number, each in wanted.items():
                    if number not in self._known:
                        self._known[number] = each
                        self._supervisor.start(_name(each), lambda each=each: self._keep(each))  # type: ignore[misc]
                self._note_tried(None)
                for provide in list(self._provided.values()):
                    await provide()
                try:
                    async with asyncio.timeout(self._look_s):
                        await self._look_again.wait()
                except TimeoutError:
                    continue
        finally:
            await self._supervisor.end(*(_name(each) for each in self._known.values()))
            self._known.clear()

    def _note_tried(self, connection_id: int | None) -> None:
        if connection_id is not None:
            self._tried.add(connection_id)
        if self._known.keys() <= self._tried:
            self._all_tried.set()

    def _enabled(self) -> list[Enabled]:
        with self._database.read() as link:
            return open_connections.enabled(link)

    async def _keep(self, enabled: Enabled) -> None:
        """Open, listen, close; again after a pause that grows while it can't be opened."""
        pulse = self._health.part(_name(enabled))
        pulse.unwell("not open yet")
        pause_s, lost = _FIRST_PAUSE_S, False
        while True:
            where = Where(enabled.id, enabled.subscriber_id, enabled.name)
            try:
                connector = await self._connect(enabled)
                capabilities = await connector.open()
            except (ConnectorError, Invalid, NotFound) as error:
                why = str(error)
                refused = not isinstance(error, ConnectorError) or error.cause is Cause.AUTH
                await self._failed(enabled, where, "refused" if refused else "lost", why, told=lost)
                lost = True
            else:
                try:
                    await self._listen(enabled, where, connector, capabilities, was_lost=lost)
                    return
                except ConnectorError as error:
                    why, lost, pause_s = str(error), True, _FIRST_PAUSE_S
                    self._open.pop(enabled.id, None)
                    await self._failed(enabled, where, "lost", why, told=False)
                finally:
                    self._open.pop(enabled.id, None)
                    self._hears.pop(enabled.id, None)
                    self._provided.pop(enabled.id, None)
                    await connector.close()
            self._note_tried(enabled.id)
            pulse.unwell(why)
            self._why_not[enabled.id] = why
            _log.warning("connection.lost", connection=enabled.name, why=why, again_in_s=pause_s)
            await pause(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _connect(self, enabled: Enabled) -> Connector:
        kind = catalog.kind(enabled.kind, self._kinds)
        secrets = await asyncio.to_thread(self._keys.connection_secrets, enabled.id)
        settings = connection.check(kind.fields, enabled.settings, secrets)
        directory = self._directory / f"connection-{enabled.id}"
        return kind.connect(settings, Surroundings(connection=enabled.name, clock=self._clock, directory=directory))

    async def _listen(
        self, enabled: Enabled, where: Where, connector: Connector, capabilities: Capabilities, *, was_lost: bool
    ) -> None:
        if isinstance(connector, Practises):
            provider = _Provider(self._database, self._keys, enabled, connector)
            await provider.run()
            self._provided[enabled.id] = provider.run
        self._open[enabled.id] = connector
        self._why_not.pop(enabled.id, None)
        self._health.part(_name(enabled)).fine()
        await self._note(enabled, "open", "", capabilities)
        where = replace(where, band=capabilities.band)
        self._note_tried(enabled.id)
        if was_lost:
            await asyncio.to_thread(
                safe.take, self._database, where, [LinkState(up=True)], from_datetime(self._clock.now())
            )
        _log.info("connection.open", connection=enabled.name, kind=enabled.kind)
        if not self._listens:
            await asyncio.Event().wait()
        if isinstance(connector, HearsOverHttp):
            self._hears[enabled.id] = connector
        pulse = self._health.part(f"intake {enabled.id} {enabled.name}")
        pulse.fine()
        try:
            times = TimeService(self._time_tolerance_s)
            await Intake(self._database, self._clock, where, connector, times, pulse, self._counted).run()
        finally:
            self._health.gone(pulse.name)
        raise ConnectorError(Cause.UNREACHABLE, "it tells nothing any more")

    async def _failed(self, enabled: Enabled, where: Where, state: str, why: str, *, told: bool) -> None:
        """Written down, and told to the campaigns on it, once."""
        try:
            await self._note(enabled, state, why, None)
            if not told:
                await asyncio.to_thread(
                    safe.take, self._database, where, [LinkState(up=False, reason=why)],
                    from_datetime(self._clock.now()),
                )  # fmt: skip
        except Unavailable as error:
            # Both are gone: campaigns can't react to anything before the database is back, and then it is tried anew.
            _log.warning("connection.state_not_written", connection=enabled.name, why=str(error))

    async def _note(self, enabled: Enabled, state: str, why: str, capabilities: Capabilities | None) -> None:
        def write() -> None:
            with self._database.write() as link:
                told = None if capabilities is None else asdict(capabilities)
                open_connections.note_state(link, enabled.id, state, why, told, from_datetime(self._clock.now()))

        await asyncio.to_thread(write)


class _Provider:
    """Tells a network for practice who is registered on it: at its opening all, later who came since."""

    def __init__(self, database: Database, keys: KeySource, enabled: Enabled, network: Practises) -> None:
        self._database = database
        self._keys = keys
        self._enabled = enabled
        self._network = network
        self._last_device = 0
        self._groups: set[tuple[int, int]] = set()
        self._begun = False

    async def run(self) -> None:
        """Provide whoever is new."""
        devices: list[PracticeDevice] = []
        while some := await asyncio.to_thread(self._next_devices):
            devices.extend(some)
        groups = await asyncio.to_thread(self._new_groups)
        if devices or groups or not self._begun:
            self._begun = True
            await self._network.provide(devices, groups)

    def _next_devices(self) -> list[PracticeDevice]:
        with self._database.read() as link:
            found = open_connections.devices_on(link, self._enabled.id, self._last_device, PROVIDE_AT_ONCE)
        if not found:
            return []
        self._last_device = found[-1].device_id
        keys = self._keys.root_keys([each.device_id for each in found])
        return [_practising(each, keys[each.device_id]) for each in found if each.device_id in keys]

    def _new_groups(self) -> list[PracticeKeys]:
        with self._database.read() as link:
            found = open_connections.groups_on(link, self._enabled.id)
        new = [each for each in found if (each.group_id, each.changed_at) not in self._groups]
        self._groups.update((each.group_id, each.changed_at) for each in new)
        made = []
        for each in new:
            key = self._keys.mc_key(each.group_id)
            made.append(PracticeKeys(each.dev_eui, mc_app_s_key(key, each.mc_addr), mc_net_s_key(key, each.mc_addr)))
        return made


_PACKAGES: Final = {
    Package.CLOCK_SYNC: "clock_sync",
    Package.MULTICAST_SETUP: "multicast_setup",
    Package.FRAGMENTATION: "fragmentation",
    Package.FIRMWARE_MANAGEMENT: "firmware_management",
}


def _practising(device: OnConnection, key: Any) -> PracticeDevice:
    profile = device.profile
    packages, absent = [], set()
    for package, name in _PACKAGES.items():
        version = str(profile[f"{name}_version"])
        if version == "absent":
            absent.add(package)
        else:
            # Where the version is to be asked, the device has the one most devices in the field have.
            packages.append((package, int(version) if version.isdigit() else 1, int(profile[f"{name}_f_port"])))
    return PracticeDevice(
        dev_eui=device.dev_eui,
        root_key=key,
        lorawan_1_1=device.lorawan_version == "1.1",
        own_class="C" if device.own_class == "C" else "B" if device.own_class == "B" else "A",
        packages=tuple(packages),
        absent=frozenset(absent),
        mc_groups=profile["mc_groups"] or 1,
        frag_sessions=profile["frag_sessions"] or 1,
        max_fragment_bytes=profile["max_fragment_bytes"] or 255,
        max_image_bytes=profile["max_image_bytes"],
        max_fragments=profile["max_fragments"] or 16383,
        max_lost_fragments=profile["max_lost_fragments"],
        takes_any_order=bool(profile["takes_any_order"]),
        class_b="B" in device.session_classes,
        reboots_by_itself=profile["reboots"] == "itself",
        firmware_version=device.firmware_version,
        hw_version=profile["hw_version"],
        uplink_period_s=profile["uplink_period_s"],
        quirks=frozenset(profile["quirks"] or ()),
    )


def _name(enabled: Enabled) -> str:
    return f"connection {enabled.id} {enabled.name}"
