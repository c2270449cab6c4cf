"""Errors and types of the rooms below that doors may name, without reaching past the actions."""

from fleetcast.connectors.connection import FieldWrong
from fleetcast.interchange.table import BadRows
from fleetcast.planning.refusals import PlanRefused
from fleetcast.store.clashes import Taken
from fleetcast.store.database import Database
from fleetcast.store.idempotency import Once
from fleetcast.store.key_vault import KeyVault
from fleetcast.store.objects import Stale, Stored

__all__ = ["BadRows", "Database", "FieldWrong", "KeyVault", "Once", "PlanRefused", "Stale", "Stored", "Taken"]
