"""The engine's promises on the simulated fleet: real codecs and ciphers, a network that misbehaves, crashes, payloads
of strangers, orders at any moment.

FLEETCAST_HOSTILE=1000 plays so many campaigns (6 otherwise).
"""

from __future__ import annotations

import os
import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleetcast.campaign import effects as fx
from fleetcast.campaign import events as ev
from fleetcast.campaign.states import Outcome, Status
from fleetcast.rehearsal.measure import measure
from fleetcast.rehearsal.rehearse import Rehearsal, prepare
from tests.journeys.playing import scenario

CLEAN_UP = {
    "DevRebootTimeReq", "DevRebootCountdownReq", "DevDeleteImageReq", "FragSessionDeleteReq", "McGroupDeleteReq",
}  # fmt: skip
SENDS = (fx.SendUnicast, fx.SendFragment, fx.SendMulticast)


class Watched(Rehearsal):
    """A rehearsal that checks every effect, and hears strangers on the campaign's ports."""

    seed = 0
    stranger = 0.0

    def begin_watching(self) -> None:
        self.dice = random.Random(self.seed)
        self.heard: set[str] = set()
        self.payloads: dict[tuple[str, int], object] = {}
        self.coded: dict[tuple[str, int], bool] = {}
        self.number_of: dict[int, tuple[str, int]] = {}
        self.airtime_us = [0] * len(self.plan.groups)
        self.final: dict[int, Outcome] = {}
        self.ended: Status | None = None

    def _feed(self, one: ev.Event) -> None:
        if isinstance(one, ev.UplinkHeard):
            self.heard.add(one.dev_eui)
            if self.dice.random() < self.stranger:
                noise = self.dice.randbytes(self.dice.randrange(1, 20))
                port = self.dice.choice([2, 200, 201, 202, 203, 225])
                counter = one.f_cnt + self.dice.choice([0, 1, 100])
                super()._feed(ev.UplinkHeard(one.dev_eui, port, noise, one.received_at, counter))
        if isinstance(one, ev.DownlinkFailed) and one.effect_id in self.number_of:
            self.coded[self.number_of[one.effect_id]] = False
        super()._feed(one)
        self._finals()

    def _perform(self, effect: fx.Effect) -> None:
        if isinstance(effect, SENDS):
            self._check(effect)
        super()._perform(effect)

    def _check(self, effect: fx.SendUnicast | fx.SendFragment | fx.SendMulticast) -> None:
        status = self.state.campaign.status
        assert status not in (Status.PAUSED, Status.CONFIGURED)
        if isinstance(effect, fx.SendUnicast):
            assert effect.dev_eui in self.heard, "a unicast before first contact"
            if status is not Status.RUNNING:
                assert {command.name for command in effect.commands} <= CLEAN_UP
            return
        assert status is Status.RUNNING, "a multicast after the stop"
        g = self.state.group_of[effect.group]
        planned = self.plan.groups[g]
        if effect.f_cnt is not None:
            assert planned.first_f_cnt <= effect.f_cnt < planned.end_f_cnt, "outside the announced window"
            assert (effect.group, effect.f_cnt) not in self.payloads, "one FCntDown, two payloads"
            self.payloads[effect.group, effect.f_cnt] = effect
        if isinstance(effect, fx.SendFragment):
            self.airtime_us[g] += planned.airtime_us
            key = (effect.group, effect.n)
            if effect.n > planned.fragments:
                assert not self.coded.get(key), "a coded number that may have been on the air is ordered again"
                self.coded[key] = True
                self.number_of[effect.effect_id] = key

    def _finals(self) -> None:
        status = self.state.campaign.status
        assert self.ended in (None, status), "a final status changed"
        self.ended = status if status.final else None
        for i, outcome in self.final.items():
            assert self.state.devices[i].outcome is outcome, "a final outcome changed"
        for i, device in enumerate(self.state.devices):
            if device.outcome in (Outcome.SUCCEEDED, Outcome.FAILED):
                self.final[i] = device.outcome


share = st.sampled_from([0.0, 0.1, 0.25])


@settings(
    max_examples=int(os.environ.get("FLEETCAST_HOSTILE", "6")), deadline=None, suppress_health_check=list(HealthCheck)
)
@given(st.data())
def test_whatever_goes_wrong_in_the_simulated_world_the_promises_hold(data: st.DataObject) -> None:
    faults = ["reports_lost", "reports_doubled", "reports_late", "uplinks_doubled", "uplinks_late", "refuses"]
    server = "[network.server]\n" + "\n".join(f"{name} = {data.draw(share, name)}" for name in faults)
    kind = data.draw(st.sampled_from(["firmware", "binary"]), "type")
    version = '\nversion = "2.0.0.0"' if kind == "firmware" else ""
    one = scenario(
        count=data.draw(st.sampled_from([3, 8]), "devices"),
        loss=data.draw(st.sampled_from(["0.05", "{ uniform = [0.01, 0.5] }"]), "loss"),
        threshold=data.draw(st.sampled_from([50, 90]), "threshold"),
        network=server,
        campaign=f'type = "{kind}"\nclass = "{data.draw(st.sampled_from(["B", "C"]), "class")}"',
        file=f"size_bytes = 1500{version}",
    )
    seed = data.draw(st.integers(0, 100_000), "seed")
    rehearsal = Watched(prepare(one, seed), crash_every=data.draw(st.sampled_from([None, 1, 5]), "crash"))
    rehearsal.seed, rehearsal.stranger = seed, data.draw(st.sampled_from([0.0, 0.3]), "strangers")
    rehearsal.begin_watching()
    stop_at = data.draw(st.none() | st.integers(0, 40_000), "stop after s")
    stopped: list[int] = []

    def order(watched: Rehearsal) -> None:
        if stop_at is not None and not stopped and watched.now > watched.plan.start + stop_at * 1000:
            stopped.append(watched.now)
            watched.feed(ev.Stopped("somebody"))

    rehearsal.run(order, every=1)
    assert rehearsal.state.campaign.status.final
    for g, group in enumerate(rehearsal.state.groups):
        assert group.ledger.airtime_us == rehearsal.airtime_us[g], "airtime booked differs from airtime handed over"
    measured = measure(rehearsal, 0.0)
    assert measured.violations == 0, "more airtime than the duty cycle allows"
    assert all(digest == measured.file_sha256 for digest, _ in measured.rebuilt_sha256), "other bytes than the file's"
    assert all(device.outcome in (Outcome.SUCCEEDED, Outcome.FAILED) for device in rehearsal.state.devices)
