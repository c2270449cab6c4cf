"""Counts requests and their time, by route: wraps an application and changes nothing."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fleetcast.clock import stopwatch_s
from fleetcast.metrics import REQUEST_SECONDS, REQUESTS

_UNKNOWN = "other"
"""Paths that are no route have one name in common: whoever tries paths must not fill the memory."""
_WATCHERS = frozenset({"/healthz", "/readyz", "/metrics"})
_PREFIX = "/api/v1"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Measured:
    """An application, measured."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; note how it ended."""
        if scope["type"] != "http" or scope["path"] in _WATCHERS:
            await self._app(scope, receive, send)
            return
        began, status, is_stream = stopwatch_s(), 500, False

        async def noting(message: Message) -> None:
            nonlocal status, is_stream
            if message["type"] == "http.response.start":
                status = message["status"]
                is_stream = (b"content-type", b"text/event-stream") in {
                    (name.lower(), value.partition(b";")[0]) for name, value in message["headers"]
                }
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            # The framework gives the path within its router; older editions, the whole.
            route = str(getattr(scope.get("route"), "path", _UNKNOWN)).removeprefix(_PREFIX)
            method = scope["method"] if scope["method"] in _METHODS else _UNKNOWN
            REQUESTS.labels(method, route, str(status)).inc()
            if not is_stream:
                REQUEST_SECONDS.labels(method, route).observe(stopwatch_s() - began)
