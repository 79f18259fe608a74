"""A model of the bans: one dictionary."""

from __future__ import annotations


class Bans:
    """Who is banned from where, and until when."""

    PERMANENT = 2**64 - 1

    def __init__(self) -> None:
        self.ends: dict[tuple[str, str], int] = {}

    def __len__(self) -> int:
        return len(self.ends)

    def add(self, scope: str, user: str, until_ms: int | None) -> None:
        """Ban a user; None means for ever."""
        self.ends[scope, user] = self.PERMANENT if until_ms is None else until_ms

    def remove(self, scope: str, user: str) -> bool:
        """Lift a ban."""
        return self.ends.pop((scope, user), None) is not None

    def until(self, scope: str, user: str, now_ms: int) -> int | None:
        """Return when the ban ends, None if there is none in force."""
        end = self.ends.get((scope, user))
        return end if end is not None and self.holds(end, now_ms) else None

    def prune(self, now_ms: int) -> int:
        """Forget what has ended."""
        before = len(self.ends)
        self.ends = {key: end for key, end in self.ends.items() if self.holds(end, now_ms)}
        return before - len(self.ends)

    def of(self, scope: str) -> list[tuple[str, int]]:
        """List the bans of one scope."""
        return [(user, end) for (where, user), end in self.ends.items() if where == scope]

    def holds(self, end: int, now_ms: int) -> bool:
        """Tell whether a ban is in force."""
        return end == self.PERMANENT or now_ms < end
