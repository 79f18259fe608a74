"""Measures for servers whose store fails: clients get answers in time, and it recovers soon."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable

from support.scrape import scrape
from support.server import Server
from support.websocket_clients import Client

__all__ = ["assert_untroubled", "delays", "loop_lags", "ready_again", "until"]

_LAGS = 'loop_lag_seconds_bucket{le="'


async def delays(client: Client, end: Callable[[], bool]) -> list[float]:
    """Send `t` repeatedly until `end` is true; return the times of the answers in seconds."""
    found: list[float] = []
    while not end():
        began = time.perf_counter()
        await client.send({"m": "t", "e": 1})
        await client.expect("t")
        found.append(time.perf_counter() - began)
        await asyncio.sleep(0.2)  # below the rate limit of `t`
    return found


def assert_untroubled(found: list[float]) -> None:
    """Assert that no answer waited for a store: SQLite alone waits five seconds for a lock."""
    found.sort()
    slow = found[int(len(found) * 0.99)]
    assert statistics.median(found) < 0.02, found[-5:]
    assert slow < 0.2, found[-5:]  # the machine of the tests is shared
    assert found[-1] < 1.0, found[-5:]


async def loop_lags(server: Server) -> dict[float, int]:
    """Return how often the event loop was late by at most so many seconds, not cumulative."""
    metrics = await asyncio.to_thread(scrape, server)
    buckets = {
        float(name.removeprefix(_LAGS).removesuffix('"}')): int(count)
        for name, count in metrics.items()
        if name.startswith(_LAGS)
    }
    assert buckets
    below = [0, *list(buckets.values())[:-1]]
    return {
        bound: count - less
        for (bound, count), less in zip(buckets.items(), below, strict=True)
        if count > less
    }


async def until(reached: Callable[[], bool], seconds: float) -> float:
    """Wait, on another thread, until `reached` is true.

    Returns:
        The time that it took, in seconds.

    Raises:
        AssertionError: It took longer than `seconds`.
    """
    began = time.monotonic()

    def wait() -> None:
        while not reached():
            assert time.monotonic() - began < seconds, f"{reached} not within {seconds} s"
            time.sleep(0.05)

    await asyncio.to_thread(wait)
    return time.monotonic() - began


async def ready_again(server: Server, seconds: float) -> float:
    """Wait until the store takes writes again, without a restart; return the seconds it took."""
    return await until(server.is_ready, seconds)
