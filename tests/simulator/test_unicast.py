"""The network server's queue for each device, in a world with one device that speaks every ten minutes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from fleetcast.errors import Invalid
from fleetcast.fec import Encoder
from fleetcast.protocol.package_version import PackageVersionReq
from fleetcast.simulator.device_spec import Defects
from fleetcast.simulator.fleet import Broken, Fixed
from fleetcast.simulator.heard import ConnectionBack, ConnectionLost, Failed, Joined, Queued, Sent, Unknown, Uplink
from fleetcast.simulator.network_settings import NetworkSettings
from fleetcast.simulator.world import World
from tests.simulator.devices import NOW, fragment, fragment_setup, model, traits
from tests.simulator.worlds import Hand, part, setup_commands, world

ASK_VERSION = PackageVersionReq().encode()
VERSION_OF_CLOCK_SYNC = bytes([0, 1, 1])


def _hand(settings: NetworkSettings | None = None, **changes: object) -> Hand:
    return Hand(world(part(1, **changes), settings=settings or NetworkSettings()))


def _heard(hand: Hand, kind: type, seconds: float) -> list:
    return [each for each in hand.run(hand.world.now + round(1000 * seconds)) if isinstance(each, kind)]


def _first_uplink(hand: Hand) -> Uplink:
    found = hand.until(Uplink)
    assert isinstance(found, Uplink)
    return found


def test_a_downlink_ready_in_time_goes_in_the_first_window_after_the_uplink() -> None:
    hand = _hand()
    uplink = _first_uplink(hand)
    effect = hand.say(uplink.dev_eui, 202, ASK_VERSION)
    sent = hand.until(Sent)
    assert sent == Sent(effect, uplink.received_at + 1001, sent_by=("gw-1",))
    answer = _first_uplink(hand)
    assert (answer.f_port, answer.payload) == (202, VERSION_OF_CLOCK_SYNC)
    assert answer.f_cnt == uplink.f_cnt + 1


def test_one_that_misses_the_first_window_takes_the_second_at_its_frequency() -> None:
    hand = _hand()
    uplink = _first_uplink(hand)
    hand.run(uplink.received_at + 900)
    hand.say(uplink.dev_eui, 202, ASK_VERSION)
    sent = hand.until(Sent)
    assert isinstance(sent, Sent)
    assert sent.sent_at == uplink.received_at + 2001
    assert [each.sub_band for each in hand.world.airtime()] == ["P"]


def test_one_that_misses_both_waits_for_the_next_uplink() -> None:
    hand = _hand()
    uplink = _first_uplink(hand)
    hand.run(uplink.received_at + 3000)
    hand.say(uplink.dev_eui, 202, ASK_VERSION)
    following = _first_uplink(hand)
    sent = hand.until(Sent)
    assert isinstance(sent, Sent)
    assert sent.sent_at == following.received_at + 1001


def test_a_slow_application_misses_every_window_and_is_one_uplink_late() -> None:
    hand = _hand(NetworkSettings(downlink_delay_ms=2500))
    uplink = _first_uplink(hand)
    hand.say(uplink.dev_eui, 202, ASK_VERSION)
    following = _first_uplink(hand)
    assert following.f_port == 2
    assert _first_uplink(hand).payload == VERSION_OF_CLOCK_SYNC


def test_one_downlink_goes_after_each_uplink_in_the_order_they_came() -> None:
    hand = _hand()
    uplink = _first_uplink(hand)
    effects = [hand.say(uplink.dev_eui, 99, bytes([number])) for number in range(3)]
    sent = _heard(hand, Sent, 1500)
    assert [each.effect_id for each in sent] == effects
    gaps = [later.sent_at - earlier.sent_at for earlier, later in pairwise(sent)]
    assert all(550_000 < gap < 650_000 for gap in gaps)


def test_a_downlink_that_no_uplink_comes_for_expires() -> None:
    hand = _hand()
    uplink = _first_uplink(hand)
    hand.run(uplink.received_at + 3000)
    effect = hand.say(uplink.dev_eui, 202, ASK_VERSION, valid_s=60)
    assert _heard(hand, Failed, 100) == [Failed(effect, "expired")]
    assert _heard(hand, Sent, 1300) == []


def test_a_full_queue_refuses() -> None:
    hand = _hand(NetworkSettings(queue_length=2))
    uplink = _first_uplink(hand)
    hand.run(uplink.received_at + 3000)
    effects = [hand.say(uplink.dev_eui, 202, ASK_VERSION) for _ in range(3)]
    (refused,) = _heard(hand, Failed, 5)
    assert (refused.effect_id, refused.cause) == (effects[2], "queue full")


def test_a_payload_that_fits_no_window_fails_and_makes_way() -> None:
    hand = _hand()
    uplink = _first_uplink(hand)
    too_long = hand.say(uplink.dev_eui, 202, bytes(243))
    (refused,) = _heard(hand, Failed, 5)
    assert (refused.effect_id, refused.cause) == (too_long, "size refused")


def test_a_payload_too_long_for_the_second_window_still_goes_in_the_first() -> None:
    hand = _hand()
    uplink = _first_uplink(hand)
    hand.run(uplink.received_at + 950)
    late = hand.say(uplink.dev_eui, 99, bytes(200))
    (refused,) = _heard(hand, Failed, 5)
    assert (refused.effect_id, refused.cause) == (late, "size refused")
    uplink = _first_uplink(hand)
    in_time = hand.say(uplink.dev_eui, 99, bytes(200))
    (sent,) = _heard(hand, Sent, 5)
    assert sent.effect_id == in_time


def test_a_flushed_queue_is_empty_and_says_so() -> None:
    hand = _hand()
    uplink = _first_uplink(hand)
    hand.run(uplink.received_at + 3000)
    effect = hand.say(uplink.dev_eui, 202, ASK_VERSION)
    hand.run(hand.world.now + 1000)
    hand.world.flush(hand.world.now, uplink.dev_eui)
    assert _heard(hand, Failed, 5) == [Failed(effect, "flushed")]
    assert _heard(hand, Sent, 1300) == []


def test_what_the_duty_cycle_forbids_in_both_windows_has_failed() -> None:
    hand = _hand(uplink_data_rate=Fixed(0))
    uplink = _first_uplink(hand)
    (gateway,) = hand.world.gateways
    at_us = hand.world.now * 1000
    for _ in range(400):  # spend every sub-band that could serve the device
        for frequency_hz in (869_525_000, 868_100_000, 867_100_000):
            gateway.transmit(at_us, 900_000, frequency_hz, 125_000)
            at_us = gateway.free_from_us(at_us)
    hand.run(at_us // 1000 + 1)
    _first_uplink(hand)
    effect = hand.say(uplink.dev_eui, 202, ASK_VERSION)
    refused = hand.until(Failed, 10)
    assert isinstance(refused, Failed)
    assert (refused.effect_id, refused.cause) == (effect, "duty cycle")


def test_a_lost_downlink_is_reported_as_sent_all_the_same() -> None:
    hand = _hand(down_loss=Fixed(1.0))
    uplink = _first_uplink(hand)
    effect = hand.say(uplink.dev_eui, 202, ASK_VERSION)
    heard = hand.run(hand.world.now + 500_000)
    assert [each.effect_id for each in heard if isinstance(each, Sent)] == [effect]
    assert not [each for each in heard if isinstance(each, Uplink)]


def test_a_device_in_class_c_is_reached_at_once_but_only_if_it_was_ever_heard() -> None:
    always = replace(model(), own_class="C", uplink_period_s=600.0)
    hand = _hand(model=always)
    dev_eui = hand.world.fleet.dev_eui(0)
    unheard = hand.say(dev_eui, 202, ASK_VERSION, class_c=True)
    refused = hand.until(Failed, 10)
    assert isinstance(refused, Failed)
    assert (refused.effect_id, refused.cause) == (unheard, "no gateway")
    _first_uplink(hand)
    hand.run(hand.world.now + 60_000)
    asked_at = hand.world.now
    hand.say(dev_eui, 202, ASK_VERSION, class_c=True)
    sent = hand.until(Sent, 10)
    assert isinstance(sent, Sent)
    assert sent.sent_at == asked_at + 80
    assert _first_uplink(hand).payload == VERSION_OF_CLOCK_SYNC


def test_a_device_of_class_a_does_not_hear_what_is_sent_to_it_as_if_it_were_class_c() -> None:
    hand = _hand()
    uplink = _first_uplink(hand)
    hand.run(uplink.received_at + 60_000)
    hand.say(uplink.dev_eui, 202, ASK_VERSION, class_c=True)
    assert len(_heard(hand, Sent, 5)) == 1
    assert _first_uplink(hand).f_port == 2


def test_two_gateways_one_of_them_out_of_service_serve_by_the_other() -> None:
    hand = Hand(world(part(1, gateways_in_range=2, farther_loss=0.0), gateways=("a", "b")))
    uplink = _first_uplink(hand)
    assert sorted(uplink.gateways) == ["a", "b"]
    down, up = uplink.gateways
    next(each for each in hand.world.gateways if each.name == down).down = True
    hand.say(uplink.dev_eui, 202, ASK_VERSION)
    sent = hand.until(Sent)
    assert isinstance(sent, Sent)
    assert sent.sent_by == (up,)
    assert _first_uplink(hand).gateways == (up,)


def test_an_uplink_that_a_sending_gateway_was_deaf_to_is_lost() -> None:
    hand = _hand()
    (gateway,) = hand.world.gateways
    before = hand.world.stations.devices[0].next_wake
    assert before is not None
    gateway.transmit(before * 1000 - 500_000, 600_000, 869_525_000, 125_000)
    hand.run(before + 5000)
    assert hand.world.traffic.uplinks == 1
    assert hand.world.traffic.uplinks_deafened == 1
    assert hand.world.traffic.uplinks_heard == 0


# The way to the application


def test_lost_reports_become_unknown_and_doubled_ones_come_twice() -> None:
    hand = _hand(NetworkSettings(reports_lost=1.0, report_timeout_s=30))
    uplink = _first_uplink(hand)
    effect = hand.say(uplink.dev_eui, 202, ASK_VERSION)
    heard = hand.run(hand.world.now + 60_000)
    assert [each for each in heard if isinstance(each, (Sent, Unknown))] == [Unknown(effect)]
    hand = _hand(NetworkSettings(reports_doubled=1.0, tells_queued=True))
    uplink = _first_uplink(hand)
    effect = hand.say(uplink.dev_eui, 202, ASK_VERSION)
    heard = hand.run(hand.world.now + 60_000)
    assert [each.effect_id for each in heard if isinstance(each, Sent)] == [effect, effect]
    assert [each for each in heard if isinstance(each, Queued)] == [Queued(effect)]


def test_late_reports_come_after_later_things() -> None:
    hand = _hand(NetworkSettings(reports_late=1.0, late_by_s=200))
    uplink = _first_uplink(hand)
    hand.say(uplink.dev_eui, 202, ASK_VERSION)
    heard = hand.run(hand.world.now + 300_000)
    kinds = [type(each) for each in heard]
    assert kinds.index(Uplink) < kinds.index(Sent)


def test_uplinks_may_be_lost_doubled_and_late_on_their_way() -> None:
    def heard(**shares: float) -> list[int]:
        hand = _hand(NetworkSettings(late_by_s=100, **shares))  # type: ignore[arg-type]
        return [each.f_cnt for each in hand.run(NOW + 6_000_000) if isinstance(each, Uplink)]

    plain = heard()
    assert heard(uplinks_lost=1.0) == []
    assert heard(uplinks_doubled=1.0) == [f_cnt for f_cnt in plain for _ in range(2)]
    assert heard(uplinks_late=1.0) == plain


def test_a_network_that_refuses_says_so() -> None:
    hand = _hand(NetworkSettings(refuses=1.0))
    uplink = _first_uplink(hand)
    effect = hand.say(uplink.dev_eui, 202, ASK_VERSION)
    (refused,) = _heard(hand, Failed, 5)
    assert (refused.effect_id, refused.cause) == (effect, "refused")


def test_during_an_outage_nothing_is_heard_taken_or_sent() -> None:
    hand = _hand(NetworkSettings(outages_s=((1000.0, 4000.0),)))
    uplink = _first_uplink(hand)
    hand.run(NOW + 1_000_000)
    assert hand.heard[-1] == ConnectionLost("simulated")
    effect = hand.say(uplink.dev_eui, 202, ASK_VERSION)
    heard = hand.run(NOW + 4_000_000)
    assert [type(each) for each in heard] == [Failed, ConnectionBack]
    assert heard[0] == Failed(effect, "connection lost")
    assert _first_uplink(hand).f_cnt > uplink.f_cnt + 3


# Joins and acknowledgements


def test_a_device_that_reboots_joins_anew_with_other_keys_and_is_reached_again() -> None:
    hand = _hand()
    uplink = _first_uplink(hand)
    world_ = hand.world
    old = world_.stations.activation(0)
    world_.stations.devices[0].reboot(world_.now)
    world_.stations.after(0)
    joined = hand.until(Joined)
    assert isinstance(joined, Joined)
    assert joined.dev_eui == uplink.dev_eui
    fresh = _first_uplink(hand)
    assert fresh.f_cnt == 0
    assert world_.stations.activation(0).app_s_key != old.app_s_key
    hand.say(uplink.dev_eui, 202, ASK_VERSION)
    assert _first_uplink(hand).payload == VERSION_OF_CLOCK_SYNC


def test_a_join_without_an_answer_is_tried_again() -> None:
    hand = Hand(world(part(20, down_loss=Fixed(0.6))))
    for number, device in enumerate(hand.world.stations.devices):
        device.reboot(hand.world.now)
        hand.world.stations.after(number)
    heard = hand.run(NOW + 3_600_000)
    joined = [each.dev_eui for each in heard if isinstance(each, Joined)]
    assert len(set(joined)) == 20
    assert len(joined) == hand.world.traffic.joins > 30
    assert all(device.reachable for device in hand.world.stations.devices)


def test_confirmed_answers_are_acknowledged_and_repeated_until_they_are() -> None:
    stubborn = replace(model(replace(traits(), answers_confirmed=True)), uplink_period_s=3600.0)
    block = Encoder(bytes(100), 50)

    def after_setup(world_: World) -> tuple[int, list[Uplink]]:
        hand = Hand(world_)
        uplink = _first_uplink(hand)
        hand.say(uplink.dev_eui, 201, fragment_setup(block))
        before = world_.traffic.uplinks
        heard = hand.run(world_.now + 300_000)
        answers = [each for each in heard if isinstance(each, Uplink) and each.f_port == 201]
        return world_.traffic.uplinks - before, answers

    sent, answers = after_setup(world(part(1, model=stubborn)))
    assert (sent, len(answers)) == (1, 1)
    silent = world(part(1, model=stubborn))
    hand_over = silent.stations.take
    count = 0

    def only_the_first(frame: object) -> None:
        nonlocal count
        count += 1
        if count == 1:
            hand_over(frame)  # type: ignore[arg-type]

    silent.stations.take = only_the_first  # type: ignore[method-assign, assignment]
    sent, answers = after_setup(silent)
    assert sent == 8
    assert len(answers) == 1  # the application hears of it once


def test_a_fragment_by_unicast_counts_for_a_device_whose_reception_is_looked_up() -> None:
    data = bytes(range(100))
    block = Encoder(data, 50)
    for sample in (0, 1):  # counted, and in bytes
        hand = Hand(world(part(1), sample=sample))
        uplink = _first_uplink(hand)
        dev_eui = uplink.dev_eui
        assert hand.world.takes_bytes(dev_eui) == bool(sample)
        for f_port, payload in setup_commands(hand.world, dev_eui, block, NOW + 86_400_000, 4)[:2]:
            hand.say(dev_eui, f_port, payload)
            assert _first_uplink(hand).f_port == f_port
        for n in (1, 2):
            hand.say(dev_eui, 201, fragment(block, n))
            hand.until(Sent)
            _first_uplink(hand)
        assert hand.world.rebuilt(dev_eui) == data


def test_a_device_that_never_speaks_is_never_heard() -> None:
    hand = _hand(broken=(Broken(Defects(never_heard=True), count=1),))
    assert hand.run(NOW + 86_400_000) == []


@pytest.mark.parametrize("wrong", [{"refuses": 1.1}, {"queue_length": 0}, {"outages_s": ((5.0, 4.0),)}])
def test_settings_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        NetworkSettings(**wrong)  # type: ignore[arg-type]
