"""One address that attacks by HTTP, on blocking sockets."""

from __future__ import annotations

import contextlib
import itertools
import socket
import time
from collections.abc import Iterable

__all__ = ["PAGE", "HttpAttacker", "answer"]

ATTACKER = "127.9.0.9"
"""The address that attackers have, unless a test says otherwise."""

PAGE = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class HttpAttacker:
    """Connections from one address, which end with the context.

    Args:
        port: The port to attack.
        address: The address to come from.
    """

    def __init__(self, port: int, address: str = ATTACKER) -> None:
        self.port = port
        self.address = address
        self.connections: list[socket.socket] = []

    def __enter__(self) -> HttpAttacker:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self.connections:
            connection.close()

    def connect(self, first: bytes = b"") -> socket.socket:
        """Connect, send some bytes, and do not read; the buffer for what comes is small."""
        connection = socket.socket()
        self.connections.append(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(10)
        connection.bind((self.address, 0))
        connection.connect(("127.0.0.1", self.port))
        with contextlib.suppress(OSError):  # the server may have closed it already
            connection.sendall(first)
        return connection

    def flood(self, data: bytes, seconds: float) -> None:
        """Send data again and again, as fast as the server takes it, and read nothing.

        When the server closes the connection, the attacker connects again.

        Args:
            data: The bytes.
            seconds: For how long.
        """
        end = time.monotonic() + seconds
        connection = self.connect()
        connection.setblocking(False)
        while time.monotonic() < end:
            try:
                connection.send(data)
            except BlockingIOError:
                time.sleep(0.01)
            except OSError:
                connection.close()
                connection = self.connect()
                connection.setblocking(False)

    def knock(self, requests: Iterable[bytes], seconds: float) -> None:
        """Send requests in turn, each on a connection of its own; read how its answer begins.

        Args:
            requests: The bytes to send on each connection; again from the first after the last.
            seconds: For how long.
        """
        end, unending = time.monotonic() + seconds, itertools.cycle(requests)
        while time.monotonic() < end:
            connection = self.connect(next(unending))
            with contextlib.suppress(OSError):  # the server may reset it
                connection.recv(65_536)
            self.connections.remove(connection)
            connection.close()

    def open_connections(self) -> int:
        """Return how many connections the server has not closed."""
        return sum(map(_is_open, self.connections))


def _is_open(connection: socket.socket) -> bool:
    """Return whether the peer has not ended a connection; reads what it has sent."""
    connection.setblocking(False)
    try:
        while connection.recv(1 << 20):
            pass
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def answer(connection: socket.socket) -> bytes:
    """Read until the server closes a connection; return what came, also before a reset."""
    received = b""
    connection.settimeout(10)
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65_536):
            received += piece
    return received
