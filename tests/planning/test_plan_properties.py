"""What holds for every plan, whatever the fleet."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fleetcast.fec import MAX_FRAGMENT_NUMBER, weak
from fleetcast.planning.facts import Device, Group, SetUpGroup
from fleetcast.planning.plan import CampaignType, Plan
from fleetcast.planning.planner import make_plan
from fleetcast.planning.policy import Policy, Setup
from fleetcast.planning.refusals import PlanRefused
from fleetcast.planning.request import CampaignRequest
from tests.planning.requests import ALL_V2, BINARY, DAY_S, FIRMWARE, NOW, device, group, group_eui, profile, request

GATEWAYS = st.frozensets(st.sampled_from(["north", "south"]))
PROFILES = {
    "sensor": profile(),
    "meter": profile("meter", packages=ALL_V2, mc_groups=2, frag_sessions=2, max_fragment_bytes=112),
    "lamp": profile("lamp", max_image_bytes=20_000, max_fragments=500),
}


@st.composite
def devices(draw: st.DrawFn) -> Device:
    name = draw(st.sampled_from(sorted(PROFILES)))
    record = st.tuples(st.integers(1, 3), st.integers(0, 3000), st.booleans())
    records = draw(st.dictionaries(st.integers(0, PROFILES[name].mc_groups - 1), record))
    return device(
        draw(st.integers(1, 60)),
        profile=name,
        archived=draw(st.sampled_from([False] * 9 + [True])),
        has_key=draw(st.sampled_from([True] * 9 + [False])),
        session_classes=draw(st.sampled_from([frozenset("C"), frozenset("B"), frozenset("BC")])),
        own_class=draw(st.sampled_from(["A", "C"])),
        connection=draw(st.sampled_from(["simulated"] * 5 + ["other"])),
        gateways=draw(GATEWAYS),
        data_rate=draw(st.none() | st.integers(0, 5)),
        expected_loss=draw(st.none() | st.floats(0, 0.9)),
        uplink_period_s=draw(st.none() | st.integers(60, 20_000)),
        groups_set_up=tuple(
            SetUpGroup(slot, group_eui(number), group(number).mc_addr, 0, end, in_use)
            for slot, (number, end, in_use) in records.items()
        ),
        session_cnt=((0, draw(st.integers(0, 65_534))),),
    )


def group_changes() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "data_rate": st.integers(0, 5),
            "session_class": st.sampled_from(["B", "C"]),
            "coded_per_uncoded": st.sampled_from([None, 0.0, 0.2, 1.0]),
            "next_f_cnt": st.integers(0, 70_000),
            "network_counts": st.booleans(),
            "gateways": GATEWAYS,
            "periodicity": st.integers(0, 5),
        }
    )


@st.composite
def requests(draw: st.DrawFn) -> CampaignRequest:
    of = draw(st.sampled_from(CampaignType))
    file = {CampaignType.FIRMWARE: FIRMWARE, CampaignType.BINARY: BINARY}.get(of)
    return request(
        type=of,
        file=file,
        devices=draw(st.lists(devices(), min_size=6, max_size=30)),
        profiles=PROFILES,
        groups=[group(number, **draw(group_changes())) for number in range(1, draw(st.integers(1, 3)) + 1)],
        policy=Policy(
            setup=draw(st.sampled_from(Setup)),
            frag_redundancy_max=draw(st.none() | st.integers(0, 2000)),
            mcgroup_validity_coeff=draw(st.sampled_from([1.0, 10.0])),
        ),
        threshold_percent=draw(st.integers(1, 100)),
        max_duration_s=draw(st.sampled_from([DAY_S, 9 * DAY_S])),
        reboot_at=draw(st.none() | st.just(NOW + 20 * 3_600_000)) if file else None,
    )


@settings(max_examples=100, deadline=None)
@given(requests())
def test_a_plan_is_sound_or_refused_with_what_to_change(wanted: CampaignRequest) -> None:
    try:
        plan = make_plan(wanted, NOW)
    except PlanRefused:
        return  # it can't be made without reason and remedy; any other error is a failure
    _everyone_is_in_once(wanted, plan)
    groups = {each.dev_eui: each for each in wanted.groups}
    facts = {each.dev_eui: each for each in wanted.devices}
    for planned in plan.devices:
        served_by = groups[plan.groups[planned.group].dev_eui]
        _can_use(facts[planned.dev_eui], served_by)
        assert 0 <= planned.mc_group_id < plan.profiles[planned.profile].mc_groups
        assert planned.session_cnt <= 65_535
    for number, stream in enumerate(plan.groups):
        assert any(planned.group == number for planned in plan.devices)
        assert 0 <= stream.end_f_cnt - stream.first_f_cnt <= 32_768
        assert stream.first_f_cnt == groups[stream.dev_eui].next_f_cnt
        assert 0 <= stream.session_timeout_exp <= 15
        if wanted.file is not None:
            _stream_is_sound(plan, number, wanted.file.size_bytes)
    ends = plan.stage_latest_ends
    assert list(ends) == sorted(ends)
    assert ends[0] >= NOW
    assert ends[-1] == plan.end
    assert len(ends) == len(plan.stage_names)
    assert plan.estimate is not None


def _everyone_is_in_once(wanted: CampaignRequest, plan: Plan) -> None:
    taking_part = [planned.dev_eui for planned in plan.devices]
    left_out = [dev_eui for dev_eui, _ in plan.left_out]
    assert sorted(taking_part + left_out) == sorted({each.dev_eui for each in wanted.devices})


def _can_use(device_: Device, group_: Group) -> None:
    assert (device_.connection, device_.band) == (group_.connection, group_.band)
    assert group_.session_class in device_.session_classes
    assert not (group_.session_class == "B" and device_.own_class == "C")
    set_up = any(record.group == group_.dev_eui for record in device_.groups_set_up)
    assert set_up or not group_.gateways or not device_.gateways or group_.gateways & device_.gateways


def _stream_is_sound(plan: Plan, number: int, size_bytes: int) -> None:
    stream = plan.groups[number]
    assert stream.fragments * stream.fragment_bytes - stream.padding == size_bytes
    assert 0 <= stream.padding < stream.fragment_bytes
    assert stream.fragments + stream.coded_max <= MAX_FRAGMENT_NUMBER
    assert stream.coded_first <= stream.coded_max or stream.coded_max == 0
    if stream.strategy != "carousel":
        assert not weak(stream.fragments)
    sent = (
        stream.fragments * stream.passes_max if stream.strategy == "carousel" else stream.fragments + stream.coded_max
    )
    assert sent <= stream.end_f_cnt - stream.first_f_cnt
    profiles = {plan.profiles[each.profile].name for each in plan.devices if each.group == number}
    assert len({PROFILES[name].packages == ALL_V2 for name in profiles}) == 1, "one parity scheme"
    assert all(stream.fragment_bytes <= PROFILES[name].max_fragment_bytes for name in profiles)
    assert all(stream.fragments <= PROFILES[name].max_fragments for name in profiles)
