"""The reference page follows from the declarations."""

from __future__ import annotations

from fleetcast.protocol.packages import COMMANDS
from fleetcast.protocol.reference import command_markdown, reference_markdown
from fleetcast.protocol.ts004_fragmentation.v1 import FragSessionSetupAns
from fleetcast.protocol.ts007_multi_package.v1 import DevPackageReq


def test_a_command_is_a_table() -> None:
    assert command_markdown(FragSessionSetupAns).splitlines() == [
        "Accept a session, or say why not (TS004-1.0.0, 0x02 up).",
        "",
        "| Offset | Bits | Field | Values | Meaning |",
        "|---|---|---|---|---|",
        "| 0 | 7:6 | `frag_index` | 0 to 3 |  |",
        "| 0 | 5:4 | RFU | 0 |  |",
        "| 0 | 3 | `wrong_descriptor` | false, true |  |",
        "| 0 | 2 | `frag_index_unsupported` | false, true |  |",
        "| 0 | 1 | `not_enough_memory` | false, true |  |",
        '| 0 | 0 | `frag_algo_unsupported` | false, true | "encoding unsupported" in version 1 |',
    ]
    assert command_markdown(DevPackageReq).endswith("No fields.")


def test_every_command_has_its_section_and_a_sentence() -> None:
    page = reference_markdown()
    for (_, _, direction), table in COMMANDS.items():
        for cid, kind in table.items():
            assert f"### {kind.name} (0x{cid:02X} {direction.value}, " in page
            assert (kind.__doc__ or "").strip()
    assert page.count("\n## ") == len({(package, version) for package, version, _ in COMMANDS})
    assert not any("|" in cell for cell in page.split("| ") if cell.strip(" |\n-") == "||")
