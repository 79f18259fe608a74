"""What a server in trouble owes people who play: answers in time, and to be well again soon."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable

from support.server import Server
from support.websocket_clients import Person

__all__ = ["assert_untroubled", "delays", "ready_again", "until"]


async def delays(person: Person, end: Callable[[], bool]) -> list[float]:
    """Ask for the time over and over; returns how long the answers took, in seconds."""
    found: list[float] = []
    while not end():
        began = time.perf_counter()
        await person.send({"m": "t", "e": 1})
        await person.expect("t")
        found.append(time.perf_counter() - began)
        await asyncio.sleep(0.2)  # rates apply to people from afar too
    return found


def assert_untroubled(found: list[float]) -> None:
    """Assert that nobody waited for a store: SQLite alone waits five seconds for a lock."""
    found.sort()
    slow = found[int(len(found) * 0.99)]
    assert statistics.median(found) < 0.02, found[-5:]
    assert slow < 0.2, found[-5:]  # the machine of the tests is shared
    assert found[-1] < 1.0, found[-5:]


async def until(reached: Callable[[], bool], seconds: float) -> float:
    """Wait for something, which is asked on another thread.

    Returns:
        How long it took; seconds.

    Raises:
        AssertionError: It took longer than it may.
    """
    began = time.monotonic()

    def wait() -> None:
        while not reached():
            assert time.monotonic() - began < seconds, f"{reached} not within {seconds} s"
            time.sleep(0.05)

    await asyncio.to_thread(wait)
    return time.monotonic() - began


async def ready_again(server: Server, seconds: float) -> float:
    """Wait until the store takes writes, without a restart; returns how long that took."""
    return await until(server.is_ready, seconds)
