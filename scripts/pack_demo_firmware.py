"""Packs samples/firmware for `fleetcast seed-demo`, so that an installed Fleetcast has it; a test compares the two."""

from __future__ import annotations

import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKED = ROOT / "src" / "fleetcast" / "cli" / "data" / "demo-firmware.zip"


def pack() -> None:
    """Write the archive anew: the same samples give the same bytes."""
    with zipfile.ZipFile(PACKED, "w") as archive:
        for path in sorted((ROOT / "samples" / "firmware").iterdir()):
            entry = zipfile.ZipInfo(path.name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes(), compresslevel=9)


if __name__ == "__main__":
    pack()
