"""Who listens to a group, mirrored in rows: windows, counters, keys and reboots."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from fleetcast.secret import Secret
from fleetcast.simulator.device_keys import GroupKeys
from fleetcast.simulator.listening import Listening
from fleetcast.simulator.packages.multicast_setup import Group
from fleetcast.simulator.traits import Traits
from tests.simulator.devices import MC_ADDR, traits

KEYS = GroupKeys(MC_ADDR, Secret(bytes(16)), Secret(bytes([1] * 16)))
OTHER = GroupKeys(MC_ADDR, Secret(bytes(16)), Secret(bytes([2] * 16)))


@dataclass(frozen=True)
class _Session:
    session_class: str = "C"
    frequency_hz: int = 869_525_000
    data_rate: int = 5
    periodicity: int = 0


@dataclass(frozen=True)
class _Frame:
    f_cnt: int = 0
    frequency_hz: int = 869_525_000
    data_rate: int = 5


def _group(first: int = 0, end: int = 1 << 20, keys: GroupKeys = KEYS) -> Group:
    return Group(0, keys, first, end)


def _listening(*groups: Group, behaviour: Traits | None = None, session: object = _Session()) -> Listening:
    made = Listening(MC_ADDR, 869_525_000)
    for device, one in enumerate(groups):
        made.update(device, one, session, behaviour or traits(), 0, 1)  # type: ignore[arg-type]
    return made


def _takes(listening: Listening, f_cnt: int, rows: tuple[int, ...] = (0,)) -> list[bool]:
    found = listening.accepting(np.array(rows, np.intp), f_cnt, KEYS).tolist()
    assert isinstance(found, list)
    return found


def test_counters_are_taken_from_the_first_on_before_the_end_and_above_the_last() -> None:
    listening = _listening(_group(10, 20))
    assert [f_cnt for f_cnt in range(8, 22) if _takes(listening, f_cnt) == [True]] == list(range(10, 20))
    listening.last_f_cnt[0] = 14
    assert [f_cnt for f_cnt in range(8, 22) if _takes(listening, f_cnt) == [True]] == list(range(15, 20))


def test_stacks_differ_at_the_end_of_the_window() -> None:
    inclusive = replace(traits(), f_cnt_max_inclusive=True)
    unchecked = replace(traits(), f_cnt_range_checked=False)
    assert _takes(_listening(_group(10, 20), behaviour=inclusive), 20) == [True]
    assert _takes(_listening(_group(10, 20), behaviour=unchecked), 25) == [True]
    assert _takes(_listening(_group(10, 20)), 20) == [False]


def test_only_16_bits_travel() -> None:
    listening = _listening(_group())
    assert _takes(listening, 65_535) == [True]
    assert _takes(listening, 65_536) == [False]
    listening.last_f_cnt[0] = 10
    assert _takes(listening, 65_546) == [True]
    assert _takes(listening, 65_547) == [False]


def test_other_keys_take_nothing() -> None:
    assert _takes(_listening(_group(), _group(keys=OTHER)), 5, (0, 1)) == [True, False]


def test_only_those_on_the_same_frequency_and_data_rate_in_an_open_session_are_tuned() -> None:
    listening = _listening(*[_group() for _ in range(100)])
    listening.update(3, _group(), None, traits(), 0, 1)
    listening.update(4, _group(), _Session(data_rate=3), traits(), 0, 1)  # type: ignore[arg-type]
    listening.update(5, _group(), _Session(frequency_hz=868_100_000), traits(), 0, 1)  # type: ignore[arg-type]
    listening.update(6, _group(), _Session("B", 0, 5, 4), traits(), 0, 1)  # type: ignore[arg-type]
    listening.forget(7)
    rows = listening.tuned(_Frame(), None)
    assert listening.device[rows].tolist() == [device for device in range(100) if device not in (3, 4, 5, 6, 7)]
    in_slot = listening.tuned(_Frame(), frozenset({4}))
    assert 6 in listening.device[in_slot].tolist()
    assert 6 not in listening.device[listening.tuned(_Frame(), frozenset({3}))].tolist()


@pytest.mark.parametrize(("kept", "expected"), [(True, [False]), (False, [True])])
def test_a_reboot_forgets_the_counter_where_the_stack_does(kept: bool, expected: list[bool]) -> None:
    behaviour = replace(traits(), persists=replace(traits().persists, mc_fcnt=kept))
    one = _group()
    listening = _listening(one, behaviour=behaviour)
    listening.last_f_cnt[0] = 9
    listening.update(0, one, _Session(), behaviour, 1, 1)  # type: ignore[arg-type]
    assert _takes(listening, 5) == expected


def test_a_group_set_up_again_begins_to_count_anew() -> None:
    listening = _listening(_group())
    listening.last_f_cnt[0] = 9
    listening.update(0, _group(), _Session(), traits(), 0, 1)  # type: ignore[arg-type]
    assert _takes(listening, 5) == [True]
