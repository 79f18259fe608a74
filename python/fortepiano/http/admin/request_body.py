"""Bodies of requests that middleware reads before the application does."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Message, Receive

__all__ = ["read_whole", "replay"]


async def read_whole(receive: Receive) -> Message:
    """Return one message with the whole body; the front door limits its size."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return message
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return {"type": "http.request", "body": body}


def replay(first: Message, receive: Receive) -> Receive:
    """Return a function that returns a message that was read, and then those that come."""
    waiting = [first]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed
