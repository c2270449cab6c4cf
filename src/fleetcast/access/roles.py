"""Roles, what each may do, and who is asking. It knows nothing of passwords, tokens or requests."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from fleetcast.errors import Forbidden


class Right(StrEnum):
    """One kind of thing that somebody may do. A token's scope is a set of these."""

    LOOK = "look"
    """See everything of the subscriber but keys."""
    EDIT = "edit"
    """Make, edit and archive objects, and import them."""
    RUN = "run"
    """Start, schedule, pause, resume and stop campaigns."""
    APPROVE = "approve"
    """Approve a campaign that somebody else made."""
    ADMINISTER = "administer"
    """Users, tokens, connections, webhooks, delta signing keys and settings of the subscriber."""
    READ_KEYS = "read keys"
    """See key material; given to a user apart from the role."""
    AUDIT = "audit"
    """Read and export the audit journal."""
    SYSTEM = "system"
    """Make subscribers, their quotas and first admins, and rotate key-encryption keys."""


class Role(StrEnum):
    """What a user is."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"
    SYSTEM_ADMIN = "system admin"


_RIGHTS: Final[dict[Role, frozenset[Right]]] = {
    Role.VIEWER: frozenset({Right.LOOK}),
    Role.OPERATOR: frozenset({Right.LOOK, Right.EDIT, Right.RUN}),
    Role.APPROVER: frozenset({Right.LOOK, Right.APPROVE}),
    Role.ADMIN: frozenset({Right.LOOK, Right.EDIT, Right.RUN, Right.APPROVE, Right.ADMINISTER, Right.AUDIT}),
    Role.SYSTEM_ADMIN: frozenset({Right.SYSTEM, Right.AUDIT}),
}

NO_SUBSCRIBER: Final = 0
"""The subscriber of a system admin: no row belongs to it."""


class NotAllowed(Forbidden):
    """Who is asking lacks a right; `right` names it."""

    def __init__(self, who: str, right: Right, why: str) -> None:
        self.right = right
        super().__init__(f"{who} may not do this: it takes the right to {right.value}, {why}")


def may(role: Role, right: Right) -> bool:
    """Whether a role includes a right. Reading keys is never part of a role."""
    return right in _RIGHTS[role]


def rights_of(role: Role) -> frozenset[Right]:
    """All rights a role includes."""
    return _RIGHTS[role]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who is asking, for one request. Every action and query takes one, and keeps to its subscriber."""

    subscriber_id: int
    """`NO_SUBSCRIBER` for a system admin."""
    user_id: int
    login: str
    role: Role
    may_read_keys: bool = False
    scope: frozenset[Right] | None = None
    """What a token was narrowed to; None: all that the user may."""
    through: str = ""
    """What this one is known by, for the audit journal: a token, a session, a password."""
    address: str = ""
    """Where the request came from, for the audit journal; empty: not from the network."""
    ends_at: int | None = None
    """When the token ends that this one is known by, ms since 1970 UTC; None: it doesn't, or it is none."""

    def may(self, right: Right) -> bool:
        """Whether this user, through this token, has the right."""
        if self.scope is not None and right not in self.scope:
            return False
        if right is Right.READ_KEYS:
            return self.may_read_keys and self.role is not Role.SYSTEM_ADMIN
        return may(self.role, right)

    def require(self, right: Right) -> None:
        """Raises NotAllowed where the right is missing."""
        if self.may(right):
            return
        if self.scope is not None and right not in self.scope:
            raise NotAllowed(self.login, right, "which is outside this token's scope")
        if right is Right.READ_KEYS:
            raise NotAllowed(self.login, right, "which an admin gives to a user apart from the role")
        raise NotAllowed(self.login, right, f"which the role {self.role.value} does not include")
