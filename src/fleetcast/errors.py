"""The six families of errors, told apart by who must act.

Leaves live next to the code that raises them and carry fields, not only text. Doors (command line, API) map families to
exit codes and statuses, once. Anything else that is raised is a bug and rises.
"""

from __future__ import annotations


class FleetcastError(Exception):
    """Whatever Fleetcast raises on purpose. The text names the thing, the value, and what to do."""


class Invalid(FleetcastError):
    """The caller asked wrongly; asking differently helps."""


class Forbidden(FleetcastError):
    """The caller may not do this."""


class NotFound(FleetcastError):
    """What was named does not exist."""


class Conflict(FleetcastError):
    """Not in this state; the same request may be right at another time."""


class Unavailable(FleetcastError):
    """Something outside does not answer; try again later."""


class Damaged(FleetcastError):
    """Bytes or rows that cannot be right."""
