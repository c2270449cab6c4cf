"""What a device's answers mean after the transfer: images, reboots, versions; and answers that come late."""

from __future__ import annotations

import pytest

from fleetcast.campaign import events as ev
from fleetcast.campaign.causes import Cause
from fleetcast.campaign.states import Done, Outcome, Status, Step
from fleetcast.planning.plan import CampaignType
from fleetcast.protocol.ts004_fragmentation import v2 as frag2
from fleetcast.protocol.ts006_firmware import v1 as fw
from tests.campaign.direct import (
    FRAG_OK,
    Hand,
    image,
    runs,
    session_ok,
    status,
    through_setup,
    to_image_check,
    to_status_request,
)
from tests.campaign.toy_fleet import NEW, OLD, START, plan_for, profile

DAY_S = 86_400


def hand(devices: int = 1, **request: object) -> Hand:
    made = Hand(plan_for(devices, threshold=100, **request))  # type: ignore[arg-type]
    made.start()
    return made


def cause(toy: Hand, i: int = 0) -> Cause | None:
    failure = toy.device(i).failure
    return failure.cause if failure is not None else None


def test_the_whole_way_of_one_device_by_the_book() -> None:
    toy = hand()
    to_image_check(toy)
    toy.wait(60)
    assert toy.hear() == ["DevUpgradeImageReq"]
    assert toy.hear(image(3, NEW), port=203) == ["DevRebootCountdownReq"]
    toy.hear(fw.DevRebootCountdownAns(countdown=30).encode(), port=203)
    toy.wait(60)
    assert toy.hear() == [], "it may be flashing still"
    toy.wait(400)
    assert toy.hear() == ["DevVersionReq"]
    toy.hear(runs(NEW), port=203)
    assert toy.device().outcome is Outcome.SUCCEEDED
    assert toy.campaign.status is Status.SUCCEEDED
    assert toy.hear(i=0) == []


def _rebooted(toy: Hand) -> None:
    to_image_check(toy)
    toy.wait(60)
    toy.hear()
    toy.hear(image(3, NEW), port=203)
    toy.hear(fw.DevRebootCountdownAns(countdown=30).encode(), port=203)


def test_an_unasked_right_version_counts_at_once() -> None:
    toy = hand()
    _rebooted(toy)
    toy.wait(60)
    toy.hear(runs(NEW), port=203)
    assert toy.device().outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize(("told", "why"), [(OLD, Cause.DID_NOT_REBOOT), (0x0B0B0B0B, Cause.WRONG_VERSION_RUNNING)])
def test_an_unasked_other_version_is_asked_for_before_it_is_believed(told: int, why: Cause) -> None:
    toy = hand()
    _rebooted(toy)
    toy.wait(60)
    toy.hear(runs(told), port=203)
    assert toy.device().outcome is Outcome.OPEN
    toy.wait(400)
    assert toy.hear() == ["DevVersionReq"]
    toy.hear(runs(told), port=203)
    assert toy.device().failure is not None
    assert cause(toy) is why


