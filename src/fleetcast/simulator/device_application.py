"""What the application of a device says by itself: reports of its own, its version after a start, a finished block."""

from __future__ import annotations

import zlib

from fleetcast.instants import InstantMs
from fleetcast.protocol.packages import Package
from fleetcast.simulator.device_answers import NEVER, OwnUplink
from fleetcast.simulator.device_body import Body
from fleetcast.simulator.device_spec import DeviceSpec
from fleetcast.simulator.packages.firmware_management import FirmwareManagement
from fleetcast.simulator.quirks import Quirk

_UNASKED_VERSION_S = (16.0, 128.0)
_FIRST_UPLINK_S = (5.0, 30.0)
_VERSION_UPLINK_S = (2.0, 5.0)
_VERSION_UPLINKS = 3
"""So often an application tells its version after a start, a report's period apart: one alone is easily lost."""


class Application:
    """The application of one device."""

    __slots__ = (
        "_done_crc",
        "_done_due",
        "_uplinks",
        "_version_due",
        "_version_uplink_due",
        "_version_uplinks",
        "uplink_due",
    )

    def __init__(self, body: Body, now: InstantMs) -> None:
        """An application that has been running for a while at `now`."""
        self._uplinks = 0
        self._done_crc = 0
        self._done_due: InstantMs = NEVER
        self._version_due: InstantMs = NEVER
        self._version_uplink_due: InstantMs = NEVER
        self._version_uplinks = 0
        self.uplink_due = now + body.chance.between_ms(0, _period_s(body.spec))
        """When the next report of its own is due."""

    @property
    def due(self) -> InstantMs:
        """When it wants to say something next."""
        # Asked at every turn of every device: `min` over all four takes twice as long.
        due = self.uplink_due
        if self._done_due < due:
            due = self._done_due
        if self._version_due < due:
            due = self._version_due
        if self._version_uplink_due < due:
            due = self._version_uplink_due
        return due

    def stop(self) -> None:
        """The device reboots."""
        self._done_due = self._version_due = self._version_uplink_due = NEVER

    def start(self, body: Body, now: InstantMs) -> None:
        """Plan whatever is said after a start."""
        model = body.spec.model
        unasked = _UNASKED_VERSION_S if Quirk.DEVVERSION_UNASKED in model.traits.quirks else model.reports_version_s
        if unasked is not None and Package.FIRMWARE_MANAGEMENT in model.traits.packages:
            self._version_due = now + body.chance.between_ms(*unasked)
        if model.version_uplink is not None:
            self._version_uplink_due = now + body.chance.between_ms(*_VERSION_UPLINK_S)
            self._version_uplinks = _VERSION_UPLINKS
        self.uplink_due = now + body.chance.between_ms(*_FIRST_UPLINK_S)

    def block_done(self, body: Body, block: bytes | None, now: InstantMs) -> None:
        """A data block is finished; None: it could not be rebuilt, and the application does not notice."""
        done = body.spec.model.traits.done_uplink
        if done is not None:
            self._done_crc = zlib.crc32(block or b"")
            self._done_due = now + round(1000 * done.period_s)

    def say(self, body: Body, firmware: FirmwareManagement, now: InstantMs, room: int) -> OwnUplink | None:
        """The frame that is due now, if any; plans the next of its kind."""
        model = body.spec.model
        done = model.traits.done_uplink
        if done is not None and self._done_due <= now:
            self._done_due = now + body.chance.between_ms(done.period_s - done.jitter_s, done.period_s + done.jitter_s)
            return OwnUplink(done.f_port, b"\x05" + self._done_crc.to_bytes(4, "little"))
        if self._version_due <= now:
            self._version_due = NEVER
            payload = firmware.version_answer(body).encode()
            if Quirk.DEVVERSION_UNASKED in model.traits.quirks:
                payload = payload[:1] + payload[4:0:-1] + payload[:4:-1]
            return OwnUplink(model.traits.packages[Package.FIRMWARE_MANAGEMENT].f_port, payload)
        if model.version_uplink is not None and self._version_uplink_due <= now:
            self._version_uplinks -= 1
            period_s = _period_s(body.spec)
            again = now + body.chance.between_ms(0.5 * period_s, 1.5 * period_s)
            self._version_uplink_due = again if self._version_uplinks else NEVER
            version = firmware.version.to_bytes(4, "little")
            return OwnUplink(model.version_uplink.f_port, model.version_uplink.prefix + version)
        if self.uplink_due <= now:
            return self._report(body, now, room)
        return None

    def _report(self, body: Body, now: InstantMs, room: int) -> OwnUplink:
        """A report: a counter, and zeros for what a real one would measure."""
        model = body.spec.model
        period_s = _period_s(body.spec)
        jitter_s = min(model.uplink_jitter_s, period_s / 2)
        self.uplink_due = now + body.chance.between_ms(period_s - jitter_s, period_s + jitter_s)
        self._uplinks += 1
        size = min(model.uplink_bytes, room)
        return OwnUplink(model.uplink_f_port, (self._uplinks % 0x10000).to_bytes(2, "little").ljust(size, b"\0")[:size])


def _period_s(spec: DeviceSpec) -> float:
    return spec.model.uplink_period_s if spec.uplink_period_s is None else spec.uplink_period_s
