"""How a device reads a payload and executes its commands, and how it puts its answers into frames.

What it does with unknown, short and too many commands, and with answers that do not fit, differs from stack to stack.

What each command does is in `packages`; the reading by the text of the specifications is in `protocol.payload`, from
which stacks in the field differ command by command, so it is done here anew.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from fleetcast.instants import InstantMs
from fleetcast.protocol.package_version import PackageVersionAns, PackageVersionReq
from fleetcast.protocol.packages import Direction, Package, commands
from fleetcast.protocol.tolerances import STRICT
from fleetcast.protocol.ts004_fragmentation import v1 as fragmentation
from fleetcast.protocol.wire import Command, Reading
from fleetcast.simulator.device_answers import NEVER, Answer, Pending
from fleetcast.simulator.device_body import Arrival
from fleetcast.simulator.quirks import Quirk
from fleetcast.simulator.traits import Traits

Execute = Callable[[Command, Arrival], Answer | None]
Misread = Callable[[bytes, int], tuple[int, bytes] | None]

_MEMORY_BEHIND = bytes(32)
"""What a stack finds that reads beyond the end of a frame."""
_BY_MULTICAST = (fragmentation.FragSessionStatusReq, fragmentation.DataFragment)


def execute_payload(
    traits: Traits,
    package: Package,
    payload: bytes,
    now: InstantMs,
    mc_group_id: int | None,
    execute: Execute,
    misread: Misread | None,
) -> tuple[Answer, ...]:
    """Execute the commands of one payload, first to last, and return the answers; none: silence."""
    table = commands(package, traits.version(package), Direction.DOWN)
    most = traits.max_commands_per_payload
    answers: list[Answer] = []
    at, end, executed = 0, len(payload), 0
    while at < end and executed != most:
        if misread is not None and (mistake := misread(payload, at)) is not None:
            taken, answer = mistake
            if taken == 0:
                return ()
            if answer:
                answers.append(Answer(answer))
            at += taken
            continue
        kind = table.get(payload[at])
        if kind is None or (kind.alone and at > 0):
            if traits.unknown_command == "skip_byte":
                at += 1
                continue
            return tuple(answers) if traits.unknown_command == "keep_before" else ()
        reading = _read(package, traits.version(package), payload, at)
        if reading is None:
            if traits.short_command == "keep_before":
                break
            if traits.short_command != "reads_beyond":
                return ()
            longer = payload + _MEMORY_BEHIND
            reading = kind.read(longer, at, len(longer), STRICT)
            if reading is None:
                break
        command, at, _ = reading
        if most == 1 and at < end:
            return ()
        if mc_group_id is not None and not _may_come_by_multicast(traits, package, command):
            return ()
        executed += 1
        answer_to = package_version(traits, package, command) or execute(
            command, Arrival(now, mc_group_id, payload[at:])
        )
        if answer_to is not None:
            answers.append(answer_to)
    return tuple(answers)


def assemble(traits: Traits, pending: Pending, now: InstantMs, room: int) -> tuple[bytes, tuple[Answer, ...]]:
    """The payload with these answers as they are now, and the answers that go into the next frame.

    What is too large for the stack's buffer, or for any frame, is left out for good.
    """
    package = traits.on_port(pending.f_port)
    buffer = room if package is None else traits.answer_buffer_bytes.get(package, NEVER)
    payload = bytearray()
    for place, answer in enumerate(pending.answers):
        part = answer.written(now, room)
        if len(payload) + len(part) > buffer or len(part) > room:
            continue
        if len(payload) + len(part) > room:
            return bytes(payload), pending.answers[place:]
        if payload and part[:1] == b"\x01" and package is Package.MULTICAST_SETUP:
            part = _status_misplaced(traits, payload, part)
        payload += part
    return bytes(payload), ()


def _status_misplaced(traits: Traits, payload: bytearray, part: bytes) -> bytes:
    """A stack that writes the status byte of McGroupStatusAns to the second byte of the whole answer."""
    if Quirk.GROUP_STATUS_FIXED_OFFSET in traits.quirks:
        payload[1] = part[1]
        return part[:1] + b"\x00" + part[2:]
    return part


@lru_cache(maxsize=64)
def _read(package: Package, version: int, payload: bytes, at: int) -> Reading | None:
    """The known command at `at`. What many devices are told alike is read once, and its values are shared."""
    kind = commands(package, version, Direction.DOWN)[payload[at]]
    return kind.read(payload, at, len(payload), STRICT)


def package_version(traits: Traits, package: Package, command: Command) -> Answer | None:
    """The answer to PackageVersionReq, which every package has; None for any other command."""
    if not isinstance(command, PackageVersionReq):
        return None
    answer = PackageVersionAns(package_identifier=package, package_version=traits.version(package))
    return Answer(answer.encode())


def _may_come_by_multicast(traits: Traits, package: Package, command: Command) -> bool:
    if not traits.drops_setup_on_multicast and package is not Package.CLOCK_SYNC:
        return True
    return package is Package.FRAGMENTATION and isinstance(command, _BY_MULTICAST)
