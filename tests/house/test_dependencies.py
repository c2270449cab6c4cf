"""Few dependencies, all declared, all locked."""

from __future__ import annotations

import ast
import importlib.metadata
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


LOCK = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8")
PERMISSIVE = {"MIT", "MIT-0", "BSD", "BSD-2-CLAUSE", "BSD-3-CLAUSE", "0BSD", "APACHE-2.0", "ISC", "PSF-2.0", "ZLIB",
              "CC0-1.0", "PUBLIC DOMAIN", "APACHE SOFTWARE", "MIT LICENSE", "ISC LICENSE", "BSD LICENSE"}  # fmt: skip
TAKEN_ALL_THE_SAME = {
    "psycopg": "LGPL-3.0-ONLY",  # linked to, never changed: a driver that anybody can exchange
    "psycopg-binary": "LGPL-3.0-ONLY",
    "certifi": "MPL-2.0",  # a list of certificates, taken as it is
}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked() -> list[tuple[str, str, str]]:
    """Name, version and everything else that the lock says; some have a version for older Pythons besides."""
    found = []
    for entry in re.split(r"\n(?=\S)", LOCK):
        head, _, rest = entry.partition("\n")
        if head and not head.startswith("#"):
            name, _, version = head.partition(";")[0].rstrip(" \\").partition("==")
            found.append((normal(name.strip().partition("[")[0]), version.strip(), rest))
    return found


def licence(of: importlib.metadata.Distribution) -> set[str]:
    """The licences that a package names, one of them or all: each must do."""
    metadata = of.metadata
    classifiers = [each.rpartition("::")[2] for each in metadata.get_all("Classifier", []) if "License ::" in each]
    said = metadata.get("License-Expression") or metadata.get("License") or " AND ".join(classifiers)
    words = re.split(r"\s+(?:AND|OR)\s+|[()]", said.strip().splitlines()[0] if said.strip() else "")
    plain = {word.strip().upper().replace("APACHE 2.0", "APACHE-2.0") for word in words if word.strip()}
    return {re.sub(r"^BSD [23]-CLAUSE LICENSE$", "BSD", word) for word in plain}


def runtime() -> dict[str, importlib.metadata.Distribution]:
    """Everything that is installed with Fleetcast, through and through."""
    found: dict[str, importlib.metadata.Distribution] = {}
    wanted = [(normal(re.split(r"[<>=!~; ]", each)[0].partition("[")[0]), each)
              for each in PROJECT["project"]["dependencies"]]  # fmt: skip
    while wanted:
        name, requirement = wanted.pop()
        extras = re.findall(r"\[([^]]*)\]", requirement.partition(";")[0])
        asked = {each.strip() for part in extras for each in part.split(",")}
        if name in found and not asked:
            continue
        try:
            found[name] = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            assert ";" in requirement, f"{name} is not installed"
            continue
        for each in found[name].requires or []:
            marker = each.partition(";")[2]
            extra = re.search(r"extra\s*==\s*[\"']([^\"']+)", marker)
            if extra is None or extra.group(1) in asked:
                wanted.append((normal(re.split(r"[<>=!~;\[ (]", each)[0]), each))
    return found


def test_the_lock_pins_every_package_and_names_nothing_but_hashes() -> None:
    for name, version, said in locked():
        assert re.fullmatch(r"[0-9][0-9a-z.+!]*", version), name
        hashes = re.findall(r"--hash=(\S+)", said)
        assert hashes, name
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes), name
    assert not re.search(r"://|^\s*(-e|-i|--index-url|--extra-index-url|--find-links)\b", LOCK, re.MULTILINE)


def test_what_is_installed_with_fleetcast_is_what_the_lock_says() -> None:
    pinned = {(name, version) for name, version, _ in locked()}
    assert {(name, each.version) for name, each in runtime().items()} <= pinned


def test_every_licence_that_comes_along_is_a_permissive_one_or_a_known_exception() -> None:
    for name, each in runtime().items():
        said = licence(each)
        assert said, f"{name} names no licence"
        assert said <= PERMISSIVE | {TAKEN_ALL_THE_SAME.get(name, "")}, name


def test_the_linter_scans_for_insecure_code_everywhere() -> None:
    """Ruff's S rules are those of Bandit. Tests may assert and roll dice; the program itself has no rule off."""
    rules = PROJECT["tool"]["ruff"]["lint"]
    assert "S" in rules["select"]
    assert not [rule for rule in rules["ignore"] if rule.startswith("S") and rule[1:].isdigit()]
    for pattern, off in rules["per-file-ignores"].items():
        assert not (pattern.startswith("src") and any(re.fullmatch(r"S\d*", rule) for rule in off)), pattern
    for path in sorted((ROOT / "src").rglob("*.py")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if re.search(r"noqa:[^#]*\bS\d{3}", line):
                assert re.search(r"noqa: [A-Z0-9, ]+ - \S", line), f"{path}: a rule is off without its reason: {line}"
