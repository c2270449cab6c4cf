"""What the stages of a campaign are called, in order; the contract with whoever watches one."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from fleetcast.planning.facts import SessionClass
from fleetcast.planning.plan import CampaignType

MC_GROUP_SETUP: Final = "McGroupSetup"
DEV_REBOOT_TIME_SETUP: Final = "DevRebootTimeSetup"
FRAG_SESSION_SETUP: Final = "FragSessionSetup"
DL_FRAGMENT: Final = "DlFragment"
FRAG_SESSION_STATUS: Final = "FragSessionStatus"
FURTHER_ROUNDS: Final = "Multiple rounds of transmissions"


def session_setup(classes: Collection[SessionClass]) -> str:
    """McClassBSessionSetup, McClassCSessionSetup, or both in one when groups of both classes take part."""
    if len(set(classes)) > 1:
        return "McClassB[C]SessionSetup"
    return "McClassBSessionSetup" if "B" in classes else "McClassCSessionSetup"


def stage_names(of: CampaignType, *, reboot_time: bool, classes: Collection[SessionClass]) -> tuple[str, ...]:
    """By stage number - 1: two for multicast setup, else six, or seven with a reboot time."""
    if of is CampaignType.MULTICAST_SETUP:
        return (MC_GROUP_SETUP, session_setup(classes))
    reboot = (DEV_REBOOT_TIME_SETUP,) if reboot_time else ()
    return (
        MC_GROUP_SETUP,
        *reboot,
        FRAG_SESSION_SETUP,
        session_setup(classes),
        DL_FRAGMENT,
        FRAG_SESSION_STATUS,
        FURTHER_ROUNDS,
    )
