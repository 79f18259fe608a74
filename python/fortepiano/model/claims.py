"""Claims: whose a crown was before it passed on because their connection ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Claims"]

_AT_MOST = 1000
"""Claims in one room: where everybody leaves at once, those who held the crown first count."""


class Claims:
    """Who gets a room's crown back by returning in time (docs/protocol.md, "Crown").

    They stand in the order in which the crown passed on. Whoever returns comes before all who
    inherited it from them, and after those from whom they inherited it.

    Times are milliseconds since 1970. How long a claim holds is asked each time, since a reload
    may change it.

    Args:
        left: User ids, and when each of them left; the first one who left first.
    """

    __slots__ = ("_left",)

    def __init__(self, left: Iterable[tuple[str, int]] = ()) -> None:
        self._left = dict(left)

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Yield what a copy can be made of: user ids, and when each of them left."""
        return iter(self._left.items())

    def __len__(self) -> int:
        """Return how many there are, those included that hold no more."""
        return len(self._left)

    def add(self, user_id: str, now: int, lasts_ms: int) -> None:
        """Note that the crown passes on because somebody's last connection here has ended.

        Args:
            user_id: Who held it.
            now: The present.
            lasts_ms: How long such a claim holds; with 0 there are none.
        """
        self._left = {who: left for who, left in self._left.items() if now - left < lasts_ms}
        self._left.pop(user_id, None)
        if lasts_ms > 0 and len(self._left) < _AT_MOST:
            self._left[user_id] = now

    def holds(self, user_id: str, now: int, lasts_ms: int) -> bool:
        """Tell whether somebody who returns now gets the crown; arguments as of `add`."""
        left = self._left.get(user_id)
        return left is not None and now - left < lasts_ms

    def redeem(self, user_id: str) -> None:
        """Note that somebody has the crown again: who inherited it from them has no claim."""
        elders = list(self._left)
        for who in elders[elders.index(user_id) :]:
            del self._left[who]

    def forfeit(self, user_id: str) -> bool:
        """Take somebody's claim away; returns whether there was one."""
        return self._left.pop(user_id, None) is not None

    def clear(self) -> None:
        """Forget all claims: the crown was given, dropped or taken on purpose."""
        self._left.clear()
