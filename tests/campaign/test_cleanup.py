"""What a stop undoes, in which order, and when it is over."""

from __future__ import annotations

from fleetcast.campaign import effects as fx
from fleetcast.campaign import events as ev
from fleetcast.campaign.states import Status, Undo
from fleetcast.protocol.ts005_multicast import v1 as mc
from fleetcast.protocol.ts006_firmware import v1 as fw
from tests.campaign.direct import FRAG_OK, Hand, session_ok, through_setup, to_image_check, to_status_request
from tests.campaign.toy_fleet import START, plan_for

GROUP_GONE = mc.McGroupDeleteAns(mc_group_undefined=False, mc_group_id=0).encode()


def hand(**request: object) -> Hand:
    made = Hand(plan_for(1, threshold=100, **request))  # type: ignore[arg-type]
    made.start()
    return made


def stop(toy: Hand) -> None:
    toy.feed(ev.Stopped("somebody"))
    toy.wait(60)


def test_a_stop_before_anything_was_said_ends_at_once() -> None:
    toy = hand()
    stop(toy)
    assert toy.campaign.status is Status.STOPPED


def test_a_stop_in_the_first_stage_deletes_the_group() -> None:
    toy = hand()
    toy.hear()
    stop(toy)
    assert toy.hear() == ["McGroupDeleteReq"]
    toy.hear(GROUP_GONE, port=200)
    assert toy.campaign.status is Status.STOPPED
    assert toy.device().undone is Undo.GROUP
    texts = [effect.text for effect in toy.asked if isinstance(effect, fx.Record)]
    assert "clean-up confirmed" in texts


def test_a_stop_after_the_transfer_undoes_reboot_image_session_and_group_in_this_order() -> None:
    reboot_at = START + 86_400_000
    toy = hand(reboot_at=reboot_at)
    toy.set_up()
    toy.wait(60)
    toy.hear()
    toy.hear(fw.DevRebootTimeAns(reboot_time=(reboot_at - toy.now) // 1000).encode(), port=203)
    toy.wait(60)
    toy.hear()
    toy.hear(FRAG_OK, port=201)
    toy.wait(60)
    toy.hear()
    toy.hear(session_ok((toy.group().session_start - toy.now) // 1000), port=200)
    to_status_request(toy)
    stop(toy)
    assert toy.hear() == ["DevRebootTimeReq"]
    # A late answer to the order itself confirms nothing.
    toy.hear(fw.DevRebootTimeAns(reboot_time=60_000).encode(), port=203)
    assert toy.device().undone is Undo.NOTHING
    assert toy.hear(fw.DevRebootTimeAns(reboot_time=0xFFFFFFFF).encode(), port=203) == ["DevDeleteImageReq"]
    gone = fw.DevDeleteImageAns(error_invalid_version=False, error_no_valid_image=True).encode()
    assert toy.hear(gone, port=203) == ["FragSessionDeleteReq"]
    assert toy.hear(b"\x03\x00", port=201) == ["McGroupDeleteReq"]
    toy.hear(GROUP_GONE, port=200)
    assert toy.campaign.status is Status.STOPPED
    assert [effect.group for effect in toy.asked if isinstance(effect, fx.ReleaseGroup)] == [toy.plan.groups[0].dev_eui]


def test_a_stop_in_the_setup_stages_deletes_no_image() -> None:
    toy = hand()
    through_setup(toy)
    stop(toy)
    assert toy.hear() == ["FragSessionDeleteReq"]
    assert toy.hear(b"\x03\x00", port=201) == ["McGroupDeleteReq"]


def test_a_device_that_confirms_nothing_is_named_and_the_clean_up_ends_all_the_same() -> None:
    toy = hand()
    to_image_check(toy)
    stop(toy)
    toy.wait(8 * 86_400)
    assert toy.campaign.status is Status.STOPPED
    texts = [effect.text for effect in toy.asked if isinstance(effect, fx.Record)]
    assert "clean-up: 0 devices confirmed, 1 did not" in texts


def test_what_was_set_up_before_a_rejoin_is_deleted_too() -> None:
    toy = hand()
    through_setup(toy)
    toy.feed(ev.DeviceRejoined(toy.plan.devices[0].dev_eui))
    stop(toy)
    assert toy.hear() == ["FragSessionDeleteReq"]


def test_a_group_that_was_set_up_before_the_campaign_stays() -> None:
    from dataclasses import replace

    plan = plan_for(1, threshold=100)
    toy = Hand(replace(plan, devices=(replace(plan.devices[0], group_set_up=True),)))
    toy.start()
    toy.hear()
    toy.wait(60)
    toy.hear(FRAG_OK, port=201)
    stop(toy)
    assert toy.hear() == ["FragSessionDeleteReq"]
    assert toy.hear(b"\x03\x00", port=201) == []
    assert toy.campaign.status is Status.STOPPED
