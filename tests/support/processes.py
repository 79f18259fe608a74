"""A server of several processes on one port, and one Redis server for their store and broker."""

from __future__ import annotations

import itertools
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx

from support.redis import RedisServer, run_redis
from support.server import READY_SECONDS, Server

__all__ = ["Processes", "is_running", "run_processes"]

_prefixes = itertools.count(1)


def _free_ports(count: int) -> int:
    """Return the first of some free ports that follow each other."""
    while True:
        held: list[socket.socket] = []
        try:
            first = socket.create_server(("127.0.0.1", 0))
            held.append(first)
            port: int = first.getsockname()[1]
            held += [socket.create_server(("127.0.0.1", port + more)) for more in range(1, count)]
        except (OSError, OverflowError):
            continue
        else:
            return port
        finally:
            for one in held:
                one.close()


class Processes(Server):
    """A `fortepiano serve --processes`; its process is the parent.

    Attributes:
        count: How many processes there are.
        redis: The Redis server that is their store and their broker.
        settings: Environment variables.
    """

    def __init__(self, redis: RedisServer, count: int, *arguments: str, **settings: str) -> None:
        """Prepare, but do not start.

        Args:
            redis: A running Redis server.
            count: How many processes.
            arguments: More arguments of `fortepiano serve`.
            settings: Environment variables.
        """
        shared = {
            "FORTEPIANO_STORE__URL": redis.url,
            "FORTEPIANO_STORE__PREFIX": f"processes-{next(_prefixes)}",
            "FORTEPIANO_CLUSTER__URL": redis.url,
        }
        self.settings = shared | settings
        super().__init__("--processes", str(count), *arguments, **self.settings)
        self.count = count
        self.redis = redis
        self.internal_port = _free_ports(count)

    def start(self) -> None:
        """Start the parent, and return when all processes serve."""
        super().start()
        self.moment("all processes serve")

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Return the lines of the log about an event."""
        lines = [json.loads(it) for it in self.log.splitlines() if it.startswith('{"')]
        return [line for line in lines if line["event"] == event]

    def until_logged(self, event: str, times: int = 1) -> dict[str, Any]:
        """Wait until an event has been logged so often; return its last line."""
        deadline = time.monotonic() + READY_SECONDS
        while len(found := self.lines(event)) < times:
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)
        return found[-1]

    @property
    def pids(self) -> list[int]:
        """The process ids of the processes, by number."""
        found: dict[int, int] = {}
        for line in self.lines("listening"):
            found[line["process"]] = line["pid"]
        return [found[number] for number in sorted(found)]

    def sockets(self) -> list[int]:
        """Return how many sockets of clients each process has."""
        return [self._sockets_of(number) for number in range(self.count)]

    def _sockets_of(self, number: int) -> int:
        text = httpx.get(
            f"http://127.0.0.1:{self.internal_port + number}/metrics", timeout=READY_SECONDS
        ).text
        (line,) = [it for it in text.splitlines() if it.startswith("fortepiano_sockets ")]
        return int(float(line.split()[1]))

    def process_of(self, connect: Callable[[], object]) -> int:
        """Return the place of the process that gets a client that connects now."""
        before = self.sockets()
        connect()
        deadline = time.monotonic() + READY_SECONDS
        while (after := self.sockets()) == before:
            assert time.monotonic() < deadline
        (place,) = [at for at in range(self.count) if after[at] != before[at]]
        return place


def is_running(pid: int) -> bool:
    """Return whether a process runs; one that has ended and was not waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


@contextmanager
def run_processes(count: int, *arguments: str, **settings: str) -> Iterator[Processes]:
    """Run several processes with a Redis server of their own during a `with` block.

    Args:
        count: How many.
        arguments: More arguments of `fortepiano serve`.
        settings: Environment variables.
    """
    with (
        run_redis("--appendonly", "no") as redis,
        closing(Processes(redis, count, *arguments, **settings)) as server,
    ):
        server.start()
        yield server
