"""The live stream of events (server-sent events)."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import Field

from fortepiano.http.admin.calls import Reader, ResponseModel, in_cluster, problems
from fortepiano.http.admin.server import Details, status_of
from fortepiano.http.running_server import RunningServer
from fortepiano.observe.events import ENDED, STOPPING
from fortepiano.observe.events import Event as PublishedEvent

__all__ = ["Event", "router"]

router = APIRouter(tags=["server"])

_DAY_MS = 86_400_000
_STATUS_SECONDS = 1.0
_QUEUE = 1000
"""The most events that wait for a slow watcher; beyond it, the oldest are dropped."""

_KINDS = (
    "`arrived`, `gone`, `entered`, `left`, `chat`, `near_ban`, an act of the audit log, or in the"
    " last event, `stopping` or `token_ended`."
)


class Event(ResponseModel):
    """One thing that happened; fields that do not apply are left out."""

    kind: str = Field(description=_KINDS)
    actor: str = Field("", description="The id of the user or token that acted.")
    name: str = Field("", description="The name of an actor who is a user.")
    room: str = Field("", description="The room's name; empty for acts that concern no room.")
    subject: str = Field("", description="The user or thing that was acted on; empty for none.")
    text: str = Field("", description="The line of chat.")
    network: str = Field("", description="The size of the network that `near_ban` is about.")
    reason: str = Field("", description="Why, for people.")
    details: Details | None = Field(None, description="Further facts about an act, as in the log.")
    node: str | None = in_cluster("The node where it happened.")


@router.get(
    "/events",
    summary="What happens, live",
    response_class=EventSourceResponse,
    responses=problems(),
)
async def watch_events(
    caller: Reader,
    duration_ms: Annotated[
        float | None,
        Query(gt=0, le=_DAY_MS, description="When to end; until the reader leaves if left out."),
    ] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Stream events: `status` each second, and the actions of people and the staff.

    The data of each event is one JSON object. The last one has the `kind` `stopping`, or, within a
    second after the reader's token has ended, `token_ended`. In a cluster, `status` is that of this
    node, and the actions are those at all nodes.
    """
    loop = asyncio.get_running_loop()
    until = None if duration_ms is None else loop.time() + duration_ms / 1000
    waiting: asyncio.Queue[PublishedEvent] = asyncio.Queue(_QUEUE)

    def note(event: PublishedEvent) -> None:
        if waiting.full():
            waiting.get_nowait()
        waiting.put_nowait(event)

    with _watched(caller.server, note):
        next_status = loop.time()
        while True:
            now = loop.time()
            if now >= next_status:
                if not caller.is_still_staff:
                    yield ServerSentEvent(raw_data=json.dumps({"kind": ENDED}))
                    return
                yield ServerSentEvent(event="status", raw_data=status_of(caller).model_dump_json())
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
            if event["kind"] == STOPPING and event.get("node") == caller.node:
                return


@contextmanager
def _watched(server: RunningServer, note: Callable[[PublishedEvent], None]) -> Generator[None]:
    """Call a function with each event while the context lasts; in a cluster, those of all nodes."""
    published, node = server.context.events, server.cluster
    if node is None:
        published.watch(note)
        try:
            yield
        finally:
            published.unwatch(note)
        return

    def note_own(event: PublishedEvent) -> None:
        note(event | {"node": node.name})

    def note_other(nid: int, event: PublishedEvent) -> None:
        note(event | {"node": node.names.get(nid, str(nid))})

    published.watch(note_own)
    node.followers.watching.watch(note_other)
    try:
        yield
    finally:
        published.unwatch(note_own)
        node.followers.watching.unwatch(note_other)
