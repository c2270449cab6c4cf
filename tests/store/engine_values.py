"""Hypothesis strategies for everything the engine knows, made from its own types."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from fleetcast.campaign.effects import Effect
from fleetcast.campaign.events import Event
from fleetcast.campaign.states import CampaignState, DeviceState, Done, GroupState, Undo
from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.planning.plan import Plan
from fleetcast.planning.policy import Policy
from fleetcast.protocol.packages import COMMANDS, Direction
from fleetcast.protocol.ts004_fragmentation.v1 import DataFragment, FragSessionSetupReq
from fleetcast.protocol.ts004_fragmentation.v2 import FragSessionSetupReq as FragSessionSetupReqV2
from fleetcast.protocol.ts005_multicast.v1 import McClassBSessionReq, McClassCSessionReq, McGroupSetupReq
from fleetcast.protocol.ts006_firmware.v1 import DevDeleteImageReq, DevRebootTimeReq, DevVersionReq
from fleetcast.protocol.wire import Command

_octet = st.integers(0, 255)


def _command(cls: type[Command]) -> st.SearchStrategy[Command]:
    """A command of a class, read from random bytes: whatever can be on the air."""
    size = cls.fixed_size

    def read(tail: bytes) -> Command | None:
        found = cls.read(bytes([cls.cid]) + tail, 0, 1 + len(tail), frozenset())
        return None if found is None else found[0]

    least, most = (size - 1, size - 1) if size is not None else (0, 60)
    return st.binary(min_size=least, max_size=most).map(read).filter(lambda each: each is not None)  # type: ignore[return-value]


def _said() -> list[type[Command]]:
    found = {
        each: None
        for (_, _, direction), table in COMMANDS.items()
        if direction is Direction.DOWN
        for each in table.values()
    }
    assert {
        DataFragment, FragSessionSetupReq, FragSessionSetupReqV2, McGroupSetupReq, McClassBSessionReq,
        McClassCSessionReq, DevVersionReq, DevRebootTimeReq, DevDeleteImageReq,
    } <= set(found)  # fmt: skip
    return list(found)


COMMANDS_SAID = _said()
commands = st.one_of([_command(each) for each in COMMANDS_SAID])

st.register_type_strategy(DevEui, st.integers(0, 2**64 - 1).map(DevEui.from_int))
st.register_type_strategy(DevAddr, st.integers(0, 2**32 - 1).map(DevAddr.from_int))
st.register_type_strategy(Command, commands)
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
st.register_type_strategy(int, st.one_of(st.integers(0, 300), st.integers(-(2**63), 2**63 - 1)))
st.register_type_strategy(Done, st.integers(0, 65535).map(Done))
st.register_type_strategy(Undo, st.integers(0, 15).map(Undo))
st.register_type_strategy(
    Policy,
    st.builds(
        Policy,
        **{name: st.integers(1, 100) for name in Policy.__dataclass_fields__ if Policy.__annotations__[name] == "int"},
        frag_redundancy_max=st.none() | st.integers(0, 16383),
        fsession_status_spread_s=st.none() | st.integers(0, 2048),
        mcgroup_validity_coeff=st.floats(1, 10),
        fsize=st.none() | st.integers(1, 255),
    ),
)


def of(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a type, every field of it at random."""
    return st.from_type(hint)


devices: st.SearchStrategy[DeviceState] = of(DeviceState)
groups: st.SearchStrategy[GroupState] = of(GroupState)
campaigns: st.SearchStrategy[CampaignState] = of(CampaignState)
plans: st.SearchStrategy[Plan] = of(Plan)
events: st.SearchStrategy[Event] = of(Event)
effects: st.SearchStrategy[Effect] = of(Effect)
