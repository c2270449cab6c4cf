"""A fleet from one seed."""

from __future__ import annotations

import numpy as np
import pytest

from fleetcast.errors import Invalid, NotFound
from fleetcast.identifiers import DevEui
from fleetcast.simulator.device_spec import SOUND, Defects
from fleetcast.simulator.fleet import Broken, Fixed, Fleet, Normal, Part, Steps, Uniform
from tests.simulator.worlds import part

NEVER = Defects(never_heard=True)
TWICE = Defects(answers_twice=True)


def _fleet(*parts: Part, seed: int = 1, gateways: tuple[str, ...] = ("a",)) -> Fleet:
    return Fleet(parts, gateways, seed)


def test_the_same_seed_gives_the_same_fleet_and_another_seed_another() -> None:
    mixed = part(50, down_loss=Uniform(0, 0.4), uplink_period_s=Uniform(60, 600), drift_ppm=Normal(0, 10, -30, 30))
    first, again, other = _fleet(mixed), _fleet(mixed), _fleet(mixed, seed=2)
    assert [first.spec(number) for number in range(50)] == [again.spec(number) for number in range(50)]
    assert (first.links.down_loss == again.links.down_loss).all()
    assert first.spec(0).root_key != other.spec(0).root_key
    assert (first.links.down_loss != other.links.down_loss).any()


def test_a_later_part_does_not_change_an_earlier_one() -> None:
    varied = part(20, down_loss=Uniform(0, 0.4))
    alone, before_another = _fleet(varied), _fleet(varied, part(30, down_loss=Uniform(0.5, 0.6)))
    assert (alone.links.down_loss == before_another.links.down_loss[:20]).all()
    assert alone.spec(7) == before_another.spec(7)


def test_devices_are_found_by_their_dev_eui() -> None:
    fleet = _fleet(part(3))
    assert [fleet.number(fleet.dev_eui(number)) for number in range(3)] == [0, 1, 2]
    assert len({fleet.root_key(number) for number in range(3)}) == 3
    with pytest.raises(NotFound, match="no device of this fleet"):
        fleet.number(DevEui("0000000000000001"))


def test_losses_follow_their_distribution_and_stay_within_0_and_1() -> None:
    fleet = _fleet(part(4000, down_loss=Uniform(0.1, 0.3), up_loss=Normal(0.9, 0.3, 0, 1)))
    down, up = fleet.links.down_loss[:, 0], fleet.links.up_loss[:, 0]
    assert float(down.mean()) == pytest.approx(0.2, abs=0.01)
    assert float(down.min()) >= 0.0999
    assert 0 <= float(up.min()) <= float(up.max()) <= 1


def test_data_rates_come_in_the_shares_asked_for() -> None:
    rates = _fleet(part(4000, uplink_data_rate=Steps(((0, 1), (5, 3))))).uplink_data_rate
    assert set(rates.tolist()) == {0, 5}
    assert float((rates == 5).mean()) == pytest.approx(0.75, abs=0.03)


def test_each_device_has_at_most_one_set_of_defects_and_counts_are_exact() -> None:
    fleet = _fleet(part(200, broken=(Broken(NEVER, count=7), Broken(TWICE, share=0.1))))
    found = [fleet.defects(number) for number in range(200)]
    assert (found.count(NEVER), found.count(TWICE), found.count(SOUND)) == (7, 20, 173)
    assert found[:27] != [NEVER] * 7 + [TWICE] * 20


def test_more_defects_than_devices_are_refused() -> None:
    with pytest.raises(Invalid, match="more broken devices"):
        _fleet(part(5, broken=(Broken(NEVER, count=6),)))


def test_a_share_of_devices_does_not_know_the_time() -> None:
    fleet = _fleet(part(1000, clock_unknown_share=0.2, clock_offset_s=Fixed(2.5)))
    offsets = [fleet.spec(number).clock_offset_s for number in range(1000)]
    assert 150 < offsets.count(None) < 250
    assert set(offsets) == {None, 2.5}


def test_devices_have_the_gateways_of_their_part_the_farther_the_worse() -> None:
    fleet = _fleet(
        part(300, down_loss=Fixed(0.1), gateways=("a", "c"), gateways_in_range=2, farther_loss=0.5),
        part(10),
        gateways=("a", "b", "c"),
    )
    links = fleet.links
    assert set(links.gateway[:300].ravel().tolist()) == {0, 2}
    assert (links.gateway[:300, 0] != links.gateway[:300, 1]).all()
    assert links.down_loss[0].tolist() == pytest.approx([0.1, 0.55])
    assert (links.gateway[300:, 1] == -1).all()
    with pytest.raises(Invalid, match="no gateway"):
        _fleet(part(1, gateways=("z",)))


def test_the_sample_holds_so_many_of_each_profile_and_all_of_small_ones() -> None:
    fleet = _fleet(part(300), part(40, profile="valve"), part(300))
    marked = fleet.sample(100)
    assert int(marked[300:340].sum()) == 40
    assert int(marked.sum()) == 140
    assert marked[:300].any()
    assert marked[340:].any()
    assert (marked == fleet.sample(100)).all()


def test_a_million_devices_are_drawn_as_arrays() -> None:
    fleet = _fleet(part(1_000_000, down_loss=Uniform(0, 0.4)))
    assert fleet.size == 1_000_000
    assert fleet.spec(999_999).dev_eui == fleet.dev_eui(999_999)
    assert np.asarray(fleet.links.down_loss).nbytes == 4_000_000


def test_fleets_that_cannot_be_are_refused() -> None:
    with pytest.raises(Invalid, match="at least one part"):
        Fleet((), ("a",), 1)
    with pytest.raises(Invalid, match="without a gateway"):
        Fleet((part(1),), (), 1)
    with pytest.raises(Invalid, match="1 to"):
        part(0)
    with pytest.raises(Invalid, match="weights"):
        Steps(((1, 0),))
    with pytest.raises(Invalid, match="larger"):
        Uniform(2, 1)
