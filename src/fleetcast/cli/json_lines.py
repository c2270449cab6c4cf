"""One JSON object a line in, one result a line out: whole logs through `decode --lines` and `encode --lines`.

A line that cannot be answered gets a result with "error" and does not stop the rest. What an answer is, the commands
say.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO

from fleetcast.cli.arguments import BadArgument, parse_json
from fleetcast.errors import FleetcastError

_LONGEST_LINE_BYTES = 1 << 20


def answer_lines(answer: Callable[[Mapping[str, object]], Mapping[str, object]], example: str) -> int:
    """Answer every line of standard input and return how many could not be; `example` is what a line looks like.

    Raises BadArgument where there is no standard input.
    """
    if sys.stdin is None:
        raise BadArgument("--lines reads from standard input, which is closed: pipe the lines in")
    bad = 0
    write, flush = sys.stdout.write, sys.stdout.flush
    for number, line in enumerate(_lines(sys.stdin.buffer), start=1):
        try:
            result = answer(_object(line, example))
        except FleetcastError as error:
            bad += 1
            result = {"error": f"line {number}: {error}"}
        write(json.dumps(result) + "\n")
        # Whoever follows a log that still grows sees each result at once.
        flush()
    return bad


def _lines(source: BinaryIO) -> Iterator[bytes]:
    """Lines as they come; of one without end only so much that it is told apart from the others."""
    while line := source.readline(_LONGEST_LINE_BYTES + 1):
        yield line
        while len(line) > _LONGEST_LINE_BYTES and not line.endswith(b"\n"):
            line = source.readline(_LONGEST_LINE_BYTES + 1)


def _object(line: bytes, example: str) -> Mapping[str, object]:
    if len(line) > _LONGEST_LINE_BYTES:
        raise BadArgument(f"the line is longer than {_LONGEST_LINE_BYTES} bytes: write one object a line")
    try:
        value = parse_json(line.decode().strip())
    except UnicodeDecodeError:
        raise BadArgument("the line is not UTF-8 text") from None
    if not isinstance(value, dict):
        raise BadArgument(f"the line is not an object: write for example {example}")
    return value
