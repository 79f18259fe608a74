"""Python's garbage collector does not stop the loop, however many come and go."""

from __future__ import annotations

import json
import os
import resource
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from support.peer import TEXT, frame, upgrade_request
from support.server import Server

CROWD = 10_000
SECONDS = float(os.environ.get("FORTEPIANO_SOAK_SECONDS", "5"))
"""How long people come and go once all are there; `make soak` takes its time."""

LONGEST_MS = 2.0
GROWTH_BYTES = 12 << 20
_ROOM = 20


class WatchedServer(Server):
    """A server whose garbage collector is watched."""

    @property
    def command(self) -> Sequence[str]:
        """The command line."""
        program = Path(__file__).parent.parent / "support" / "pauses.py"
        python, _, _, *arguments = super().command
        return [python, str(program), str(self.folder / "pauses.json"), *arguments]

    def pauses(self) -> list[tuple[int, float]]:
        """Return the collections of the server, which has stopped."""
        found: list[tuple[int, float]] = json.loads((self.folder / "pauses.json").read_text())
        return found


class Crowd:
    """People who say `hi`, enter a room, and listen to nothing."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._there: deque[socket.socket] = deque()
        self._count = 0

    def come(self) -> None:
        """Let one more come, all in one segment."""
        room = f"room {self._count // _ROOM % (CROWD // _ROOM)}"
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


@pytest.fixture
def many_files() -> Iterator[None]:
    """Allow this process, and the server that it starts, as many sockets as that takes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < CROWD + 500:
        pytest.skip(f"ten thousand sockets need `ulimit -Hn` of {CROWD + 500}, not {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.timeout(120 + 2 * SECONDS)
@pytest.mark.usefixtures("many_files")
def test_ten_thousand_come_and_go_without_a_stop() -> None:
    server = WatchedServer(NODE_ENV="development", FORTEPIANO_LIMITS__DRAIN_SECONDS="0")
    crowd = Crowd(server)
    try:
        server.start()
        for _ in range(CROWD):
            crowd.come()
        settled = wait_for_clients(server)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            for _ in range(100):
                crowd.go()
                crowd.come()
            page = httpx.get(server.url)
            assert page.status_code == 200
        wait_for_clients(server)
        # What nobody frees any more would show: the collector looks at nothing that is old.
        assert server.resident_bytes - settled < GROWTH_BYTES
        server.stop()
        collections = server.pauses()
    finally:
        crowd.close()
        server.close()
    brief = [took for generation, took in collections if generation == 0]
    assert len(brief) > SECONDS  # it did look
    # The empty server is swept before the first and after the last of them.
    assert [generation for generation, _ in collections][1:-1] == [0] * (len(collections) - 2)
    longest = max(brief)
    print(f"longest stop {longest:.2f} ms of {len(brief)}", file=sys.stderr)
    assert longest <= LONGEST_MS


def wait_for_clients(server: Server) -> int:
    """Wait until all of the crowd are in, and return what the server takes then."""
    metrics = f"http://127.0.0.1:{server.internal_port}/metrics"
    while True:
        lines = httpx.get(metrics).text.splitlines()
        (clients,) = (line for line in lines if line.startswith("fortepiano_clients "))
        if float(clients.split()[1]) == CROWD:
            return server.resident_bytes
        time.sleep(0.1)
