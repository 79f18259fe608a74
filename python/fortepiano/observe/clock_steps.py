"""Reports that the wall clock of the machine was set while the server ran."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.observe.logs import logger
from fortepiano.wall_clock import now_ms

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ClockSteps"]

_TOLERATED_MS = 30_000
"""Clocks that are kept right step by a second or two, and drift by a few in a month."""

_log = logger(__name__)


class ClockSteps:
    """The difference between the wall clock and the server's clock, which never jumps.

    Bans and tokens made by other processes end by the wall clock, those of the server by its own.

    Args:
        now: Returns the server's time; milliseconds since 1970.
        wall: Returns the time of the machine; milliseconds since 1970.
    """

    def __init__(self, now: Callable[[], int], wall: Callable[[], int] = now_ms) -> None:
        self._now = now
        self._wall = wall
        self._reported = 0

    def check(self) -> None:
        """Log a warning if the difference has changed since the start, or the last warning."""
        difference = self._wall() - self._now()
        if abs(difference - self._reported) > _TOLERATED_MS:
            self._reported = difference
            _log.warning("the clock of this machine was set", seconds=round(difference / 1000))
