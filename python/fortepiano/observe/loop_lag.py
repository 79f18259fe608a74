"""The lag of the event loop: the first sign of an overloaded server."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

__all__ = ["LoopLag"]

_EVERY_SECONDS = 0.5
"""Waking an idle virtual machine is dear: ten times a second took an eighth of its whole cost."""


class LoopLag:
    """A histogram of the event loop's lag: sets a timer twice a second, and counts how late it is.

    Args:
        loop: The event loop to measure from now on.

    Attributes:
        BOUNDS: The upper bounds of the histogram's buckets; seconds. The least bound is the
            resolution of uvloop's timers, a millisecond.
        counts: The lags in each bucket, not cumulative; the last bucket has no bound.
        total: The sum of all lags; seconds.
    """

    BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.counts = [0] * (len(self.BOUNDS) + 1)
        self.total = 0.0
        self._due = loop.time() + _EVERY_SECONDS
        self._timer = loop.call_at(self._due, self._measure)

    def _measure(self) -> None:
        now = self._loop.time()
        self.count(max(now - self._due, 0.0))
        self._due = now + _EVERY_SECONDS
        self._timer = self._loop.call_at(self._due, self._measure)

    def count(self, lag: float) -> None:
        """Count one lag; seconds."""
        self.counts[bisect_left(self.BOUNDS, lag)] += 1
        self.total += lag

    def close(self) -> None:
        """Stop measuring."""
        self._timer.cancel()
