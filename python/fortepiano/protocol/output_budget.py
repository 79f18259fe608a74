"""A budget for what the messages of one subscriber make the server send."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from fortepiano.config.live import Live
    from fortepiano.model.session import Session

__all__ = ["OutputBudget"]

_BURST_MS = 1000
"""A subscriber that was silent may cause this much at once; milliseconds of traffic."""

_LONGEST_WAIT_MS = 5000
"""The longest wait for one message, however much the one before it has cost.

In a room of a thousand one change of the settings costs 150 MB. Without this bound the next message
of that subscriber would wait for 19 seconds.
"""

_FEWEST = 1024
"""Up to this many subscribers are remembered without any pruning."""


class OutputBudget:
    """How many bytes each subscriber has made the server send of late.

    Notes and pointers do not count: the note quota and conflation bound them. Each other message of
    a client counts with the answer, and with what is broadcast because of it, once for each
    receiver. Exempt networks have no budget.

    Args:
        live: The limits in force.
        subscriber: Returns the subscriber of an address.

    Attributes:
        subscriber: The same function.
    """

    def __init__(self, live: Live, subscriber: Callable[[str], str]) -> None:
        self._live = live
        self.subscriber = subscriber
        self._full_at: dict[str, float] = {}  # when each subscriber's budget is full again; ms
        self._strained_until = 0.0
        self._prune_at = _FEWEST

    def __len__(self) -> int:
        """Return the number of subscribers that are remembered."""
        return len(self._full_at)

    def charge(self, session: Session, size: int, now: int) -> None:
        """Count bytes that a message of a session has caused.

        Args:
            session: The session that sent the message.
            size: Bytes, over all receivers.
            now: Milliseconds since 1970.
        """
        if len(self._full_at) >= self._prune_at:
            self._prune(now)
        key = self.subscriber(session.address)
        took_ms = size * 1000 / self._live.limits.caused_bytes_per_second
        full_at = max(self._full_at.get(key, 0.0), now) + took_ms
        full_at = min(full_at, now + _BURST_MS + _LONGEST_WAIT_MS)
        self._full_at[key] = full_at
        self._strained_until = max(self._strained_until, full_at - _BURST_MS)

    def is_strained(self, now: int) -> bool:
        """Tell whether the budget of any subscriber is empty."""
        return now < self._strained_until

    def wait_ms(self, address: str, now: int) -> float:
        """Return how long the next message of an address must wait; 0 while there is budget left.

        Args:
            address: The client's address.
            now: Milliseconds since 1970.
        """
        return max(0.0, self._full_at.get(self.subscriber(address), 0.0) - now - _BURST_MS)

    def _prune(self, now: int) -> None:
        """Forget subscribers with a full budget."""
        self._full_at = {key: full_at for key, full_at in self._full_at.items() if full_at > now}
        # Doubled, so that pruning looks at each new subscriber twice on the average.
        self._prune_at = max(_FEWEST, 2 * len(self._full_at))
