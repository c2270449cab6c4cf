"""Bodies have a size: whoever sends more is refused, whether the size was announced or not."""

from __future__ import annotations

from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fleetcast.api.problems import MEDIA_TYPE, document


class BodyTooLarge(HTTPException):
    """The body is larger than allowed. Raised while it is read, so that whoever reads it stops."""

    def __init__(self, most: int) -> None:
        super().__init__(413, f"the body is larger than {most} bytes")


class BodyLimit:
    """Wraps an application. `most_for` says how many bytes a path may be sent."""

    def __init__(self, app: ASGIApp, most_for: Callable[[str], int]) -> None:
        self._app, self._most_for = app, most_for

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is within the limit; the rest is answered with 413."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most, seen = self._most_for(scope["path"]), 0
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > most:
            await _refuse(send, most)
            return

        async def limited() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > most:
                raise BodyTooLarge(most)
            return message

        await self._app(scope, limited, send)


async def _refuse(send: Send, most: int) -> None:
    body = document(413, "too large", f"the body is larger than {most} bytes")
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 413, "headers": [*headers, (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": body})
