"""Two people who play in a room of their own while others attack: how late their notes are.

They are a process of their own, since an attack in the same one would delay them by itself. Run as
a program, this module is that process.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from support.raw_peer import TEXT, frame, handshake_request
from support.server import Server

__all__ = ["Bystanders", "Delays", "bystanders_on"]

_TESTS = Path(__file__).parents[1]
_GAP_SECONDS = 0.02
_ADDRESSES = ("127.9.9.1", "127.9.9.2")
_MOST_MS = 5
_SHARED_MS = 100
"""The 99th percentile where the attack and the bystanders share two cores with the server."""


class Delays(NamedTuple):
    """How late notes were heard; milliseconds."""

    median: float
    p99: float
    latest: float

    def assert_untroubled(self, before: Delays) -> None:
        """Assert that notes came as before an attack.

        Whatever else keeps the cores busy multiplies the bounds.
        """
        busy = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
        assert self.median <= max(_MOST_MS, 3 * before.median) * busy, (before, self)
        assert self.p99 <= max(_SHARED_MS, 3 * before.p99) * busy, (before, self)


class Bystanders:
    """Two people on a server, who play when they are measured."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """Wrap the process; see `bystanders_on`."""
        self._process = process

    def begin(self, seconds: float) -> None:
        """Begin to play, and return at once."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()

    def end(self) -> Delays:
        """Wait until what was begun is over, and return the delays of all notes."""
        assert self._process.stdout is not None
        return Delays(*json.loads(self._process.stdout.readline()))

    def measure(self, seconds: float) -> Delays:
        """Play for a time, and return the delays of all notes."""
        self.begin(seconds)
        return self.end()


@contextmanager
def bystanders_on(server: Server) -> Iterator[Bystanders]:
    """Let two people play on a server, each from an address of their own."""
    with subprocess.Popen(
        [sys.executable, "-m", "support.bystanders", str(server.port)],
        env=os.environ | {"PYTHONPATH": f"{_TESTS}:{os.environ.get('PYTHONPATH', '')}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        bystanders = Bystanders(process)
        try:
            bystanders.end()  # both are in the room
            yield bystanders
        finally:
            process.kill()


def _enter(port: int, address: str) -> socket.socket:
    """Enter the room from an address."""
    person = socket.create_connection(("127.0.0.1", port), source_address=(address, 0))
    person.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    messages = [{"m": "hi"}, {"m": "ch", "_id": "bystanders"}]
    person.sendall(handshake_request() + frame(TEXT, json.dumps(messages).encode()))
    received = b""
    while b'"m":"ch"' not in received:
        received += person.recv(65_536)
    return person


def _play(player: socket.socket, listener: socket.socket, seconds: float) -> Delays:
    """Play fifty notes a second, and return when each was heard after its time."""
    delays: list[float] = []
    due = time.perf_counter()
    note = frame(TEXT, b'[{"m":"n","t":0,"n":[{"n":"a1","v":0.5}]}]')
    for _ in range(int(seconds / _GAP_SECONDS)):
        due += _GAP_SECONDS
        time.sleep(max(0.0, due - time.perf_counter()))
        began = max(due, time.perf_counter()) if not delays else due
        player.sendall(note)
        while b'"m":"n"' not in listener.recv(65_536):
            pass
        delays.append((time.perf_counter() - began) * 1000)
        due = max(due, time.perf_counter() - _GAP_SECONDS)
    delays.sort()
    return Delays(delays[len(delays) // 2], delays[int(len(delays) * 0.99)], delays[-1])


def main() -> None:
    """Enter the room, and play for as many seconds as each line of stdin says."""
    player, listener = (_enter(int(sys.argv[1]), address) for address in _ADDRESSES)
    time.sleep(0.2)
    listener.setblocking(False)
    try:
        listener.recv(1 << 20)
    except BlockingIOError:
        pass
    listener.setblocking(True)
    print(json.dumps(Delays(0, 0, 0)), flush=True)
    for line in sys.stdin:
        print(json.dumps(_play(player, listener, float(line))), flush=True)


if __name__ == "__main__":
    main()
