"""A budget for what the messages of one subscriber make the server send."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fortepiano.config.live import Live
    from fortepiano.model.session import Session
    from fortepiano.native import MessageRates

__all__ = ["OutputBudget"]

_BURST_MS = 1000
"""A subscriber that was silent may cause this much at once; milliseconds of traffic."""

_LONGEST_WAIT_MS = 5000
"""The longest wait for one message, however much the one before it has cost.

In a room of a thousand one change of the settings costs 150 MB. Without this bound the next message
of that subscriber would wait for 19 seconds.
"""

_OUTPUT = "output"
"""The name of the bucket for caused bytes, which is no kind of message."""


class OutputBudget:
    """How many bytes each subscriber has made the server send of late.

    Notes and pointers do not count: the note quota and conflation bound them. Each other message of
    a client counts with the answer, and with what is broadcast because of it, once for each
    receiver. Exempt networks have no budget.

    Args:
        live: The limits in force.
        table: The native table of subscribers' buckets.
    """

    def __init__(self, live: Live, table: MessageRates) -> None:
        self._live = live
        self._table = table
        self._strained_until = 0.0

    def charge(self, session: Session, size: int, now: int) -> None:
        """Count bytes that a message of a session has caused.

        Args:
            session: The session that sent the message.
            size: Bytes, over all receivers.
            now: Milliseconds since 1970.
        """
        took_ms = size * 1000 / self._live.limits.caused_bytes_per_second
        most_ms = _BURST_MS + _LONGEST_WAIT_MS
        full_at = self._table.charge(session.address, _OUTPUT, took_ms, most_ms, now)
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
        return max(0.0, self._table.full_at_ms(address, _OUTPUT) - now - _BURST_MS)
