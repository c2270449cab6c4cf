"""Light commands start light: nothing heavy is imported before it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("numpy", "cryptography", "fleetcast.fec")


@pytest.mark.parametrize(
    ("arguments", "also_absent"),
    [
        (["decode", "00", "-p", "201", "-d", "down"], ()),
        (["decode", "00", "-p", "201", "-d", "down", "--json"], ("rich",)),
        (["encode", '{"name": "PackageVersionReq"}', "-p", "201", "-d", "down"], ("rich",)),
        (["airtime", "--band", "EU868", "--dr", "5", "--fragment", "48"], ("rich",)),
        (["bands"], ()),
        (["--version"], ("rich",)),
    ],
)
def test_light_commands_do_not_import_what_is_heavy(arguments: list[str], also_absent: tuple[str, ...]) -> None:
    script = (
        "import sys\n"
        "from fleetcast.cli import main\n"
        f"sys.argv = ['fleetcast', *{arguments!r}]\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        f"found = [name for name in {(*HEAVY, *also_absent)!r} if name in sys.modules]\n"
        "assert not found, found\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)  # noqa: S603 - ourselves
    assert ended.returncode == 0, ended.stderr
