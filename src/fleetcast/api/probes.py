"""/healthz, /readyz and /metrics: for whoever watches processes. They ask nobody who they are, and tell no secrets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from fleetcast.metrics import CONTENT_TYPE


@dataclass(frozen=True, slots=True)
class WatchedPart:
    """One part of the process, as it stands."""

    name: str
    well: bool
    detail: str
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the process does its work, and its parts."""

    ready: bool
    parts: tuple[WatchedPart, ...]


def routes(readiness: Callable[[], Awaitable[Readiness]], metrics: Callable[[], Awaitable[bytes]]) -> list[BaseRoute]:
    """The three routes; what they tell is asked for with each request."""

    async def healthz(_request: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def readyz(_request: Request) -> Response:
        found = await readiness()
        body = {"ready": found.ready, "parts": [asdict(each) for each in found.parts]}
        return JSONResponse(body, 200 if found.ready else 503, {"Cache-Control": "no-store"})

    async def exposition(_request: Request) -> Response:
        return Response(await metrics(), media_type=CONTENT_TYPE)

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", exposition)]


def application(readiness: Callable[[], Awaitable[Readiness]], metrics: Callable[[], Awaitable[bytes]]) -> Starlette:
    """An application of these routes alone: what a worker without the API answers."""
    return Starlette(routes=routes(readiness, metrics))
