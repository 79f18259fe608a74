"""An event loop for tests of timers: its time stands until a test turns it."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["TurnedLoop"]


class TurnedLoop:
    """As much of an event loop as timers need; its time stands until a test turns it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.calls: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, call: Callable[[], None]) -> None:
        self.calls.append((self.now + seconds, call))

    def turn(self, seconds: float) -> None:
        """Let time pass, and call what is due."""
        end = self.now + seconds
        while due := sorted((one for one in self.calls if one[0] <= end), key=lambda one: one[0]):
            self.calls.remove(due[0])
            self.now = due[0][0]
            due[0][1]()
        self.now = end
