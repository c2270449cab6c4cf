"""No gateway sends more than the regulation allows in any hour, wherever the hour begins, and no group more than its
share: over random scenarios that want much air.

FLEETCAST_HOSTILE=1000 plays so many campaigns (5 otherwise).
"""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleetcast.campaign import effects as fx
from fleetcast.campaign import events as ev
from fleetcast.rehearsal.rehearse import Rehearsal, prepare
from fleetcast.rehearsal.scenario_file import parse

HOUR_US = 3_600_000_000

SCENARIO = """
[[profile]]
name = "p"
uplink_period_s = 300

[[fleet]]
profile = "p"
count = 6
loss = 0.1
data_rate = {own_rate}
gateways_in_range = {gateways}

[network]
gateways = {gateways}
max_under_way = {under_way}

[campaign]
type = "binary"
threshold_percent = 50
max_duration_s = 2419200
class = "{session_class}"
data_rate = {data_rate}
redundancy = {redundancy}
[campaign.settings]
setup = "pipelined"
duty_cycle_use = "{use}"
duty_cycle_share = {share}

[file]
size_bytes = {size}
"""


class Noted(Rehearsal):
    """A rehearsal that notes when the network says it sent each fragment."""

    def begin_noting(self) -> None:
        self.group_of: dict[int, int] = {}
        self.sent: list[list[int]] = [[] for _ in self.plan.groups]

    def _perform(self, effect: fx.Effect) -> None:
        if isinstance(effect, fx.SendFragment):
            self.group_of[effect.effect_id] = self.state.group_of[effect.group]
        super()._perform(effect)

    def _feed(self, one: ev.Event) -> None:
        if isinstance(one, ev.DownlinkSent) and one.effect_id in self.group_of:
            self.sent[self.group_of[one.effect_id]].append(one.sent_at * 1000)
        super()._feed(one)


def busiest_hour_us(frames: list[tuple[int, int]]) -> int:
    """Frame by frame: what of the hour before its end was spent on the air."""
    return max(
        (
            sum(
                begin + length - max(begin, end - HOUR_US)
                for begin, length in frames
                if end - HOUR_US < begin + length <= end
            )
            for end in (begin + length for begin, length in frames)
        ),
        default=0,
    )


@settings(
    max_examples=int(os.environ.get("FLEETCAST_HOSTILE", "5")), deadline=None, suppress_health_check=list(HealthCheck)
)
@given(
    st.integers(0, 100_000), st.sampled_from(["B", "C"]), st.sampled_from(["even", "burst"]),
    st.sampled_from([10, 50, 100]), st.sampled_from([1, 2, 3]), st.sampled_from([1, 3]),
    st.sampled_from([1, 3, 5]), st.sampled_from([0, 3, 5]), st.sampled_from(['"adaptive"', '"none"', "0.5"]),
    st.sampled_from([500, 6_000, 20_000]),
)  # fmt: skip
def test_no_sliding_hour_of_a_gateway_or_a_group_holds_more_air_than_it_may(
    seed: int, session_class: str, use: str, share: int, gateways: int, under_way: int, data_rate: int,
    own_rate: int, redundancy: str, size: int,
) -> None:  # fmt: skip
    if data_rate < 3:
        size = min(size, 1_500)
    text = SCENARIO.format(
        session_class=session_class, use=use, share=share, gateways=gateways,
        under_way=under_way, data_rate=data_rate, own_rate=own_rate, redundancy=redundancy, size=size,
    )  # fmt: skip
    rehearsal = Noted(prepare(parse(text, "duty cycle", Path()), seed))
    rehearsal.begin_noting()
    rehearsal.run()
    assert rehearsal.state.campaign.status.final
    for gateway in rehearsal.world.gateways:
        for used in gateway.airtime():
            assert busiest_hour_us(gateway.frames(used.sub_band)) <= used.limit_us, f"{gateway.name}, {used.sub_band}"
    for planned, sent in zip(rehearsal.plan.groups, rehearsal.sent, strict=True):
        assert sent, "something was sent"
        allowed = max(HOUR_US * planned.duty_cycle * share / 100, planned.airtime_us)
        assert busiest_hour_us([(at, planned.airtime_us) for at in sorted(sent)]) <= allowed, (
            "more than the group's share"
        )
