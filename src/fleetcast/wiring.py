"""The composition root: the one file that puts concrete parts together. It starts none of them.

settings → data directory, database, key-encryption keys, clock, kinds of connections → worker, HTTP application
"""

from __future__ import annotations

import asyncio
import fcntl
import gc
import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fleetcast import __version__, metrics
from fleetcast.access import Identity
from fleetcast.access import Role as UserRole
from fleetcast.actions import connections
from fleetcast.actions.connections import NetworkConnection
from fleetcast.actions.first_start import FirstStart, first_start
from fleetcast.actions.sessions import SessionLimits
from fleetcast.clock import AcceleratedClock, SystemClock, WorkingClock, stopwatch_s
from fleetcast.connectors import catalog
from fleetcast.connectors.catalog import Kind
from fleetcast.errors import Conflict, Unavailable
from fleetcast.instants import from_datetime, to_datetime
from fleetcast.queries.totals import totals
from fleetcast.settings import Role, Settings, SettingWrong
from fleetcast.store import key_encryption, open_connections, schema
from fleetcast.store.database import Database, now_ms
from fleetcast.store.key_encryption import FixedKeys, KeyCommand, KeyFile, KeySource
from fleetcast.store.key_vault import KeyVault
from fleetcast.store.latest import latest_instant

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from fleetcast.api.probes import Readiness, WatchedPart
    from fleetcast.runtime.worker import Worker

FIRST_CONNECTION: Final = "simulated"
_AHEAD_MS: Final = 60_000
"""What is stored may be so far ahead of the machine's clock without anybody having accelerated time."""
_ANSWER_WITHIN_S: Final = 3.0


class InUse(Conflict):
    """Another process has the embedded database."""

    def __init__(self, path: Path, by: str) -> None:
        self.path = path
        super().__init__(
            f"{path} is in use by another process{f' ({by})' if by else ''}: stop that one first; several processes "
            "share a PostgreSQL database"
        )


@dataclass(slots=True)
class Program:
    """A process, put together. Close it when it is over."""

    settings: Settings
    database: Database
    clock: WorkingClock
    application: ASGIApp
    worker: Worker | None
    first: FirstStart | None
    """What the first start made; None: somebody has been here before."""
    accelerated: bool
    _held: ExitStack = field(repr=False)

    def close(self) -> None:
        """Let go of the database and of what keeps others out."""
        self._held.close()


def open_database(settings: Settings) -> Database:
    """The database that the settings name; nothing is connected yet. Makes the data directory."""
    try:
        settings.data_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingWrong(f"data_directory {settings.data_directory}: can't be made ({error.strerror})") from None
    return Database.open(settings.database_url(), connections=settings.database_connections)


def key_source(settings: Settings, *, make: bool = True) -> KeySource:
    """Where key-encryption keys come from: the setting, a command, else the file, made where there is none.

    Raises SettingWrong where both setting and command are given, and what reading the keys raises.
    """
    if settings.key_encryption_key is not None:
        if settings.key_command is not None:
            raise SettingWrong("key_command: there is a key_encryption_key as well: give one of the two")
        return FixedKeys(key_encryption.parse(settings.key_encryption_key.get_secret_value()))
    if settings.key_command is not None:
        return KeyCommand(settings.key_command)
    if make:
        key_encryption.read_or_make(settings.key_path())
    return KeyFile(settings.key_path())


def spare_the_collector() -> None:
    """Large campaigns are a million objects that live long: looking through them often only costs, at a start a third.

    Those that no reference counts any more are still found, later.
    """
    gc.set_threshold(50_000, 20, 50)


def build(settings: Settings) -> Program:
    """Put everything together: an empty database is given its schema and its first admin.

    Raises SettingWrong, InUse, SchemaDiffers, WrongKeyEncryptionKey, Unavailable.
    """
    spare_the_collector()
    with ExitStack() as held:
        database = open_database(settings)
        held.callback(database.close)
        if database.file is not None:
            if settings.role is not Role.ALL:
                raise SettingWrong(f"role {settings.role}: an SQLite file is for one process, which does all")
            _keep_others_out(database.file, held)
        if schema.version(database) is None:
            schema.migrate(database)
        schema.require_current(database)
        vault = KeyVault(key_source(settings))
        with database.read() as connection:
            vault.check(connection)
        kinds = catalog.installed()
        clock, kinds = _clock(settings, database, kinds)
        first = first_start(database, from_datetime(SystemClock().now()))
        if first is not None:
            _make_first_connection(database, vault, kinds, first, clock)
        return _put_together(settings, database, vault, kinds, clock, first, held.pop_all())


