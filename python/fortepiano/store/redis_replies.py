"""Who waits to be told that something is safe.

Everybody waits on the event loop's thread; the writer's thread knows the loop and nothing else of
that side. So what hangs on a callback is let go of where it belongs.
"""

import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from fortepiano.store.base import Loop, Timer

__all__ = ["ANSWER_SECONDS", "Replies"]

ANSWER_SECONDS = 1.0
"""How long somebody waits for a commit."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    change: int
    callback: Callable[[bool], object]
    timer: Timer


class Replies:
    """Those who wait, in the order in which they came.

    Args:
        loop: The event loop on which they wait.
        changed: Called there when another process has changed something.
    """

    def __init__(self, loop: Loop, changed: Callable[[], object]) -> None:
        self._loop = loop
        self._changed = changed
        self._waiting: deque[_Waiting] = deque()

    def wait(self, change: int, callback: Callable[[bool], object]) -> None:
        """Tell somebody when a change is safe, or that it takes too long; on the loop's thread.

        Args:
            change: The number of the change; not smaller than those before it.
            callback: How to tell him.
        """
        late = partial(self._answer, change, False)
        timer = self._loop.call_later(ANSWER_SECONDS, late)
        self._waiting.append(_Waiting(change, callback, timer))

    def safe(self, change: int) -> None:
        """Answer those who wait for a change or an earlier one; from any thread."""
        if self._waiting:
            self._call(partial(self._answer, change, True))

    def notify_changed(self) -> None:
        """Tell of a change by another process; from any thread."""
        self._call(self._changed)

    def _call(self, callback: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has been closed
            self._loop.call_soon_threadsafe(callback)

    def _answer(self, change: int, is_safe: bool) -> None:
        # All wait equally long, so whoever came earlier is due as well.
        while self._waiting and self._waiting[0].change <= change:
            waiting = self._waiting.popleft()
            waiting.timer.cancel()
            waiting.callback(is_safe)
