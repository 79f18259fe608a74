"""Keys by the time at which they end, so that few of them are looked at when some end."""

from __future__ import annotations

import heapq
from itertools import islice

from fortepiano.model.ban_bounds import Key

__all__ = ["Expiry"]

_SECOND_MS = 1000

_FEWEST = 1024
"""Up to this many seconds may wait in the heap although nothing ends in them any more."""


class Expiry:
    """Keys with times, in one group for each second.

    A group can lose a key at once. A heap of keys would keep the old time of each key that is given
    another one, and grow as long as somebody repeats that.
    """

    def __init__(self) -> None:
        self._until: dict[Key, int] = {}
        self._groups: dict[int, dict[Key, None]] = {}
        self._seconds: list[int] = []

    def __len__(self) -> int:
        """Return the number of keys."""
        return len(self._until)

    def add(self, key: Key, until: int | None) -> None:
        """Set the time at which a key ends; None for never."""
        self.discard(key)
        if until is None:
            return
        self._until[key] = until
        second = until // _SECOND_MS
        group = self._groups.get(second)
        if group is None:
            group = self._groups[second] = {}
            self._push(second)
        group[key] = None

    def discard(self, key: Key) -> None:
        """Forget a key, if it is known."""
        until = self._until.pop(key, None)
        if until is not None:
            second = until // _SECOND_MS
            group = self._groups[second]
            del group[key]
            if not group:
                del self._groups[second]

    def ended(self, now: int, most: int) -> list[Key]:
        """Forget keys that have ended, and return them.

        Args:
            now: The time, in the unit of `add`.
            most: The most keys to return; the others follow at the next call.
        """
        found: list[Key] = []
        while self._seconds and self._seconds[0] * _SECOND_MS <= now and len(found) < most:
            group = self._groups.get(self._seconds[0], {})
            over = (key for key in group if self._until[key] <= now)
            taken = list(islice(over, most - len(found)))
            for key in taken:
                self.discard(key)
            found += taken
            if self._seconds[0] in self._groups:
                break
            heapq.heappop(self._seconds)
        return found

    def _push(self, second: int) -> None:
        if len(self._seconds) >= _FEWEST + 2 * len(self._groups):
            self._seconds = list(self._groups)
            heapq.heapify(self._seconds)
        else:
            heapq.heappush(self._seconds, second)
