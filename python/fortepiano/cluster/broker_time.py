"""The broker's time, which all nodes of a cluster follow.

A note carries the time of its server, and sounds a second later by the clock of the listener's
server. So two nodes 30 ms apart would shift everything by 30 ms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["PERIOD_SECONDS", "offset_of"]

PERIOD_SECONDS = 30.0
"""The time between two looks at the broker's clock. A quartz is off by 3 ms a minute at most."""

_PROBES = 8
"""The questions of one look, of which the fastest counts."""


async def offset_of(execute: Callable[..., Awaitable[Any]], now_us: Callable[[], int]) -> int:
    """Return how far the broker's clock is ahead of this node's; microseconds.

    The answer is taken to be as old as half of its way there and back. So the error is at most that
    half: for the fastest of several questions, a tenth of a millisecond.

    Args:
        execute: Sends one command to the broker, and returns the answer.
        now_us: Returns this node's time; microseconds since 1970.
    """
    probes = [await _probe(execute, now_us) for _ in range(_PROBES)]
    return min(probes)[1]


async def _probe(
    execute: Callable[..., Awaitable[Any]], now_us: Callable[[], int]
) -> tuple[int, int]:
    """Return how long one question took, and the offset by its answer."""
    asked = now_us()
    answer = await execute("TIME")
    answered = now_us()
    # The library makes a pair of numbers of it; else they are texts.
    seconds, microseconds = map(int, answer)
    return answered - asked, seconds * 1_000_000 + microseconds - (asked + answered) // 2
