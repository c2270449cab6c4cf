"""How long a mass import takes: 100 000 devices with keys and firmware versions, on both databases, and out again.

    python -m benchmarks.import_devices [--devices 100000] [--database sqlite|postgresql]

Reading the file, holding every row against what is there, encrypting every key, writing, one commit; then the same file
with a mistake in its last row, an update of everything, and the export with keys. Memory is the process's peak.
Target: well under a minute.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.process_memory import peak_mb
from fleetcast.access import Identity, Role
from fleetcast.actions.connections import NetworkConnection
from fleetcast.actions.connections import create as create_connection
from fleetcast.actions.device_import import import_devices
from fleetcast.actions.device_profiles import PROFILES, DeviceProfile
from fleetcast.actions.exports import export_devices
from fleetcast.actions.first_start import first_start
from fleetcast.clock import stopwatch_s
from fleetcast.connectors.catalog import installed
from fleetcast.interchange.table import BadRows
from fleetcast.secret import Secret
from fleetcast.store import schema
from fleetcast.store.database import Database
from fleetcast.store.key_encryption import KeyEncryptionKeys
from fleetcast.store.key_vault import KeyVault
from tests.postgresql import PostgreSQL

NOW = 1_767_225_600_000


def sheet(devices: int) -> str:
    """A file of the devices' format."""
    lines = []
    for number in range(devices):
        cells = [""] * 32
        cells[1], cells[10], cells[22] = f"{0x0200_0000_0000_0000 + number:016X}", f"Meter {number}", "LORAWAN_1_0"
        cells[24], cells[27], cells[28] = f"{number:032X}", "north", "1.2.0.0"
        cells[29:32] = "Acme", "M1", "1"
        lines.append(",".join(cells))
    return "\r\n".join(lines) + "\r\n"


def timed(what: str, do: Callable[[], object]) -> None:
    """Run and print."""
    began = stopwatch_s()
    do()
    print(f"  {what:28}{stopwatch_s() - began:8.1f} s   peak {peak_mb():6.0f} MB", flush=True)


def run(url: str, devices: int) -> None:
    """Measure on one database."""
    database = Database.open(url)
    schema.migrate(database)
    first = first_start(database, NOW)
    assert first is not None
    vault = KeyVault(KeyEncryptionKeys.of(Secret(bytes(32))))
    who = Identity(
        subscriber_id=first.subscriber_id, user_id=1, login="admin", role=Role.ADMIN, may_read_keys=True
    )  # fmt: skip
    new = NetworkConnection(name="network", kind="simulated")
    at = create_connection(database, vault, installed(), who, new, {}, NOW)
    make = DeviceProfile(name="M1", producer_id="Acme", module_id="M1", hw_revision=1)
    PROFILES.create(database, who, make, NOW)
    data = sheet(devices).encode()
    print(f"  {devices} devices, {len(data) / 1e6:.1f} MB")
    bad = data[: data.rindex(b"Acme")] + b"Nobody,M1,1\r\n"

    def refused() -> None:
        try:
            import_devices(database, vault, who, bad, at, NOW)
        except BadRows as error:
            found = [(each.line, each.column) for each in error.complaints]
            if found != [(devices, "AD")]:
                raise
        else:
            raise AssertionError("the bad row was taken")

    timed("refused for its last row", refused)
    timed("imported", lambda: import_devices(database, vault, who, data, at, NOW))
    timed(
        "imported again, as an update",
        lambda: import_devices(database, vault, who, data, at, NOW, update_existing=True),
    )
    timed("exported with keys", lambda: sum(len(line) for line in export_devices(database, vault, who, NOW, keys=True)))
    database.close()


def main() -> None:
    """Both databases, one after the other."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--devices", type=int, default=100_000)
    arguments.add_argument("--database", choices=("sqlite", "postgresql"))
    asked = arguments.parse_args()
    if asked.database in (None, "sqlite"):
        with tempfile.TemporaryDirectory() as folder:
            print("SQLite")
            run(f"sqlite:///{Path(folder) / 'import.db'}", asked.devices)
    if asked.database in (None, "postgresql"):
        server = PostgreSQL(durable=True)
        try:
            print("PostgreSQL")
            run(server.url("postgres"), asked.devices)
        finally:
            server.remove()


if __name__ == "__main__":
    main()
