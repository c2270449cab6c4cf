"""The project's protocol test vectors, and the data they are made from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parent.parent / "vectors"


def load(name: str) -> Any:
    """The parsed content of one file of vectors/."""
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


def generated_data(seed: str, length_bytes: int) -> bytes:
    """The "sha256-counter" data of vectors/README.md."""
    blocks = -(-length_bytes // 32)
    stream = b"".join(hashlib.sha256(seed.encode("ascii") + i.to_bytes(4, "big")).digest() for i in range(blocks))
    return stream[:length_bytes]
