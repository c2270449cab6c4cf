"""Multicast groups at the network server: what it takes, how it counts, and when it sends."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from fleetcast.fec import Encoder
from fleetcast.identifiers import DevEui
from fleetcast.protocol.data_frames import PayloadCipher, parse
from fleetcast.protocol.packages import Direction
from fleetcast.radio.class_b import BEACON_RESERVED_US, SLOT_US, beacon_time_s, ping_slots
from fleetcast.secret import Secret
from fleetcast.simulator.gateways import Gateway
from fleetcast.simulator.gps import gps_ahead_of_unix_us
from fleetcast.simulator.heard import ConnectionLost, Failed, GroupReady, GroupRefused, Heard, Sent
from fleetcast.simulator.lorawan import unseal
from fleetcast.simulator.multicast_reception import Received
from fleetcast.simulator.network_settings import Counter, NetworkSettings
from tests.simulator.devices import NOW, fragment
from tests.simulator.worlds import GROUP, MC_ADDR, Hand, group, part, world


def _hand(settings: NetworkSettings | None = None, **wanted: object) -> Hand:
    hand = Hand(world(part(1), settings=settings or NetworkSettings()))
    hand.world.ensure_group(NOW, group(**wanted))
    hand.until(GroupReady, 5)
    return hand


def _outcomes(hand: Hand, seconds: float = 30) -> list[Heard]:
    return [each for each in hand.run(hand.world.now + round(1000 * seconds)) if isinstance(each, (Sent, Failed))]


def _spied(hand: Hand) -> list[Received]:
    """Every frame that goes out, as its listeners get it."""
    seen: list[Received] = []
    hear = hand.world.reception.hear

    def spy(received: Received) -> None:
        seen.append(received)
        hear(received)

    hand.world.reception.hear = spy  # type: ignore[method-assign]
    return seen


def _refusal(settings: NetworkSettings, **wanted: object) -> Heard:
    hand = Hand(world(part(1), settings=settings))
    hand.world.ensure_group(NOW, group(**wanted))
    return next(each for each in hand.run(NOW + 5000) if isinstance(each, (GroupReady, GroupRefused)))


# Groups


def test_a_group_stands_with_what_it_was_asked_for_and_once_more_it_is_the_same() -> None:
    hand = Hand(world(part(1)))
    hand.world.ensure_group(NOW, group(next_f_cnt=7))
    assert hand.until(GroupReady) == GroupReady(GROUP, 7, 869_525_000, 5, created_by_us=True)
    hand.cast(b"x", f_cnt=9)
    hand.run(NOW + 60_000)
    hand.world.ensure_group(hand.world.now, group(next_f_cnt=7))
    assert hand.until(GroupReady) == GroupReady(GROUP, 10, 869_525_000, 5, created_by_us=False)


def test_other_keys_begin_a_new_count_but_not_while_frames_wait() -> None:
    hand = _hand()
    hand.cast(b"x", f_cnt=3, not_before=NOW + 60_000)
    hand.run(hand.world.now + 5000)
    other = group(mc_net_s_key=Secret(bytes(16)))
    hand.world.ensure_group(hand.world.now, other)
    refused = hand.until(GroupRefused, 10)
    assert isinstance(refused, GroupRefused)
    assert not refused.final
    hand.run(NOW + 120_000)
    hand.world.ensure_group(hand.world.now, other)
    ready = hand.until(GroupReady, 10)
    assert isinstance(ready, GroupReady)
    assert ready.next_f_cnt == 0
    assert [each.frames for each in hand.world.group_airtime()] == [1]


def test_a_network_may_refuse_or_dictate() -> None:
    refused = _refusal(NetworkSettings(refuses_groups=frozenset({GROUP})))
    assert isinstance(refused, GroupRefused)
    assert refused.final
    by_hand = _refusal(NetworkSettings(group_needs_person=frozenset({GROUP})))
    assert isinstance(by_hand, GroupRefused)
    assert not by_hand.final
    dictated = _refusal(NetworkSettings(dictated_frequency_hz=868_100_000, dictated_data_rate=3, first_f_cnt=1))
    assert dictated == GroupReady(GROUP, 1, 868_100_000, 3, created_by_us=True)


@pytest.mark.parametrize(
    "wrong", [{"frequency_hz": 870_500_000}, {"data_rate": 11}, {"gateways": frozenset({"no such gateway"})}]
)
def test_a_group_that_cannot_be_sent_for_is_refused(wrong: dict[str, object]) -> None:
    assert isinstance(_refusal(NetworkSettings(), **wrong), GroupRefused)


def test_a_released_group_takes_no_more_but_sends_what_waits() -> None:
    hand = _hand()
    waiting = hand.cast(b"x", f_cnt=0, not_before=NOW + 20_000)
    hand.run(hand.world.now + 1000)
    hand.world.release_group(hand.world.now, GROUP)
    hand.run(hand.world.now + 1000)
    refused = hand.cast(b"y", f_cnt=1)
    outcomes = _outcomes(hand, 60)
    assert [type(each) for each in outcomes] == [Failed, Sent]
    assert [each.effect_id for each in outcomes if isinstance(each, (Sent, Failed))] == [refused, waiting]
    assert hand.world.group_airtime()[0].frames == 1


def test_a_frame_on_the_air_is_heard_though_its_group_is_gone_before_it_ends() -> None:
    hand = Hand(world(part(1)))
    block = Encoder(bytes(2000), 50)
    hand.set_up(block, NOW + 7_200_000)
    hand.run(NOW + 7_203_000)
    hand.cast(fragment(block, 1), n=1)
    hand.run(hand.world.now + 90)
    hand.world.release_group(hand.world.now - 80, GROUP)
    hand.run(hand.world.now + 5000)
    assert hand.world.stations.devices[0].fragment_sessions[0].reception().received == 1


# Counters


def test_a_counter_that_does_not_rise_is_refused_with_the_one_that_would_do() -> None:
    hand = _hand()
    for f_cnt in (5, 5, 4, 6):
        hand.cast(b"x", f_cnt=f_cnt)
    by_id = {each.effect_id: each for each in _outcomes(hand) if isinstance(each, (Sent, Failed))}
    assert isinstance(by_id[1], Sent)
    assert by_id[2] == Failed(2, "counter refused", "counter 5 is used up", 6)
    assert by_id[3] == Failed(3, "counter refused", "counter 4 is used up", 6)
    assert isinstance(by_id[4], Sent)
    assert by_id[4].f_cnt == 6


def test_a_network_that_counts_tells_its_counters_and_takes_none() -> None:
    hand = _hand(NetworkSettings(counter=Counter.NETWORK))
    for f_cnt in (None, None, 9):
        hand.cast(b"x", f_cnt=f_cnt)
    by_id = {each.effect_id: each for each in _outcomes(hand) if isinstance(each, (Sent, Failed))}
    assert [each.f_cnt for each in by_id.values() if isinstance(each, Sent)] == [0, 1]
    refused = by_id[3]
    assert isinstance(refused, Failed)
    assert refused.cause == "counter refused"


def test_a_network_may_count_for_one_group_alone() -> None:
    hand = _hand(network_counts=True)
    hand.cast(b"x", f_cnt=0)
    hand.cast(b"x")
    refused, sent = _outcomes(hand)
    assert isinstance(refused, Failed)
    assert refused.cause == "counter refused"
    assert isinstance(sent, Sent)
    assert sent.f_cnt == 0


def test_where_the_caller_counts_it_must() -> None:
    hand = _hand(NetworkSettings(counter=Counter.CALLER))
    hand.cast(b"x")
    (refused,) = _outcomes(hand)
    assert isinstance(refused, Failed)
    assert (refused.cause, refused.next_f_cnt) == ("counter refused", 0)


# Frames


def test_what_goes_out_is_the_payload_under_the_groups_keys_whoever_encrypted_it() -> None:
    hand = _hand()
    seen = _spied(hand)
    wanted = group()
    encrypted = PayloadCipher(wanted.mc_app_s_key).crypt(b"from the caller", Direction.DOWN, MC_ADDR, 1)
    hand.cast(b"in clear", f_cnt=0, f_port=201)
    hand.world.send_multicast(hand.world.now, 99, GROUP, 201, encrypted, 1, 0, encrypted=True)
    hand.run(hand.world.now + 30_000)
    ciphers = hand.world.stations.ciphers.of_group(wanted.mc_app_s_key, wanted.mc_net_s_key)
    opened = [unseal(ciphers, MC_ADDR, each.frame.f_cnt - 1, each.frame.phy_payload) for each in seen]
    assert [payload for _, _, payload in opened] == [b"in clear", b"from the caller"]
    assert parse(seen[1].frame.phy_payload).frm_payload == encrypted
    assert parse(seen[0].frame.phy_payload).frm_payload != b"in clear"


def test_an_encrypted_payload_without_a_counter_is_refused() -> None:
    hand = _hand()
    hand.world.send_multicast(hand.world.now, 1, GROUP, 201, b"secret", None, 0, encrypted=True)
    (refused,) = _outcomes(hand)
    assert isinstance(refused, Failed)
    assert refused.cause == "refused"


def test_frames_go_in_order_not_before_their_time_and_so_far_apart() -> None:
    hand = _hand(NetworkSettings(multicast_spacing_ms=1500))
    seen = _spied(hand)
    for f_cnt in range(3):
        hand.cast(bytes(200), f_cnt=f_cnt, not_before=NOW + 10_000)
    hand.run(NOW + 60_000)
    assert [each.frame.f_cnt for each in seen] == [0, 1, 2]
    assert seen[0].start_us == (NOW + 10_000) * 1000
    assert all(later.start_us - earlier.end_us == 1_500_000 for earlier, later in pairwise(seen))


def test_a_full_queue_and_too_long_a_payload_are_refused_and_a_flush_empties_the_queue() -> None:
    hand = _hand(NetworkSettings(multicast_queue_length=1))
    effects = [hand.cast(b"x", f_cnt=f_cnt, not_before=NOW + 20_000) for f_cnt in range(3)]
    effects.append(hand.cast(bytes(243), f_cnt=9))
    hand.run(hand.world.now + 1000)
    hand.world.flush(hand.world.now, GROUP)
    by_id = {each.effect_id: each for each in _outcomes(hand) + hand.heard if isinstance(each, (Sent, Failed))}
    causes = [each.cause if isinstance(each, Failed) else "sent" for each in map(by_id.__getitem__, effects)]
    assert causes == ["sent", "flushed", "queue full", "size refused"]


def test_an_unknown_group_is_refused() -> None:
    hand = Hand(world(part(1)))
    hand.world.send_multicast(NOW, 1, DevEui("0000000000000009"), 201, b"x", 0, 0)
    (refused,) = _outcomes(hand)
    assert isinstance(refused, Failed)
    assert refused.cause == "refused"


def test_every_gateway_of_the_group_sends_in_turn() -> None:
    hand = _with_gateways(frozenset({"a", "c"}))
    seen = _spied(hand)
    hand.cast(b"x", f_cnt=0, n=1)
    (sent,) = _outcomes(hand)
    assert isinstance(sent, Sent)
    assert sent.sent_by == ("a", "c")
    assert [each.gateways for each in seen] == [(0,), (2,)]
    assert [each.first for each in seen] == [True, False]
    assert seen[1].start_us - seen[0].end_us == 100_000
    (books,) = hand.world.group_airtime()
    assert (books.frames, books.fragments) == (1, 1)
    assert books.fragment_airtime_us == seen[0].frame.airtime_us


def test_gateways_with_one_clock_send_at_the_same_instant_and_who_is_busy_follows() -> None:
    hand = _with_gateways(frozenset(), NetworkSettings(gateways_at_once=True))
    seen = _spied(hand)
    until_us = hand.world.now * 1000 + 1_000_000
    assert hand.world.gateways[1].transmit(until_us - 1_000_000, 1_000_000, 868_100_000, 125_000) is None
    hand.cast(b"x", f_cnt=0, n=1)
    (sent,) = _outcomes(hand)
    assert isinstance(sent, Sent)
    assert sent.sent_by == ("a", "c", "b")
    assert [each.gateways for each in seen] == [(0, 2), (1,)]
    assert [each.first for each in seen] == [True, False]
    assert seen[1].start_us == until_us
    (books,) = hand.world.group_airtime()
    assert (books.frames, books.fragments) == (1, 1)


def _with_gateways(names: frozenset[str], settings: NetworkSettings | None = None) -> Hand:
    hand = Hand(world(part(1), gateways=("a", "b", "c"), settings=settings or NetworkSettings()))
    hand.world.ensure_group(NOW, replace(group(), gateways=names))
    hand.until(GroupReady, 5)
    return hand


def test_gateways_that_may_not_send_are_named_and_when_none_may_the_frame_has_failed() -> None:
    hand = _with_gateways(frozenset({"a", "b"}))
    first, second, _ = hand.world.gateways
    _spend(first, hand)
    hand.cast(b"x", f_cnt=0)
    (sent,) = _outcomes(hand)
    assert isinstance(sent, Sent)
    assert (sent.sent_by, sent.refused_by) == (("b",), ("a",))
    _spend(second, hand)
    hand.cast(b"x", f_cnt=1)
    (failed,) = _outcomes(hand)
    assert isinstance(failed, Failed)
    assert failed.cause == "duty cycle"
    first.down = second.down = True
    hand.cast(b"x", f_cnt=2)
    (failed,) = _outcomes(hand)
    assert isinstance(failed, Failed)
    assert failed.cause == "no gateway"


def _spend(gateway: Gateway, hand: Hand) -> None:
    """Use up the hour of the gateway's 10 % sub-band."""
    at_us = hand.world.now * 1000
    for length_us in (36_000_000, 1_000_000, 20_000):
        while gateway.transmit(at_us, length_us, 869_525_000, 125_000) is None:
            at_us += length_us
    hand.run(at_us // 1000 + 1)


def test_a_network_that_waits_for_air_sends_as_soon_as_the_hour_allows() -> None:
    hand = _with_gateways(frozenset({"a"}), NetworkSettings(waits_for_air=True))
    _spend(hand.world.gateways[0], hand)
    hand.cast(b"x", f_cnt=0)
    sent = hand.until(Sent, 3700)
    assert isinstance(sent, Sent)
    assert sent.sent_at > NOW + 3_600_000
    assert not any(each.violated for each in hand.world.airtime())


def test_during_an_outage_frames_fail() -> None:
    hand = _hand(NetworkSettings(outages_s=((5.0, 100.0),)))
    waiting = hand.cast(b"x", f_cnt=0, not_before=NOW + 10_000)
    hand.until(ConnectionLost)
    refused = hand.cast(b"x", f_cnt=1)
    causes = {each.effect_id: each.cause for each in _outcomes(hand, 60) if isinstance(each, Failed)}
    assert causes == {waiting: "connection lost", refused: "connection lost"}


def test_class_b_frames_begin_in_ping_slots_of_the_group() -> None:
    hand = _hand(session_class="B", periodicity=3)
    seen = _spied(hand)
    for f_cnt in range(8):
        hand.cast(bytes(100), f_cnt=f_cnt)
    hand.run(NOW + 400_000)
    assert len(seen) == 8
    for each in seen:
        gps_us = each.start_us + gps_ahead_of_unix_us(each.start_us)
        period_s = beacon_time_s(gps_us)
        slot = (gps_us - period_s * 1_000_000 - BEACON_RESERVED_US) // SLOT_US
        assert slot in {one.slot for one in ping_slots(MC_ADDR, 3, period_s)}
        assert (gps_us - period_s * 1_000_000 - BEACON_RESERVED_US) % SLOT_US == 0


def test_gateways_of_a_class_b_group_send_beacons_and_those_of_class_c_do_not() -> None:
    hand = _hand(session_class="B", periodicity=3)
    hand.run(NOW + 1_280_000)
    (sub_band,) = hand.world.airtime()
    assert (sub_band.sub_band, sub_band.frames, sub_band.airtime_us) == ("P", 10, 10 * 152_576)
    frames = hand.world.gateways[0].frames("P")
    assert all((start + gps_ahead_of_unix_us(start)) % 128_000_000 == 0 for start, _ in frames)
    assert not _with_gateways(frozenset({"a"})).world.airtime()
