"""Memory and descriptors of a server over time, and how fast they grow."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from support.scrape import scrape
from support.server import Server

__all__ = ["Sample", "per_hour", "sample"]

_SETTLE_SECONDS = 10.0


@dataclass(frozen=True)
class Sample:
    """A server in a quiet moment.

    Attributes:
        pid: The process.
        moment: Seconds of the monotonic clock.
        anonymous_bytes: The resident set size without pages of files. The kernel takes those back
            when other processes need memory, which would hide what grows.
        sockets: WebSockets, as the server counts them.
        other_files: Open descriptors that are no WebSockets.
        slow_disconnects: Clients that this process has closed because they did not read.
    """

    pid: int
    moment: float
    anonymous_bytes: int
    sockets: int
    other_files: int
    slow_disconnects: int


async def sample(server: Server, *, most_sockets: int, other_files: int | None = None) -> Sample:
    """Look at a server until it has settled, at most ten seconds long.

    Args:
        server: A server whose clients do nothing at the moment.
        most_sockets: A settled server has no more WebSockets.
        other_files: A settled server has so many other descriptors; None for as many as at the
            look before, since the last HTTP connection may still be open.

    Returns:
        The last look, settled or not.
    """
    end = time.monotonic() + _SETTLE_SECONDS
    expected = other_files
    while True:
        found = await asyncio.to_thread(_look, server)
        settled = found.sockets <= most_sockets and found.other_files == expected
        if settled or time.monotonic() > end:
            return found
        if other_files is None:
            expected = found.other_files
        await asyncio.sleep(0.2)


def per_hour(samples: list[Sample]) -> float:
    """Return by how many bytes an hour the memory grows: the median slope of all pairs.

    One step or a few outliers, as an allocator makes them, do not move it (Theil and Sen).
    """
    slopes = [
        (later.anonymous_bytes - earlier.anonymous_bytes) / (later.moment - earlier.moment)
        for earlier, later in itertools.combinations(samples, 2)
    ]
    return statistics.median(slopes) * 3600


def _look(server: Server) -> Sample:
    pid = server.pid
    values = scrape(server, timeout=30)
    sockets = int(values["sockets"])
    files = len(os.listdir(f"/proc/{pid}/fd"))
    slow = int(values["slow_disconnects_total"])
    return Sample(pid, time.monotonic(), _anonymous_bytes(pid), sockets, files - sockets, slow)


def _anonymous_bytes(pid: int) -> int:
    found = re.search(r"RssAnon:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found, "Linux before 4.5"
    return 1024 * int(found[1])
