"""Few dependencies, all declared, all locked."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DECIDED = {
    "alembic", "argon2-cffi", "bincopy", "cryptography", "fastapi", "httpx", "numpy", "prometheus-client", "psycopg",
    "pydantic-settings", "pyelftools", "python-multipart", "rich", "sqlalchemy", "structlog", "typer", "uvicorn",
}  # fmt: skip
"""docs/decisions/0003 and 0011; another one needs a decision."""
IMPORTED_AS = {"argon2-cffi": {"argon2"}, "fastapi": {"fastapi", "starlette", "pydantic", "pydantic_core"},
               "prometheus-client": {"prometheus_client"}, "pydantic-settings": {"pydantic_settings"},
               "pyelftools": {"elftools"}, "python-multipart": {"multipart", "python_multipart"}}  # fmt: skip
MODULES = {module for name in DECIDED for module in IMPORTED_AS.get(name, {name})}


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
        foreign = (
            imported(path) - set(sys.stdlib_module_names) - {"fleetcast", "_typeshed"}
        )  # the latter for types alone
        assert foreign <= MODULES, path


def test_every_dependency_is_locked_with_its_hashes() -> None:
    lock = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8")
    declared = names(PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"])
    for name in declared:
        assert re.search(rf"^{re.escape(name)}==[^\n]+ \\\n    --hash=sha256:", lock, re.MULTILINE), name
