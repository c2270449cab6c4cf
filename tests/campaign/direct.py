"""A campaign driven by hand: one event at a time, with devices whose answers a test writes down."""

from __future__ import annotations

from dataclasses import dataclass, field

from fleetcast.campaign import effects as fx
from fleetcast.campaign import events as ev
from fleetcast.campaign.engine import begin, next_deadline, react
from fleetcast.campaign.states import CampaignState, DeviceState, GroupState
from fleetcast.instants import InstantMs
from fleetcast.planning.plan import Plan
from fleetcast.protocol.ts004_fragmentation import v1 as frag
from fleetcast.protocol.ts005_multicast import v1 as mc
from fleetcast.protocol.ts006_firmware import v1 as fw


@dataclass
class Hand:
    """Feeds events and keeps what was asked for; reports of unicasts are given at once."""

    plan: Plan
    now: InstantMs = 0
    asked: list[fx.Effect] = field(default_factory=list)
    f_cnts: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.state = begin(self.plan)
        self.now = self.now or self.plan.start

    @property
    def campaign(self) -> CampaignState:
        return self.state.campaign

    def device(self, i: int = 0) -> DeviceState:
        return self.state.devices[i]

    def group(self, g: int = 0) -> GroupState:
        return self.state.groups[g]

    def feed(self, event: ev.Event) -> list[fx.Effect]:
        changes, asked = react(self.state, event, self.now)
        self.state.apply(changes)
        self.asked += asked
        return asked

    def start(self, *, ready: bool = True) -> list[fx.Effect]:
        asked = self.feed(ev.Started())
        if ready:
            for g in range(len(self.plan.groups)):
                self.ready(g)
        return asked

    def ready(self, g: int = 0) -> list[fx.Effect]:
        planned = self.plan.groups[g]
        return self.feed(ev.GroupReady(planned.dev_eui, 0, planned.frequency_hz, planned.data_rate, created_by_us=True))

    def wait(self, seconds: float) -> list[fx.Effect]:
        """Let time pass, with every deadline in between."""
        until = self.now + int(seconds * 1000)
        asked: list[fx.Effect] = []
        while (due := next_deadline(self.state)) is not None and due <= until:
            self.now = max(self.now, due)
            asked += self.feed(ev.TimePassed())
        self.now = until
        return asked

    def hear(self, *payloads: bytes, i: int = 0, port: int = 2, age_s: int = 0) -> list[str]:
        """Device `i` speaks; the names of what is said to it then, which is reported as sent."""
        self.f_cnts[i] = self.f_cnts.get(i, 0) + 1
        payload = b"".join(payloads) or b"\x01"
        at = self.now - age_s * 1000
        asked = self.feed(ev.UplinkHeard(self.plan.devices[i].dev_eui, port, payload, at, self.f_cnts[i]))
        names: list[str] = []
        for effect in asked:
            if isinstance(effect, fx.SendUnicast):
                names += [command.name for command in effect.commands]
                self.feed(ev.DownlinkSent(effect.effect_id, self.now + 1000))
        self.now += 2000
        return names

    def last(self) -> fx.SendUnicast:
        return [effect for effect in self.asked if isinstance(effect, fx.SendUnicast)][-1]

    def multicasts(self) -> list[fx.SendFragment | fx.SendMulticast]:
        return [effect for effect in self.asked if isinstance(effect, fx.SendFragment | fx.SendMulticast)]

    def set_up(self, i: int = 0) -> None:
        """Through McGroupSetup of device `i`."""
        assert self.hear(i=i) == ["McGroupSetupReq"]
        self.hear(GROUP_OK, i=i, port=200)


GROUP_OK = mc.McGroupSetupAns(id_error=False, mc_group_id=0).encode()
FRAG_OK = frag.FragSessionSetupAns(
    frag_index=0, wrong_descriptor=False, frag_index_unsupported=False, not_enough_memory=False,
    frag_algo_unsupported=False,
).encode()  # fmt: skip


def session_ok(time_to_start_s: int) -> bytes:
    return mc.McClassCSessionAns(
        mc_group_undefined=False, freq_error=False, dr_error=False, mc_group_id=0, time_to_start=time_to_start_s
    ).encode()


def status(received: int, missing: int) -> bytes:
    return frag.FragSessionStatusAns(
        frag_index=0, nb_frag_received=received, missing_frag=missing, not_enough_matrix_memory=False
    ).encode()


def runs(version: int) -> bytes:
    return fw.DevVersionAns(fw_version=version, hw_version=0).encode()


def image(status: int, version: int | None = None) -> bytes:
    if version is None:
        return fw.DevUpgradeImageAns(up_image_status=status).encode()
    return fw.DevUpgradeImageAns(up_image_status=status, next_firmware_version=version).encode()


def through_setup(hand: Hand, i: int = 0) -> None:
    """One device of a one-device campaign through all setup stages; its session start lies ahead."""
    hand.set_up(i)
    hand.wait(60)
    assert hand.hear(i=i) == ["FragSessionSetupReq"]
    hand.hear(FRAG_OK, i=i, port=201)
    hand.wait(60)
    assert hand.hear(i=i) == ["McClassCSessionReq"]
    hand.hear(session_ok((hand.group().session_start - hand.now) // 1000), i=i, port=200)


def to_image_check(hand: Hand, i: int = 0) -> None:
    """The same, and its transfer complete."""
    through_setup(hand, i)
    to_status_request(hand)
    hand.hear(status(hand.plan.groups[0].fragments, 0), i=i, port=201)


def to_status_request(hand: Hand) -> None:
    """Every frame sent, up to and with the next status request over multicast."""
    asked = _status_requests(hand)
    for _ in range(2000):
        hand.wait(5)
        report_multicasts(hand)
        if _status_requests(hand) > asked:
            return
    raise AssertionError("no status request came")


def _status_requests(hand: Hand) -> int:
    return sum(isinstance(effect, fx.SendMulticast) for effect in hand.asked)


def report_multicasts(hand: Hand) -> None:
    """What is under way was sent."""
    while hand.group().under_way:
        for frame in hand.group().under_way:
            hand.feed(ev.DownlinkSent(frame.effect, hand.now, frame.f_cnt))
