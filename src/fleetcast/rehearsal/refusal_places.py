"""Where a refusal of the planner points to in a scenario: the line and the key that ask for what can't be."""

from __future__ import annotations

from fleetcast.planning.refusals import PlanRefused
from fleetcast.rehearsal.reading import ScenarioWrong
from fleetcast.rehearsal.scenario import Scenario
from fleetcast.rehearsal.source_lines import Path

_PLACES: dict[str, Path] = {
    "threshold_percent": ("campaign", "threshold_percent"),
    "max_duration_s": ("campaign", "max_duration_s"),
    "coded_share": ("campaign", "redundancy"),
    "strategy": ("campaign", "strategy"),
    "success_means": ("campaign", "success_means"),
    "session_start": ("campaign", "session_start_after_s"),
    "reboot_at": ("campaign", "reboot_after_s"),
    "confirmed_downgrade": ("campaign", "confirmed_downgrade"),
    "groups": ("campaign",),
    "file": ("file",),
    "devices": ("fleet",),
}
_POLICY = "policy."


def at_its_place(scenario: Scenario, refusal: PlanRefused) -> ScenarioWrong | PlanRefused:
    """The refusal as a complaint about a key of the scenario; as it is, where no single key is to blame."""
    about = refusal.about
    place = ("campaign", "settings", about.removeprefix(_POLICY)) if about.startswith(_POLICY) else _PLACES.get(about)
    if scenario.source is None or place is None:
        return refusal
    return scenario.source.wrong(place, str(refusal))
