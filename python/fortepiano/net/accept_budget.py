"""Limits the time that new HTTP requests may take in one turn of the event loop.

After a restart hundreds of clients connect at once. Without the limit, players would wait until the
last of them is connected.
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
    """The time that remains for requests in the current turn, and the deferred requests.

    Args:
        loop: The event loop.
        clock: Returns the time; seconds.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float] = perf_counter
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._deferred: deque[Callable[[], None]] = deque()
        self._share_ends: float | None = None

    def __len__(self) -> int:
        """Return the number of deferred requests."""
        return len(self._deferred)

    def has_time(self) -> bool:
        """Return whether one more request may be handled in this turn; deferred ones come first."""
        if self._share_ends is None:
            self._share_ends = self._clock() + SHARE_SECONDS
            self._loop.call_soon(self._renew)
            return True
        return not self._deferred and self._clock() < self._share_ends

    def charge(self, seconds: float) -> None:
        """Take time that a request will need in a later step of the loop.

        Args:
            seconds: The time.
        """
        if self._share_ends is not None:
            self._share_ends -= seconds

    def defer(self, handle: Callable[[], None]) -> None:
        """Handle a request in a later turn.

        Args:
            handle: Called once, in the order in which requests were deferred.
        """
        self._deferred.append(handle)

    def _renew(self) -> None:
        """Begin a new turn: handle deferred requests until its share is used."""
        if not self._deferred:
            self._share_ends = None
            return
        self._share_ends = self._clock() + SHARE_SECONDS
        self._loop.call_soon(self._renew)
        while self._deferred and self._clock() < self._share_ends:
            self._deferred.popleft()()
