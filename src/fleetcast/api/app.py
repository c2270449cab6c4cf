"""Builds the HTTP application from its parts. It opens nothing and starts nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fastapi import APIRouter, FastAPI

from fleetcast import __version__
from fleetcast.api import (
    audit,
    campaigns,
    connections,
    delta_keys,
    device_profiles,
    device_sets,
    devices,
    events,
    files,
    multicast_groups,
    problems,
    progress,
    regions,
    reports,
    sessions,
    subscriber,
    subscribers,
    transfers,
    trusted_keys,
    users,
    webhooks,
)
from fleetcast.api.body_limit import BodyLimit
from fleetcast.api.parts import Parts
from fleetcast.api.security_headers import SecurityHeaders

PREFIX: Final = "/api/v1"
_LARGE: Final = ("/import", "/content")

_DESCRIPTION: Final = (
    "Firmware updates over LoRaWAN. Times are RFC 3339 with an offset; firmware versions are written `1.2.3.4` or "
    "`0x01020304`; objects are archived, never deleted. Edits are merge patches (RFC 7396); send the ETag as If-Match "
    "to be told when somebody else was faster. Errors are problem documents (RFC 9457)."
)
_ROUTERS: Final[tuple[APIRouter, ...]] = (
    transfers.router,
    connections.router,
    device_profiles.router,
    devices.router,
    device_sets.router,
    multicast_groups.router,
    regions.router,
    files.router,
    delta_keys.router,
    campaigns.router,
    progress.router,
    reports.router,
    events.router,
    subscriber.router,
    users.router,
    sessions.router,
    subscribers.router,
    audit.router,
    trusted_keys.router,
    webhooks.router,
)


def build(parts: Parts) -> FastAPI:
    """The application: all routes under /api/v1, its description at /openapi.json."""
    app = FastAPI(
        title="Fleetcast",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        responses={
            status: {"description": sentence, "content": {problems.MEDIA_TYPE: {"schema": problems.SCHEMA}}}
            for status, sentence in problems.SENTENCES.items()
        },
    )
    app.state.parts = parts
    for router in _ROUTERS:
        app.include_router(router, prefix=PREFIX)
    problems.install(app)
    app.add_middleware(BodyLimit, most_for=_most_for(parts))
    app.add_middleware(SecurityHeaders)
    return app


def _most_for(parts: Parts) -> Callable[[str], int]:
    return lambda path: parts.most_upload_bytes if path.endswith(_LARGE) else parts.most_body_bytes
