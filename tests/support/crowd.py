"""A crowd: thousands who say `hi`, enter a room, and listen to nothing."""

from __future__ import annotations

import json
import resource
import socket
import time
from collections import deque

import httpx
import pytest

from support.raw_peer import TEXT, frame, upgrade_request
from support.server import Server

_ROOM = 20
_SPARE = 500


class Crowd:
    """People who sit in rooms of twenty.

    Args:
        server: Where.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._there: deque[socket.socket] = deque()
        self._count = 0

    def __len__(self) -> int:
        """How many have come and not gone."""
        return len(self._there)

    def come(self) -> None:
        """Let one more come, all in one segment."""
        room = f"room {self._count // _ROOM % 500}"
        hello = json.dumps([{"m": "hi"}, {"m": "ch", "_id": room}]).encode()
        one = socket.create_connection(("127.0.0.1", self._server.port))
        one.sendall(upgrade_request("/ws") + frame(TEXT, hello))
        self._there.append(one)
        self._count += 1

    def go(self) -> None:
        """Let the one go who has been there longest."""
        self._there.popleft().close()

    def close(self) -> None:
        """Let all go."""
        while self._there:
            self.go()

    def settle(self) -> None:
        """Wait until all who have come are in."""
        metrics = f"http://127.0.0.1:{self._server.internal_port}/metrics"
        while True:
            lines = httpx.get(metrics).text.splitlines()
            (clients,) = (line for line in lines if line.startswith("fortepiano_clients "))
            if float(clients.split()[1]) == len(self):
                return
            time.sleep(0.1)


def many_files(count: int) -> None:
    """Allow this process, and servers that it starts from now on, that many sockets.

    The limit stays raised: lowering it under what is open helps nobody.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count + _SPARE:
        pytest.skip(f"{count} sockets need `ulimit -Hn` of {count + _SPARE}, not {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
