"""What happens, as it happens: server-sent events from the journal, resumed by number.

A stream ends with the token, session or user that opened it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse

from fleetcast.access import Identity
from fleetcast.api.fields import LARGEST, Instant, PathId, Schema
from fleetcast.api.lists import Listed, PageOf, page_of
from fleetcast.api.parts import Parts, Still, TheParts, Who
from fleetcast.instants import rfc3339
from fleetcast.queries import activity, campaigns
from fleetcast.queries.activity import Written

router = APIRouter(tags=["journal"])

AT_ONCE: Final = 200
LOOK_S: Final = 2.0
"""Wakes may be missed: it looks as often as this by itself."""
_BEAT_EVERY: Final = 7
_MEDIA_TYPE: Final = "text/event-stream"

After = Annotated[int | None, Query(ge=0, le=LARGEST, description="Number of the last line seen; left out: from now.")]
LastEventId = Annotated[str | None, Header(description="What a browser sends when it comes back.", max_length=20)]
_ANSWER: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {_MEDIA_TYPE: {"schema": {"type": "string"}}}, "description": "A stream without end."}
}


class LineOut(Schema):
    """A line of the journal."""

    id: int
    at: Instant
    kind: str
    text: str
    who: str
    campaign_id: int | None
    device_id: int | None
    multicast_group_id: int | None
    data: dict[str, Any]


@router.get("/journal")
def journal(parts: TheParts, who: Who, request: Listed) -> PageOf[LineOut]:
    """What happened, the newest first."""
    return page_of(LineOut, activity.page(parts.database, who, request))


@router.get("/campaigns/{id}/journal")
def of_campaign(parts: TheParts, who: Who, row_id: PathId, request: Listed) -> PageOf[LineOut]:
    """What happened in a campaign, the newest first."""
    campaigns.one(parts.database, who, row_id)
    return page_of(LineOut, activity.page(parts.database, who, request, campaign_id=row_id))


@router.get("/events", response_class=StreamingResponse, responses=_ANSWER)
async def events(
    parts: TheParts, who: Who, still: Still, after: After = None, last_event_id: LastEventId = None
) -> StreamingResponse:
    """Everything that happens, as server-sent events."""
    return await _stream(parts, who, still, after, last_event_id, None)


@router.get("/campaigns/{id}/events", response_class=StreamingResponse, responses=_ANSWER)
async def campaign_events(
    parts: TheParts, who: Who, still: Still, row_id: PathId, after: After = None, last_event_id: LastEventId = None
) -> StreamingResponse:
    """What happens in one campaign, as server-sent events."""
    await asyncio.to_thread(campaigns.one, parts.database, who, row_id)
    return await _stream(parts, who, still, after, last_event_id, row_id)


async def _stream(
    parts: Parts,
    who: Identity,
    still: Callable[[], bool],
    after: int | None,
    last_event_id: str | None,
    campaign_id: int | None,
) -> StreamingResponse:
    if last_event_id is not None and last_event_id.isascii() and last_event_id.isdigit():
        after = min(int(last_event_id), LARGEST)
    if after is None:
        after = await asyncio.to_thread(activity.last, parts.database, who)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_follow(parts, who, still, after, campaign_id), media_type=_MEDIA_TYPE, headers=headers)


async def _follow(
    parts: Parts, who: Identity, still: Callable[[], bool], after: int, campaign_id: int | None
) -> AsyncIterator[str]:
    news, loop = asyncio.Event(), asyncio.get_running_loop()

    def woken(payload: str) -> None:
        if payload in ("", str(who.subscriber_id)) and not loop.is_closed():
            loop.call_soon_threadsafe(news.set)

    end = parts.database.listen(activity.CHANNEL, woken)
    quiet = 0
    try:
        yield f"retry: {int(LOOK_S * 1000)}\n\n"
        while await asyncio.to_thread(still):
            news.clear()
            lines = await asyncio.to_thread(
                activity.following, parts.database, who, after, AT_ONCE, campaign_id=campaign_id
            )
            for line in lines:
                yield _event(line)
                after = line.id
            quiet = 0 if lines else quiet + 1
            if quiet % _BEAT_EVERY == _BEAT_EVERY - 1:
                yield ": still here\n\n"
            if len(lines) < AT_ONCE:
                await _at_most(LOOK_S, news)
    finally:
        end()


async def _at_most(seconds: float, news: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await news.wait()
    except TimeoutError:
        return


def _event(line: Written) -> str:
    said = {
        "id": line.id, "at": rfc3339(line.at), "kind": line.kind, "text": line.text, "who": line.who,
        "campaign_id": line.campaign_id, "device_id": line.device_id, "multicast_group_id": line.multicast_group_id,
        "data": dict(line.data),
    }  # fmt: skip
    return f"id: {line.id}\nevent: {line.kind}\ndata: {json.dumps(said)}\n\n"
