"""The process is killed after any commit, or at any instant, and begins again: all ends as if nothing had happened.

FLEETCAST_CRASHES=all dies after every commit of the small campaign in turn, and stops it after every third; by default
a few are tried. FLEETCAST_KILLS=n kills n times, at instants drawn by chance, while the larger campaign runs, and n
times while it is stopped; by default twice.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from pathlib import Path

import pytest

from fleetcast.protocol.packages import Direction, Package
from fleetcast.protocol.payload import decode
from fleetcast.protocol.ts004_fragmentation.v1 import FragSessionDeleteReq
from fleetcast.protocol.ts005_multicast.v1 import McGroupDeleteReq
from fleetcast.protocol.ts006_firmware.v1 import DevDeleteImageReq, DevRebootCountdownReq, DevRebootTimeReq
from fleetcast.store.database import Database
from tests.conftest import Databases
from tests.runtime.deployment import FILE, START, outcomes, populate, start_campaign, status
from tests.runtime.lives import Journey

EVERY = os.environ.get("FLEETCAST_CRASHES") == "all"
KILLS = int(os.environ.get("FLEETCAST_KILLS", "2"))
SMALL, LARGE = 3, 40 if KILLS > 2 else 12
SMALL_FILE, LARGE_FILE = FILE[:200], FILE * 4
_PORTS = {
    200: Package.MULTICAST_SETUP, 201: Package.FRAGMENTATION, 202: Package.CLOCK_SYNC,
    203: Package.FIRMWARE_MANAGEMENT,
}  # fmt: skip


def small(url: str) -> int:
    """A deployment with a small campaign that was started and not yet touched; nothing is lost on the air."""
    database = Database.open(url)
    fleet = populate(database, SMALL, data=SMALL_FILE, settings={"most_loss": 0.0, "most_uplink_loss": 0.0})
    campaign = start_campaign(database, fleet, START, data=SMALL_FILE)
    database.close()
    return campaign


def large(url: str) -> int:
    """The same with more devices, a larger file, and losses."""
    database = Database.open(url)
    fleet = populate(database, LARGE, data=LARGE_FILE, settings={"most_loss": 0.15, "most_uplink_loss": 0.05})
    # So patient that chance fails no device: then any other outcome comes of the kills.
    campaign = start_campaign(database, fleet, START, data=LARGE_FILE, msg_retries=12, stage_complete_delay=20)
    database.close()
    return campaign


def result(journey: Journey) -> list[tuple[object, ...]]:
    """Outcome of every device."""
    database = Database.open(journey.url)
    found = outcomes(database, journey.campaign)
    database.close()
    return found


def ended(journey: Journey) -> str:
    """The campaign's status."""
    database = Database.open(journey.url)
    found = status(database, journey.campaign)
    database.close()
    return found


def ends_well(journey: Journey, data: bytes, devices: int) -> None:
    """Every device has the file, byte for byte; nothing was sent twice under one counter."""
    assert journey.ending is not None
    blocks = [None if block is None else block[: len(data)] for block in journey.ending.rebuilt]
    assert blocks == [data] * devices
    journey.check_air()


def is_clean_up(f_port: int, payload: bytes) -> bool:
    """Whether a downlink only undoes something, or answers with the time."""
    commands = decode(payload, _PORTS[f_port], 1, Direction.DOWN).commands
    return f_port == 202 or all(
        isinstance(each, FragSessionDeleteReq | McGroupDeleteReq | DevDeleteImageReq)
        or (isinstance(each, DevRebootTimeReq) and each.reboot_time == 0xFFFFFFFF)
        or (isinstance(each, DevRebootCountdownReq) and each.countdown == 0xFFFFFF)
        for each in commands
    )


def nothing_but_clean_up(journey: Journey) -> int:
    """After the stop only clean-up and the time were sent; how many such calls there were."""
    after = [call for call in journey.calls() if call["status"] != "RUNNING"]
    for call in after:
        assert is_clean_up(call["f_port"], bytes.fromhex(call["payload"])), f"sent after the stop: {call}"
    return len(after)


