"""How late the event loop is: the first sign of a server that has too much to do."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

__all__ = ["LoopLag"]

_EVERY_SECONDS = 0.5
"""Waking a virtual machine that idles is dear: ten times a second were an eighth of it all."""


class LoopLag:
    """Asks the loop twice a second to be called, and counts how late it is.

    Args:
        loop: The event loop, which is measured from now on.

    Attributes:
        BOUNDS: The least lags that are counted apart; seconds. uvloop's timers have a resolution of
            a millisecond, so nothing below would mean anything.
        counts: How many lags were within each bound and over the one before; the last one has none.
        total: All lags together; seconds.
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
        """Measure no more."""
        self._timer.cancel()
