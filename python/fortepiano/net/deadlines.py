"""Deadlines: one timer for all connections whose request is awaited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio

__all__ = ["Awaited", "Deadlines"]

_GRACE_SECONDS = 1.0
"""So long nobody has to give way: whoever comes honestly has asked by then."""


class Awaited(Protocol):
    """What has a deadline."""

    def give_up(self) -> None:
        """Called once, when the time is over."""


class Deadlines:
    """Who is awaited, the first to give up first.

    All get the same time, so the order in which they came is the order of their deadlines, and a
    dictionary and one timer are enough: ten thousand connections in a second do not set and cancel
    ten thousand timers.

    Args:
        loop: The event loop.
        seconds: How long each is awaited.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._loop = loop
        self.seconds = seconds
        self._due: dict[Awaited, float] = {}
        self._is_set = False

    def __len__(self) -> int:
        return len(self._due)

    def add(self, awaited: Awaited) -> None:
        """Start the time of one who is not awaited yet."""
        self._due[awaited] = self._loop.time() + self.seconds
        if not self._is_set:
            self._set(self.seconds)

    def discard(self, awaited: Awaited) -> None:
        """Stop waiting for one; harmless if nobody waits."""
        self._due.pop(awaited, None)

    def give_way(self) -> bool:
        """Let the first give up now, for somebody new; false if even he has only just come."""
        awaited, due = next(iter(self._due.items()), (None, 0.0))
        if awaited is None or due - self._loop.time() > self.seconds - _GRACE_SECONDS:
            return False
        del self._due[awaited]
        awaited.give_up()
        return True

    def _set(self, seconds: float) -> None:
        self._is_set = True
        self._loop.call_later(seconds, self._check)

    def _check(self) -> None:
        self._is_set = False
        now = self._loop.time()
        while self._due:
            awaited, due = next(iter(self._due.items()))
            if due > now:
                self._set(due - now)
                return
            del self._due[awaited]
            awaited.give_up()
