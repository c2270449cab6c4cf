"""The same answers as `decoder`, by plain elimination: slow, obvious, and the judge of the other one in tests."""

from __future__ import annotations

from fleetcast.fec.parity_matrix import Scheme, line


class NaiveDecoder:
    """Keeps every fragment heard as one equation, and solves all of them from scratch whenever it is asked."""

    def __init__(self, fragment_count: int, fragment_size: int, scheme: Scheme = "v1") -> None:
        self.fragment_count = fragment_count
        self.fragment_size = fragment_size
        self.scheme = scheme
        self._heard: dict[int, bytes] = {}

    def add(self, n: int, payload: bytes) -> None:
        """Take fragment `n`."""
        self._heard.setdefault(n, payload)

    def _solve(self) -> dict[int, tuple[set[int], int]]:
        """Gauss-Jordan elimination: for each column that has a pivot, the columns left in its equation, and the sum."""
        solved: dict[int, tuple[set[int], int]] = {}
        for n, payload in self._heard.items():
            columns = set(line(self.fragment_count, n, self.scheme))
            total = int.from_bytes(payload, "big")
            for column in sorted(columns & solved.keys()):
                columns ^= solved[column][0]
                total ^= solved[column][1]
            if columns:
                pivot = min(columns)
                for other, (its_columns, its_total) in solved.items():
                    if pivot in its_columns:
                        solved[other] = (its_columns ^ columns, its_total ^ total)
                solved[pivot] = (columns, total)
        return solved

    @property
    def missing(self) -> int:
        """M - rank."""
        return self.fragment_count - len(self._solve())

    @property
    def complete(self) -> bool:
        """Whether the block is known."""
        return self.missing == 0

    def data(self, padding: int) -> bytes:
        """The block; only when complete."""
        solved = self._solve()
        block = b"".join(solved[c][1].to_bytes(self.fragment_size, "big") for c in range(self.fragment_count))
        return block[: len(block) - padding]
