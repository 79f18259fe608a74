"""The server's time, as handlers and messages need it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Clock"]


@dataclass(frozen=True, slots=True)
class Clock:
    """The time, and calls at later times.

    Attributes:
        now: Returns the time in milliseconds since 1970; it never jumps.
        later: Calls a function after a number of seconds.
    """

    now: Callable[[], int]
    later: Callable[[float, Callable[[], None]], object]
