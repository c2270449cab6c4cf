"""Any bytes, in any order, at any time, on any stack: a device goes on."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleetcast.simulator.device_answers import JoinRequest
from fleetcast.simulator.quirks import NOT_SIMULATED
from fleetcast.simulator.traits import known_stacks, stack
from tests.simulator.devices import NOW, device, model

STACKS = tuple(stack(name, without=NOT_SIMULATED) for name in known_stacks())

CIDS = st.sampled_from([0, 1, 2, 3, 4, 5, 8, 0x80, 0x81, 0x82, 0x83, 0x84])
PAYLOADS = st.one_of(
    st.binary(max_size=60), st.builds(lambda cid, rest: bytes([cid]) + rest, CIDS, st.binary(max_size=40))
)
DOWNLINKS = st.tuples(
    st.sampled_from([2, 200, 201, 202, 203, 225]),
    PAYLOADS,
    st.sampled_from([None, None, 0, 1, 3]),
    st.integers(0, 90_000),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(STACKS), st.lists(DOWNLINKS, max_size=25), st.booleans(), st.integers(1, 242))
def test_no_downlink_breaks_a_device_and_its_frames_fit(
    behaviour: object, downlinks: list[tuple[int, bytes, int | None, int]], knows_time: bool, room: int
) -> None:
    one = device(model(behaviour, uplink_period_s=300.0), clock_offset_s=1.5 if knows_time else None)  # type: ignore[arg-type]
    one.uplink_room_bytes = max(room, 11)
    now = NOW
    for f_port, payload, mc_group_id, wait_ms in downlinks:
        now += wait_ms
        one.receive(now, f_port, payload, mc_group_id)
        for _ in range(50):
            if one.next_wake is None or one.next_wake > now:
                break
            for frame in one.wake(now):
                if isinstance(frame, JoinRequest):
                    one.joined(now)
                else:
                    assert 1 <= len(frame.payload) <= one.uplink_room_bytes
                    assert 1 <= frame.f_port <= 225
        else:
            raise AssertionError("it never comes to rest")
