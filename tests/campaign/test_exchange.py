"""One request to one device: when it is said, said again, or given up."""

from __future__ import annotations

from fleetcast.campaign import effects as fx
from fleetcast.campaign import events as ev
from fleetcast.campaign.causes import Cause
from fleetcast.campaign.states import Outcome, Step
from fleetcast.planning.facts import PackageAbility
from fleetcast.planning.policy import Policy, Setup
from fleetcast.protocol.packages import Package
from fleetcast.protocol.ts003_clock_sync import v1 as clock
from fleetcast.protocol.ts005_multicast import v1 as mc
from tests.campaign.direct import FRAG_OK, GROUP_OK, Hand, session_ok
from tests.campaign.toy_fleet import START, plan_for, profile


def hand(**request: object) -> Hand:
    made = Hand(plan_for(1, threshold=100, **request))  # type: ignore[arg-type]
    made.start()
    return made


def test_nothing_is_said_before_the_device_was_heard_after_the_start() -> None:
    toy = hand()
    toy.wait(3600)
    assert not [effect for effect in toy.asked if isinstance(effect, fx.SendUnicast)]
    # Received before the start, delivered after it: no contact of this campaign's.
    assert toy.hear(age_s=7200) == []
    assert not toy.device().heard
    assert toy.hear() == ["McGroupSetupReq"]


def test_a_request_goes_again_at_an_uplink_without_the_answer_and_after_two_more_the_device_is_silent() -> None:
    toy = hand()
    said: list[str] = []
    for _ in range(4):
        said += toy.hear()
        toy.wait(600)
    assert said == ["McGroupSetupReq"] * 3
    assert toy.device().failure is not None
    assert toy.device().failure.cause is Cause.NO_ANSWER  # type: ignore[union-attr]


def test_the_next_sending_goes_at_least_ten_seconds_after_the_last() -> None:
    toy = hand()
    assert toy.hear() == ["McGroupSetupReq"]
    toy.wait(5)
    assert toy.hear() == []
    toy.wait(5)
    assert toy.hear() == ["McGroupSetupReq"]


def test_a_network_failure_is_no_lost_try() -> None:
    toy = hand()
    eui = toy.plan.devices[0].dev_eui
    for n in range(9):
        asked = toy.feed(ev.UplinkHeard(eui, 2, b"\x01", toy.now, n))
        effect = next(effect for effect in asked if isinstance(effect, fx.SendUnicast))
        toy.feed(ev.DownlinkFailed(effect.effect_id, "queue full"))
        assert toy.device().tries == 0
        toy.wait(120)
    assert toy.device().outcome is Outcome.OPEN


def test_a_device_that_speaks_more_often_than_reports_time_out_does_not_wait_for_a_lost_report_for_ever() -> None:
    toy = hand()
    eui = toy.plan.devices[0].dev_eui
    asked: list[fx.Effect] = []
    for n in range(8):
        asked += toy.feed(ev.UplinkHeard(eui, 2, b"\x01", toy.now, n))
        asked += toy.wait(20)
    assert len([effect for effect in asked if isinstance(effect, fx.SendUnicast)]) == 2


def test_an_uplink_that_comes_hours_late_is_no_opportunity_without_an_answer() -> None:
    toy = hand()
    toy.hear()
    toy.wait(1800)
    assert toy.hear(age_s=1700) == []
    assert toy.device().tries == 1


def test_several_answers_in_one_uplink_are_all_taken() -> None:
    toy = hand(policy=Policy(setup=Setup.PIPELINED), toy=profile(commands_per_downlink=2))
    toy.wait(1)
    assert toy.hear() == ["McGroupSetupReq", "McClassCSessionReq"]
    ahead = (toy.group().session_start - toy.now) // 1000
    assert toy.hear(GROUP_OK, session_ok(ahead), port=200) == ["FragSessionSetupReq"]
    toy.hear(FRAG_OK, port=201)
    assert toy.device().step is Step.TRANSFER


def test_commands_share_a_downlink_only_where_the_setup_is_pipelined() -> None:
    toy = hand(toy=profile(commands_per_downlink=2))
    assert toy.hear() == ["McGroupSetupReq"]


def test_a_version_1_fragment_session_setup_is_repeated_as_delete_then_setup() -> None:
    toy = hand()
    toy.set_up()
    toy.wait(60)
    assert toy.hear() == ["FragSessionSetupReq"]
    toy.wait(60)
    assert toy.hear() == ["FragSessionDeleteReq"]
    assert toy.hear(b"\x03\x00", port=201) == ["FragSessionSetupReq"]


def test_a_clock_that_is_off_is_put_right_before_the_request_goes_again() -> None:
    toy = hand()
    toy.set_up()
    toy.wait(60)
    toy.hear()
    toy.hear(FRAG_OK, port=201)
    toy.wait(60)
    assert toy.hear() == ["McClassCSessionReq"]
    ahead = (toy.group().session_start - toy.now) // 1000
    assert toy.hear(session_ok(ahead + 100), port=200) == ["ForceDeviceResyncReq"]
    time_asked = clock.AppTimeReq(device_time=0, ans_required=True, token_req=0).encode()
    assert toy.hear(time_asked, port=202) == [], "the time goes first"
    toy.wait(60)
    assert toy.hear() == ["McClassCSessionReq"]
    toy.hear(session_ok((toy.group().session_start - toy.now) // 1000), port=200)
    assert toy.device().step is Step.TRANSFER


def test_a_device_that_does_not_know_the_time_is_resynchronised() -> None:
    toy = hand()
    toy.set_up()
    toy.wait(60)
    toy.hear()
    toy.hear(FRAG_OK, port=201)
    toy.wait(60)
    toy.hear()
    assert toy.hear(session_ok(0xFFFFFF), port=200) == ["ForceDeviceResyncReq"]


def test_package_versions_that_nobody_knows_are_asked_first() -> None:
    packages = {**profile().packages, Package.MULTICAST_SETUP: PackageAbility(200)}
    toy = hand(toy=profile().__class__(name="toy", packages=packages))
    assert toy.hear() == ["PackageVersionReq"]
    assert toy.hear(b"\x00\x02\x01", port=200) == ["McGroupSetupReq"]


def test_malformed_and_unexpected_uplinks_are_counted_and_told_once() -> None:
    toy = hand()
    toy.hear(b"\xff\xff", port=200)
    toy.hear(mc.McGroupSetupAns(id_error=False, mc_group_id=3).encode(), port=200)
    toy.hear(FRAG_OK, port=201)
    assert toy.device().ignored == 3
    notes = [e for e in toy.asked if isinstance(e, fx.Record) and e.kind is fx.RecordKind.IGNORED]
    assert len(notes) == 1
    assert toy.device().step is Step.MC_GROUP_SETUP


def test_a_late_answer_lets_a_device_catch_up() -> None:
    toy = Hand(plan_for(2, threshold=50))
    toy.start()
    toy.set_up(0)
    for _ in range(4):
        toy.wait(600)
        toy.hear(i=1)
    assert toy.device(1).outcome is Outcome.BEHIND
    assert toy.hear(GROUP_OK, i=1, port=200) == ["FragSessionSetupReq"]
    assert toy.device(1).outcome is Outcome.OPEN


def test_the_period_is_learned_from_five_uplinks_on() -> None:
    toy = hand()
    for n in range(5):
        assert toy.device().period_s == 600, n
        toy.hear()
        toy.wait(98)
    assert toy.device().period_s == 100
    assert toy.now > START
