"""Turns: how much of one turn of the loop requests may take.

After a restart hundreds ask at once, and whoever plays would wait until the last of them is in.
"""

from __future__ import annotations

from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING

from fortepiano.native import SHARE_SECONDS

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

__all__ = ["AcceptBudget"]


class AcceptBudget:
    """The share of requests in the turn of the loop that is under way.

    Args:
        loop: The event loop.
        clock: Tells the time; seconds.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float] = perf_counter
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._waiting: deque[Callable[[], None]] = deque()
        self._ends: float | None = None

    def __len__(self) -> int:
        """Return how many requests wait for their turn."""
        return len(self._waiting)

    def has_time(self) -> bool:
        """Whether there is time for one more request in this turn; those who wait come first."""
        if self._ends is None:
            self._ends = self._clock() + SHARE_SECONDS
            self._loop.call_soon(self._renew)
            return True
        return not self._waiting and self._clock() < self._ends

    def put_off(self, answer: Callable[[], None]) -> None:
        """Have a request answered in a later turn.

        Args:
            answer: Called once, in the order in which requests were put off.
        """
        self._waiting.append(answer)

    def _renew(self) -> None:
        if not self._waiting:
            self._ends = None
            return
        self._ends = self._clock() + SHARE_SECONDS
        self._loop.call_soon(self._renew)
        while self._waiting and self._clock() < self._ends:
            self._waiting.popleft()()
