"""`fleetcast assemble`: fragments, some of them lost on purpose, through a device's decoder back to the file."""

from __future__ import annotations

import hashlib
import random
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from fleetcast.cli.arguments import FileUnusable, parse_loss, read_standard_input
from fleetcast.cli.exit import ExitCode
from fleetcast.cli.fragment_set import FragmentSet, NotAFragmentSet, read_fragments
from fleetcast.cli.output import print_json, print_line


def assemble(
    source: Annotated[
        Path,
        typer.Argument(help="Directory or JSON file made by `fleetcast fragment`; - for standard input."),
    ] = Path("-"),
    *,
    loss: Annotated[str, typer.Option("--loss", "-l", help="Share of the fragments to lose: 20%, 0.2.")] = "0%",
    seed: Annotated[int, typer.Option(help="Which fragments are lost; the same seed loses the same ones.")] = 1,
    memory: Annotated[
        int | None, typer.Option(help="Most lost fragments the device can repair; unlimited when left out.", min=0)
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write the file here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """Put a fragmented file together again as a device would, with a given loss.

    Fragments come in the order of their numbers; each is lost independently. Exit code 1 says that the block did not
    complete: more was lost than the redundancy, or the device's memory, could repair.

    Examples:

        fleetcast assemble fragments --loss 20% --seed 1 --out rebuilt.bin
        fleetcast fragment firmware.bin --size 48 --json | fleetcast assemble --loss 10% --json
    """
    share = parse_loss(loss)
    standard_input = read_standard_input("set of fragments") if str(source) == "-" else None
    fragments = read_fragments(source, standard_input)
    report, data = receive(fragments, share, random.Random(seed), memory)  # noqa: S311 - a rehearsed loss, no secret
    if data is not None and report.sha256 != fragments.sha256:
        raise NotAFragmentSet(
            f"the block completed, but its sha256 is {report.sha256} instead of {fragments.sha256}: "
            "a fragment was altered, or the scheme is not the one it was made with"
        )
    if data is not None and out is not None:
        try:
            out.write_bytes(data)
        except OSError as error:
            raise FileUnusable(f"{out}: cannot be written ({error.strerror})") from None
    if as_json:
        print_json(asdict(report))
    else:
        _print(report, out)
    if data is None:
        raise typer.Exit(ExitCode.ANSWER_IS_NO)


@dataclass(frozen=True, slots=True)
class Reception:
    """How one device fared; `missing` fragments more would have completed it, `bytes` is the length of the file."""

    sent: int
    lost: int
    uncoded_lost: int
    coded_used: int
    complete: bool
    missing: int
    memory_exceeded: bool
    bytes: int | None
    sha256: str | None


def receive(
    fragments: FragmentSet, loss: float, chance: random.Random, memory: int | None
) -> tuple[Reception, bytes | None]:
    """One device's reception of all fragments in rising order, and the file if it completes.

    Raises Invalid and Damaged for fragments that no session can have.
    """
    from fleetcast.fec import Decoder
    from fleetcast.fec.parity_matrix import check_scheme

    decoder = Decoder(fragments.fragment_count, fragments.fragment_size, check_scheme(fragments.scheme), memory)
    count = fragments.fragment_count
    heard: list[int] = [n for n in fragments.fragments if chance.random() >= loss]
    coded_used = 0
    for n in heard:
        if decoder.complete:
            break
        # A fragment that was written short is refused here, by its number.
        decoder.add(n, fragments.fragments[n])
        coded_used += n > count
    data = decoder.data(fragments.padding) if decoder.complete else None
    sent = count + fragments.coded_count
    return (
        Reception(
            sent=sent,
            lost=sent - len(heard),
            uncoded_lost=count - sum(n <= count for n in heard),
            coded_used=coded_used,
            complete=decoder.complete,
            missing=decoder.missing,
            memory_exceeded=decoder.memory_exceeded,
            bytes=None if data is None else len(data),
            sha256=None if data is None else hashlib.sha256(data).hexdigest(),
        ),
        data,
    )


def _print(report: Reception, out: Path | None) -> None:
    share = report.lost / report.sent if report.sent else 0
    print_line(f"{report.sent} fragments sent, {report.lost} lost ({share:.1%}), {report.uncoded_lost} of them uncoded")
    if not report.complete:
        why = " (more was lost than the device's memory can repair)" if report.memory_exceeded else ""
        print_line(f"not complete: {report.missing} more needed{why}; try more redundancy or less loss")
        return
    print_line(f"complete with {report.coded_used} coded fragments: {report.bytes} bytes")
    print_line(f"sha256 {report.sha256}, the same as the file that was fragmented")
    if out is not None:
        print_line(f"written to {out}")
