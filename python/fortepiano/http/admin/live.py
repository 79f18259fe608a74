"""The live stream of events (server-sent events)."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent

from fortepiano.http.admin.calls import Reader, problems
from fortepiano.http.admin.server import status_of
from fortepiano.observe.events import STOPPING, Event

__all__ = ["router"]

router = APIRouter(tags=["server"])

_STATUS_SECONDS = 1.0
_QUEUE = 1000
"""The most events that wait for a slow watcher; beyond it, the oldest are dropped."""


@router.get(
    "/api/events",
    summary="What happens, live",
    response_class=EventSourceResponse,
    responses=problems(),
)
async def events(
    at: Reader,
    seconds: Annotated[
        float | None,
        Query(gt=0, le=86_400, description="When to end; until the reader leaves if left out."),
    ] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Stream events: `status` each second, and the actions of people and the staff.

    The data of each event is one JSON object. In all but `status`, `kind` is `arrived`, `gone`,
    `entered`, `left`, `chat`, an act of the audit log, or in the last event, `stopping`.
    """
    loop = asyncio.get_running_loop()
    until = None if seconds is None else loop.time() + seconds
    waiting: asyncio.Queue[Event] = asyncio.Queue(_QUEUE)

    def note(event: Event) -> None:
        if waiting.full():
            waiting.get_nowait()
        waiting.put_nowait(event)

    published = at.server.context.events
    published.watch(note)
    try:
        next_status = loop.time()
        while True:
            now = loop.time()
            if now >= next_status:
                yield ServerSentEvent(event="status", raw_data=status_of(at).model_dump_json())
                next_status = now + _STATUS_SECONDS
            if until is not None and now >= until:
                return
            pause = max(0.0, next_status - now)
            try:
                async with asyncio.timeout(pause if until is None else min(pause, until - now)):
                    event = await waiting.get()
            except TimeoutError:
                continue
            yield ServerSentEvent(raw_data=json.dumps(event))
            if event["kind"] == STOPPING:
                return
    finally:
        published.unwatch(note)
