"""Garbage: Python's cycle collector, kept from stopping the loop.

A full collection looks at every object there is, which takes tens of milliseconds with ten
thousand people connected, and finds nothing: sessions, users and participants leave no cycles
behind. So only what is new is looked at, often and thus briefly, and what has lived through that is
frozen: no collection looks at it again, and it is freed by its reference count as ever.

A cycle that was frozen while it was alive stays until a moment when nobody is connected. What makes
cycles and may live longer than a look has to break them itself (`net/visit.py`).
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["COLLECT_SECONDS", "MOST_NEW", "GarbageCollector"]

MOST_NEW = 2_500
"""So many more new objects than freed ones are looked at without waiting: in half a millisecond."""

COLLECT_SECONDS = 0.1
"""How long after something was done new ones are looked at: where as many people go as come, there
are never more of them than freed ones. While all are silent nothing wakes, which is dear on a
virtual machine."""

_NEVER = 1_000_000_000


class GarbageCollector:
    """Collects in place of the automatic collector, from its making on.

    Somebody has to call `look` now and then.

    Args:
        connected: Returns how many connections a full collection would disturb.
        later: Calls a function after so many seconds.
    """

    def __init__(
        self, connected: Callable[[], int], later: Callable[[float, Callable[[], None]], object]
    ) -> None:
        self._connected = connected
        self._later = later
        self._is_swept = False
        self._is_planned = False
        self._thresholds = gc.get_threshold()
        gc.set_threshold(MOST_NEW, _NEVER, _NEVER)
        gc.callbacks.append(_freeze)
        gc.enable()
        self.collect()

    def on_activity(self) -> None:
        """Have a look soon: something was done, and may have left something behind."""
        if not self._is_planned:
            self._is_planned = True
            self._later(COLLECT_SECONDS, self._collect_again)

    def _collect_again(self) -> None:
        self._is_planned = False
        self.collect()

    def collect(self) -> None:
        """Look at what is new; the first time that nobody is connected, at everything."""
        if self._connected():
            gc.collect(0)
            self._is_swept = False
        elif not self._is_swept:
            gc.unfreeze()
            gc.collect()
            self._is_swept = True

    def close(self) -> None:
        """Leave it to Python again."""
        self._connected, self._is_swept = int, True
        gc.callbacks.remove(_freeze)
        gc.set_threshold(*self._thresholds)
        gc.unfreeze()


def _freeze(phase: str, _info: object) -> None:
    """Be called by the collector, before and after."""
    if phase == "stop":
        gc.freeze()
