"""The device side of firmware management (TS006-1.0.0): versions, the stored image, planned reboots.

The reboot itself, and what it leaves, are in `device`.
"""

from __future__ import annotations

from fleetcast.instants import InstantMs
from fleetcast.protocol.ts006_firmware import v1
from fleetcast.protocol.wire import Command
from fleetcast.simulator.device_answers import NEVER, Answer
from fleetcast.simulator.device_body import Arrival, Body
from fleetcast.simulator.device_clock import WRAP
from fleetcast.simulator.device_spec import ImageStatus
from fleetcast.simulator.quirks import Quirk

NOW = 0
CANCEL_TIME = 0xFFFFFFFF
CANCEL_COUNTDOWN = 0xFFFFFF
_GPS_EPOCH_IN_UNIX_TIME = 315964800
_GPS_AHEAD_OF_UTC_S = 18


class FirmwareManagement:
    """Which firmware runs, which waits, and when the device reboots."""

    __slots__ = ("_reboot_at", "_reboot_time", "image_status", "image_version", "version")

    def __init__(self, version: int) -> None:
        self.version = version
        self.image_status = ImageStatus.NONE
        self.image_version = 0
        self._reboot_at: InstantMs = NEVER
        self._reboot_time: int | None = None
        """Planned by GPS time: the instant follows from the clock, which may be set meanwhile."""

    def store(self, body: Body, block: bytes | None, descriptor: bytes) -> None:
        """Take a data block for an upgrade image, if it is one; None is a block that could not be rebuilt."""
        if block is None:
            self.image_status, self.image_version = ImageStatus.CORRUPT, 0
            return
        found = body.spec.model.image_check(block, descriptor)
        if found is not None:
            status, self.image_version = found
            spoilt = body.spec.defects.image_status
            self.image_status = spoilt if spoilt is not None and status is ImageStatus.VALID else status

    def install(self, body: Body) -> bool:
        """At a reboot: start the stored image if it is valid, and forget it; says whether there was one."""
        self.cancel_reboot()
        if self.image_status is not ImageStatus.VALID:
            return False
        runs = body.spec.defects.runs_after_update
        if runs is None:
            self.version = self.image_version
        elif runs != "old":
            self.version = runs
        self.image_status, self.image_version = ImageStatus.NONE, 0
        return True

    def reboot_due(self, body: Body, now: InstantMs) -> InstantMs:
        """When the device reboots, or NEVER."""
        if self._reboot_time is not None:
            return max(body.clock.instant_of(self._reboot_time, now), 0)
        return self._reboot_at

    def reboot_planned_by_command(self, body: Body) -> bool:
        """Whether a command planned a reboot, so far as this stack sees it."""
        if self._reboot_time is not None:
            return True
        return self._reboot_at != NEVER and body.spec.model.traits.firmware.reboot_countdown == "ok"

    def reboot_at(self, instant: InstantMs) -> None:
        """Plan a reboot, in place of any other."""
        self._reboot_at, self._reboot_time = instant, None

    def cancel_reboot(self) -> None:
        """No reboot is planned any more."""
        self._reboot_at, self._reboot_time = NEVER, None

    def version_answer(self, body: Body) -> v1.DevVersionAns:
        """What runs on what."""
        spec = body.spec
        hardware = spec.model.hw_version if spec.hw_version is None else spec.hw_version
        return v1.DevVersionAns(fw_version=self.version, hw_version=hardware)

    def execute(self, body: Body, command: Command, arrival: Arrival) -> Answer | None:
        """Do what a command says."""
        match command:
            case v1.DevVersionReq():
                return Answer(self.version_answer(body).encode())
            case v1.DevRebootTimeReq():
                return self._reboot_time_req(body, command.reboot_time, arrival.now)
            case v1.DevRebootCountdownReq():
                return self._countdown(body, command.countdown, arrival.now)
            case v1.DevUpgradeImageReq():
                return self._image(body)
            case v1.DevDeleteImageReq():
                return self._delete(body, command.firmware_to_delete_version)
            case _:
                return None

    def _reboot_time_req(self, body: Body, reboot_time: int, now: InstantMs) -> Answer | None:
        if reboot_time == CANCEL_TIME:
            self.cancel_reboot()
            return Answer(v1.DevRebootTimeAns(reboot_time=CANCEL_TIME).encode())
        if body.spec.defects.refuses_reboot:
            return Answer(v1.DevRebootTimeAns(reboot_time=0).encode())
        if reboot_time == NOW:
            self.reboot_at(now)
            return None
        clock = body.clock
        if body.spec.model.traits.firmware.reboot_time == "compares_unix":
            # Its clock shows Unix time: a GPS time lies ten years back, and the difference wraps.
            unix = clock.shows_s(now) + _GPS_EPOCH_IN_UNIX_TIME - _GPS_AHEAD_OF_UTC_S
            left_s = (reboot_time - unix) % WRAP
            self.reboot_at(now + 1000 * left_s)
            return Answer(v1.DevRebootTimeAns(reboot_time=left_s).encode())
        if not clock.known or clock.seconds_until(reboot_time, now) <= 0:
            return Answer(v1.DevRebootTimeAns(reboot_time=0).encode())
        self._reboot_at, self._reboot_time = NEVER, reboot_time

        def written(sent: InstantMs, _room: int) -> bytes:
            left_s = max(clock.seconds_until(reboot_time, sent), 0)
            return v1.DevRebootTimeAns(reboot_time=left_s).encode()

        return Answer(written)

    def _countdown(self, body: Body, countdown: int, now: InstantMs) -> Answer | None:
        if countdown == CANCEL_COUNTDOWN:
            self.cancel_reboot()
            return Answer(v1.DevRebootCountdownAns(countdown=CANCEL_COUNTDOWN).encode())
        if body.spec.defects.refuses_reboot:
            return Answer(v1.DevRebootCountdownAns(countdown=0).encode())
        if countdown == NOW:
            self.reboot_at(now)
            return None
        wait_ms = 1000 * countdown
        if Quirk.COUNTDOWN_MS_32BIT in body.spec.model.traits.quirks:
            wait_ms %= WRAP
        due = now + wait_ms
        self.reboot_at(due)

        def written(sent: InstantMs, _room: int) -> bytes:
            return v1.DevRebootCountdownAns(countdown=max(due - sent, 0) // 1000).encode()

        return Answer(written)

    def _image(self, body: Body) -> Answer:
        habit = body.spec.model.traits.firmware.upgrade_image
        status = ImageStatus.NONE if habit == "always_0" else self.image_status
        version = None
        if status is ImageStatus.VALID:
            version = 0 if habit == "status_ok_version_0" else self.image_version
        return Answer(v1.DevUpgradeImageAns(up_image_status=status, next_firmware_version=version).encode())

    def _delete(self, body: Body, version: int) -> Answer:
        habit = body.spec.model.traits.firmware.delete_image
        absent = self.image_status is not ImageStatus.VALID
        other = not absent and version != self.image_version
        if habit == "always_error":
            absent, other = True, False
        elif habit == "always_deletes":
            absent, other = False, False
        if not absent and not other:
            self.image_status, self.image_version = ImageStatus.NONE, 0
        return Answer(v1.DevDeleteImageAns(error_invalid_version=other, error_no_valid_image=absent).encode())
