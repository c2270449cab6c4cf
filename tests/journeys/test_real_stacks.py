"""Campaigns on fleets of every public device stack that can be simulated, each with settings that suit it."""

from dataclasses import dataclass

import pytest

from fleetcast.campaign.causes import Cause
from fleetcast.planning.refusals import NobodyTakesPart
from fleetcast.rehearsal.reading import ScenarioWrong
from fleetcast.rehearsal.report import Report
from tests.journeys.playing import play, scenario


@dataclass(frozen=True)
class Stack:
    """A stack, and a file that its limits allow."""

    name: str
    bytes: int = 8000


STACKS = (
    Stack("reference"),
    Stack("lora-basics-modem-4.8.0-v1"),
    Stack("lora-basics-modem-4.8.0-v2"),
    Stack("stm32wl-v1"),
    Stack("stm32wl-v2"),
    Stack("thingpark-stm32wl55-fuota-v1"),
    Stack("multitech-mdot-4x"),
    Stack("renesas-rl78-ra-v1"),
    Stack("renesas-rl78-ra-v2"),
    Stack("zephyr-main"),
)
SAY_WHAT_RUNS = tuple(one for one in STACKS if one.name not in ("zephyr-main", "renesas-rl78-ra-v1"))


def rehearse(
    stack: Stack,
    *,
    profile: str = "",
    means: str = "running",
    count: int = 20,
    loss: str = "{ uniform = [0.02, 0.15] }",
) -> Report:
    report, _ = play(
        scenario(
            count=count,
            loss=loss,
            profile=f'stack = "{stack.name}"\n{profile}',
            campaign=f'success_means = "{means}"',
            settings='below_threshold = "continue"',
            file=f'size_bytes = {stack.bytes}\nversion = "2.0.0.0"',
        )
    )
    assert report.violations == 0
    assert report.succeeded + sum(count for _, count, _ in report.failed) == report.total == count
    return report


def little_air(report: Report) -> None:
    """Hardly more than the worst device needs, and one round of fragments that proved unneeded."""
    assert report.fragments_sent <= 1.5 * report.fragments_minimum + 6, (
        report.fragments_sent,
        report.fragments_minimum,
    )


@pytest.mark.parametrize("stack", SAY_WHAT_RUNS, ids=lambda stack: stack.name)
def test_devices_that_say_what_they_run_are_updated(stack: Stack) -> None:
    report = rehearse(stack)
    assert report.running >= 19, (report.failed, report.examples)
    little_air(report)


@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: stack.name)
def test_an_uplink_of_the_new_firmware_proves_the_update_of_every_stack(stack: Stack) -> None:
    report = rehearse(stack, profile="version_uplink_port = 9")
    assert report.running >= 19, (report.failed, report.examples)
    little_air(report)


@pytest.mark.parametrize("means", ["transferred", "valid"])
@pytest.mark.parametrize("stack", SAY_WHAT_RUNS, ids=lambda stack: stack.name)
def test_less_than_running_is_reached_by_whatever_proof_a_stack_gives(stack: Stack, means: str) -> None:
    report = rehearse(stack, means=means)
    assert report.succeeded >= 19, (report.failed, report.examples)
    little_air(report)


@pytest.mark.parametrize("name", ["zephyr-main", "renesas-rl78-ra-v1", "loramac-node-4.7.0"])
def test_devices_that_cannot_say_what_they_run_fail_for_this_and_cost_no_air(name: str) -> None:
    report = rehearse(Stack(name, bytes=900 if "loramac" in name else 8000))
    assert report.running == 0
    assert any("can't prove that they run the new version" in warning for warning in report.warnings)
    causes = {cause: count for cause, count, _ in report.failed}
    assert causes.get(Cause.NO_ANSWER.value, 0) >= 18, report.failed
    assert any("can't say which version it runs" in example for _, example in report.examples)
    assert report.fragments_sent <= 2 * report.fragments_minimum + 6


@pytest.mark.parametrize(
    ("name", "warning"),
    [
        ("zephyr-main", "a complete block unasked"),
        ("renesas-rl78-ra-v1", "a complete block unasked"),
        ("loramac-node-4.7.0", "can't say that their block is complete once a fragment was lost"),
    ],
)
def test_the_plan_warns_of_devices_that_cannot_even_say_that_their_block_is_complete(name: str, warning: str) -> None:
    report = rehearse(Stack(name, bytes=900 if "loramac" in name else 8000), means="transferred")
    assert any(warning in each for each in report.warnings), report.warnings
    assert report.succeeded < 19
    assert report.fragments_sent <= 2 * report.fragments_minimum + 6


def test_devices_that_nobody_can_restart_are_named_by_the_plan_and_wait_for_their_new_firmware() -> None:
    report = rehearse(Stack("loramac-node-4.7.0", bytes=900), profile="version_uplink_port = 9")
    assert any("for a command to reboot, and no such command is known" in warning for warning in report.warnings)
    assert report.failed[0][0] == Cause.TIME_OVER.value
    assert any("not one uplink of the new firmware was heard" in example for _, example in report.examples)
    assert report.fragments_sent <= 2 * report.fragments_minimum + 6


@pytest.mark.parametrize("name", ["thingpark-stm32l476-fuota", "mbed-update-client", "multitech-mdot-3x"])
def test_a_stack_that_cannot_be_imitated_is_refused_with_the_reason_and_the_way_round(name: str) -> None:
    with pytest.raises(ScenarioWrong, match=r"is known but not simulated \(.*without_quirks = "):
        rehearse(Stack(name))


def test_a_stack_without_the_packages_takes_no_part() -> None:
    with pytest.raises(NobodyTakesPart, match="a package that the campaign needs is absent"):
        rehearse(Stack("radiolib-8"))


@pytest.mark.parametrize("name", ["zephyr-main", "stm32wl-v1"])
def test_a_device_that_joins_after_the_first_pass_gets_all_it_needs(name: str) -> None:
    # One of these forty is told so late that it hears nothing of the first pass. What it says of itself then (no
    # fragment received, none missing; or as many received as there are, useless ones among them) is no block.
    report = rehearse(Stack(name), profile="version_uplink_port = 9", count=40, loss="{ uniform = [0.02, 0.3] }")
    assert report.running == 40, (report.failed, report.examples)
