"""Whole campaigns, of every kind, in virtual time."""

import pytest

from fleetcast.campaign.events import Paused, Resumed, Stopped
from fleetcast.planning.plan import LeftOut
from fleetcast.planning.refusals import NobodyTakesPart, PlanRefused
from fleetcast.rehearsal.measure import measure
from fleetcast.rehearsal.rehearse import Rehearsal, prepare
from fleetcast.rehearsal.report import Report
from tests.journeys.playing import play, scenario

KINDS: dict[str, dict[str, str]] = {
    "version 1": {},
    "version 2": {"profile": "packages = 2"},
    "version 2 on LoRaWAN 1.1": {"profile": 'packages = 2\nlorawan = "1.1"'},
    "package versions asked": {"profile": "versions_known = false"},
    "devices never seen before": {"fleet": "known = false"},
    "class B": {"campaign": 'class = "B"'},
    "the network counts": {"network": "network_counts = true\nmax_under_way = 3"},
    "the network encrypts": {"settings": "encrypt_disabled = true"},
    "carousel": {"campaign": 'redundancy = "none"'},
    "fixed": {"campaign": 'strategy = "fixed"\nredundancy = 0.8'},
    "reboot time": {"campaign": "reboot_after_s = 43200"},
    "another band": {"network": 'band = "US915"', "fleet": "data_rate = 3", "campaign": "data_rate = 11"},
    "nothing is lost": {"loss": "0.0"},
    "loss in bursts": {"network": "[network.bursts]\nbad_share = 0.2\nmean_bad_s = 20"},
    "clocks unknown": {"fleet": 'clock_unknown = "50 %"'},
    "clocks far off": {"fleet": "clock_offset_s = { uniform = [-500, 500] }"},
    "delta": {"file": 'size_bytes = 2000\nversion = "2.0.0.0"\nbase_version = "1.0.0.0"'},
    "two gateways": {"network": "gateways = 2", "fleet": "gateways_in_range = 2"},
    "a real stack, version 1": {"profile": 'stack = "lora-basics-modem-4.8.0-v1"'},
    "a real stack, version 2": {"profile": 'stack = "lora-basics-modem-4.8.0-v2"'},
}


def honest(report: Report) -> None:
    """What holds whatever happened."""
    assert report.violations == 0
    assert report.fragments_sent >= report.fragments_minimum
    assert report.airtime_s >= report.airtime_limit_s
    assert all(digest == report.file_sha256 for digest, _ in report.rebuilt_sha256)
    assert report.succeeded + sum(count for _, count, _ in report.failed) == report.total
    assert report.running <= report.transferred
    started = [stage.started for stage in report.stages if stage.started is not None]
    assert started == sorted(started)


def test_of_class_b_every_frame_is_on_the_air_before_the_next_is_handed_over_however_many_gateways_take_turns() -> None:
    wide = scenario(network="gateways = 4", campaign='class = "B"', loss="0.05")
    report, rehearsal = play(wide)
    honest(report)
    assert report.status == "SUCCEEDED"
    # Without its report a frame would be of unknown fate, the next would wait in the network behind it, and what waits
    # there beyond the class session is heard by nobody.
    assert all(group.ledger.unknown == 0 for group in rehearsal.state.groups)
    (planned,), (group,) = rehearsal.plan.groups, rehearsal.state.groups
    assert group.session == 1, "the session is long enough for four gateways, one slot each"
    assert planned.transfer_s >= 4 * 16 * 0.9 * planned.fragments


@pytest.mark.parametrize("kind", KINDS)
def test_every_device_runs_the_new_version_in_the_end(kind: str) -> None:
    report, _ = play(scenario(**KINDS[kind]))  # type: ignore[arg-type]
    honest(report)
    assert report.status == "SUCCEEDED", (report.why, report.failed, report.examples)
    assert report.running == report.succeeded == report.total == 12
    assert report.rebuilt_sha256 == ((report.file_sha256, 12),)


def test_a_binary_ends_with_the_transfer() -> None:
    report, _ = play(scenario(campaign='type = "binary"', file="size_bytes = 3000"))
    honest(report)
    assert (report.status, report.transferred, report.running) == ("SUCCEEDED", 12, 0)


def test_multicast_setup_has_two_stages_and_no_file() -> None:
    report, _ = play(scenario(campaign='type = "multicast setup"', file=""))
    assert report.status == "SUCCEEDED"
    assert [stage.name for stage in report.stages] == ["McGroupSetup", "McClassCSessionSetup"]
    assert report.fragments_sent == 0


def test_two_versions_are_served_side_by_side() -> None:
    text = '[[profile]]\nname = "q"\npackages = 2\nuplink_period_s = 600'
    fleet = '[[fleet]]\nprofile = "q"\ncount = 8\nloss = 0.1\nuplink_loss = 0.03'
    report, _ = play(scenario(profile=text, fleet=fleet, campaign='type = "binary"', file="size_bytes = 3000"))
    honest(report)
    assert report.status == "SUCCEEDED"
    assert {(group.scheme, group.devices) for group in report.groups} == {("v1", 12), ("v2-relative", 8)}
    assert all(group.sent for group in report.groups)