def test_a_campaign_ends_the_same_after_a_kill_at_any_commit(databases: Databases, tmp_path: Path) -> None:
    whole = Journey(databases.new(), tmp_path / "whole", 1)
    whole.campaign = small(whole.url)
    assert whole.live()
    ends_well(whole, SMALL_FILE, SMALL)
    expected = result(whole)
    assert [row[2] for row in expected] == [1] * SMALL
    for point in range(1, 1000) if EVERY else (2, 6, 12, 25, 50, 90):
        url = databases.new()
        journey = Journey(url, tmp_path / f"died-{point}", small(url))
        over = journey.live(die_after=point) or journey.live()
        assert over, f"killed at commit {point}"
        assert result(journey) == expected, f"another outcome after a kill at commit {point}"
        ends_well(journey, SMALL_FILE, SMALL)
        databases.drop(url)
        shutil.rmtree(journey.directory)
        if not journey.kills:
            print(f"{databases.kind}: the same outcome after a kill at each of {point - 1} commits")  # noqa: T201
            break  # the campaign was over before


@pytest.mark.parametrize("life", [30, 50])
def test_a_process_that_is_killed_again_and_again_gets_there_in_the_end(
    databases: Databases, tmp_path: Path, life: int
) -> None:
    url = databases.new()
    journey = Journey(url, tmp_path, small(url))
    assert any(journey.live(die_after=life) for _ in range(60))
    assert journey.kills >= 3
    assert [row[2] for row in result(journey)] == [1] * SMALL
    ends_well(journey, SMALL_FILE, SMALL)


def test_a_larger_campaign_ends_the_same_after_kills_at_any_instant(databases: Databases, tmp_path: Path) -> None:
    url = databases.new()
    whole = Journey(url, tmp_path / "whole", large(url))
    began = time.monotonic()  # noqa: TID251 - processes run in real time
    assert whole.live()
    took_s = time.monotonic() - began  # noqa: TID251
    ends_well(whole, LARGE_FILE, LARGE)
    expected = result(whole)
    assert [row[2] for row in expected] == [1] * LARGE
    chance, kills, journeys = random.Random(f"{databases.kind} {KILLS}"), 0, 0
    while kills < KILLS:
        journeys += 1
        url = databases.new()
        journey = Journey(url, tmp_path / f"journey-{journeys}", large(url))
        while kills + journey.kills < KILLS:
            if journey.live(kill_after_s=chance.uniform(0.2, took_s)):
                break
        else:
            assert journey.live()
        kills += journey.kills
        assert result(journey) == expected, f"another outcome after {journey.kills} kills, journey {journeys}"
        ends_well(journey, LARGE_FILE, LARGE)
        databases.drop(url)
        shutil.rmtree(journey.directory)
    print(f"{databases.kind}: the same outcome in {journeys} journeys with {kills} kills")  # noqa: T201


def test_nothing_but_clean_up_is_sent_after_a_stop_whenever_it_comes_and_whatever_is_killed(
    databases: Databases, tmp_path: Path
) -> None:
    chance = random.Random(f"stop {databases.kind} {KILLS}")
    kills = after = journeys = 0
    while kills < KILLS:
        journeys += 1
        url = databases.new()
        journey = Journey(url, tmp_path / f"journey-{journeys}", large(url))
        stop_after = chance.randint(5, 40 * LARGE)
        # The first kill comes shortly after the stop was ordered: before it is thought about, or just behind.
        if not journey.live(stop_after=stop_after, die_after=stop_after + chance.randint(1, 12)):
            while kills + journey.kills < KILLS and not journey.live(die_after=chance.randint(5, 60)):
                continue
            assert journey.ending is not None or journey.live()
        kills += journey.kills
        assert ended(journey) in ("STOPPED", "SUCCEEDED")
        after += nothing_but_clean_up(journey)
        if any(call["f_cnt"] is not None for call in journey.calls()):
            journey.check_air()
        databases.drop(url)
        shutil.rmtree(journey.directory)
    print(f"{databases.kind}: {journeys} stops with {kills} kills, {after} calls after them")  # noqa: T201
    assert after


@pytest.mark.skipif(not EVERY, reason="every third commit: FLEETCAST_CRASHES=all")
def test_a_small_campaign_is_stopped_after_any_commit(databases: Databases, tmp_path: Path) -> None:
    for point in range(1, 1000, 3):
        url = databases.new()
        journey = Journey(url, tmp_path / f"stopped-{point}", small(url))
        assert journey.live(stop_after=point, die_after=point + 1) or journey.live()
        nothing_but_clean_up(journey)
        databases.drop(url)
        shutil.rmtree(journey.directory)
        if not journey.kills:
            break
