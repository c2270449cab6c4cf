"""Where the loops ask for keys: by the row they belong to, at the last moment, never kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from fleetcast.secret import Secret


class KeySource(Protocol):
    """Keys by the number of their row; asked from worker threads. Raises NotFound, Unavailable."""

    def root_key(self, device_id: int) -> Secret:
        """GenAppKey of a LoRaWAN 1.0.x device, AppKey of a 1.1 one."""
        ...

    def root_keys(self, device_ids: Sequence[int]) -> Mapping[int, Secret]:
        """Those of many devices at once; devices without one are left out."""
        ...

    def mc_key(self, multicast_group_id: int) -> Secret:
        """McKey of a multicast group."""
        ...

    def connection_secrets(self, connection_id: int) -> Mapping[str, Secret]:
        """The secret fields of a connection, by name."""
        ...

    def webhook_secret(self, webhook_id: int) -> Secret:
        """What a webhook's deliveries are signed with."""
        ...
