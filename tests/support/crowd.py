"""Thousands of clients that send `hi`, join a room, and never read."""

from __future__ import annotations

import resource
import socket
import time
from collections import deque

import pytest

from support.raw_peer import arrival
from support.scrape import metric
from support.server import Server

_SPARE = 500


class Crowd:
    """Clients in rooms of the same size, each at the next node.

    Args:
        server: The server to connect to.
        people: How many are in a room.
        rooms: How many rooms there are; whoever comes after all are full goes into the first again.
    """

    def __init__(self, server: Server, *, people: int = 20, rooms: int = 500) -> None:
        self._server = server
        self._people, self._rooms = people, rooms
        self._there: deque[socket.socket] = deque()
        self._count = 0

    def __len__(self) -> int:
        """Return how many are connected."""
        return len(self._there)

    def come(self) -> None:
        """Connect one more client; its handshake and messages are one segment."""
        room = f"room {self._count // self._people % self._rooms}"
        one = socket.create_connection(("127.0.0.1", self._server.next_node().port))
        one.sendall(arrival(room))
        self._there.append(one)
        self._count += 1

    def go(self) -> None:
        """Close the oldest connection."""
        self._there.popleft().close()

    def close(self) -> None:
        """Close all connections."""
        while self._there:
            self.go()

    def settle(self) -> None:
        """Wait until the server counts all of them."""
        while metric(self._server, "clients") != len(self):
            time.sleep(0.1)


def few_files() -> None:
    """Allow a server 256 open files, as its `before_exec`."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))


def many_files(count: int) -> None:
    """Allow this process, and servers that it starts from now on, `count` open sockets.

    The limit stays raised: it cannot sink below the number of open files.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count + _SPARE:
        pytest.skip(f"{count} sockets need `ulimit -Hn` of {count + _SPARE}, not {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
