"""A world takes in devices that were not there at its beginning."""

from __future__ import annotations

from fleetcast.simulator.fleet import Fleet
from fleetcast.simulator.heard import Uplink
from fleetcast.simulator.world import World
from tests.simulator.devices import NOW
from tests.simulator.worlds import part, world


class _Growing(Fleet):
    """A fleet of which only the first `known` are there."""

    def __init__(self, whole: Fleet, known: int) -> None:
        self.__dict__.update(whole.__dict__)
        self._whole = whole
        self.know(known)

    def know(self, known: int) -> None:
        whole = self._whole
        self.size = known
        self.links = type(whole.links)(
            whole.links.gateway[:known], whole.links.down_loss[:known], whole.links.up_loss[:known]
        )

    @property
    def uplink_data_rate(self):  # type: ignore[no-untyped-def]
        return self._whole.uplink_data_rate[: self.size]

    def sample(self, of_each: int):  # type: ignore[no-untyped-def]
        return self._whole.sample(of_each)[: self.size]


def _heard(world_: World, until_s: int) -> list[str]:
    found = []
    while world_.now < NOW + until_s * 1000:
        found += [str(each.dev_eui) for each in world_.run_until(NOW + until_s * 1000) if isinstance(each, Uplink)]
    return found


def test_devices_that_come_later_are_heard_from_then_on() -> None:
    fleet = _Growing(Fleet((part(5),), ("gw-1",), 1), 2)
    model = world().__dict__
    place = World(fleet=fleet, band=model["_band"], gateways=("gw-1",), settings=model["_settings"], start=NOW, seed=1)
    first = set(_heard(place, 1500))
    assert first == {str(fleet.dev_eui(0)), str(fleet.dev_eui(1))}
    fleet.know(5)
    place.grow()
    assert set(_heard(place, 3000)) == {str(fleet.dev_eui(number)) for number in range(5)}
    assert len(place.settle_radio_time().transmit_us) == 5


def test_a_world_may_begin_empty() -> None:
    fleet = _Growing(Fleet((part(3),), ("gw-1",), 1), 0)
    model = world().__dict__
    place = World(fleet=fleet, band=model["_band"], gateways=("gw-1",), settings=model["_settings"], start=NOW, seed=1)
    assert _heard(place, 100) == []
    assert place.idle()
    fleet.know(3)
    place.grow()
    assert len(set(_heard(place, 1500))) == 3