def _put_together(
    settings: Settings,
    database: Database,
    vault: KeyVault,
    kinds: Mapping[str, Kind],
    clock: WorkingClock,
    first: FirstStart | None,
    held: ExitStack,
) -> Program:
    from fleetcast.api import app, probes
    from fleetcast.api.intake import Intake
    from fleetcast.api.measuring import Measured
    from fleetcast.api.parts import Parts
    from fleetcast.api.upload_rate import UploadRate
    from fleetcast.runtime.pruning import Retention
    from fleetcast.runtime.vault_keys import VaultKeys
    from fleetcast.runtime.worker import Worker, WorkerOptions

    worker = None
    if settings.role is not Role.API:
        options = WorkerOptions(
            directory=settings.data_directory,
            parts=settings.role.value,
            private_addresses=settings.webhook_private_addresses,
            retention=Retention(
                messages_days=settings.keep_messages_days,
                journal_days=settings.keep_journal_days,
                deliveries_days=settings.keep_deliveries_days,
            ),
        )
        worker = Worker(database, clock, VaultKeys(database, vault), options, kinds)
    metrics.BUILD.labels(__version__, settings.role.value).set(1)
    metrics.STARTED.set(from_datetime(SystemClock().now()) / 1000)
    watch = _Watch(database, worker)
    application: ASGIApp
    if settings.role is Role.WORKER:
        application = probes.application(watch.readiness, watch.exposition)
    else:
        parts = Parts(
            database=database,
            vault=vault,
            clock=clock,
            kinds=kinds,
            most_body_bytes=settings.most_body_bytes,
            most_upload_bytes=settings.most_upload_bytes,
            uploads=UploadRate(
                uploads_a_minute=settings.most_uploads_a_minute,
                bytes_a_minute=settings.most_uploaded_bytes_a_minute,
                most_upload_bytes=settings.most_upload_bytes,
            ),
            sessions=SessionLimits(idle_s=settings.session_idle_minutes * 60, longest_s=settings.session_hours * 3600),
        )
        made = app.build(parts)
        made.router.routes.extend(probes.routes(watch.readiness, watch.exposition))
        application = Measured(made)
    return Program(
        settings=settings,
        database=database,
        clock=clock,
        application=Intake(application, None if worker is None else worker.receive),
        worker=worker,
        first=first,
        accelerated=isinstance(clock, AcceleratedClock),
        _held=held,
    )


def _keep_others_out(file: Path, held: ExitStack) -> None:
    """An embedded file is one process's: a lock beside it, which ends with the process however that ends.

    Beside the file itself, whatever links lead to it.
    """
    really = file.resolve()
    path = really.with_name(f"{really.name}.lock")
    lock = held.enter_context(path.open("a+"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        raise InUse(file, lock.read().strip()) from None
    lock.truncate(0)
    lock.write(f"process {os.getpid()}\n")
    lock.flush()


def _clock(
    settings: Settings, database: Database, kinds: Mapping[str, Kind]
) -> tuple[WorkingClock, Mapping[str, Kind]]:
    """The fleet's time, and the kinds of connections that can live in it.

    Where time was accelerated before, it goes on where it was, at the speed that is asked for now: it never goes back.
    """
    now = SystemClock().now()
    with database.read() as connection:
        latest = latest_instant(connection)
        used = {each.kind: each.name for each in open_connections.enabled(connection)}
    ahead = latest is not None and latest > from_datetime(now) + _AHEAD_MS
    any_speed = {name: kind for name, kind in kinds.items() if kind.any_speed}
    real = sorted(used.keys() - any_speed.keys())
    if settings.time_factor == 1 and not (ahead and used and not real):
        return SystemClock(), kinds
    if real:
        raise SettingWrong(
            f"time_factor {settings.time_factor:g}: connection {used[real[0]]!r} ({real[0]}) lives in real time; only "
            "simulated ones can be accelerated"
        )
    if settings.role is not Role.ALL:
        raise SettingWrong(f"time_factor {settings.time_factor:g}: time is accelerated in one process only (role all)")
    start = now if latest is None else max(now, to_datetime(latest))
    return AcceleratedClock(start, settings.time_factor), any_speed


def _make_first_connection(
    database: Database, vault: KeyVault, kinds: Mapping[str, Kind], first: FirstStart, clock: WorkingClock
) -> None:
    """Something to begin with: a network and devices that don't exist."""
    admin = Identity(subscriber_id=first.subscriber_id, user_id=first.user_id, login=first.login, role=UserRole.ADMIN)
    new = NetworkConnection(name=FIRST_CONNECTION, kind="simulated")
    connections.create(database, vault, kinds, admin, new, {}, from_datetime(clock.now()))


class _Watch:
    """What the probes tell: the database asked anew, the worker as it says."""

    def __init__(self, database: Database, worker: Worker | None) -> None:
        self._database = database
        self._worker = worker

    async def readiness(self) -> Readiness:
        from fleetcast.api.probes import Readiness, WatchedPart

        found = [await self._asked()]
        if self._worker is not None:
            report = self._worker.report()
            found += [WatchedPart(each.name, each.well, each.detail, each.restarts) for each in report.parts]
        ready = all(each.well for each in found)
        metrics.READY.set(ready)
        return Readiness(ready, tuple(found))

    async def exposition(self) -> bytes:
        readiness = await self.readiness()
        metrics.PART_WELL.clear()
        metrics.PART_RESTARTS.clear()
        for part in readiness.parts:
            metrics.PART_WELL.labels(part.name).set(part.well)
            metrics.PART_RESTARTS.labels(part.name).set(part.restarts)
        metrics.CAMPAIGNS_OWNED.set(0 if self._worker is None else len(self._worker.owned()))
        await self._count()
        return metrics.exposition()

    async def _asked(self) -> WatchedPart:
        from fleetcast.api.probes import WatchedPart

        began = stopwatch_s()
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                await asyncio.to_thread(self._ask)
        except Unavailable as error:
            why = str(error)
        except TimeoutError:
            why = f"did not answer within {_ANSWER_WITHIN_S:g} s"
        else:
            metrics.DATABASE_UP.set(1)
            metrics.DATABASE_SECONDS.set(stopwatch_s() - began)
            return WatchedPart("database", True, "")
        metrics.DATABASE_UP.set(0)
        return WatchedPart("database", False, why)

    def _ask(self) -> None:
        with self._database.read() as connection:
            now_ms(connection)

    async def _count(self) -> None:
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                found = await asyncio.to_thread(totals, self._database)
        except (Unavailable, TimeoutError):
            return  # said already: fleetcast_database_up
        metrics.CAMPAIGNS.clear()
        for status, count in found.campaigns.items():
            metrics.CAMPAIGNS.labels(status).set(count)
        metrics.DEVICES.set(found.devices)
        metrics.INBOX.set(found.inbox)
        metrics.OUTBOX.set(found.outbox)
