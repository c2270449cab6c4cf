"""What multicast groups were found to be like, in a file, so that another shape is noticed after a restart too.

No key is written: a digest tells whether it is the same one.
"""

from __future__ import annotations

import hmac
import json
import os
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from fleetcast.connectors.port import MulticastGroup
from fleetcast.identifiers import DevEui

_FILE = "groups.json"


@dataclass(frozen=True, slots=True)
class Shape:
    """A group as it was ensured."""

    digest: str
    """Of its address and keys."""
    session_class: str
    frequency_hz: int
    data_rate: int
    periodicity: int
    next_f_cnt: int

    @classmethod
    def of(cls, group: MulticastGroup) -> Shape:
        """What is remembered of a group."""
        keys = group.mc_net_s_key.reveal() + group.mc_app_s_key.reveal()
        digest = hmac.new(keys, f"{group.dev_eui} {group.mc_addr}".encode(), sha256).hexdigest()
        return cls(
            digest, group.session_class, group.frequency_hz, group.data_rate, group.periodicity, group.next_f_cnt
        )


class Groups:
    """The groups of one connection."""

    def __init__(self, directory: Path) -> None:
        """Reads the file; raises OSError. One that makes no sense is begun anew: it is a memory, no truth."""
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._shapes: dict[DevEui, Shape] = {}
        try:
            for name, said in json.loads((directory / _FILE).read_text(encoding="utf-8")).items():
                self._shapes[DevEui(name)] = Shape(**said)
        except FileNotFoundError:
            return
        except (ValueError, TypeError, AttributeError):
            self._shapes = {}

    def shape(self, group: DevEui) -> Shape | None:
        """What is remembered of a group."""
        return self._shapes.get(group)

    def remember(self, group: DevEui, shape: Shape) -> None:
        """Keep it; raises OSError."""
        if self._shapes.get(group) != shape:
            self._shapes[group] = shape
            self._write()

    def forget(self, group: DevEui) -> None:
        """It is gone; raises OSError."""
        if self._shapes.pop(group, None) is not None:
            self._write()

    def _write(self) -> None:
        said = {str(name): asdict(shape) for name, shape in sorted(self._shapes.items())}
        fresh = self._directory / f"{_FILE}.new"
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(said, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._directory / _FILE)
