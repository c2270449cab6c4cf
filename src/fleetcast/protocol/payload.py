"""One frame payload and the commands in it, for one package, version and direction.

Commands carry no length. The first identifier that is not known, or a command cut short, ends the reading: what was
understood is kept, the rest is handed back as unexplained bytes and named, and nothing is guessed. Frames that mix
packages (FPort 225) are read by `ts007_multi_package.frame`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from fleetcast.errors import Invalid
from fleetcast.protocol.packages import Direction, Package
from fleetcast.protocol.packages import commands as commands_of
from fleetcast.protocol.tolerances import USUAL, Tolerance, Tolerances
from fleetcast.protocol.wire import Command


class Problem(Enum):
    """Why reading stopped before the end."""

    UNKNOWN_CID = "unknown_cid"
    TRUNCATED = "truncated"
    NOT_ALONE = "not_alone"
    """A command that must be alone in its payload stands behind another (DataFragment; TS007 MultiPackBufferFrag)."""
    UNKNOWN_PACKAGE = "unknown_package"
    DANGLING_PACKAGE_ID = "dangling_package_id"
    BUFFER_REQUEST_NOT_ALONE = "buffer_request_not_alone"
    TRAILING_BYTES = "trailing_bytes"
    """Bytes behind a command that ends its frame."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a payload says: its commands in order, and what could not be read."""

    commands: tuple[Command, ...]
    unexplained: bytes = b""
    problem: Problem | None = None
    cid: int | None = None
    """The identifier at which reading stopped, when one was reached."""
    tolerated: tuple[Tolerance, ...] = ()


def decode(
    payload: bytes, package: Package, version: int, direction: Direction, tolerances: Tolerances = USUAL
) -> Decoded:
    """The commands of a payload; never raises for any bytes.

    Raises UnknownPackage for a version that is not in the table, and Invalid for multi-package access, whose frames
    have another form.
    """
    if package is Package.MULTI_PACKAGE_ACCESS:
        raise Invalid("multi-package access: its frames mix packages; read them with decode_frame")
    table = commands_of(package, version, direction)
    found: list[Command] = []
    tolerated: tuple[Tolerance, ...] = ()
    at, end = 0, len(payload)
    while at < end:
        cid = payload[at]
        kind = table.get(cid)
        if kind is None:
            return Decoded(tuple(found), payload[at:], Problem.UNKNOWN_CID, cid, tolerated)
        if kind.alone and at:
            return Decoded(tuple(found), payload[at:], Problem.NOT_ALONE, cid, tolerated)
        reading = kind.read(payload, at, end, tolerances)
        if reading is None:
            return Decoded(tuple(found), payload[at:], Problem.TRUNCATED, cid, tolerated)
        command, at, forgiven = reading
        found.append(command)
        if forgiven is not None:
            tolerated += (forgiven,)
    return Decoded(tuple(found), b"", None, None, tolerated)


def encode(commands: Iterable[Command]) -> bytes:
    """The payload that carries these commands, in order; raises Invalid if one of them must be alone."""
    sent = tuple(commands)
    if len(sent) > 1:
        for command in sent:
            if command.alone:
                raise Invalid(f"{command.name} must be alone in its payload; there are {len(sent)} commands")
    return b"".join([command.encode() for command in sent])
