"""The airtime of a sub-band is divided among the groups that use it."""

from __future__ import annotations

from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.runtime.airtime_shares import shares
from fleetcast.store.open_connections import GroupInUse


def group(number: int, frequency_hz: int = 869_525_000, connection_id: int = 1) -> GroupInUse:
    return GroupInUse(
        campaign_id=number, dev_eui=DevEui.from_int(number), mc_addr=DevAddr.from_int(number),
        connection_id=connection_id, session_class="C", band="EU868", channel_plan=None, country=None,
        dwell_time=False, frequency_hz=frequency_hz, data_rate=5,
    )  # fmt: skip


def test_groups_of_one_connection_and_sub_band_share_alike() -> None:
    found = shares([group(1), group(2), group(3, 868_100_000), group(4, connection_id=2)])
    assert sorted(found.values()) == [0.5, 1.0, 1.0]
    assert {connection for (connection, _), share in found.items() if share == 0.5} == {1}


def test_alone_a_group_has_everything() -> None:
    assert list(shares([group(1)]).values()) == [1.0]


def test_a_group_that_cannot_be_used_any_more_shares_nothing() -> None:
    assert shares([group(1, 100)]) == {}
