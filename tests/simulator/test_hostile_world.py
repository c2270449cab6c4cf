"""Whatever is asked of a world, in whatever order: each downlink has one outcome, and no gateway breaks the law."""

from __future__ import annotations

import random
from collections import Counter as Count
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from fleetcast.fec import Encoder
from fleetcast.secret import Secret
from fleetcast.simulator.air import Bursts
from fleetcast.simulator.device_spec import Defects
from fleetcast.simulator.fleet import Broken, Fixed, Uniform
from fleetcast.simulator.heard import Failed, Sent, Uplink
from fleetcast.simulator.network_settings import NetworkSettings
from tests.simulator.devices import fragment, model
from tests.simulator.worlds import GROUP, Hand, group, part, setup_commands, world

BLOCK = Encoder(random.Random(1).randbytes(900), 40)


@given(seed=st.integers(0, 2**32), waits=st.booleans(), data_rate=st.sampled_from([0, 3, 5]))
@settings(max_examples=25, deadline=None)
def test_every_downlink_has_exactly_one_outcome_and_the_duty_cycle_holds(
    seed: int, waits: bool, data_rate: int
) -> None:
    dice = random.Random(seed)
    always = replace(model(), own_class="C", uplink_period_s=300.0)
    fleet = (
        part(4, down_loss=Uniform(0, 0.5), up_loss=Fixed(0.2), gateways_in_range=2, uplink_data_rate=Fixed(data_rate)),
        part(2, model=always, broken=(Broken(Defects(reboots_in_session_after_s=60), count=1),)),
    )
    failing = NetworkSettings(
        refuses=0.05, waits_for_air=waits, queue_length=3, multicast_queue_length=4, reports_late=0.2,
        outages_s=((2000.0, 2300.0),),
    )  # fmt: skip
    one = world(*fleet, seed=seed, gateways=("a", "b"), settings=failing, bursts=Bursts(0.2, 60), sample=3)
    hand = Hand(one)
    f_cnt = 0
    for _ in range(150):
        number = dice.randrange(6)
        dev_eui = one.fleet.dev_eui(number)
        match dice.randrange(8):
            case 0 | 1 | 2:
                commands = setup_commands(one, dev_eui, BLOCK, one.now + 60_000, 8)
                f_port, payload = dice.choice([*commands, (99, dice.randbytes(dice.randrange(0, 250)))])
                hand.say(dev_eui, f_port, payload, valid_s=dice.randrange(1, 2000), class_c=number >= 4)
            case 3 | 4:
                f_cnt += dice.randrange(0, 3)
                hand.cast(fragment(BLOCK, dice.randrange(1, 60)), f_cnt=dice.choice([None, f_cnt]), n=1)
            case 5:
                other = {"mc_net_s_key": Secret(bytes(16))} if dice.random() < 0.2 else {}
                one.ensure_group(one.now, group(data_rate=data_rate, **other))
            case 6:
                one.flush(one.now, dice.choice([GROUP, dev_eui]))
            case 7:
                if dice.random() < 0.2:
                    one.release_group(one.now, GROUP)
                dice.choice(one.gateways).down = dice.random() < 0.3
        hand.run(one.now + dice.randrange(60_000))
    hand.run(one.now + 2_000_000)
    outcomes = Count(each.effect_id for each in hand.heard if isinstance(each, (Sent, Failed)))
    assert outcomes == dict.fromkeys(range(1, hand.effects + 1), 1)
    assert not any(each.violated for each in one.airtime())
    assert all(each.received_at <= one.now and each.gateways for each in hand.heard if isinstance(each, Uplink))
