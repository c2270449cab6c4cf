"""The subscriber's own settings: what its campaigns start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Final

from fleetcast.access import Identity, Right
from fleetcast.actions.fields import Checks, InvalidField, InvalidFields
from fleetcast.actions.history import difference, note, said
from fleetcast.errors import Invalid
from fleetcast.instants import InstantMs
from fleetcast.planning.plan import CampaignType
from fleetcast.planning.policy import (
    BelowThreshold,
    Conflicts,
    DutyCycleUse,
    LateStart,
    Policy,
    Setup,
    TransferUntil,
)
from fleetcast.store import subscribers
from fleetcast.store.database import Database
from fleetcast.store.subscribers import Subscriber

__all__ = ["Subscriber", "edit", "policy", "settings_problems"]

_WORDS: Final = {
    "setup": Setup, "below_threshold": BelowThreshold, "transfer_until": TransferUntil, "late_start": LateStart,
    "duty_cycle_use": DutyCycleUse, "conflicts": Conflicts,
}  # fmt: skip
_YES_NO: Final = frozenset(
    {"summary_reports_disabled", "retry_ineligible_gateways", "encrypt_disabled", "class_c_at_once"}
)
_OPTIONAL: Final = frozenset({"frag_redundancy_max", "fsession_status_spread_s", "fsize"})
_LARGEST: Final = 2**31 - 1
NAMES: Final = tuple(each.name for each in fields(Policy))


def edit(database: Database, who: Identity, what: Subscriber, revision: int | None, now: InstantMs) -> None:
    """Exchange the subscriber's settings; quotas are the system admin's and stay. Raises InvalidFields and Stale."""
    who.require(Right.ADMINISTER)
    checks = Checks()
    checks.text("name", what.name, must=True)
    checks.number("max_version_age_s", what.max_version_age_s, 60, 100 * 366 * 86_400)
    checks.number("approval_devices", what.approval_devices, 0)
    for each in what.approval_types:
        checks.one_of("approval_types", each, [kind.value for kind in CampaignType])
    checks.done()
    policy(what.settings, {})
    with database.write() as connection:
        before = subscribers.get(connection, who.subscriber_id).what
        kept = replace(what, max_devices=before.max_devices, max_multicast_groups=before.max_multicast_groups)
        subscribers.replace(connection, who.subscriber_id, kept, revision, now)
        old, new = difference(said(before), said(kept))
        note(connection, who, "subscriber", "edited", who.subscriber_id, what.name, now, before=old, after=new)


def policy(of_subscriber: Mapping[str, Any], of_campaign: Mapping[str, Any]) -> Policy:
    """The settings a campaign runs by: built in, then the subscriber's, then its own. Raises InvalidFields."""
    chosen = {**of_subscriber, **of_campaign}
    problems = settings_problems(chosen)
    if problems:
        raise InvalidFields(*problems)
    values: dict[str, Any] = {name: _WORDS[name](value) if name in _WORDS else value for name, value in chosen.items()}
    try:
        return Policy(**values)
    except Invalid as error:
        name = str(error).split(" ", 1)[0]
        raise InvalidFields(InvalidField(f"settings.{name}" if name in NAMES else "settings", str(error))) from None


def settings_problems(chosen: Mapping[str, Any]) -> list[InvalidField]:
    """What is wrong with settings by their names and types."""
    found: list[InvalidField] = []
    for name, value in chosen.items():
        message = _problem(name, value)
        if message is not None:
            found.append(InvalidField(f"settings.{name[:40]}", message))
    return found


def _problem(name: str, value: object) -> str | None:
    if name not in NAMES:
        return f"there is no such setting: use {', '.join(NAMES)}"
    if name in _WORDS:
        words = [each.value for each in _WORDS[name]]
        return None if value in words else f"choose {', '.join(words)}"
    if name in _YES_NO:
        return None if isinstance(value, bool) else "is true or false"
    if value is None and name in _OPTIONAL:
        return None
    if name == "mcgroup_validity_coeff":
        right = isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value <= 1000
        return None if right else "choose a number from 1 to 1000"
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST:
        return f"choose a whole number from 0 to {_LARGEST}"
    return None
