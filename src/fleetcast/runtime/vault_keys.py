"""Keys from the vault, opened at the last moment and forgotten: the one door of the loops to the vault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fleetcast.secret import Secret
from fleetcast.store.database import Database
from fleetcast.store.key_vault import KeyKind, KeyVault


class VaultKeys:
    """A `KeySource` over the vault of a database."""

    def __init__(self, database: Database, vault: KeyVault) -> None:
        self._database = database
        self._vault = vault

    def root_key(self, device_id: int) -> Secret:
        """GenAppKey or AppKey of a device; raises NoKey."""
        with self._database.read() as connection:
            return self._vault.get(connection, KeyKind.ROOT_KEY, device_id)

    def root_keys(self, device_ids: Sequence[int]) -> Mapping[int, Secret]:
        """Those of many devices; devices without one are left out."""
        with self._database.read() as connection:
            return self._vault.get_many(connection, KeyKind.ROOT_KEY, device_ids)

    def mc_key(self, multicast_group_id: int) -> Secret:
        """McKey of a group; raises NoKey."""
        with self._database.read() as connection:
            return self._vault.get(connection, KeyKind.MC_KEY, multicast_group_id)

    def connection_secrets(self, connection_id: int) -> Mapping[str, Secret]:
        """The secret fields of a connection, by name."""
        with self._database.read() as connection:
            return self._vault.named(connection, KeyKind.CONNECTION_SECRET, connection_id)

    def webhook_secret(self, webhook_id: int) -> Secret:
        """What a webhook's deliveries are signed with; raises NoKey."""
        with self._database.read() as connection:
            return self._vault.get(connection, KeyKind.WEBHOOK_SECRET, webhook_id)
