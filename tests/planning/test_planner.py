"""What a plan holds, and what is refused before anything is sent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleetcast.errors import Conflict, Invalid
from fleetcast.identifiers import DevEui
from fleetcast.planning.facts import (
    FileKind,
    FirmwareCommand,
    Group,
    PackageAbility,
    RunningUplink,
    SetUpGroup,
    VersionFormat,
)
from fleetcast.planning.plan import CampaignType, LeftOut, Plan, SuccessMeans
from fleetcast.planning.planner import make_plan
from fleetcast.planning.policy import Conflicts, DutyCycleUse, Policy, Setup
from fleetcast.planning.refusals import DevicesBusy, GroupsBusy, NobodyTakesPart, PlanRefused
from fleetcast.planning.request import CampaignRequest
from fleetcast.protocol.packages import Package
from tests.planning.requests import (
    ALL_V1,
    ALL_V2,
    DAY_S,
    FIRMWARE,
    NOW,
    binary,
    device,
    eui,
    fleet,
    group,
    group_eui,
    multicast_setup,
    profile,
    request,
)

HOUR_MS = 3_600_000


def planned(wanted: CampaignRequest) -> Plan:
    return make_plan(wanted, NOW)


def refused(wanted: CampaignRequest) -> str:
    with pytest.raises(PlanRefused) as refusal:
        make_plan(wanted, NOW)
    assert refusal.value.reason
    assert refusal.value.remedy
    assert isinstance(refusal.value, Invalid)
    return str(refusal.value)


def warned(wanted: CampaignRequest) -> str:
    return "\n".join(planned(wanted).warnings)


# What a plan holds.


def test_an_ordinary_firmware_campaign() -> None:
    plan = planned(request())
    assert len(plan.devices) == 20
    assert plan.needed == 16
    assert plan.left_out == ()
    assert plan.warnings == ()
    assert plan.success_means is SuccessMeans.RUNNING
    assert plan.stage_names[0] == "McGroupSetup"
    assert len(plan.stage_latest_ends) == len(plan.stage_names) == 6
    assert plan.stage_latest_ends[-1] == plan.end == NOW + 3 * DAY_S * 1000
    (stream,) = plan.groups
    assert stream.fragments * stream.fragment_bytes - stream.padding == 50_000
    assert stream.strategy == "adaptive"
    assert stream.coded_first == -(-stream.fragments // 9), "a tenth is lost of uncoded and coded ones alike"
    assert stream.sub_band == "P"
    assert stream.duty_cycle == 0.1
    assert stream.session_start is None
    assert 2**stream.session_timeout_exp >= stream.transfer_s > 2 ** (stream.session_timeout_exp - 1)


def test_what_is_known_of_packages_need_not_be_asked() -> None:
    asking = profile(packages=ALL_V1 | {Package.FRAGMENTATION: PackageAbility(201, "ask")})
    plan = planned(request(devices=fleet(1), profiles={"sensor": asking}))
    assert dict(plan.devices[0].versions) == {Package.MULTICAST_SETUP: 1, Package.FIRMWARE_MANAGEMENT: 1}


def test_a_device_named_twice_counts_once() -> None:
    assert len(planned(request(devices=[*fleet(3), *fleet(2)])).devices) == 3


def test_devices_left_out_are_listed_with_their_reason() -> None:
    devices = [*fleet(3), device(4, has_key=False), device(5, archived=True), device(6, connection="elsewhere")]
    plan = planned(request(devices=devices))
    assert dict(plan.left_out) == {
        eui(4): LeftOut.NO_KEY,
        eui(5): LeftOut.ARCHIVED,
        eui(6): LeftOut.NO_GROUP,
    }


def test_the_files_times_go_before_the_profiles() -> None:
    file = replace(FIRMWARE, time_tolerance_s=9, uplink_period_s=600)
    plan = planned(request(file=file, devices=[device(1), device(2, uplink_period_s=100)]))
    assert [each.uplink_period_s for each in plan.devices] == [600, 100], "what was learned goes before both"
    assert plan.profiles[0].time_tolerance_s == 9


def test_a_group_set_up_earlier_needs_no_request_while_its_window_does() -> None:
    def plan_with(end: int) -> Plan:
        there = SetUpGroup(0, group_eui(1), group().mc_addr, 0, end)
        devices = [device(1, groups_set_up=(there,)), device(2)]
        return planned(
            request(devices=devices, groups=[group(next_f_cnt=1000)], policy=Policy(frag_redundancy_max=200))
        )

    wide, narrow = plan_with(9000), plan_with(1100)
    assert [each.group_set_up for each in wide.devices] == [True, False]
    assert wide.groups[0].end_f_cnt <= 9000
    assert [each.group_set_up for each in narrow.devices] == [False, False]


def test_a_window_starts_at_the_next_unused_value_and_holds_what_the_plan_may_send() -> None:
    plan = planned(request(groups=[group(next_f_cnt=500)], policy=Policy(frag_redundancy_max=100)))
    stream = plan.groups[0]
    assert stream.first_f_cnt == 500
    assert stream.coded_max == 100
    assert stream.end_f_cnt - stream.first_f_cnt == stream.fragments + 100 + 32 + 16


def test_multicast_setup_keeps_1024_values_for_the_users_own_downlinks() -> None:
    plan = planned(multicast_setup())
    stream = plan.groups[0]
    assert stream.end_f_cnt - stream.first_f_cnt == 1024 + 16
    assert stream.fragments == 0
    assert 2**stream.session_timeout_exp == 32_768
    assert plan.success_means is SuccessMeans.SET_UP
    assert len(plan.stage_latest_ends) == 2


def test_two_groups_of_one_sub_band_share_its_airtime() -> None:
    one = planned(binary())
    two = planned(binary(groups=[group(1), group(2)]))
    assert len(two.groups) == 2
    assert two.groups[0].transfer_s > 1.5 * one.groups[0].transfer_s


def test_a_transfer_too_long_for_one_session_is_spread_over_several_and_says_so() -> None:
    slow = request(devices=fleet(20, data_rate=0), groups=[group(data_rate=0)], max_duration_s=9 * DAY_S)
    plan = planned(slow)
    assert plan.groups[0].sessions > 1
    assert plan.groups[0].session_timeout_exp == 15
    assert "class sessions" in "\n".join(plan.warnings)


def test_a_session_never_reaches_beyond_the_maximum_duration() -> None:
    plan = planned(multicast_setup(max_duration_s=10_000))
    assert 2 ** (plan.groups[0].session_timeout_exp - 1) < 10_000


def test_an_old_group_leaves_its_slot_and_an_old_session_its_index() -> None:
    old = SetUpGroup(0, group_eui(9), group(9).mc_addr, 0, 100)
    plan = planned(request(devices=[device(1, groups_set_up=(old,), frag_indexes_in_use=frozenset({0})), device(2)]))
    assert [each.replaces_group for each in plan.devices] == [group_eui(9), None]
    assert [each.clear_frag_session for each in plan.devices] == [True, False]


def test_a_delta_waits_for_every_devices_version() -> None:
    delta = replace(FIRMWARE, kind=FileKind.DELTA, base_version=0x01010000)
    plan = planned(request(file=delta))
    assert all(each.ask_version and each.must_know_version for each in plan.devices)


def test_the_same_request_gives_the_same_plan() -> None:
    assert planned(request()) == planned(request(devices=fleet(20)[::-1]))


def test_a_block_of_one_fragment_is_sent_again_and_never_coded() -> None:
    tiny = replace(FIRMWARE, size_bytes=40)
    stream = planned(request(file=tiny)).groups[0]
    assert (stream.fragments, stream.strategy, stream.coded_first) == (1, "carousel", 0)


@pytest.mark.parametrize(
    ("share", "asked", "strategy", "coded"),
    [
        (None, None, "adaptive", None),
        (0.3, None, "adaptive", 0.3),
        (0.3, "fixed", "fixed", 0.3),
        (0.0, None, "carousel", 0.0),
    ],
)
def test_strategies_follow_the_groups_redundancy(
    share: float | None, asked: str | None, strategy: str, coded: float | None
) -> None:
    plan = planned(request(groups=[group(coded_per_uncoded=share)], strategy=asked))
    stream = plan.groups[0]
    assert stream.strategy == strategy
    if coded is not None:
        assert stream.coded_first == -(-stream.fragments * round(coded * 10) // 10)
    if strategy == "fixed":
        assert stream.coded_max == stream.coded_first


def test_a_share_for_the_campaign_goes_before_the_groups() -> None:
    stream = planned(request(coded_share=0.5, strategy="fixed")).groups[0]
    assert stream.coded_first == -(-stream.fragments // 2)


# What is refused.


def test_nobody_left_is_refused_with_counts_of_reasons() -> None:
    devices = [device(1, has_key=False), device(2, has_key=False), device(3, archived=True)]
    with pytest.raises(NobodyTakesPart, match=r"2 x no device key; 1 x archived.*GenAppKey") as refusal:
        planned(request(devices=devices))
    assert refusal.value.counts == {LeftOut.NO_KEY: 2, LeftOut.ARCHIVED: 1}


def test_empty_sets_are_refused() -> None:
    with pytest.raises(NobodyTakesPart, match="the sets are empty"):
        planned(request(devices=[]))


@pytest.mark.parametrize("reason", LeftOut)
def test_every_reason_has_a_remedy(reason: LeftOut) -> None:
    from fleetcast.planning.planner import _REMEDIES

    assert _REMEDIES[reason]


def test_a_group_in_a_running_campaign_always_refuses() -> None:
    with pytest.raises(GroupsBusy, match="winter") as conflict:
        planned(request(groups=[group(1), group(2, busy_with="winter")]))
    assert conflict.value.busy == {group_eui(2): "winter"}
    assert isinstance(conflict.value, Conflict)


def test_devices_in_a_running_campaign_are_left_out_or_refuse_as_set() -> None:
    devices = [*fleet(3), device(4, busy_with="winter")]
    assert dict(planned(request(devices=devices)).left_out) == {eui(4): LeftOut.BUSY}
    with pytest.raises(DevicesBusy, match=f"{eui(4)} .campaign winter.") as conflict:
        planned(request(devices=devices, policy=Policy(conflicts=Conflicts.REFUSE)))
    assert conflict.value.busy == {eui(4): "winter"}


def test_a_file_too_large_for_the_fragment_counter_is_refused() -> None:
    text = refused(request(file=replace(FIRMWARE, size_bytes=4_000_000)))
    assert "file beyond its limits" in text
    assert "send a smaller file" in text


def test_a_share_that_leaves_no_fragment_numbers_is_refused() -> None:
    text = refused(request(file=replace(FIRMWARE, size_bytes=3_000_000), coded_share=1.0, strategy="fixed"))
    assert "fragment numbers end at 16383" in text


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (group(data_rate=15), "DR0, DR1, DR2"),
        (group(data_rate=8), "uplinks only"),
        (group(frequency_hz=869_300_000), "devices accept"),
        (group(band="AS923-1", frequency_hz=923_200_000, data_rate=0, dwell_time=True), "DR2"),
    ],
)
def test_air_that_a_group_may_not_use_is_refused(wrong: Group, says: str) -> None:
    assert says in refused(request(groups=[wrong]))


def test_an_unconfirmed_downgrade_is_refused_and_a_confirmed_one_planned() -> None:
    devices = [*fleet(2), device(3, firmware_version=0x01020001)]
    assert "1 devices run" in refused(request(devices=devices))
    assert "confirm" in refused(request(devices=devices))
    assert len(planned(request(devices=devices, confirmed_downgrade=True)).devices) == 3


def test_opaque_versions_know_no_downgrade() -> None:
    opaque = profile(version_format=VersionFormat.OPAQUE)
    plan = planned(request(devices=fleet(2, firmware_version=0xFFFFFFFF), profiles={"sensor": opaque}))
    assert len(plan.devices) == 2


def test_a_duration_too_short_is_refused_with_one_that_is_long_enough() -> None:
    text = refused(request(max_duration_s=3600))
    assert "maximum duration 3600 s is too short" in text
    least = int(text.split("allow ")[1].split(" s")[0])
    assert refused(request(max_duration_s=least - 2))
    assert planned(request(max_duration_s=least + 1))


def test_a_session_start_too_early_is_refused_with_the_earliest() -> None:
    text = refused(request(session_start=NOW + HOUR_MS))
    assert "2026-03-01T11:01:02" in text, "three stages of an hour, 60 s of delay and 2 s of tolerance"
    start = NOW + 4 * HOUR_MS
    plan = planned(request(session_start=start))
    assert plan.groups[0].session_start == start
    assert plan.stage_latest_ends[2] == start


def test_a_session_start_in_class_b_is_moved_to_a_beacon_period() -> None:
    start = NOW + 6 * HOUR_MS
    both = fleet(3, session_classes=frozenset({"B", "C"}))
    plan = planned(request(devices=both, groups=[group(session_class="B", data_rate=3)], session_start=start))
    given = plan.groups[0].session_start
    assert given is not None
    assert start <= given < start + 128_000


@pytest.mark.parametrize("when", [NOW - 1, NOW, NOW + 3 * DAY_S * 1000])
def test_a_session_start_outside_the_campaign_is_refused(when: int) -> None:
    assert "session start" in refused(request(session_start=when))


def test_a_reboot_before_the_planned_end_of_the_transfer_is_refused() -> None:
    text = refused(request(reboot_at=NOW + 2 * HOUR_MS))
    assert "before the planned end of the transfer" in text
    plan = planned(request(reboot_at=NOW + 30 * HOUR_MS))
    assert len(plan.stage_names) == 7
    assert plan.stage_latest_ends[-2] < NOW + 30 * HOUR_MS


def test_a_reboot_must_leave_time_to_be_back() -> None:
    end = NOW + 3 * DAY_S * 1000
    assert "reboot earlier" in refused(request(reboot_at=end - 299_000))
    assert "reboot earlier" in refused(request(reboot_at=end - 400_000, policy=Policy(reboot_spread_s=200)))
    assert "leave the reboot time out" in refused(multicast_setup(reboot_at=NOW + 30 * HOUR_MS))


def test_fixed_with_adaptive_redundancy_is_refused() -> None:
    assert "ADAPTIVE" in refused(request(strategy="fixed"))
    assert planned(request(strategy="fixed", coded_share=0.3)).groups[0].strategy == "fixed"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (request(threshold_percent=0), "1 to 100"),
        (request(threshold_percent=101), "1 to 100"),
        (request(max_duration_s=0), "at least a minute"),
        (request(groups=[]), "no multicast group"),
        (request(file=None), "needs a file"),
        (multicast_setup(devices=fleet(1)), ""),
        (request(type=CampaignType.MULTICAST_SETUP), "sends no file"),
        (request(type=CampaignType.BINARY), "choose a binary"),
        (request(file=replace(FIRMWARE, size_bytes=0)), "holds no bytes"),
        (request(file=replace(FIRMWARE, version=None)), "names no version"),
        (request(file=replace(FIRMWARE, kind=FileKind.DELTA)), "names no base version"),
        (request(file=replace(FIRMWARE, profile="meter")), "meter"),
        (request(update_type="delta"), "make them agree"),
        (request(coded_share=-0.1), "0 to 100"),
        (binary(success_means=SuccessMeans.RUNNING), "transferred"),
        (request(success_means=SuccessMeans.SET_UP), "running, valid, transferred"),
        (request(devices=fleet(1, profile="meter")), "'meter'"),
        (request(policy=Policy(fsize=250)), "fsize 250"),
    ],
)
def test_what_no_device_could_carry_out_is_refused(wrong: CampaignRequest, says: str) -> None:
    if says:
        assert says in refused(wrong)
    else:
        assert planned(wrong)


def test_a_group_without_counter_values_left_below_65536_is_refused() -> None:
    stale = profile(quirks=frozenset({"FCNT16_FIRST"}))
    text = refused(request(profiles={"sensor": stale}, groups=[group(next_f_cnt=65_500)]))
    assert "new key" in text


def test_a_session_counter_at_its_end_is_refused_by_name() -> None:
    spent = device(1, session_cnt=((0, 65_535),))
    text = refused(request(devices=[spent, device(2)], profiles={"sensor": profile(packages=ALL_V2)}))
    assert eui(1) in text
    assert planned(request(devices=[spent, device(2)])), "version 1 has no such counter"


# What is worth a warning.


def test_guesses_are_named() -> None:
    text = warned(
        request(
            devices=[device(1, data_rate=None), device(2, data_rate=2)],
            groups=[group(1, data_rate=5, gateways=frozenset({"g"})), group(2, data_rate=3, gateways=frozenset({"g"}))],
        )
    )
    assert f"2 devices are placed by guess, for nobody knows which gateways hear them ({eui(1)}, {eui(2)})" in text
    assert "1 device is placed in the slowest group" in text
    assert "1 device has a weaker link" in text


def test_devices_that_cannot_prove_success_are_counted() -> None:
    without = profile(packages=ALL_V1 | {Package.FIRMWARE_MANAGEMENT: PackageAbility(203, None)})
    text = warned(request(profiles={"sensor": without}))
    assert "20 devices can't prove that they run the new version" in text
    told = replace(without, running_uplink=RunningUplink(1, b"\x01"))
    assert "can't prove" not in warned(request(profiles={"sensor": told}))
    unchecked = profile(firmware_commands=frozenset(FirmwareCommand) - {FirmwareCommand.UPGRADE_IMAGE})
    checked = warned(request(profiles={"sensor": unchecked}, success_means=SuccessMeans.VALID))
    assert "20 devices can't report a valid image" in checked


def test_devices_that_reboot_only_on_a_command_they_do_not_know_are_counted() -> None:
    stuck = profile(firmware_commands=frozenset({FirmwareCommand.DEV_VERSION}))
    assert "20 devices wait for a command to reboot" in warned(request(profiles={"sensor": stuck}))


def test_devices_that_speak_too_rarely_are_named() -> None:
    devices = [*fleet(19), device(20, uplink_period_s=3 * DAY_S)]
    text = warned(request(devices=devices))
    assert "1 device speaks too rarely to be told before the session starts" in text
    assert eui(20) in text


def test_long_silent_devices_are_named() -> None:
    text = warned(request(devices=[device(1, last_uplink=NOW - 4 * HOUR_MS), device(2, last_uplink=NOW - HOUR_MS)]))
    assert f"1 device has been silent for more than three uplink periods ({eui(1)})" in text


def test_a_carousel_is_useless_for_devices_that_take_only_rising_numbers() -> None:
    text = warned(request(groups=[group(coded_per_uncoded=0.0)]))
    assert "20 devices take only rising fragment numbers" in text
    free = profile(takes_any_order=True)
    assert "rising" not in warned(request(groups=[group(coded_per_uncoded=0.0)], profiles={"sensor": free}))


def test_fixed_redundancy_below_what_the_threshold_needs_is_named_with_what_would_do() -> None:
    text = warned(request(strategy="fixed", coded_share=0.05))
    assert "with 11 coded fragments about 0% of the devices complete" in text
    assert "would do" in text
    assert "would do" not in warned(request(strategy="fixed", coded_share=0.3))


def test_a_decoder_too_small_for_the_expected_losses_is_named() -> None:
    small = profile(max_lost_fragments=5)
    assert "20 devices are expected to lose more than they can repair" in warned(request(profiles={"sensor": small}))


def test_a_weak_fixed_size_a_high_counter_and_bursts_are_named() -> None:
    weak = replace(FIRMWARE, size_bytes=384 * 100)
    assert "suit the parity code badly" in warned(request(file=weak, policy=Policy(fsize=100)))
    assert "beyond 65535" in warned(request(groups=[group(next_f_cnt=65_000)]))
    assert "next to no uplinks" in warned(request(policy=Policy(duty_cycle_use=DutyCycleUse.BURST)))


def test_a_session_that_could_drain_a_battery_is_named() -> None:
    slow = request(devices=fleet(5, data_rate=0), groups=[group(data_rate=0)], max_duration_s=9 * DAY_S)
    assert "of a battery" in warned(slow)
    mains = replace(slow, devices=fleet(5, data_rate=0, own_class="C"))
    assert "of a battery" not in warned(mains)


def test_pipelined_setup_needs_less_time() -> None:
    staged, pipelined = (
        request(max_duration_s=3 * 3600),
        request(max_duration_s=6 * 3600, policy=Policy(setup=Setup.PIPELINED)),
    )
    assert "too short" in refused(staged)
    assert planned(pipelined)


def test_refusals_name_only_the_first_few_of_many() -> None:
    devices = fleet(9, firmware_version=0x02000000)
    text = refused(request(devices=devices))
    assert "and 4 more" in text
    assert str(DevEui(eui(1))) in text
