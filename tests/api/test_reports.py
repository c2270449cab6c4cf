"""Usage reports, monthly and on demand; counters of objects; the workers of the deployment."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, update

from fleetcast.actions.usage_reports import last_month, make_monthly
from fleetcast.campaign.states import Outcome
from fleetcast.instants import InstantMs, from_datetime
from fleetcast.store import tables as t
from fleetcast.store import workers
from tests.api import fleet
from tests.api.conftest import NOON, Api, Server

JANUARY = datetime(2026, 1, 15, tzinfo=UTC)
FEBRUARY = datetime(2026, 2, 15, tzinfo=UTC)


def ended(server: Server, name: str, type_: str, devices: list[int], outcomes: list[Outcome], at: datetime) -> int:
    """A campaign that was played and ended at that instant, as its owner leaves it behind."""
    api = server.api
    sets = api.get("/device-sets?filter=name=all")["items"] or [
        api.post("/device-sets", {"name": "all", "dev_euis": [fleet.eui(number) for number in range(3)]})
    ]
    regions = api.get("/regions")["items"] or [
        api.post("/regions", {"name": "here", "multicast_group_ids": [fleet.group(api, 1)]})
    ]
    said = {
        "name": name, "type": type_, "device_set_ids": [sets[0]["id"]], "region_ids": [regions[0]["id"]],
        "max_duration_minutes": 600,
    }  # fmt: skip
    if type_ != "multicast setup":
        said["file_id"] = api.get("/files")["items"][0]["id"]
    made = int(api.post("/campaigns", said)["id"])
    stamp = from_datetime(at)
    with server.parts.database.write() as connection:
        connection.execute(
            update(t.campaign)
            .where(t.campaign.c.id == made)
            .values(status="SUCCEEDED", started_at=stamp, ended_at=stamp)
        )
        for n, (device, outcome) in enumerate(zip(devices, outcomes, strict=True)):
            values = {
                "campaign_id": made, "n": n, "device_id": device, "subscriber_id": server.subscriber_id,
                "outcome": int(outcome), "changed_at": stamp,
            }  # fmt: skip
            connection.execute(insert(t.campaign_device).values(values | _rest(values)))
    return made


def _rest(values: dict[str, object]) -> dict[str, object]:
    """Whatever else must stand in a row."""
    plain = {"state": "[]"}
    return {
        column.name: plain.get(column.name, 0)
        for column in t.campaign_device.columns
        if not column.nullable and column.name not in values and column.server_default is None
    }


@pytest.fixture
def used(server: Server) -> Server:
    """A subscriber that ran campaigns in January and February."""
    api = server.api
    at = fleet.connection(api)
    make = fleet.profile(api, fuota_library="smart delta")
    devices = [fleet.device(api, number, at, make) for number in range(3)]
    with server.parts.database.write() as connection:
        early = from_datetime(datetime(2025, 12, 1, tzinfo=UTC))
        for table in (t.device, t.device_profile, t.subscriber):
            connection.execute(update(table).values(created_at=early))
    fleet.file(api, make)
    good, bad = Outcome.SUCCEEDED, Outcome.FAILED
    ended(server, "one", "firmware", devices, [good, good, bad], FEBRUARY)
    ended(server, "two", "firmware", devices[:2], [good, bad], FEBRUARY)
    ended(server, "three", "multicast setup", devices, [good, good, good], FEBRUARY)
    ended(server, "four", "binary", devices[:1], [good], JANUARY)
    return server


def csv(api: Api, report_id: int) -> str:
    found: str = api.get(f"/usage-reports/{report_id}/content").text
    return found


def on_demand(api: Api, kind: str, from_at: str, until_at: str) -> str:
    made = api.post("/usage-reports", {"kind": kind, "from_at": from_at, "until_at": until_at})
    return csv(api, made["id"])


def test_a_report_on_demand_counts_what_ended_in_its_time(used: Server) -> None:
    api, own = used.api, used.subscriber_id
    february = ("2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z")
    assert on_demand(api, "usage", *february) == f"{own},3,3,3,0,3\r\n"
    assert on_demand(api, "usage", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z") == f"{own},3,1,0,1,0\r\n"
    assert on_demand(api, "delta", *february) == f"{own},Pump,2,2,0\r\n"
    assert on_demand(api, "usage", "2025-11-01T00:00:00Z", "2025-11-15T00:00:00Z") == f"{own},0,0,0,0,0\r\n"


def test_the_month_before_is_reported_once_however_often_it_is_asked_for(used: Server) -> None:
    now = from_datetime(NOON)
    assert make_monthly(used.parts.database, now) == 2
    assert make_monthly(used.parts.database, now) == 0
    found = used.api.get("/usage-reports")["items"]
    assert [(each["kind"], each["month"]) for each in found] == [("delta", "2026-02"), ("usage", "2026-02")]
    assert csv(used.api, found[1]["id"]) == f"{used.subscriber_id},3,3,3,0,3\r\n"


def test_a_subscriber_that_was_not_there_yet_has_no_report_of_that_month(server: Server) -> None:
    with server.parts.database.write() as connection:
        connection.execute(update(t.subscriber).values(created_at=from_datetime(NOON)))
    assert make_monthly(server.parts.database, from_datetime(NOON)) == 0


@pytest.mark.parametrize(
    ("now", "first"),
    [(datetime(2026, 1, 1, tzinfo=UTC), (2025, 12)), (datetime(2026, 3, 31, 23, tzinfo=UTC), (2026, 2))],
)
def test_the_last_month_is_the_calendars(now: datetime, first: tuple[int, int]) -> None:
    begin, end = last_month(now)
    assert (begin.year, begin.month, begin.day) == (*first, 1)
    assert (end.year, end.month, end.day) == (now.year, now.month, 1)


def test_what_is_not_over_cannot_be_reported(server: Server) -> None:
    body = {"kind": "usage", "from_at": "2026-02-01T00:00:00Z", "until_at": "2027-02-01T00:00:00Z"}
    answer = server.api.post("/usage-reports", body, status=422)
    assert answer["errors"][0]["field"] == "until_at"
    server.api.get("/usage-reports/99/content", status=404)


def test_counters_say_how_many_there_are_in_which_state(used: Server) -> None:
    api = used.api
    api.post("/devices/1/archive", status=200)
    found = api.get("/counters")
    assert found["objects"]["devices"] == {"active": 2, "archived": 1}
    assert found["objects"]["regions"] == {"active": 1, "archived": 0}
    assert found["campaigns"]["SUCCEEDED"] == 4
    assert (found["campaigns"]["RUNNING"], found["max_devices"]) == (0, None)


def test_workers_are_alive_silent_or_stopped(server: Server) -> None:
    with server.parts.database.write() as connection:
        alive, silent, stopped = (workers.begin(connection, "host", 7, "all", "0.1") for _ in range(3))
        workers.beat(connection, alive, 5, 6)
        workers.end(connection, stopped)
        hour_ago: InstantMs = 3_600_000
        connection.execute(
            update(t.worker).where(t.worker.c.id == silent).values(heartbeat_at=t.worker.c.heartbeat_at - hour_ago)
        )
    found = {each["id"]: (each["state"], each["uplinks"], each["downlinks"]) for each in server.api.get("/workers")}
    assert found == {alive: ("alive", 5, 6), silent: ("silent", 0, 0), stopped: ("stopped", 0, 0)}
    assert server.api.get("/counters")["workers"] == {"alive": 1, "silent": 1, "stopped": 1}


def test_only_admins_see_the_workers(server: Server) -> None:
    looks = server.api.post("/tokens", {"name": "looks", "scope": ["look"]})["token"]
    Api(server.api.client, looks).get("/workers", status=403)
