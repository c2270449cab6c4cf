"""Who may do what: roles, rights, tokens and passwords as values. Pure: it reads no clock and rolls no dice."""

from fleetcast.access.roles import NO_SUBSCRIBER, Identity, NotAllowed, Right, Role, may, rights_of

__all__ = ["NO_SUBSCRIBER", "Identity", "NotAllowed", "Right", "Role", "may", "rights_of"]
