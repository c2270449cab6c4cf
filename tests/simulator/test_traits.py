"""The catalogue of device stacks, and the quirks that scenarios may add."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fleetcast.errors import NotFound
from fleetcast.protocol.packages import Package
from fleetcast.simulator.quirks import NOT_SIMULATED, TRAIT_CHANGES, Quirk, QuirkNotSimulated
from fleetcast.simulator.traits import REFERENCE, Traits, known_stacks, quirks_of, stack

SAMPLE = Path(__file__).parent.parent.parent / "samples" / "device-traits.json"
ENTRIES: list[dict[str, Any]] = json.loads(SAMPLE.read_text(encoding="utf-8"))
NAMED = {quirk for entry in ENTRIES for quirk in entry["quirks"]}


def without(entry: dict[str, Any]) -> list[str]:
    return [quirk for quirk in entry["quirks"] if quirk in NOT_SIMULATED]


def test_the_catalogue_is_the_sample_file() -> None:
    packaged = Path(__file__).parent.parent.parent / "src/fleetcast/simulator/data/device-traits.json"
    assert packaged.read_bytes() == SAMPLE.read_bytes()
    assert known_stacks() == tuple(entry["id"] for entry in ENTRIES)


def test_the_reference_entry_is_what_traits_say_by_default() -> None:
    assert stack(REFERENCE) == replace(
        Traits(),
        answer_delay_s=stack(REFERENCE).answer_delay_s,
        answer_buffer_bytes={Package.MULTI_PACKAGE_ACCESS: 128},
    )
    assert set(stack(REFERENCE).answer_delay_s.values()) == {(0.0, 0.0)}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["id"])
def test_every_stack_of_the_catalogue_can_be_read(entry: dict[str, Any]) -> None:
    traits = stack(entry["id"], without=without(entry))
    assert traits.id == entry["id"]
    assert {int(package) for package in traits.packages} == {one["package_identifier"] for one in entry["packages"]}
    for name in ("max_nb_frag", "max_frag_size", "mc_groups", "missing_frag", "unknown_command", "start_in_past"):
        if entry[name] is not None:
            assert getattr(traits, name) == entry[name]


def test_a_named_quirk_counts_where_the_numbers_of_an_entry_leave_it_out() -> None:
    assert stack("thingpark-stm32wl55-fuota-v1").status_memory_error_sticky


def test_the_figure_of_an_entry_counts_where_a_quirk_names_another() -> None:
    assert stack("stm32wl-v1").min_frag_size == 40
    assert Traits().with_quirks(["MIN_FRAG_SIZE"]).min_frag_size == 48


def test_every_quirk_of_the_catalogue_is_simulated_or_refused_by_name() -> None:
    known = set(Quirk.__members__) | set(TRAIT_CHANGES)
    assert known | set(NOT_SIMULATED) >= NAMED
    assert not known & set(NOT_SIMULATED)


@pytest.mark.parametrize("name", sorted(NOT_SIMULATED))
def test_a_quirk_that_is_not_simulated_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(QuirkNotSimulated, match=f"{name}.*not simulated"):
        Traits().with_quirks([name])


def test_a_quirk_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(QuirkNotSimulated, match=r"FORGETS_EVERYTHING does not exist.*MISSING_NEVER_FALLS"):
        Traits().with_quirks(["FORGETS_EVERYTHING"])


def test_a_stack_with_a_quirk_that_cannot_be_imitated_is_refused_unless_it_is_left_out() -> None:
    with pytest.raises(QuirkNotSimulated, match="SIGNATURE_TRAILER"):
        stack("mbed-update-client")
    assert stack("mbed-update-client", without=["SIGNATURE_TRAILER"]).max_commands_per_payload == 1


def test_an_unknown_stack_is_refused_with_those_there_are() -> None:
    with pytest.raises(NotFound, match="there are reference, loramac-node"):
        stack("toaster")


def test_a_quirk_changes_a_part_of_a_trait_and_leaves_the_rest() -> None:
    changed = Traits().with_quirks(["DELAYS_IN_MS", "NO_FMP", "GROUPS_LOST_ON_REBOOT"])
    assert changed.block_ack_delay.unit_s == 0.001
    assert changed.block_ack_delay.applies_to == Traits().block_ack_delay.applies_to
    assert Package.FIRMWARE_MANAGEMENT not in changed.packages
    assert not changed.persists.mc_groups
    assert changed.persists.frag_session


def test_a_stack_can_be_had_in_the_other_package_version() -> None:
    first = Traits().in_version(1)
    assert {first.version(one) for one in Package} == {1}
    assert Traits().version(Package.FRAGMENTATION) == 2


def test_a_profile_can_list_the_quirks_of_a_stack() -> None:
    assert "MISSING_NEVER_FALLS" in quirks_of("stm32wl-v1")
    assert quirks_of("reference") == ()
