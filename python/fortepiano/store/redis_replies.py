"""Callbacks that wait for the commit of a change, or for what other processes have written.

All callbacks are held, called and released on the event loop's thread. The writer's thread only
holds the loop, so it never runs the destructors of what a callback references.
"""

import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from fortepiano.store.base import Loop, Timer

__all__ = ["ANSWER_SECONDS", "Questions", "Replies"]

ANSWER_SECONDS = 1.0
"""How long a callback waits."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    change: int
    callback: Callable[[bool], object]
    timer: Timer


class Replies:
    """The waiting callbacks, in the order in which they were added.

    Args:
        loop: The event loop on which callbacks are called.
        changed: Called on the loop when another process has changed bans or tokens.
    """

    def __init__(self, loop: Loop, changed: Callable[[], object]) -> None:
        self._loop = loop
        self._changed = changed
        self._waiting: deque[_Waiting] = deque()

    def wait(self, change: int, callback: Callable[[bool], object]) -> None:
        """Call back when a change is committed, or has waited too long; on the loop's thread.

        Args:
            change: The number of the change; not smaller than the numbers before it.
            callback: Called with whether the change is committed.
        """
        late = partial(self._answer, change, False)
        timer = self._loop.call_later(ANSWER_SECONDS, late)
        self._waiting.append(_Waiting(change, callback, timer))

    def safe(self, change: int) -> None:
        """Call back for a committed change and all earlier ones; from any thread."""
        if self._waiting:
            self._call(partial(self._answer, change, True))

    def notify_changed(self) -> None:
        """Call `changed` after a change by another process; from any thread."""
        self._call(self._changed)

    def _call(self, callback: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has been closed
            self._loop.call_soon_threadsafe(callback)

    def _answer(self, change: int, is_safe: bool) -> None:
        # All callbacks wait equally long, so earlier ones are due as well.
        while self._waiting and self._waiting[0].change <= change:
            waiting = self._waiting.popleft()
            waiting.timer.cancel()
            waiting.callback(is_safe)


class Questions:
    """Rooms of which everything that others have written is wanted, each for a callback.

    The owner's lock guards each call.
    """

    def __init__(self) -> None:
        self._replies: Replies | None = None
        self._last = 0  # the number of the last question
        self._rooms: dict[str, int] = {}  # the last question about each room

    def attach(self, replies: Replies) -> None:
        """Call back by these replies from now on; nobody asks before."""
        self._replies = replies

    def ask(self, room: str, callback: Callable[[bool], object]) -> None:
        """Ask about a room; on the loop's thread.

        Args:
            room: The room's name.
            callback: Called with whether everything is here.
        """
        self._last += 1
        self._rooms[room] = self._last
        if self._replies is not None:
            self._replies.wait(self._last, callback)

    def asked(self) -> dict[str, int]:
        """Return the rooms that are asked about now, for `answer`; on the writer's thread."""
        return self._rooms.copy()

    def answer(self, asked: dict[str, int]) -> None:
        """Call back for rooms of which everything is here; questions since then stay."""
        if asked and self._replies is not None:
            self._replies.safe(max(asked.values()))
        for room, number in asked.items():
            if self._rooms.get(room) == number:
                del self._rooms[room]
