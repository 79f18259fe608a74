"""A model of how much a client may send: a bucket that leaks, in whole numbers."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

MILLION = 1_000_000


@dataclass
class Leak:
    """A bucket that leaks.

    Attributes:
        per_second: What runs out in a second.
        most: What it holds.
        level: What is in it.
        at: When that was; microseconds.
    """

    per_second: int
    most: int
    level: Fraction = Fraction(0)
    at: int = 0

    def pour(self, amount: int, now: int) -> bool:
        """Pour something in; false where it runs over."""
        ran_out = Fraction((now - self.at) * self.per_second, MILLION)
        self.level = max(Fraction(0), self.level - ran_out) + amount
        self.at = now
        return self.level <= self.most


class Meter:
    """What a client has sent lately, in bytes and in messages."""

    def __init__(self, bytes_per_second: int, messages_per_second: int, seconds: float) -> None:
        self.bytes = Leak(bytes_per_second, int(bytes_per_second * seconds))
        self.messages = Leak(messages_per_second, int(messages_per_second * seconds))
