"""The packages that one device runs: made when they are first spoken to, asked together when something is due.

What each does with its commands is in `packages`; when a device may speak, and what it says when, is in `device`.
"""

from __future__ import annotations

from typing import Final

from fleetcast.instants import InstantMs
from fleetcast.protocol.multi_package_frame import PackagedCommand
from fleetcast.protocol.packages import Package
from fleetcast.protocol.wire import Command
from fleetcast.simulator.device_answers import NEVER, Answer
from fleetcast.simulator.device_body import Arrival, Body
from fleetcast.simulator.device_commands import Misread, execute_payload, package_version
from fleetcast.simulator.device_spec import DeviceSpec
from fleetcast.simulator.packages.clock_sync import ClockSync
from fleetcast.simulator.packages.firmware_management import FirmwareManagement
from fleetcast.simulator.packages.fragmentation import Fragmentation, FragmentSession
from fleetcast.simulator.packages.multi_package_access import MultiPackageAccess, execute_own
from fleetcast.simulator.packages.multicast_setup import Group, MulticastSetup, Session


class DevicePackages:
    """The device side of all packages of one device."""

    __slots__ = ("changes", "clock_sync", "firmware", "fragmentation", "multi_package", "multicast")

    def __init__(self, spec: DeviceSpec) -> None:
        self.clock_sync: Final = ClockSync(spec.model.traits.clock_request.period_s)
        self.firmware: Final = FirmwareManagement(spec.firmware_version)
        self.multicast: MulticastSetup | None = None
        self.fragmentation: Fragmentation | None = None
        self.multi_package: MultiPackageAccess | None = None
        self.changes = 0
        """Goes up whenever groups or fragmentation sessions may have changed."""

    @property
    def groups(self) -> tuple[Group, ...]:
        """The multicast groups, lowest McGroupID first."""
        return () if self.multicast is None else tuple(self.multicast)

    @property
    def fragment_sessions(self) -> tuple[FragmentSession, ...]:
        """The fragmentation sessions."""
        return () if self.fragmentation is None else self.fragmentation.sessions

    @property
    def open_sessions(self) -> tuple[Session, ...]:
        """The multicast sessions that are open now."""
        return () if self.multicast is None else self.multicast.open_sessions()

    def due(self, body: Body, now: InstantMs) -> InstantMs:
        """When any of them wants something next, or NEVER."""
        # Asked at every turn of every device: comparing takes half as long as `min`.
        due = self.clock_sync.due
        other = self.firmware.reboot_due(body, now)
        if other < due:
            due = other
        if self.multicast is not None and (other := self.multicast.due(body, now)) < due:
            due = other
        if self.fragmentation is not None and (other := self.fragmentation.due()) < due:
            due = other
        if self.multi_package is not None and self.multi_package.due < due:
            due = self.multi_package.due
        return due

    def multicast_due(self, body: Body, now: InstantMs) -> InstantMs:
        """When a multicast session begins or ends next, or NEVER."""
        return NEVER if self.multicast is None else self.multicast.due(body, now)

    def receive(
        self, body: Body, now: InstantMs, package: Package, payload: bytes, mc_group_id: int | None
    ) -> tuple[Answer, ...]:
        """Execute the commands of one package in a payload; returns the answers. Not for multi-package access."""
        traits = body.spec.model.traits
        misread: Misread | None = None
        if traits.quirks and package is Package.MULTICAST_SETUP:
            multicast = self._multicast_setup()

            def misread(read: bytes, at: int) -> tuple[int, bytes] | None:
                return multicast.misread(body, read, at)
        elif traits.quirks and package is Package.FRAGMENTATION:
            fragmentation = self._fragmentation()

            def misread(read: bytes, at: int) -> tuple[int, bytes] | None:
                return fragmentation.misread(body, read, at)

        def execute(command: Command, arrival: Arrival) -> Answer | None:
            return self._execute(body, package, command, arrival)

        return execute_payload(traits, package, payload, now, mc_group_id, execute, misread)

    def receive_set(self, body: Body, now: InstantMs, due: InstantMs, payload: bytes) -> None:
        """Execute a command set of several packages (TS007); its answers become due then."""
        if self.multi_package is None:
            self.multi_package = MultiPackageAccess()
        traits = body.spec.model.traits

        def execute(one: PackagedCommand) -> Answer | None:
            if one.package is Package.MULTI_PACKAGE_ACCESS:
                return execute_own(traits, one)
            return package_version(traits, one.package, one.command) or self._execute(
                body, one.package, one.command, Arrival(now, in_set=True)
            )

        self.multi_package.execute(traits, payload, due, execute)

    def reboot(self, body: Body) -> None:
        """Forget what a reboot does not leave; the stored image is started before."""
        self.multi_package = None
        if self.multicast is not None:
            self.multicast.reboot(body)
        if self.fragmentation is not None:
            self.fragmentation.reboot(body)

    def _execute(self, body: Body, package: Package, command: Command, arrival: Arrival) -> Answer | None:
        match package:
            case Package.CLOCK_SYNC:
                return self.clock_sync.execute(body, command, arrival)
            case Package.MULTICAST_SETUP:
                self.changes += 1
                return self._multicast_setup().execute(body, command, arrival)
            case Package.FRAGMENTATION:
                answer = self._fragmentation().execute(body, command, arrival)
                self.changes += answer is not None
                return answer
            case Package.FIRMWARE_MANAGEMENT:
                return self.firmware.execute(body, command, arrival)
            case Package.MULTI_PACKAGE_ACCESS:
                return None  # its frames mix packages and are read elsewhere

    def _multicast_setup(self) -> MulticastSetup:
        if self.multicast is None:
            self.multicast = MulticastSetup()
        return self.multicast

    def _fragmentation(self) -> Fragmentation:
        if self.fragmentation is None:
            self.fragmentation = Fragmentation()
        return self.fragmentation
