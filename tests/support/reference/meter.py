"""A model of how much a client may send: leaky buckets, in whole numbers."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

MILLION = 1_000_000


@dataclass
class Leak:
    """A leaky bucket.

    Attributes:
        per_second: How much leaks in a second.
        most: The capacity.
        level: The content at the time `at`.
        at: Microseconds.
    """

    per_second: int
    most: int
    level: Fraction = Fraction(0)
    at: int = 0

    def pour(self, amount: int, now: int) -> bool:
        """Add an amount; return False if the bucket runs over."""
        ran_out = Fraction((now - self.at) * self.per_second, MILLION)
        self.level = max(Fraction(0), self.level - ran_out) + amount
        self.at = now
        return self.level <= self.most


class Meter:
    """The bytes and messages that a client has sent lately."""

    def __init__(self, bytes_per_second: int, messages_per_second: int, seconds: float) -> None:
        self.bytes = Leak(bytes_per_second, int(bytes_per_second * seconds))
        self.messages = Leak(messages_per_second, int(messages_per_second * seconds))