def test_broken_devices_fail_with_their_own_causes_and_the_others_succeed() -> None:
    defects = """known = false
[fleet.defects]
never_heard = 1
refuses_group = 1
refuses_fragmentation = 1
wrong_root_key = 1
corrupt_image = 1
does_not_reboot = 1
wrong_version = 1
answers_twice = 4
"""
    report, _ = play(scenario(count=40, threshold=70, fleet=defects))
    honest(report)
    assert report.status == "SUCCEEDED"
    failed = {cause: count for cause, count, _ in report.failed}
    assert failed["never heard"] == 1
    assert failed["refused"] == 2
    assert failed["wrong root key"] == 1
    assert failed["did not reboot"] == 1
    assert failed["wrong version running"] == 1
    assert all(advice for _, _, advice in report.failed)
    assert report.succeeded >= 32


def test_a_hostile_network_makes_it_longer_but_not_wrong() -> None:
    server = (
        "[network.server]\nreports_lost = 0.1\nreports_doubled = 0.1\nreports_late = 0.1\nuplinks_doubled = 0.1\n"
        "uplinks_late = 0.1\nrefuses = 0.1\nuplinks_lost = 0.1"
    )
    report, _ = play(scenario(network=server))
    honest(report)
    assert report.status == "SUCCEEDED"


def test_an_outage_in_the_middle_is_overcome() -> None:
    report, _ = play(scenario(network="[[network.outage]]\nafter_s = 600\nlasts_s = 900"))
    honest(report)
    assert report.status == "SUCCEEDED"


@pytest.mark.parametrize("every", [1, 7])
def test_a_state_that_is_lost_and_rebuilt_after_commits_leads_to_the_same_end(every: int) -> None:
    one = scenario(count=15, loss="{ uniform = [0.05, 0.3] }")
    whole, rehearsed = play(one, seed=3)
    interrupted, again = play(one, seed=3, crash_every=every)
    assert interrupted == whole
    assert again.state.devices == rehearsed.state.devices


def test_the_same_seed_plays_the_same_campaign_and_another_one_another() -> None:
    one = scenario(count=15)
    assert play(one, seed=5)[0] == play(one, seed=5)[0]
    assert play(one, seed=5)[0].end != play(one, seed=6)[0].end


def test_a_stopped_campaign_cleans_up_and_is_stopped() -> None:
    rehearsal = Rehearsal(prepare(scenario(), 1))
    ordered: list[int] = []

    def stop_in_transfer(watched: Rehearsal) -> None:
        if not ordered and any(group.ledger.handed_over > 3 for group in watched.state.groups):
            ordered.append(sum(group.ledger.handed_over for group in watched.state.groups))
            watched.feed(Stopped("operator", "changed my mind"))

    rehearsal.run(stop_in_transfer, every=1)
    report = measure(rehearsal, 0.0)
    assert report.status == "STOPPED"
    assert report.running == 0
    assert dict(report.requests)["McGroupDeleteReq"] >= 12
    assert report.fragments_sent <= ordered[0] + 1


def test_a_paused_campaign_sends_nothing_and_goes_on_after() -> None:
    rehearsal = Rehearsal(prepare(scenario(), 1))
    held: list[tuple[int, int]] = []

    def pause_a_while(watched: Rehearsal) -> None:
        if not held and watched.now > watched.plan.start + 600_000:
            watched.feed(Paused("operator"))
            held.append((watched.now, sum(watched.observation.sent.values())))
        elif len(held) == 1 and watched.now > held[0][0] + 900_000:
            assert sum(watched.observation.sent.values()) == held[0][1]
            watched.feed(Resumed("operator"))
            held.append((watched.now, 0))

    rehearsal.run(pause_a_while, every=1)
    assert len(held) == 2
    assert measure(rehearsal, 0.0).status == "SUCCEEDED"


def test_a_file_that_needs_too_many_fragments_is_refused_before_anything_is_sent() -> None:
    big = scenario(campaign='type = "binary"\ndata_rate = 0', file="size_bytes = 2000000")
    with pytest.raises(NobodyTakesPart, match="file beyond its limits"):
        prepare(big)


def test_times_that_do_not_fit_are_refused() -> None:
    with pytest.raises(PlanRefused, match=r"reboot|maximum duration"):
        prepare(scenario(campaign="reboot_after_s = 200000"))
    with pytest.raises(PlanRefused, match=r"session start"):
        prepare(scenario(campaign="session_start_after_s = 60"))


def test_a_fleet_without_the_packages_takes_no_part() -> None:
    with pytest.raises(NobodyTakesPart) as refused:
        prepare(scenario(profile='stack = "radiolib-8"'))
    assert refused.value.counts == {LeftOut.PACKAGE_ABSENT: 12}


def test_complete_devices_of_a_failed_campaign_are_not_said_to_have_run_out_of_time() -> None:
    # Too little redundancy for the threshold: the first status decides, long before the maximum duration.
    report, _ = play(
        scenario(
            count=20, loss="{ uniform = [0.02, 0.3] }", campaign='strategy = "fixed"\nredundancy = 0.1',
        )
    )  # fmt: skip
    assert report.status == "FAILED"
    causes = {cause: count for cause, count, _ in report.failed}
    assert causes.get("campaign failed", 0) > 0
    assert "time over" not in causes
