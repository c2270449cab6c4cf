"""What a simulated network was asked for, written down before it is done: so it survives a kill, played again.

A world is deterministic, so its inputs are all that has to last. Any process of the machine may ask; one, which holds
the lock, hosts the world, gives each input its instant, and tells. No key is ever written: devices and groups are
named, and whoever opens the connection provides their keys.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from fleetcast.instants import InstantMs

_SCHEMA = """
CREATE TABLE IF NOT EXISTS epoch (one INTEGER PRIMARY KEY CHECK (one = 1), start INTEGER NOT NULL,
                                  acknowledged INTEGER NOT NULL, nature TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS input (seq INTEGER PRIMARY KEY AUTOINCREMENT, turn INTEGER UNIQUE, at INTEGER,
                                  kind TEXT NOT NULL, what TEXT NOT NULL, effect TEXT UNIQUE);
CREATE INDEX IF NOT EXISTS input_waiting ON input (seq) WHERE turn IS NULL;
CREATE TABLE IF NOT EXISTS answer (seq INTEGER PRIMARY KEY, what TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS rest (one INTEGER PRIMARY KEY CHECK (one = 1), next INTEGER NOT NULL, what TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Input:
    """Something that was asked of the network."""

    seq: int
    at: InstantMs
    kind: str
    what: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Epoch:
    """Since when this world runs, how many of its messages were acknowledged, and by what settings it is made."""

    start: InstantMs
    acknowledged: int
    nature: str


class NetworkLog:
    """The log of one simulated network, in a folder of its own."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._lock: IO[bytes] | None = None
        self._lock_path = directory / "network.lock"
        self._database = sqlite3.connect(
            directory / "network.sqlite", isolation_level=None, timeout=30, check_same_thread=False
        )
        self._database.execute("PRAGMA journal_mode = WAL")
        # A killed process loses nothing; a machine that loses power may lose the last moments of a world of practice.
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(_SCHEMA)
        self._version = 0

    # Who hosts

    def host(self) -> bool:
        """Try to become the one that hosts the world; whoever dies leaves that to others."""
        if self._lock is None:
            lock = self._lock_path.open("ab")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
                return False
            self._lock = lock
        return True

    @property
    def hosting(self) -> bool:
        """Whether this process hosts it."""
        return self._lock is not None

    def close(self) -> None:
        """Let go."""
        self._database.close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    # What is asked

    def ask(self, kind: str, what: dict[str, Any], at: InstantMs | None, effect: str | None = None) -> int | None:
        """Write down something that is asked; `at` None: the host gives it its instant. None: it was asked before."""
        turn = None if at is None else self._next_turn()
        cursor = self._database.execute(
            "INSERT INTO input (turn, at, kind, what, effect) VALUES (?, ?, ?, ?, ?) ON CONFLICT (effect) DO NOTHING",
            (turn, at, kind, json.dumps(what), effect),
        )
        return cursor.lastrowid if cursor.rowcount else None

    def take_waiting(self, at: InstantMs) -> list[Input]:
        """What other processes asked for and nobody took up: it happens at this instant."""
        rows = self._database.execute("SELECT seq, kind, what FROM input WHERE turn IS NULL ORDER BY seq").fetchall()
        if rows:
            with self.transaction():
                for turn, (seq, _, _) in enumerate(rows, start=self._next_turn()):
                    self._database.execute("UPDATE input SET turn = ?, at = ? WHERE seq = ?", (turn, at, seq))
        return [Input(seq, at, kind, json.loads(what)) for seq, kind, what in rows]

    def changed_outside(self) -> bool:
        """Whether another process wrote since this was asked last."""
        version: int = self._database.execute("PRAGMA data_version").fetchone()[0]
        changed, self._version = version != self._version, version
        return changed

    def inputs(self) -> list[Input]:
        """Everything that was asked and has its instant, in the order of its turns."""
        rows = self._database.execute("SELECT seq, at, kind, what FROM input WHERE turn IS NOT NULL ORDER BY turn")
        return [Input(seq, at, kind, json.loads(what)) for seq, at, kind, what in rows]

    def answer(self, seq: int, what: dict[str, Any]) -> None:
        """What came of an input that asks for an answer."""
        self._database.execute("INSERT OR REPLACE INTO answer (seq, what) VALUES (?, ?)", (seq, json.dumps(what)))

    def answered(self, seq: int) -> dict[str, Any] | None:
        """The answer to an input; None: not yet."""
        row = self._database.execute("SELECT what FROM answer WHERE seq = ?", (seq,)).fetchone()
        if row is None:
            return None
        found: dict[str, Any] = json.loads(row[0])
        return found

    # Epochs

    def epoch(self) -> Epoch | None:
        """The world that is going on; None: none was begun."""
        row = self._database.execute("SELECT start, acknowledged, nature FROM epoch").fetchone()
        return None if row is None else Epoch(*row)

    def begin(self, start: InstantMs, nature: str) -> None:
        """A new world begins: what the one before was asked and did is forgotten."""
        with self.transaction():
            self._database.execute("DELETE FROM answer WHERE seq IN (SELECT seq FROM input WHERE turn IS NOT NULL)")
            self._database.execute("DELETE FROM input WHERE turn IS NOT NULL")
            self._database.execute("DELETE FROM rest")
            self._database.execute("INSERT OR REPLACE INTO epoch VALUES (1, ?, 0, ?)", (start, nature))

    def acknowledge(self, count: int) -> None:
        """So many messages of this world are safe with whoever listens."""
        self._database.execute("UPDATE epoch SET acknowledged = ?", (count,))

    def rest(self, what: dict[str, Any]) -> None:
        """The world is at rest: this is all of it that matters, as long as nothing is asked after it."""
        self._database.execute("INSERT OR REPLACE INTO rest VALUES (1, ?, ?)", (self._next_turn(), json.dumps(what)))

    def at_rest(self) -> dict[str, Any] | None:
        """What matters of a world that has been at rest since; None: it has to be played again."""
        row = self._database.execute("SELECT next, what FROM rest").fetchone()
        if row is None or row[0] != self._next_turn():
            return None
        found: dict[str, Any] = json.loads(row[1])
        return found

    def _next_turn(self) -> int:
        row: Sequence[int] = self._database.execute("SELECT coalesce(max(turn), 0) + 1 FROM input").fetchone()
        return row[0]

    def transaction(self) -> _Transaction:
        """Several things at once, or none."""
        return _Transaction(self._database)


class _Transaction:
    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def __enter__(self) -> Self:
        self._database.execute("BEGIN IMMEDIATE")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.execute("COMMIT" if kind is None else "ROLLBACK")
