"""How much one user may upload: so many times and so many bytes a minute, each process counting for itself.

Both are buckets that fill up again steadily. Whoever has something left may begin, and may then finish one upload of
the largest size: what that took too much is waited for by the next one.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from fleetcast.api.body_limit import BodyTooLarge
from fleetcast.instants import InstantMs

_MINUTE_MS: Final = 60_000
_MOST_REMEMBERED: Final = 1000
SILENCE_S: Final = 60
"""Whoever sends nothing for so long in the middle of an upload has gone."""


class TooManyUploads(HTTPException):
    """This user has uploaded enough for now."""

    def __init__(self, wait_ms: float) -> None:
        wait_s = max(1, -int(-wait_ms // 1000))
        super().__init__(429, f"too much was uploaded by this user: wait {wait_s} s", {"Retry-After": str(wait_s)})


class PackedBody(HTTPException):
    """The body was packed on its way: unpacked, it could be of any size."""

    def __init__(self, encoding: str) -> None:
        super().__init__(415, f"Content-Encoding {encoding[:40]!r}: send the body as it is")


class UploadStalled(HTTPException):
    """Nothing more came."""

    def __init__(self) -> None:
        super().__init__(408, f"the upload stopped: nothing came for {SILENCE_S} s", {"Connection": "close"})


class UploadCutOff(HTTPException):
    """The connection ended before the upload did. Nobody hears this answer."""

    def __init__(self) -> None:
        super().__init__(400, "the upload was cut off: nothing of it is kept")


@dataclass(slots=True)
class _Left:
    """What one user has left: at most a minute's worth, below zero while there is a debt."""

    at: InstantMs
    uploads: float
    size_bytes: float


@dataclass(slots=True)
class UploadRate:
    """Counts uploads. Zero in either limit: no limit."""

    uploads_a_minute: int = 0
    bytes_a_minute: int = 0
    most_upload_bytes: int = 0
    """What one upload may be at most."""
    _left: dict[int, _Left] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, user_id: int, now: InstantMs) -> None:
        """Count an upload; raises TooManyUploads, and then it isn't counted."""
        with self._lock:
            left = self._filled_up(user_id, now)
            wait = 0.0
            if self.uploads_a_minute and left.uploads < 1:
                wait = (1 - left.uploads) * _MINUTE_MS / self.uploads_a_minute
            if self.bytes_a_minute and left.size_bytes <= 0:
                wait = max(wait, (1 - left.size_bytes) * _MINUTE_MS / self.bytes_a_minute)
            if wait:
                raise TooManyUploads(wait)
            left.uploads -= 1

    def came(self, user_id: int, size_bytes: int, now: InstantMs) -> None:
        """Count bytes; raises TooManyUploads where several at once come to more than one may be."""
        if not self.bytes_a_minute:
            return
        with self._lock:
            left = self._filled_up(user_id, now)
            left.size_bytes -= size_bytes
            if left.size_bytes < -self.most_upload_bytes:
                raise TooManyUploads(-left.size_bytes * _MINUTE_MS / self.bytes_a_minute)

    def _filled_up(self, user_id: int, now: InstantMs) -> _Left:
        left = self._left.get(user_id)
        if left is None:
            if len(self._left) >= _MOST_REMEMBERED:
                self._forget(now)
            left = self._left[user_id] = _Left(now, self.uploads_a_minute, self.bytes_a_minute)
        minutes = max(0, now - left.at) / _MINUTE_MS
        left.at = now
        left.uploads = min(self.uploads_a_minute, left.uploads + minutes * self.uploads_a_minute)
        left.size_bytes = min(self.bytes_a_minute, left.size_bytes + minutes * self.bytes_a_minute)
        return left

    def _forget(self, now: InstantMs) -> None:
        """Whoever owes nothing after a minute begins anew as well without being remembered."""
        self._left = {
            user_id: left
            for user_id, left in self._left.items()
            if now - left.at < _MINUTE_MS or left.size_bytes < 0 or left.uploads < 0
        }


async def received(
    request: Request, rate: UploadRate, user_id: int, now: Callable[[], InstantMs]
) -> AsyncIterator[bytes]:
    """The body of an upload as it comes.

    Raises PackedBody, TooManyUploads, BodyTooLarge, UploadStalled and UploadCutOff: nothing of the body may be kept.
    """
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding.strip().lower() not in ("", "identity"):
        raise PackedBody(encoding)
    rate.begin(user_id, now())
    parts, size_bytes = aiter(request.stream()), 0
    while True:
        try:
            part = await asyncio.wait_for(anext(parts), SILENCE_S)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise UploadStalled from None
        except ClientDisconnect:
            raise UploadCutOff from None
        size_bytes += len(part)
        if size_bytes > rate.most_upload_bytes:
            raise BodyTooLarge(rate.most_upload_bytes)
        rate.came(user_id, len(part), now())
        yield part
