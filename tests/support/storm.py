"""Clients that all lose their connections, and all come back in the same moment."""

from __future__ import annotations

import selectors
import socket
import time
from collections import Counter

from support.raw_peer import arrival, reset_on_close
from support.server import Server

__all__ = ["Storm"]

RETRY_SECONDS = (0.05, 2.5, 10.0)
"""How long clients wait after each attempt that fails, as the original site's do."""

_ROOM = 20


class _Client:
    """One client, with an address of its own; see `Storm`."""

    def __init__(self, number: int, port: int) -> None:
        self._address = f"127.{10 + number // 62_500}.{number // 250 % 250}.{1 + number % 250}"
        self.request = arrival(f"storm {number // _ROOM}")
        self.port = port
        self.failures = 0
        self.received = b""
        self.socket: socket.socket | None = None

    def connect(self) -> socket.socket:
        """Begin a connection; the selector says when there is one."""
        self.socket = socket.socket()
        self.socket.setblocking(False)
        reset_on_close(self.socket)
        self.socket.bind((self._address, 0))
        self.socket.connect_ex(("127.0.0.1", self.port))
        self.received = b""
        return self.socket

    def read(self) -> bool:
        """Read what has come; return whether the connection goes on."""
        assert self.socket is not None
        try:
            data = self.socket.recv(1 << 16)
        except OSError:
            return False
        self.received += data
        return bool(data) and self.received.startswith(b"HTTP/1.1 101"[: len(self.received)])

    @property
    def is_in_room(self) -> bool:
        """Whether the answer to `ch` has come."""
        return b'"m":"ch"' in self.received

    def close(self) -> None:
        """End the connection by a reset."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None


class Storm:
    """Clients in rooms of twenty, which connect, lose all connections, and come back.

    Args:
        server: The server.
        count: How many clients.

    Attributes:
        attempts: How many connections ended how: "in room", or "refused" and tried again.
        sweep_seconds: How long all clients took to begin their last first attempts.
    """

    def __init__(self, server: Server, count: int) -> None:
        self._clients = [_Client(number, server.port) for number in range(count)]
        self._selector = selectors.DefaultSelector()
        self._due: list[tuple[float, _Client]] = []
        self.attempts: Counter[str] = Counter()
        self.sweep_seconds = 0.0

    def come(self, within: float) -> float:
        """Connect all clients at once, and wait until they are in their rooms.

        Args:
            within: Seconds after which the test fails.

        Returns:
            The time that it took in seconds.
        """
        began = time.monotonic()
        for client in self._clients:
            client.close()
        self.attempts.clear()
        for client in self._clients:
            self._begin(client)
        self.sweep_seconds = time.monotonic() - began
        while self.attempts["in room"] < len(self._clients):
            took = time.monotonic() - began
            assert took < within, f"after {took:.1f} s: {dict(self.attempts)}"
            self._turn()
        return time.monotonic() - began

    def turn_to(self, *servers: Server) -> None:
        """Connect to other servers from the next time on, each client to the next one."""
        for number, client in enumerate(self._clients):
            client.port = servers[number % len(servers)].port

    def close(self) -> None:
        """End all connections."""
        for client in self._clients:
            client.close()
        self._selector.close()

    def _begin(self, client: _Client) -> None:
        self._selector.register(client.connect(), selectors.EVENT_WRITE, client)

    def _turn(self) -> None:
        for key, mask in self._selector.select(0.02):
            self._serve(key.data, mask)
        now = time.monotonic()
        due = [client for when, client in self._due if when <= now]
        self._due = [(when, client) for when, client in self._due if when > now]
        for client in due:
            self._begin(client)

    def _serve(self, client: _Client, mask: int) -> None:
        assert client.socket is not None
        if mask & selectors.EVENT_WRITE:
            self._request(client)
        elif not client.read():
            self._fail(client)
        elif client.is_in_room:
            self._selector.unregister(client.socket)
            self.attempts["in room"] += 1

    def _request(self, client: _Client) -> None:
        assert client.socket is not None
        try:
            client.socket.sendall(client.request)
        except OSError:
            self._fail(client)
        else:
            self._selector.modify(client.socket, selectors.EVENT_READ, client)

    def _fail(self, client: _Client) -> None:
        assert client.socket is not None
        self._selector.unregister(client.socket)
        client.close()
        wait = RETRY_SECONDS[min(client.failures, len(RETRY_SECONDS) - 1)]
        client.failures += 1
        self._due.append((time.monotonic() + wait, client))
        self.attempts["refused"] += 1
