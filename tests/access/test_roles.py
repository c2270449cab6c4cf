"""Who may do what."""

from __future__ import annotations

import pytest

from fleetcast.access import NO_SUBSCRIBER, Identity, NotAllowed, Right, Role, may, rights_of


def identity(role: Role, *, may_read_keys: bool = False, scope: frozenset[Right] | None = None) -> Identity:
    return Identity(subscriber_id=1, user_id=2, login="ada", role=role, may_read_keys=may_read_keys, scope=scope)


def test_each_role_has_the_rights_of_the_product_reference() -> None:
    table = {
        Role.VIEWER: {Right.LOOK},
        Role.OPERATOR: {Right.LOOK, Right.EDIT, Right.RUN},
        Role.APPROVER: {Right.LOOK, Right.APPROVE},
        Role.ADMIN: {Right.LOOK, Right.EDIT, Right.RUN, Right.APPROVE, Right.ADMINISTER, Right.AUDIT},
        Role.SYSTEM_ADMIN: {Right.SYSTEM, Right.AUDIT},
    }
    for role in Role:
        assert rights_of(role) == table[role]
        assert {right for right in Right if may(role, right)} == table[role]


def test_reading_keys_is_given_apart_from_any_role() -> None:
    for role in Role:
        assert not identity(role).may(Right.READ_KEYS)
    assert identity(Role.VIEWER, may_read_keys=True).may(Right.READ_KEYS)
    assert not identity(Role.SYSTEM_ADMIN, may_read_keys=True).may(Right.READ_KEYS)


def test_a_scope_narrows_and_never_widens() -> None:
    narrowed = identity(Role.OPERATOR, scope=frozenset({Right.LOOK, Right.ADMINISTER}))
    assert narrowed.may(Right.LOOK)
    assert not narrowed.may(Right.EDIT)
    assert not narrowed.may(Right.ADMINISTER)


@pytest.mark.parametrize(
    ("who", "right", "reason"),
    [
        (identity(Role.VIEWER), Right.EDIT, "the role viewer does not include"),
        (identity(Role.ADMIN, scope=frozenset({Right.LOOK})), Right.EDIT, "outside this token's scope"),
        (identity(Role.ADMIN), Right.READ_KEYS, "gives to a user apart"),
    ],
)
def test_a_refusal_names_who_what_and_why(who: Identity, right: Right, reason: str) -> None:
    with pytest.raises(NotAllowed, match=reason) as refused:
        who.require(right)
    assert refused.value.right is right
    assert "ada" in str(refused.value)


def test_a_system_admin_belongs_to_no_subscriber_and_sees_no_fleet() -> None:
    assert NO_SUBSCRIBER == 0
    assert not identity(Role.SYSTEM_ADMIN).may(Right.LOOK)
