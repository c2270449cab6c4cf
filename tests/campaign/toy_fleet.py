"""A small world for engine tests: devices that answer by the book, a network that may lose, double and delay.

Not the simulator: no radio, no ciphers, and a code in which any M fragments decode. It is easy to
see through, and everything that an invariant speaks of is recorded.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from fleetcast.campaign import effects as fx
from fleetcast.campaign import events as ev
from fleetcast.campaign.engine import begin, next_deadline, react
from fleetcast.campaign.states import Status
from fleetcast.campaign.table import State
from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.planning.facts import Device, File, FileKind, Group, PackageAbility, Profile
from fleetcast.planning.plan import CampaignType, Plan
from fleetcast.planning.planner import make_plan
from fleetcast.planning.policy import Policy
from fleetcast.planning.request import CampaignRequest
from fleetcast.protocol.package_version import PackageVersionAns
from fleetcast.protocol.packages import Package
from fleetcast.protocol.ts004_fragmentation import v1 as frag
from fleetcast.protocol.ts005_multicast import v1 as mc
from fleetcast.protocol.ts006_firmware import v1 as fw

START = 1_767_225_600_000
OLD, NEW = 0x01000000, 0x01000001
GROUP = DevEui("00000000000000AA")


def profile(version: int = 1, **changes: object) -> Profile:
    packages = {p: PackageAbility(p.default_f_port, 1) for p in (Package.CLOCK_SYNC, Package.FIRMWARE_MANAGEMENT)}
    packages |= {p: PackageAbility(p.default_f_port, version) for p in (Package.MULTICAST_SETUP, Package.FRAGMENTATION)}
    return Profile(name="toy", packages=packages, **changes)  # type: ignore[arg-type]


def plan_for(
    devices: int = 6, *, size_bytes: int = 2000, policy: Policy | None = None,
    kind: CampaignType = CampaignType.FIRMWARE,
    threshold: int = 90, period_s: int = 600, toy: Profile | None = None, max_duration_s: int = 3 * 86400,
    coded: float | None = None, **request: object,
) -> Plan:  # fmt: skip
    made = toy or profile()
    file_kind = FileKind.FIRMWARE if kind is CampaignType.FIRMWARE else FileKind.BINARY
    file = File(
        name="image", kind=file_kind, size_bytes=size_bytes, sha256="00", profile="toy",
        version=NEW if kind is CampaignType.FIRMWARE else None,
    )  # fmt: skip
    return make_plan(
        CampaignRequest(
            campaign="toy", type=kind, profiles={"toy": made}, threshold_percent=threshold,
            devices=[
                Device(dev_eui=DevEui.from_int(i + 1), profile="toy", uplink_period_s=period_s, data_rate=5,
                       firmware_version=OLD, firmware_version_learned=START)
                for i in range(devices)
            ],
            groups=[Group(dev_eui=GROUP, mc_addr=DevAddr("01ABCDEF"), frequency_hz=869_525_000, data_rate=5,
                          coded_per_uncoded=coded)],
            file=None if kind is CampaignType.MULTICAST_SETUP else file, policy=policy or Policy(),
            max_duration_s=max_duration_s, **request,  # type: ignore[arg-type]
        ),
        START,
    )  # fmt: skip


@dataclass
class Toy:
    """One device by the book (version 1 packages)."""

    f_cnt: int = 0
    group: bool = False
    frag: bool = False
    session: tuple[int, int] | None = None
    got: set[int] = field(default_factory=set)
    received: int = 0
    version: int = OLD
    silent: bool = False
    deaf: bool = False
    loss: float = 0.0
    reboot_at: int | None = None
    image: bool = False
    stays_old: bool = False


@dataclass
class Faults:
    """What goes wrong, each as a share of 1."""

    lose_up: float = 0.0
    lose_down: float = 0.0
    double: float = 0.0
    late: float = 0.0
    lose_report: float = 0.0
    refuse: float = 0.0
    crash: float = 0.0
    hostile: float = 0.0


class ToyWorld:
    """Runs a campaign to its end, or until `until_ms`; keeps what was asked for and what came of it."""

    def __init__(self, plan: Plan, *, seed: int = 1, faults: Faults | None = None, period_s: int = 600) -> None:
        self.plan = plan
        self.random = random.Random(seed)
        self.faults = faults or Faults()
        self.state = begin(plan)
        self.now = plan.start
        self.toys = {planned.dev_eui: Toy(loss=self.random.uniform(0, 0.3)) for planned in plan.devices}
        self.heap: list[tuple[int, int, Callable[[], ev.Event | None]]] = []
        self.sequence = 0
        self.effects: list[tuple[int, fx.Effect]] = []
        self.period_s = period_s
        self.heard: set[DevEui] = set()
        self.commits = 0
        self.lose_port: int | None = None
        """Uplinks of this FPort are lost."""
        self.watch: Callable[[ToyWorld, ev.Event, list[fx.Effect]], None] | None = None
        for eui in self.toys:
            self._later(self.random.randrange(period_s * 1000), lambda eui=eui: self._periodic(eui))

    def run(self, until_ms: int | None = None, orders: dict[int, ev.Event] | None = None) -> State:
        """Start, and go on until the campaign's status is final and nothing is under way any more."""
        self._feed(ev.Started())
        for at, order in (orders or {}).items():
            self._later(at, lambda order=order: order)
        end = self.plan.end + 30 * 86_400_000 if until_ms is None else self.plan.start + until_ms
        while self.now < end and not self.state.campaign.status.final:
            deadline = next_deadline(self.state)
            assert deadline is not None, "a running campaign without a deadline can hang"
            at = self.heap[0][0] if self.heap else deadline
            self.now = max(self.now, min(at, deadline))
            if deadline <= at:
                self._feed(ev.TimePassed())
                continue
            event = heapq.heappop(self.heap)[2]()
            if event is not None:
                self._feed(event)
                if self.random.random() < self.faults.double:
                    self._feed(event, again=True)
        return self.state

    def sent(self, kind: type[fx.Effect]) -> list[fx.Effect]:
        return [effect for _, effect in self.effects if isinstance(effect, kind)]

    def said(self, name: str) -> list[fx.SendUnicast]:
        return [
            effect for _, effect in self.effects
            if isinstance(effect, fx.SendUnicast) and any(command.name == name for command in effect.commands)
        ]  # fmt: skip

    def _feed(self, event: ev.Event, *, again: bool = False) -> None:
        before = {i: (d.step, d.outcome) for i, d in enumerate(self.state.devices)} if again else {}
        changes, asked = react(self.state, event, self.now)
        self.state.apply(changes)
        self.commits += 1
        if again and not isinstance(event, ev.TimePassed):
            after = {i: (d.step, d.outcome) for i, d in enumerate(self.state.devices)}
            assert before == after, f"{event} twice changed something"
        if self.watch is not None:
            self.watch(self, event, asked)
        if self.random.random() < self.faults.crash:
            # The process dies after the commit: what was asked for is done by the next one, from the database.
            self.state = State(self.plan, self.state.campaign, list(self.state.devices), list(self.state.groups))
        for effect in asked:
            self.effects.append((self.now, effect))
            self._perform(effect)

    def _later(self, after_ms: int, what: Callable[[], ev.Event | None]) -> None:
        self.sequence += 1
        heapq.heappush(self.heap, (self.now + after_ms, self.sequence, what))

    def _periodic(self, eui: DevEui) -> ev.Event | None:
        self._later(int(self.period_s * 1000 * self.random.uniform(0.9, 1.1)), lambda: self._periodic(eui))
        if self.random.random() < self.faults.hostile:
            port = self.random.choice([200, 201, 202, 203])
            return self._uplink(eui, port, self.random.randbytes(self.random.randrange(1, 12)))
        return self._uplink(eui, 2, b"\x01")

    def _uplink(self, eui: DevEui, port: int, payload: bytes) -> ev.Event | None:
        toy = self.toys[eui]
        if toy.silent:
            return None
        toy.f_cnt += 1
        if self.random.random() < self.faults.lose_up or port == self.lose_port:
            return None
        event = ev.UplinkHeard(eui, port, payload, self.now, toy.f_cnt)
        if self.random.random() < self.faults.late:
            self._later(self.random.randrange(1, 7200_000), lambda: self._arrived(event))
            return None
        return self._arrived(event)

    def _arrived(self, event: ev.UplinkHeard) -> ev.Event:
        self.heard.add(event.dev_eui)
        return event

    def _perform(self, effect: fx.Effect) -> None:
        match effect:
            case fx.EnsureGroup():
                self._later(100, lambda: ev.GroupReady(effect.group, 0, 869_525_000, 5, created_by_us=True))
            case fx.SendUnicast():
                self._unicast(effect)
            case fx.SendFragment() | fx.SendMulticast():
                self._multicast(effect)
            case _:
                pass

    def _report(self, effect_id: int, at: int, f_cnt: int | None) -> None:
        if self.random.random() >= self.faults.lose_report:
            self._later(at - self.now, lambda: ev.DownlinkSent(effect_id, at, f_cnt))

    def _refused(self, effect_id: int) -> bool:
        if self.random.random() < self.faults.refuse:
            self._later(500, lambda: ev.DownlinkFailed(effect_id, "no gateway"))
            return True
        return False

    def _unicast(self, effect: fx.SendUnicast) -> None:
        if self._refused(effect.effect_id):
            return
        self._report(effect.effect_id, self.now + 1000, None)
        toy = self.toys[effect.dev_eui]
        if toy.deaf or self.random.random() < self.faults.lose_down:
            return
        for command in effect.commands:
            answer = self._answer(toy, command)
            if answer is not None:
                port = effect.f_port
                self._later(3000, lambda answer=answer, port=port: self._uplink(effect.dev_eui, port, answer()))

    def _multicast(self, effect: fx.SendFragment | fx.SendMulticast) -> None:
        if self._refused(effect.effect_id):
            return
        at = max(self.now, effect.not_before) + 300
        self._report(effect.effect_id, at, effect.f_cnt)
        for eui, toy in self.toys.items():
            listens = toy.session is not None and toy.session[0] <= at <= toy.session[1]
            if not listens or not toy.frag or self.random.random() < toy.loss:
                continue
            if isinstance(effect, fx.SendFragment):
                toy.received += 1
                toy.got.add(effect.n)
                toy.image = toy.image or len(toy.got) >= self.plan.groups[0].fragments
            else:
                request = effect.commands[0]
                assert isinstance(request, frag.FragSessionStatusReq)
                if request.participants or not toy.image:
                    spread = 1 << (self.plan.groups[0].block_ack_delay + 4)
                    delay = 300 + self.random.randrange(spread * 1000)
                    self._later(delay, lambda eui=eui, toy=toy: self._uplink(eui, 201, self._status(toy)))

    def _status(self, toy: Toy) -> bytes:
        m = self.plan.groups[0].fragments
        missing = 0 if toy.image else min(255, max(1, m - len(toy.got)))
        return frag.FragSessionStatusAns(
            frag_index=0, nb_frag_received=min(toy.received, 16383), missing_frag=missing,
            not_enough_matrix_memory=False,
        ).encode()  # fmt: skip

    def _answer(self, toy: Toy, command: object) -> Callable[[], bytes] | None:
        gps_now = lambda: (self.now - 315_964_800_000) // 1000 + 18  # noqa: E731
        match command:
            case mc.McGroupSetupReq():
                toy.group = True
                return lambda: mc.McGroupSetupAns(id_error=False, mc_group_id=command.mc_group_id).encode()
            case mc.McGroupDeleteReq():
                toy.group = False
                return lambda: mc.McGroupDeleteAns(mc_group_undefined=False, mc_group_id=command.mc_group_id).encode()
            case mc.McClassCSessionReq():
                start = (command.session_time + 315_964_800 - 18) * 1000
                toy.session = (start, start + (1000 << command.session_time_out))
                return lambda: mc.McClassCSessionAns(
                    mc_group_undefined=False, freq_error=False, dr_error=False, mc_group_id=command.mc_group_id,
                    time_to_start=max(0, command.session_time - gps_now()),
                ).encode()  # fmt: skip
            case frag.FragSessionSetupReq():
                toy.frag, toy.got, toy.received, toy.image = True, set(), 0, False
                return lambda: frag.FragSessionSetupAns(
                    frag_index=command.frag_index, wrong_descriptor=False, frag_index_unsupported=False,
                    not_enough_memory=False, frag_algo_unsupported=False,
                ).encode()  # fmt: skip
            case frag.FragSessionDeleteReq():
                had, toy.frag = toy.frag, False
                return lambda: frag.FragSessionDeleteAns(
                    session_does_not_exist=not had, frag_index=command.frag_index
                ).encode()
            case frag.FragSessionStatusReq():
                return lambda: self._status(toy)
            case fw.DevVersionReq():
                return lambda: fw.DevVersionAns(fw_version=self._running(toy), hw_version=0).encode()
            case fw.DevUpgradeImageReq():
                if toy.image:
                    return lambda: fw.DevUpgradeImageAns(up_image_status=3, next_firmware_version=NEW).encode()
                return lambda: fw.DevUpgradeImageAns(up_image_status=0).encode()
            case fw.DevRebootCountdownReq():
                toy.reboot_at = None if command.countdown == 0xFFFFFF else self.now + command.countdown * 1000
                return lambda: fw.DevRebootCountdownAns(countdown=command.countdown).encode()
            case fw.DevRebootTimeReq():
                if command.reboot_time == 0xFFFFFFFF:
                    toy.reboot_at = None
                    return lambda: fw.DevRebootTimeAns(reboot_time=0xFFFFFFFF).encode()
                toy.reboot_at = (command.reboot_time + 315_964_800 - 18) * 1000
                return lambda: fw.DevRebootTimeAns(reboot_time=max(1, command.reboot_time - gps_now())).encode()
            case fw.DevDeleteImageReq():
                had, toy.image = toy.image, False
                return lambda: fw.DevDeleteImageAns(error_invalid_version=False, error_no_valid_image=not had).encode()
            case _ if type(command).__name__ == "PackageVersionReq":
                return lambda: PackageVersionAns(package_identifier=2, package_version=1).encode()
        return None

    def _running(self, toy: Toy) -> int:
        if toy.image and toy.reboot_at is not None and self.now >= toy.reboot_at and not toy.stays_old:
            toy.version = NEW
        return toy.version


def finished(state: State) -> Status:
    return state.campaign.status
