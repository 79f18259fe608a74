"""What happens, as it happens: server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse

from fortepiano.http.admin.calls import Reader, problems
from fortepiano.http.admin.server import status_of
from fortepiano.model.events import Event

__all__ = ["router"]

router = APIRouter(tags=["server"])

_STATUS_SECONDS = 1.0
_QUEUE = 1000
"""Events that wait for a watcher who reads slowly; the oldest are dropped."""


class EventStream(StreamingResponse):
    """Server-sent events (HTML Living Standard, section 9.2)."""

    media_type = "text/event-stream"


@router.get(
    "/api/events",
    summary="What happens, live",
    response_class=EventStream,
    responses=problems(),
    response_description="`status` each second, and one event for each thing that happens.",
)
async def events(
    at: Reader,
    seconds: Annotated[
        float | None,
        Query(gt=0, le=86_400, description="When to end; until the reader leaves if left out."),
    ] = None,
) -> EventStream:
    """Stream what happens: `status` each second, and what people and the staff do.

    The data of each event is one JSON object; of those other than `status`, `kind` tells what it
    is: `arrived`, `gone`, `entered`, `left`, `chat`, or an act of the audit log.
    """
    return EventStream(
        _stream(at, seconds), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )


async def _stream(at: Reader, seconds: float | None) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    until = None if seconds is None else loop.time() + seconds
    waiting: asyncio.Queue[Event] = asyncio.Queue(_QUEUE)

    def note(event: Event) -> None:
        if waiting.full():
            waiting.get_nowait()
        waiting.put_nowait(event)

    events = at.desk.context.events
    events.watch(note)
    try:
        next_status = loop.time()
        # A stopping server ends it, and the reader knows when to come back.
        while at.desk.why_not_ready() != "the server is stopping":
            now = loop.time()
            if now >= next_status:
                yield f"event: status\ndata: {status_of(at).model_dump_json()}\n\n"
                next_status = now + _STATUS_SECONDS
            if until is not None and now >= until:
                return
            pause = max(0.0, next_status - now)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause if until is None else min(pause, until - now)):
                    event = await waiting.get()
                    yield f"data: {json.dumps(event)}\n\n"
    finally:
        events.unwatch(note)
