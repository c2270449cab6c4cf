"""Why a campaign can't start: refused before anything is sent, always with what to change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fleetcast.errors import Conflict, Invalid
from fleetcast.identifiers import DevEui
from fleetcast.planning.plan import LeftOut

_NAMED = 5


class PlanRefused(Invalid):
    """The campaign can't be carried out as asked; `reason` is what is wrong, `remedy` what to change.

    `about` names what was asked for as a field of CampaignRequest (of its policy: `policy.fsize`); empty: none.
    """

    def __init__(self, reason: str, remedy: str, about: str = "") -> None:
        self.reason, self.remedy, self.about = reason, remedy, about
        super().__init__(f"{reason}: {remedy}")


class NobodyTakesPart(PlanRefused):
    """Every device of the sets is left out; `counts` says how many for which reason."""

    def __init__(self, counts: Mapping[LeftOut, int], remedy: str) -> None:
        self.counts = dict(counts)
        listed = "; ".join(f"{number} x {reason.value}" for reason, number in counts.items()) or "the sets are empty"
        about = "file" if set(counts) == {LeftOut.BEYOND_LIMITS} else "devices"
        super().__init__(f"no device can take part ({listed})", remedy, about)


class GroupsBusy(Conflict):
    """Multicast groups of this campaign belong to a running one."""

    def __init__(self, busy: Mapping[DevEui, str]) -> None:
        self.busy = dict(busy)
        listed = ", ".join(f"{group} (campaign {campaign})" for group, campaign in busy.items())
        super().__init__(f"multicast groups in use: {listed}; wait for those campaigns, or choose other groups")


class DevicesBusy(Conflict):
    """Devices of this campaign are in a running one, and `conflicts` says to refuse."""

    def __init__(self, busy: Mapping[DevEui, str]) -> None:
        self.busy = dict(busy)
        listed = named([f"{device} (campaign {campaign})" for device, campaign in busy.items()])
        super().__init__(f"devices in use: {listed}; wait, take them out, or set conflicts to leave out")


def named(things: Sequence[str]) -> str:
    """The first few of a list, and how many more there are."""
    shown = ", ".join(str(each) for each in things[:_NAMED])
    more = len(things) - _NAMED
    return f"{shown} and {more} more" if more > 0 else shown
