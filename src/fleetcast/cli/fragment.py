"""`fleetcast fragment`: a file through the encoder, into a directory or JSON that `assemble` takes back."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from fleetcast.cli.arguments import BadArgument, parse_redundancy, read_file
from fleetcast.cli.fragment_set import FragmentSet, write_directory
from fleetcast.cli.output import print_json, print_line


def fragment(
    file: Annotated[Path, typer.Argument(help="The file to send, byte for byte.", show_default=False)],
    *,
    size: Annotated[int, typer.Option("--size", "-s", help="Bytes per fragment, 1 to 255.", show_default=False)],
    redundancy: Annotated[
        str,
        typer.Option("--redundancy", "-r", help="Coded fragments per uncoded one: 30%, 0.3, or a name: ONE_TO_TWO, …"),
    ] = "30%",
    scheme: Annotated[str, typer.Option(help="Parity lines: v1, v2-relative or v2-absolute.")] = "v1",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write one file per fragment into this directory.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything, fragments included, as JSON.")] = False,
) -> None:
    """Cut a file into fragments and add coded ones (TS004).

    It is for `fleetcast assemble`, or for tools of your own. The directory holds session.json and 00001.bin,
    00002.bin, …: the bytes of each fragment by its number. Redundancy may be a name: ONE_TO_TWO (100 %), THREE_TO_FOUR
    (1 for 3), FIVE_TO_SIX (1 for 5), SEVEN_TO_EIGHT (1 for 7), NO_REDUNDANCY_ONE (none). The number of coded fragments
    is rounded up.

    Examples:

        fleetcast fragment firmware.bin --size 48 --redundancy 30% --out fragments
        fleetcast fragment firmware.bin --size 112 --redundancy ONE_TO_TWO --scheme v2-relative --json
    """
    share = parse_redundancy(redundancy)
    data = read_file(file)

    from fleetcast.fec import MAX_FRAGMENT_NUMBER, Encoder
    from fleetcast.fec.parity_matrix import check_scheme

    encoder = Encoder(data, size, check_scheme(scheme))
    uncoded = encoder.fragment_count
    coded = math.ceil(uncoded * share)
    if uncoded + coded > MAX_FRAGMENT_NUMBER:
        raise BadArgument(
            f"{uncoded} uncoded and {coded} coded fragments are more than the {MAX_FRAGMENT_NUMBER} numbers there are: "
            "use larger fragments or less redundancy"
        )
    made = FragmentSet.encode(encoder, data, coded)
    if out is not None:
        write_directory(made, out)
    if as_json:
        print_json(made.to_json())
        return
    print_line(f"{file}: {len(data)} bytes, sha256 {made.sha256}")
    print_line(f"{uncoded} uncoded fragments of {size} bytes (padding {encoder.padding}), {coded} coded ({scheme})")
    if out is not None:
        print_line(f"written to {out}: session.json and {uncoded + coded} fragments")
    else:
        print_line("nothing was written: add --out DIRECTORY or --json")