def _armed_with_reboot_time(toy: Hand) -> None:
    toy.set_up()
    toy.wait(60)
    assert toy.hear() == ["DevRebootTimeReq"]
    ahead = (START + DAY_S * 1000 - toy.now) // 1000
    toy.hear(fw.DevRebootTimeAns(reboot_time=ahead).encode(), port=203)
    toy.wait(60)
    toy.hear()
    toy.hear(FRAG_OK, port=201)
    toy.wait(60)
    toy.hear()
    toy.hear(session_ok((toy.group().session_start - toy.now) // 1000), port=200)


def test_an_old_version_told_before_the_reboot_is_due_fails_nobody() -> None:
    toy = hand(reboot_at=START + DAY_S * 1000)
    _armed_with_reboot_time(toy)
    toy.wait(7200)
    toy.hear(status(9, 0), port=201)
    toy.wait(60)
    assert toy.hear() == ["DevUpgradeImageReq"]
    toy.hear(image(3, NEW), port=203)
    assert toy.device().step is Step.VERSION_CHECK
    assert toy.hear(runs(OLD), port=203) == []
    toy.wait(600)
    assert toy.hear() == [], "the reboot lies hours ahead"
    assert toy.device().outcome is Outcome.OPEN
    # It restarts before its reboot is due: the order may be lost, and is given again.
    toy.feed(ev.DeviceRejoined(toy.plan.devices[0].dev_eui))
    toy.wait(600)
    assert toy.hear() == ["DevRebootTimeReq"]


def test_a_reboot_time_is_cancelled_at_the_last_opportunity_of_a_device_without_a_valid_image() -> None:
    toy = hand(reboot_at=START + DAY_S * 1000)
    _armed_with_reboot_time(toy)
    toy.now = START + (DAY_S - 500) * 1000
    assert toy.hear() == ["DevRebootTimeReq"]
    assert toy.last().commands == (fw.DevRebootTimeReq(reboot_time=0xFFFFFFFF),)
    toy.hear(fw.DevRebootTimeAns(reboot_time=0xFFFFFFFF).encode(), port=203)
    assert Done.REBOOT_SET not in toy.device().done


def test_a_device_that_failed_has_its_reboot_cancelled_too() -> None:
    for outcome in (Outcome.BEHIND, Outcome.FAILED):
        toy = hand(reboot_at=START + DAY_S * 1000)
        _armed_with_reboot_time(toy)
        toy.state.devices[0].outcome = outcome
        toy.now = START + (DAY_S - 500) * 1000
        assert toy.hear() == ["DevRebootTimeReq"]
        assert toy.last().commands == (fw.DevRebootTimeReq(reboot_time=0xFFFFFFFF),)


def test_a_known_version_that_comes_early_is_judged_all_the_same() -> None:
    toy = hand()
    toy.hear(runs(NEW), port=203)
    assert toy.device().outcome is Outcome.SUCCEEDED
    assert Done.RUNNING in toy.device().done


def test_wrong_image_versions_and_no_image_fail_with_their_cause() -> None:
    for told, why in ((image(0), Cause.NO_VALID_IMAGE), (image(3, 0x77), Cause.WRONG_IMAGE_VERSION)):
        toy = hand()
        to_image_check(toy)
        toy.wait(60)
        toy.hear()
        toy.hear(told, port=203)
        assert cause(toy) is why


def test_without_fec_a_device_without_a_valid_image_stays_for_the_next_round() -> None:
    toy = hand(2, coded=0.0)
    _both_to_the_first_status(toy)
    toy.hear(status(9, 0), i=0, port=201)
    assert toy.device(0).step is Step.IMAGE_CHECK
    # The other one misses some: a second pass follows, and the image is asked for in the last stage.
    toy.hear(status(7, 2), i=1, port=201)
    toy.wait(60)
    assert toy.hear(i=0) == ["DevUpgradeImageReq"]
    toy.hear(image(0), i=0, port=203)
    assert toy.device(0).step is Step.TRANSFER
    assert toy.device(0).outcome is Outcome.OPEN


def _both_to_the_first_status(toy: Hand) -> None:
    for i in (0, 1):
        toy.set_up(i)
    toy.wait(60)
    for i in (0, 1):
        toy.hear(i=i)
        toy.hear(FRAG_OK, i=i, port=201)
    toy.wait(60)
    for i in (0, 1):
        toy.hear(i=i)
        toy.hear(session_ok((toy.group().session_start - toy.now) // 1000), i=i, port=200)
    to_status_request(toy)


def test_a_version_told_after_all_retries_but_within_the_campaign_still_counts() -> None:
    toy = hand(2)
    _both_to_the_first_status(toy)
    for i in (0, 1):
        toy.hear(status(9, 0), i=i, port=201)
    toy.wait(60)
    for i in (0, 1):
        assert toy.hear(i=i) == ["DevUpgradeImageReq"]
        toy.hear(image(3, NEW), i=i, port=203)
        toy.hear(fw.DevRebootCountdownAns(countdown=30).encode(), i=i, port=203)
    toy.wait(600)
    for _ in range(4):
        toy.hear(i=1)
        toy.wait(60)
    assert toy.device(1).outcome is Outcome.BEHIND
    assert cause(toy, 1) is Cause.NO_ANSWER
    toy.hear(runs(NEW), i=1, port=203)
    assert toy.device(1).outcome is Outcome.SUCCEEDED


def test_a_block_received_request_is_answered() -> None:
    toy = Hand(plan_for(1, threshold=100, toy=profile(2), kind=CampaignType.BINARY))
    toy.start()
    toy.set_up()
    toy.wait(60)
    toy.hear()
    toy.hear(FRAG_OK, port=201)
    toy.wait(5)
    assert toy.hear(frag2.FragDataBlockReceivedReq(mic_error=False, frag_index=0).encode(), port=201) == [
        "FragDataBlockReceivedAns"
    ]
    assert toy.hear(frag2.FragDataBlockReceivedReq(mic_error=False, frag_index=2).encode(), port=201) != [
        "FragDataBlockReceivedAns"
    ], "a session of somebody else's"


def test_a_rejoin_before_the_transfer_sets_everything_up_again_and_clears_a_version_1_session_first() -> None:
    toy = hand()
    through_setup(toy)
    toy.feed(ev.DeviceRejoined(toy.plan.devices[0].dev_eui))
    toy.wait(20)
    assert toy.hear() == ["McGroupSetupReq"]
    assert toy.hear(b"\x02\x00", port=200) == ["FragSessionDeleteReq"]
    assert toy.hear(b"\x03\x00", port=201) == ["FragSessionSetupReq"]
    assert toy.device().session_cnt == toy.plan.devices[0].session_cnt + 1
