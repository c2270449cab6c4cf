"""Structured logs of a server process: lines on standard error, as text for people or as JSON for programs.

Everything that is logged goes this way, the HTTP server's own lines too. Keys and tokens are `Secret`, which print as
`***`. Tracebacks show no local variables, among which keys might be.
"""

from __future__ import annotations

import logging
import sys
from typing import Final

import structlog
from structlog.types import Processor

_QUIET: Final = ("uvicorn.access", "httpx", "httpcore", "alembic")
"""Said better elsewhere, or of no use to who runs a server; from warnings on they are heard."""


def configure(level: str, *, as_json: bool) -> None:
    """Send all logs to standard error from this level on (debug, info, warning, error)."""
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Processor]
    if as_json:
        last = [
            structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(default=str),
        ]
    else:
        last = [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(allow=())],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(number)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
