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
    from collections.abc import Callable, Sized

__all__ = ["BUSY_SECONDS", "LOOK_SECONDS", "MOST_NEW", "Garbage"]

MOST_NEW = 2_500
"""So many more new objects than freed ones are looked at without waiting: in half a millisecond."""

LOOK_SECONDS = 1.0
"""How often fewer are looked at: waking a virtual machine that idles is dear."""

BUSY_SECONDS = 0.1
"""How often while people come and go: where as many go as come, new ones are never more."""

_FEW = 250
"""So many new ones in a second are no coming and going."""

_NEVER = 1_000_000_000


class Garbage:
    """Collects in place of the automatic collector, from its making on.

    Args:
        connected: Those whom a full collection would disturb.
        later: Calls a function after so many seconds.
    """

    def __init__(
        self, connected: Sized, later: Callable[[float, Callable[[], None]], object]
    ) -> None:
        self._connected = connected
        self._later = later
        self._is_swept = False
        self._thresholds = gc.get_threshold()
        gc.set_threshold(MOST_NEW, _NEVER, _NEVER)
        gc.callbacks.append(_freeze)
        gc.enable()
        self._look()

    def _look(self) -> None:
        is_busy = False
        if self._connected:
            is_busy = len(gc.get_objects(0)) > _FEW
            gc.collect(0)
            self._is_swept = False
        elif not self._is_swept:
            gc.unfreeze()
            gc.collect()
            self._is_swept = True
        self._later(BUSY_SECONDS if is_busy else LOOK_SECONDS, self._look)

    def close(self) -> None:
        """Leave it to Python again."""
        self._later = _not_again
        gc.callbacks.remove(_freeze)
        gc.set_threshold(*self._thresholds)
        gc.unfreeze()


def _freeze(phase: str, _info: object) -> None:
    """Be called by the collector, before and after."""
    if phase == "stop":
        gc.freeze()


def _not_again(_seconds: float, _call: Callable[[], None]) -> None:
    """Look no more."""
