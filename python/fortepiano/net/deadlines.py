"""Deadlines for pending connections, by one timer for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio

    from fortepiano.config.live import Live

__all__ = ["Deadlines", "Pending"]

_GRACE_SECONDS = 1.0
"""The time in which a connection cannot be evicted: an honest client sends its request sooner."""


class Pending(Protocol):
    """A connection that must send something before a deadline."""

    def time_out(self) -> None:
        """End the connection; called once, at the deadline or when the connection is evicted."""


class Deadlines:
    """The pending connections, the earliest deadline first.

    All connections get the same time, `limits.head_seconds`, so the order of their arrival is the
    order of their deadlines. A dictionary and one timer are enough: ten thousand connections in a
    second do not set and cancel ten thousand timers.

    Args:
        loop: The event loop.
        live: The limits in force.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, live: Live) -> None:
        self._loop = loop
        self._live = live
        self._due: dict[Pending, float] = {}
        self._is_timer_set = False

    def __len__(self) -> int:
        return len(self._due)

    def add(self, connection: Pending, seconds: float | None = None) -> None:
        """Start the time of a connection that is not pending yet.

        Args:
            connection: The connection.
            seconds: The time that another process has left it; such connections come first, and in
                the order of their deadlines. None for the whole time.
        """
        whole = self._live.limits.head_seconds
        left = whole if seconds is None else min(max(seconds, 0.0), whole)
        self._due[connection] = self._loop.time() + left
        if not self._is_timer_set:
            self._set_timer(left)

    def seconds_left(self, connection: Pending) -> float | None:
        """Return the time that a connection has left; None if it is not pending."""
        due = self._due.get(connection)
        return None if due is None else due - self._loop.time()

    def discard(self, connection: Pending) -> None:
        """Cancel the deadline of a connection, if there is one."""
        self._due.pop(connection, None)

    def evict_slowest(self) -> bool:
        """Time out the connection that has been pending longest, to make room for a new one.

        Returns:
            Whether a connection was evicted; False where all are within the grace period.
        """
        connection, due = next(iter(self._due.items()), (None, 0.0))
        latest = self._loop.time() + self._live.limits.head_seconds - _GRACE_SECONDS
        if connection is None or due > latest:
            return False
        del self._due[connection]
        connection.time_out()
        return True

    def _set_timer(self, seconds: float) -> None:
        self._is_timer_set = True
        self._loop.call_later(seconds, self._check)

    def _check(self) -> None:
        """Time out all connections whose deadline has passed, and wait for the next deadline."""
        self._is_timer_set = False
        now = self._loop.time()
        while self._due:
            connection, due = next(iter(self._due.items()))
            if due > now:
                self._set_timer(due - now)
                return
            del self._due[connection]
            connection.time_out()
