"""Names and numbers of stages, as users know them."""

from __future__ import annotations

import pytest

from fleetcast.planning.facts import SessionClass
from fleetcast.planning.plan import CampaignType
from fleetcast.planning.stage_names import session_setup, stage_names


def test_multicast_setup_has_two_stages() -> None:
    names = stage_names(CampaignType.MULTICAST_SETUP, reboot_time=False, classes={"C"})
    assert names == ("McGroupSetup", "McClassCSessionSetup")


@pytest.mark.parametrize("of", [CampaignType.BINARY, CampaignType.FIRMWARE])
def test_a_transfer_has_six_stages(of: CampaignType) -> None:
    assert stage_names(of, reboot_time=False, classes={"C"}) == (
        "McGroupSetup",
        "FragSessionSetup",
        "McClassCSessionSetup",
        "DlFragment",
        "FragSessionStatus",
        "Multiple rounds of transmissions",
    )


def test_a_reboot_time_is_set_in_the_second_of_seven() -> None:
    names = stage_names(CampaignType.FIRMWARE, reboot_time=True, classes={"C"})
    assert len(names) == 7
    assert names[:3] == ("McGroupSetup", "DevRebootTimeSetup", "FragSessionSetup")


@pytest.mark.parametrize(
    ("classes", "name"),
    [({"B"}, "McClassBSessionSetup"), ({"C"}, "McClassCSessionSetup"), ({"B", "C"}, "McClassB[C]SessionSetup")],
)
def test_the_session_stage_names_the_classes_that_take_part(classes: set[SessionClass], name: str) -> None:
    assert session_setup(classes) == name
