"""Waking those who wait for something in the database: LISTEN and NOTIFY, or within this one process.

A wake is a hint and may be lost with the connection; whoever waits looks from time to time by himself.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from typing import Final, Protocol

import psycopg
from psycopg import sql

_RECONNECT_S: Final = 1.0
_LOOK_S: Final = 30.0

Woken = Callable[[str], None]


class Wakes(Protocol):
    """Channels that can be woken and listened to."""

    def wake(self, channel: str, payload: str) -> None:
        """Wake those who listen in this process; others the database tells with the commit."""
        ...

    def listen(self, channel: str, woken: Woken) -> Callable[[], None]:
        """Call `woken` at each wake; returns how to end that."""
        ...

    def close(self) -> None:
        """End all listening."""
        ...


class LocalWakes:
    """Within one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[str, list[Woken]] = {}

    def wake(self, channel: str, payload: str) -> None:
        """Call the listeners, in the thread that wakes."""
        with self._lock:
            listeners = tuple(self._listeners.get(channel, ()))
        for woken in listeners:
            woken(payload)

    def listen(self, channel: str, woken: Woken) -> Callable[[], None]:
        """Take a listener in; returns how to take it out."""
        with self._lock:
            self._listeners.setdefault(channel, []).append(woken)

        def end() -> None:
            with self._lock:
                if woken in self._listeners.get(channel, ()):
                    self._listeners[channel].remove(woken)

        return end

    def channels(self) -> tuple[str, ...]:
        """Those that anybody has listened to."""
        with self._lock:
            return tuple(sorted(self._listeners))

    def close(self) -> None:
        """Forget all listeners."""
        with self._lock:
            self._listeners.clear()


class PostgresWakes:
    """Across processes and machines, by one connection and one thread of its own, made when first needed."""

    def __init__(self, conninfo: str, connect_timeout_s: int) -> None:
        self._conninfo = conninfo
        self._connect_timeout_s = connect_timeout_s
        self._local = LocalWakes()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._nudge: tuple[int, int] | None = None
        self._closed = False

    def wake(self, channel: str, payload: str) -> None:
        """The database tells everybody with the commit; who is here hears it at once, and then a second time."""
        self._local.wake(channel, payload)

    def listen(self, channel: str, woken: Woken) -> Callable[[], None]:
        """Take a listener in; the channel is listened to within moments, and then it is called once."""
        end = self._local.listen(channel, woken)
        with self._lock:
            if self._thread is None and not self._closed:
                self._nudge = os.pipe()
                self._thread = threading.Thread(target=self._run, name="database-wakes", daemon=True)
                self._thread.start()
            self._nudge_thread()
        return end

    def close(self) -> None:
        """End the thread and its connection."""
        with self._lock:
            self._closed = True
            thread = self._thread
            self._nudge_thread()
        if thread is not None:
            thread.join()
        with self._lock:
            if self._nudge is not None:
                for end in self._nudge:
                    os.close(end)
                self._nudge = None
        self._local.close()

    def _nudge_thread(self) -> None:
        if self._nudge is not None:
            os.write(self._nudge[1], b"!")

    def _run(self) -> None:
        while not self._closed:
            try:
                with psycopg.connect(
                    self._conninfo, autocommit=True, connect_timeout=self._connect_timeout_s
                ) as connection:
                    self._follow(connection)
            except psycopg.OperationalError:
                # Whoever waits for the database notices by himself; here it is enough to come back.
                self._pause(None, _RECONNECT_S)

    def _follow(self, connection: psycopg.Connection) -> None:
        listened: set[str] = set()
        while not self._closed:
            for channel in self._local.channels():
                if channel not in listened:
                    connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
                    listened.add(channel)
                    self._local.wake(channel, "")
            for notice in connection.notifies(timeout=0):
                self._local.wake(notice.channel, notice.payload)
            self._pause(connection, _LOOK_S)

    def _pause(self, connection: psycopg.Connection | None, longest_s: float) -> None:
        """Until the connection has something to say, somebody nudges, or so many seconds are over."""
        assert self._nudge is not None  # noqa: S101 - the thread is started after the pipe was made, and joined before it is closed
        waited = [self._nudge[0]] if connection is None else [self._nudge[0], connection.fileno()]
        readable, _, _ = select.select(waited, [], [], longest_s)
        if self._nudge[0] in readable:
            os.read(self._nudge[0], 4096)
