"""Controls Python's cycle collector, so that it does not stop the event loop.

A full collection visits every object. With ten thousand people connected that takes tens of
milliseconds and finds nothing, since sessions, users and participants leave no cycles behind.
Therefore only new objects are visited, often and thus briefly. The objects that survive are frozen:
no collection visits them again, and their reference counts free them as always.

A cycle that was frozen in use remains until a collection while nobody is connected, or until new
handlers have replaced modules, which are full of cycles. An object with cycles that may live longer
than 0.1 s has to break them itself (`net/page_connection.py`).
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["COLLECT_SECONDS", "MOST_NEW", "GarbageCollector"]

MOST_NEW = 2_500
"""The threshold of generation 0: new objects less freed ones that cause a collection at once. It
takes half a millisecond."""

COLLECT_SECONDS = 0.1
"""The time from a message to the next collection of new objects. The threshold alone is not enough:
where as many people leave as join, there are never more new objects than freed ones. While all are
silent no timer runs, since waking up is expensive on a virtual machine."""

_NEVER = 1_000_000_000


class GarbageCollector:
    """Collects in place of the automatic collector, from `start` until `close`.

    The server must call `collect` from time to time.

    Args:
        connected: Returns how many connections a full collection would disturb.
        later: Calls a function after a number of seconds.
    """

    def __init__(
        self, connected: Callable[[], int], later: Callable[[float, Callable[[], None]], object]
    ) -> None:
        self._connected = connected
        self._later = later
        self._is_fully_collected = False
        self._is_planned = False
        self._thresholds = gc.get_threshold()

    def start(self) -> None:
        """Take the place of the automatic collector.

        Not while an upgrade adopts connections: a full collection would lengthen its pause.
        """
        gc.set_threshold(MOST_NEW, _NEVER, _NEVER)
        gc.callbacks.append(_freeze)
        gc.enable()
        self.collect()

    def on_activity(self) -> None:
        """Collect soon: a message was handled, which may have left cycles behind."""
        if not self._is_planned:
            self._is_planned = True
            self._later(COLLECT_SECONDS, self._collect_planned)

    def _collect_planned(self) -> None:
        self._is_planned = False
        self.collect()

    def collect(self) -> None:
        """Collect new objects; all objects the first time that nobody is connected."""
        if self._connected():
            gc.collect(0)
            self._is_fully_collected = False
        elif not self._is_fully_collected:
            self.collect_all()
            self._is_fully_collected = True

    def collect_all(self) -> None:
        """Collect all objects, whoever is connected.

        The loop stops for 69 ms of processor time with ten thousand people, with a thousand for 36.
        """
        gc.unfreeze()
        gc.collect()

    def close(self) -> None:
        """Return to Python's automatic collection."""
        self._connected, self._is_fully_collected = int, True
        gc.callbacks.remove(_freeze)
        gc.set_threshold(*self._thresholds)
        gc.unfreeze()


def _freeze(phase: str, _info: object) -> None:
    """Freeze the objects that survived a collection (callback in `gc.callbacks`)."""
    if phase == "stop":
        gc.freeze()
