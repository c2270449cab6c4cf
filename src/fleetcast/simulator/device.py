"""One simulated device: the device side of every package, with its clock, its delays, its reboots and its faults.

A pure machine. It reads no clock and sends nothing: the world wakes it when `next_wake` has come, takes what it says,
and tells it what it hears. What is lost on the way, receive windows and airtime are the world's; a device that cannot
send yet is woken later, and writes its answers then. Fragments may come as bytes (`receive`), or be counted for many
devices at once, which the device then looks up (`follow`, `notice`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from typing import Final

from fleetcast.instants import InstantMs
from fleetcast.protocol.packages import Package
from fleetcast.simulator.device_answers import (
    NEVER,
    Answer,
    JoinRequest,
    Outbox,
    OwnUplink,
    Pending,
    Said,
)
from fleetcast.simulator.device_application import Application
from fleetcast.simulator.device_chance import DeviceChance
from fleetcast.simulator.device_clock import DeviceClock
from fleetcast.simulator.device_commands import assemble
from fleetcast.simulator.device_packages import DevicePackages
from fleetcast.simulator.device_spec import DeviceSpec, ImageStatus
from fleetcast.simulator.gps import true_gps_ms
from fleetcast.simulator.packages.fragmentation import Finished, FragmentSession
from fleetcast.simulator.packages.multicast_setup import Group, Session
from fleetcast.simulator.packages.reception import Followed, Listeners
from fleetcast.simulator.quirks import Quirk

LARGEST_PAYLOAD = 242
_BUSY_AFTER_UPLINK_MS = 2500
_JOIN_RETRY_S = (10.0, 30.0)
_SECOND_COPY_S = (2.0, 8.0)
_RESET_S = 1.0


class _State(Enum):
    RUNNING = "running"
    OFF = "off"
    JOINING = "joining"


class Device:
    """A device of a simulated fleet."""

    __slots__ = (
        "_busy_until", "_crash_at", "_listened", "_off_until", "_outbox", "_state", "application", "boots", "chance",
        "clock", "listening", "next_wake", "packages", "rebuilt", "spec", "uplink_room_bytes",
    )  # fmt: skip

    def __init__(self, spec: DeviceSpec, seed: int, now: InstantMs) -> None:
        """A device that has been running for a while at `now`; the same spec, seed and events give the same frames."""
        self.spec: Final = spec
        self.chance: Final = DeviceChance(seed)
        self.clock: Final = _clock(spec, self.chance, now)
        self.packages: Final = DevicePackages(spec)
        self.listening: tuple[Session, ...] = ()
        """The multicast sessions in which it listens now; another object whenever that changes."""
        self._listened = 0
        """How often `listening` has changed."""
        self.boots = 0
        self.rebuilt: bytes | None = None
        """The last data block that it rebuilt and accepted."""
        self.uplink_room_bytes = LARGEST_PAYLOAD
        """Largest payload at its uplink data rate, kept up to date by the world."""
        self.next_wake: InstantMs | None = None
        """When it wants to be woken; in the past: as soon as it can send."""
        self._outbox: Outbox | None = None
        self._state = _State.RUNNING
        self._off_until: InstantMs = NEVER
        self._busy_until: InstantMs = 0
        self._crash_at: InstantMs = NEVER
        self.application: Final = Application(self, now)
        if Package.CLOCK_SYNC in spec.model.traits.packages:
            self.packages.clock_sync.start(self, now, booted=False)
        self._plan(now)

    # What the world asks

    @property
    def firmware_version(self) -> int:
        """The version that runs."""
        return self.packages.firmware.version

    @property
    def groups(self) -> tuple[Group, ...]:
        """The multicast groups it knows, lowest McGroupID first."""
        return self.packages.groups

    @property
    def fragment_sessions(self) -> tuple[FragmentSession, ...]:
        """Its fragmentation sessions."""
        return self.packages.fragment_sessions

    @property
    def changes(self) -> int:
        """Goes up whenever groups, multicast sessions or fragmentation sessions may have changed."""
        return self.packages.changes + self._listened

    @property
    def reachable(self) -> bool:
        """Whether it is on and has joined."""
        return self._state is _State.RUNNING and not self.spec.defects.never_heard

    @property
    def in_class_c(self) -> bool:
        """Whether it listens on its unicast class C window now."""
        multicast = self.packages.multicast
        stays = multicast is not None and multicast.stays_in_class_c
        return self.reachable and (self.spec.model.own_class == "C" or stays)

    # What happens to it

    def wake(self, now: InstantMs) -> list[Said]:
        """Do what is due; returns at most one frame, since a radio sends one at a time. The next may be due at once."""
        if self.spec.defects.never_heard:
            return []
        said = self._act(now)
        self._plan(now)
        return [] if said is None else [said]

    def joined(self, now: InstantMs) -> None:
        """The network accepted its JoinRequest."""
        if self._state is _State.JOINING:
            self._start(now)
            self._plan(now)

    def receive(self, now: InstantMs, f_port: int, payload: bytes, mc_group_id: int | None = None) -> None:
        """Take a downlink; answers become due later. `mc_group_id`: the group it was addressed to, None for unicast.

        Keys and counters of a multicast frame are checked by `takes_multicast` before.
        """
        if not self.reachable:
            return
        package = self.spec.model.traits.on_port(f_port)
        if package is None:
            return
        self._busy_until = 0
        if package is Package.MULTI_PACKAGE_ACCESS:
            if mc_group_id is None:
                due = now + self._package_delay_ms(package)
                self.packages.receive_set(self, now, due, payload)
        else:
            self._receive_package(now, package, payload, mc_group_id)
        self._settle(now)

    def takes_multicast(self, mc_group_id: int, f_cnt: int) -> bool:
        """Whether it takes a multicast frame with this 32-bit counter; if so, the counter is used up."""
        multicast = self.packages.multicast
        group = None if multicast is None or not self.reachable else multicast.group(mc_group_id)
        if multicast is None or group is None or not multicast.takes(self, group, f_cnt):
            return False
        group.last_f_cnt = f_cnt
        return True

    def follow(self, frag_index: int, listeners: Listeners, position: int) -> None:
        """From now on what the session received is looked up there, until a new session is set up on the index."""
        fragmentation = self.packages.fragmentation
        if fragmentation is not None:
            fragmentation.follow(frag_index, Followed(listeners, position))

    def notice(self, now: InstantMs, frag_index: int) -> None:
        """Look what a followed session received: to be called when its first fragment came, and when its block is
        complete or its decoder has given up. A status looks by itself."""
        fragmentation = self.packages.fragmentation
        if self.reachable and fragmentation is not None:
            fragmentation.notice(self, frag_index, now, multicast=True)
            self._settle(now)

    def reboot(self, now: InstantMs) -> None:
        """Power off and on: a valid image is installed, and forgotten is what the stack does not keep."""
        self._reboot(now)
        self._plan(now)

    # Receiving

    def _receive_package(self, now: InstantMs, package: Package, payload: bytes, mc_group_id: int | None) -> None:
        traits = self.spec.model.traits
        f_port = traits.packages[package].f_port
        if package is Package.FRAGMENTATION and Quirk.FRAG_PORT_NEW_DOWNLINK_CANCELS in traits.quirks:
            self._drop(lambda pending: pending.f_port == f_port)
        answers = self.packages.receive(self, now, package, payload, mc_group_id)
        if not answers:
            return
        if Quirk.LATE_STATUS_OVERWRITTEN in traits.quirks:
            self._drop(lambda pending: pending.delayed)
        if package is Package.CLOCK_SYNC and Quirk.CLOCK_VERSION_ON_200 in traits.quirks and payload == b"\x00":
            f_port = Package.MULTICAST_SETUP.default_f_port
        due = now + self._package_delay_ms(package) + max(round(1000 * answer.wait_s) for answer in answers)
        confirmed = traits.answers_confirmed and package in (Package.MULTICAST_SETUP, Package.FRAGMENTATION)
        delayed = any(answer.delayed for answer in answers)
        self._put(Pending(due, f_port, answers, confirmed=confirmed, delayed=delayed))

    def _settle(self, now: InstantMs) -> None:
        """Draw the conclusions from what was received."""
        fragmentation = self.packages.fragmentation
        if fragmentation is not None:
            finished = fragmentation.take_finished()
            if finished is not None:
                self._finish(finished, now)
            if fragmentation.crashed:
                self._reboot(now)
        self._listen()
        self._plan(now)

    def _finish(self, finished: Finished, now: InstantMs) -> None:
        traits = self.spec.model.traits
        firmware, multicast = self.packages.firmware, self.packages.multicast
        self.rebuilt = finished.block
        firmware.store(self, finished.block, finished.descriptor)
        if traits.class_after_block == "A" and multicast is not None:
            multicast.end_all(self)
        self.application.block_done(self, finished.block, now)
        valid = firmware.image_status is ImageStatus.VALID
        match traits.reboot_after_block:
            case "self_immediate":
                firmware.reboot_at(now + round(1000 * _RESET_S))
            case "self_random":
                if valid and not firmware.reboot_planned_by_command(self):
                    firmware.reboot_at(now + self.chance.between_ms(0, 16 << finished.block_ack_delay))
            case "application":
                if valid and Package.FIRMWARE_MANAGEMENT not in traits.packages:
                    firmware.reboot_at(now + round(1000 * self.spec.model.installs_after_s))
            case "none" | "device_management":
                pass

    # Acting

    def _act(self, now: InstantMs) -> Said | None:
        if self._state is _State.OFF:
            if now < self._off_until:
                return None
            self._boot(now)
        if self._state is _State.JOINING:
            if now < self._off_until:
                return None
            self._off_until = now + self.chance.between_ms(*_JOIN_RETRY_S)
            return JoinRequest()
        if min(self.packages.firmware.reboot_due(self, now), self._crash_at) <= now:
            self._reboot(now)
            return None
        multicast = self.packages.multicast
        if multicast is not None and multicast.due(self, now) <= now:
            heard = sum(session.reception().received for session in self.fragment_sessions)
            if multicast.turn(self, now, heard):
                self._listen()
                self._arm_crash(now)
        return self._speak(now)

    def _speak(self, now: InstantMs) -> OwnUplink | None:
        """The first of the frames that are due."""
        ports, packages = self.spec.model.traits.packages, self.packages
        while self._outbox is not None and self._outbox.due <= now:
            pending = self._outbox.take()
            if self._outbox.due == NEVER:
                self._outbox = None
            frame = self._answer(pending, now)
            if frame is not None:
                return frame
        if packages.multi_package is not None and packages.multi_package.due <= now:
            payload = packages.multi_package.uplink(self.spec.model.traits, now, self.uplink_room_bytes)
            if payload:
                return OwnUplink(ports[Package.MULTI_PACKAGE_ACCESS].f_port, payload)
        if packages.fragmentation is not None and packages.fragmentation.due() <= now:
            return OwnUplink(ports[Package.FRAGMENTATION].f_port, packages.fragmentation.report(self, now))
        if packages.clock_sync.due <= now:
            return OwnUplink(ports[Package.CLOCK_SYNC].f_port, packages.clock_sync.request(self, now))
        frame = self.application.say(self, packages.firmware, now, self.uplink_room_bytes)
        if frame is not None:
            self._busy_until = now + _BUSY_AFTER_UPLINK_MS
        return frame

    def _answer(self, pending: Pending, now: InstantMs) -> OwnUplink | None:
        """The frame with these answers as they are now; what does not fit goes into the next one."""
        traits = self.spec.model.traits
        if Quirk.ANSWER_LOST_WHEN_BUSY in traits.quirks and now < self._busy_until:
            return None
        payload, rest = assemble(traits, pending, now, self.uplink_room_bytes)
        if rest:
            self._put(replace(pending, due=now, answers=rest))
        if not payload:
            return None
        frame = OwnUplink(pending.f_port, payload, pending.confirmed)
        if self.spec.defects.answers_twice and not pending.repeated:
            again = now + self.chance.between_ms(*_SECOND_COPY_S)
            self._put(Pending(again, frame.f_port, (Answer(frame.payload),), confirmed=frame.confirmed, repeated=True))
        return frame

    def _arm_crash(self, now: InstantMs) -> None:
        """A device that reboots in the middle of a session does so once."""
        after_s = self.spec.defects.reboots_in_session_after_s
        if after_s is not None and self.listening and self._crash_at == NEVER and self.boots == 0:
            self._crash_at = now + round(1000 * after_s)

    # Rebooting

    def _reboot(self, now: InstantMs) -> None:
        model = self.spec.model
        off_s = model.boot_time_s + (model.flash_time_s if self.packages.firmware.install(self) else 0.0)
        self._state = _State.OFF
        self._off_until = now + round(1000 * off_s)
        self._crash_at = NEVER
        self.application.stop()
        self._outbox = None
        self.packages.reboot(self)
        if not model.keeps_time:
            self.clock.restart(now)
        self.boots += 1
        self._listen()

    def _boot(self, now: InstantMs) -> None:
        if self.spec.model.joins:
            self._state = _State.JOINING
        else:
            self._start(now)

    def _start(self, now: InstantMs) -> None:
        """The application begins: whatever a device says after a start is planned."""
        model = self.spec.model
        self._state = _State.RUNNING
        self._off_until = NEVER
        if Package.CLOCK_SYNC in model.traits.packages:
            self.packages.clock_sync.restart(model.traits.clock_request.period_s)
            self.packages.clock_sync.start(self, now, booted=True)
        self.application.start(self, now)
        self._listen()

    # Planning

    def _plan(self, now: InstantMs) -> None:
        """Work out when to be woken next."""
        if self.spec.defects.never_heard:
            self.next_wake = None
            return
        if self._state is not _State.RUNNING:
            self.next_wake = self._off_until
            return
        due = min(self.application.due, self.packages.due(self, now), self._crash_at)
        if self._outbox is not None:
            due = min(due, self._outbox.due)
        self.next_wake = None if due == NEVER else due

    def _listen(self) -> None:
        """Bring `listening` up to date."""
        sessions = self.packages.open_sessions if self._state is _State.RUNNING else ()
        if sessions != self.listening:
            self.listening = sessions
            self._listened += 1

    def _package_delay_ms(self, package: Package) -> int:
        low_s, high_s = self.spec.model.traits.answer_delay_s.get(package, (0.0, 0.0))
        return self.chance.between_ms(low_s, high_s)

    def _put(self, pending: Pending) -> None:
        if self._outbox is None:
            self._outbox = Outbox()
        self._outbox.put(pending)

    def _drop(self, condition: Callable[[Pending], bool]) -> None:
        if self._outbox is not None:
            self._outbox.drop(condition)


def _clock(spec: DeviceSpec, chance: DeviceChance, now: InstantMs) -> DeviceClock:
    """The clock at the start: right but for the offset, or counting from a start some time ago."""
    if spec.clock_offset_s is None or spec.defects.clock_never_set:
        return DeviceClock(now, chance.between_ms(0, 86400), spec.drift_ppm, known=False)
    return DeviceClock(now, true_gps_ms(now) + round(1000 * spec.clock_offset_s), spec.drift_ppm, known=True)
