"""The clock of the machine, for stores and commands; a server's handlers have the hub's clock."""

import time

__all__ = ["now_ms"]


def now_ms() -> int:
    """Return the current time; milliseconds since 1970."""
    return time.time_ns() // 1_000_000
