"""Claims: the crown goes back to a holder who lost the connection and returns in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Claims"]

_MOST_CLAIMS = 1000
"""The most claims in one room. Where everybody leaves at once, the earliest holders have them."""


class Claims:
    """The claims to one room's crown, in the order in which it passed on.

    A returning user comes before all users who held the crown later, and after all earlier ones
    (docs/protocol.md, "Crown").

    Times are milliseconds since 1970. How long a claim holds is an argument of each call, since a
    reload may change it.

    Args:
        left: User ids, each with the time when that user left; the earliest first.
    """

    __slots__ = ("_left",)

    def __init__(self, left: Iterable[tuple[str, int]] = ()) -> None:
        self._left = dict(left)

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Yield user ids, each with the time when that user left: enough to make a copy."""
        return iter(self._left.items())

    def __len__(self) -> int:
        """Return the number of claims; expired ones count until the next `add`."""
        return len(self._left)

    def add(self, user_id: str, now: int, lasts_ms: int) -> None:
        """Add the claim of a holder whose last connection in the room has ended.

        Args:
            user_id: The holder.
            now: The time now.
            lasts_ms: How long a claim holds; 0 means that there are no claims.
        """
        self._left = {holder: left for holder, left in self._left.items() if now - left < lasts_ms}
        self._left.pop(user_id, None)
        if lasts_ms > 0 and len(self._left) < _MOST_CLAIMS:
            self._left[user_id] = now

    def holds(self, user_id: str, now: int, lasts_ms: int) -> bool:
        """Tell whether a user who returns now gets the crown; arguments as for `add`."""
        left = self._left.get(user_id)
        return left is not None and now - left < lasts_ms

    def redeem(self, user_id: str) -> None:
        """Remove the claim of a user who has the crown again, and all later claims."""
        holders = list(self._left)
        for holder in holders[holders.index(user_id) :]:
            del self._left[holder]

    def forfeit(self, user_id: str) -> bool:
        """Remove a user's claim; return whether there was one."""
        return self._left.pop(user_id, None) is not None

    def clear(self) -> None:
        """Remove all claims: the crown was given, dropped or taken on purpose."""
        self._left.clear()
