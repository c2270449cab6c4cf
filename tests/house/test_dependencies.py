"""Few dependencies, all declared, all locked."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DECIDED = {"cryptography", "numpy", "rich", "typer"}
"""docs/decisions/0003-four-runtime-dependencies.md; another one needs a decision."""


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=!~\[; ]", requirement, maxsplit=1)[0] for requirement in requirements}


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_the_declared_dependencies_are_the_decided_ones() -> None:
    assert names(PROJECT["project"]["dependencies"]) == DECIDED


def test_nothing_else_is_imported() -> None:
    for path in sorted((ROOT / "src").rglob("*.py")):
        foreign = imported(path) - set(sys.stdlib_module_names) - {"fleetcast"}
        assert foreign <= DECIDED, path


def test_every_dependency_is_locked_with_its_hashes() -> None:
    lock = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8")
    declared = names(PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"])
    for name in declared:
        assert re.search(rf"^{re.escape(name)}==[^\n]+ \\\n    --hash=sha256:", lock, re.MULTILINE), name
