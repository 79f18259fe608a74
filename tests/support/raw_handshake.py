"""A caller at the door: an upgrade by hand from any address, and what it is answered."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from support.raw_peer import TEXT, Peer, Response, frame, upgrade_request
from support.server import Server

__all__ = ["Caller", "call"]

BROWSER = "User-Agent: Mozilla/5.0"


@dataclass
class Caller:
    """A connection that has asked for an upgrade.

    Attributes:
        peer: The connection.
        response: The head of the answer.
    """

    peer: Peer
    response: Response

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        return self.response.status

    async def send(self, *messages: dict[str, Any]) -> None:
        """Send messages in one frame."""
        await self.peer.send(frame(TEXT, json.dumps(messages).encode()))

    async def told(self, kind: str) -> dict[str, Any]:
        """Return the next message of a kind."""
        while True:
            for message in json.loads(await self.peer.expect(TEXT)):
                if message["m"] == kind:
                    found: dict[str, Any] = message
                    return found

    async def hello(self, token: str | None = None) -> dict[str, Any]:
        """Say `hi` and return the answer."""
        await self.send({"m": "hi"} if token is None else {"m": "hi", "token": token})
        return await self.told("hi")


async def call(
    server: Server,
    *headers: str,
    address: str | None = None,
    before: bytes = b"",
    port: int | None = None,
) -> Caller:
    """Ask for an upgrade.

    Args:
        server: Whom.
        headers: More lines of the request's head.
        address: From which of the addresses of this machine, such as 127.0.0.2.
        before: Bytes that come before the request.
        port: The port of a proxy before the server.

    Raises:
        EOFError: The connection ended without an answer.
    """
    peer = await Peer.connect(server, address=address, port=port)
    try:
        await peer.send(before, upgrade_request("/ws", *headers))
        return Caller(peer, await peer.response())
    except (EOFError, ConnectionError):
        await peer.vanish()
        raise
