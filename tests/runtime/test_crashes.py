"""The process dies after any commit and begins again: everything ends as if nothing had happened.

FLEETCAST_CRASHES=all dies after every commit of the campaign in turn; by default a few are tried.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from fleetcast.store.database import Database
from tests.conftest import Databases
from tests.runtime.crashing import Journey, multicast_payloads
from tests.runtime.deployment import FILE, START, Networks, outcomes, populate, start_campaign

DATA = FILE[:200]
DEVICES = 3
EVERY = os.environ.get("FLEETCAST_CRASHES") == "all"


def begun(url: str) -> int:
    """A deployment with a small campaign that was started and not yet touched."""
    database = Database.open(url)
    fleet = populate(database, DEVICES, data=DATA, settings={"most_loss": 0.0, "most_uplink_loss": 0.0})
    campaign = start_campaign(database, fleet, START, data=DATA)
    database.close()
    return campaign


def result(url: str, campaign: int) -> list[tuple[object, ...]]:
    database = Database.open(url)
    found = outcomes(database, campaign)
    database.close()
    return found


def played(url: str, directory: Path, campaign: int, *deaths: int) -> Journey:
    """Run to the end, dying after the given numbers of commits, one life after the other."""
    journey = Journey(url, directory, Networks())

    if not any(journey.live(campaign, die_after=death) for death in deaths):
        assert journey.live(campaign, die_after=0)
    assert [None if block is None else block[: len(DATA)] for block in journey.rebuilt] == [DATA] * DEVICES
    return journey


def test_a_campaign_ends_the_same_after_dying_at_any_commit(databases: Databases, tmp_path: Path) -> None:
    url = databases.new()
    campaign = begun(url)
    played(url, tmp_path / "whole", campaign)
    expected = result(url, campaign)
    assert [row[2] for row in expected] == [1] * DEVICES
    points = range(1, 400) if EVERY else (2, 6, 12, 25, 50, 90)
    for point in points:
        url, directory = databases.new(), tmp_path / f"died-{point}"
        campaign = begun(url)
        journey = played(url, directory, campaign, point)
        assert result(url, campaign) == expected, f"another outcome after dying at commit {point}"
        assert all(len(payloads) == 1 for payloads in multicast_payloads(directory).values())
        if not journey.crashes:
            break  # the campaign was over before
        databases.drop(url)
        shutil.rmtree(directory)


@pytest.mark.parametrize("life", [14, 25])
def test_a_process_that_dies_again_and_again_gets_there_in_the_end(
    databases: Databases, tmp_path: Path, life: int
) -> None:
    url = databases.new()
    campaign = begun(url)
    journey = played(url, tmp_path, campaign, *([life] * 60))
    assert journey.crashes >= 3
    assert [row[2] for row in result(url, campaign)] == [1] * DEVICES
    assert all(len(payloads) == 1 for payloads in multicast_payloads(tmp_path).values())
