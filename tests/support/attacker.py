"""Clients that only send: many WebSockets from addresses of their own; answers are counted."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from support.raw_peer import TEXT, frame, handshake_request
from support.server import Server

__all__ = ["Attacker", "Attackers"]

_READ = 1 << 20


class Attacker(asyncio.Protocol):
    """One connection that sends messages, and counts the bytes that it gets.

    Attributes:
        received: Bytes from the server, those of the handshake included.
        is_open: Whether the server has left the connection open.
    """

    def __init__(self) -> None:
        self.received = 0
        self.is_open = True
        self._transport: asyncio.Transport | None = None
        self.answered = asyncio.Event()
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        self.answered.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        self.answered.set()
        self.lost.set()

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        assert self._transport is not None
        self._transport.write(data)

    def send(self, *messages: dict[str, Any]) -> None:
        """Send messages in one frame."""
        if messages:
            self.write(frame(TEXT, json.dumps(messages).encode()))

    def stop_reading(self) -> None:
        """Take nothing more from the server."""
        assert self._transport is not None
        self._transport.pause_reading()

    def close(self) -> None:
        """End the connection at once."""
        assert self._transport is not None
        self._transport.abort()


class Attackers:
    """Attackers of one server, whose connections end with this context.

    Attributes:
        all: All of them, in the order in which they came.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self.all: list[Attacker] = []

    async def __aenter__(self) -> Attackers:
        return self

    async def __aexit__(self, *_: object) -> None:
        for attacker in self.all:
            attacker.close()
        for attacker in self.all:
            await attacker.lost.wait()

    async def connect(self, address: str, *first: dict[str, Any]) -> Attacker:
        """Open a WebSocket from an address of 127.0.0.0/8, and send messages."""
        loop = asyncio.get_running_loop()
        _, attacker = await loop.create_connection(
            Attacker, "127.0.0.1", self._server.port, local_addr=(address, 0)
        )
        self.all.append(attacker)
        attacker.write(handshake_request())
        await asyncio.wait_for(attacker.answered.wait(), 10)
        attacker.send(*first)
        return attacker

    @property
    def received(self) -> int:
        """Bytes that all of them have received."""
        return sum(attacker.received for attacker in self.all)
