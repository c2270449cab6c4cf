"""The bytes of files, kept once under their SHA-256, in pieces that any worker can read. They are never changed.

What a file is called and what it is for is in `file`; a content belongs to no one file, only to a subscriber.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Final

from sqlalchemy import Connection, Select, insert, select

from fleetcast.errors import Damaged
from fleetcast.store.tables import file_content as table

PIECE_BYTES: Final = 256 * 1024


class ContentDamaged(Damaged):
    """The bytes aren't those that were announced or kept."""

    def __init__(self, sha256: str, found: str) -> None:
        self.sha256, self.found = sha256, found
        super().__init__(f"content {sha256}: its SHA-256 is {found}; upload it again")


def has(connection: Connection, subscriber_id: int, sha256: str) -> bool:
    """Whether a subscriber's contents hold this one."""
    return connection.execute(_pieces(subscriber_id, sha256).limit(1)).first() is not None


def put(connection: Connection, subscriber_id: int, sha256: str, data: Iterable[bytes]) -> int:
    """Keep a content, given in parts of any size; its size in bytes. What is there already is only read over.

    Raises ContentDamaged when its hash is another one: the transaction must not be kept then.
    """
    known = has(connection, subscriber_id, sha256)
    digest, size = hashlib.sha256(), 0
    for n, piece in enumerate(_in_pieces(data)):
        digest.update(piece)
        size += len(piece)
        if not known:
            row = {"subscriber_id": subscriber_id, "sha256": sha256, "n": n, "data": piece}
            connection.execute(insert(table), row)
    if digest.hexdigest() != sha256:
        raise ContentDamaged(sha256, digest.hexdigest())
    return size


def pieces(connection: Connection, subscriber_id: int, sha256: str) -> Iterator[bytes]:
    """A content, piece by piece; nothing where there is none."""
    n = 0
    while True:
        # One at a time: a stream over the network is slow, and must not hold all of a large file.
        piece = connection.execute(_pieces(subscriber_id, sha256).where(table.c.n == n)).scalar_one_or_none()
        if piece is None:
            return
        yield piece
        n += 1


def whole(connection: Connection, subscriber_id: int, sha256: str) -> bytes:
    """A content whole; empty where there is none. Raises ContentDamaged when it isn't what was kept."""
    data = b"".join(connection.execute(_pieces(subscriber_id, sha256).order_by(table.c.n)).scalars())
    found = hashlib.sha256(data).hexdigest()
    if data and found != sha256:
        raise ContentDamaged(sha256, found)
    return data


def _pieces(subscriber_id: int, sha256: str) -> Select[bytes]:
    return select(table.c.data).where(table.c.subscriber_id == subscriber_id, table.c.sha256 == sha256)


def _in_pieces(data: Iterable[bytes]) -> Iterator[bytes]:
    buffer = bytearray()
    for part in data:
        buffer += part
        while len(buffer) >= PIECE_BYTES:
            yield bytes(buffer[:PIECE_BYTES])
            del buffer[:PIECE_BYTES]
    if buffer:
        yield bytes(buffer)
