"""A WebSocket handshake by hand, from any address, and its response."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from support.raw_peer import TEXT, RawPeer, Response, frame, handshake_request
from support.server import Server

__all__ = ["RawHandshake", "raw_handshake"]

BROWSER = "User-Agent: Mozilla/5.0"


@dataclass
class RawHandshake:
    """A connection that has sent the request of a handshake.

    Attributes:
        peer: The connection.
        response: The head of the response.
    """

    peer: RawPeer
    response: Response

    @property
    def status(self) -> int:
        """The HTTP status of the response."""
        return self.response.status

    async def send(self, *messages: dict[str, Any]) -> None:
        """Send messages as one frame."""
        await self.peer.send(frame(TEXT, json.dumps(messages).encode()))

    async def expect(self, kind: str) -> dict[str, Any]:
        """Return the next message of this kind, skipping others."""
        while True:
            for message in json.loads(await self.peer.expect(TEXT)):
                if message["m"] == kind:
                    found: dict[str, Any] = message
                    return found

    async def hello(self, token: str | None = None) -> dict[str, Any]:
        """Send `hi` and return the reply."""
        await self.send({"m": "hi"} if token is None else {"m": "hi", "token": token})
        return await self.expect("hi")


async def raw_handshake(
    server: Server,
    *headers: str,
    address: str | None = None,
    before: bytes = b"",
    port: int | None = None,
) -> RawHandshake:
    """Send the request of a handshake and read the response.

    Args:
        server: The server to connect to.
        headers: More header lines of the request.
        address: The address of this machine to connect from, such as 127.0.0.2.
        before: Bytes to send before the request.
        port: The port of a proxy in front of the server.

    Raises:
        EOFError: The connection ended without a response.
    """
    peer = await RawPeer.connect(server, address=address, port=port)
    try:
        await peer.send(before, handshake_request("/ws", *headers))
        return RawHandshake(peer, await peer.response())
    except (EOFError, ConnectionError):
        await peer.vanish()
        raise
