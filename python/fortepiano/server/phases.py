"""The phases of a server: systemd's patience with slow ones, and failures of the start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from fortepiano.errors import StartError
from fortepiano.observe.systemd import MoreTime

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Phases"]

_START_SECONDS = 3600.0
"""The longest start: a large database is checked and migrated on a slow disk."""

_LAST_WRITE_SECONDS = 60.0
"""The longest time from the end of the drain to the end of the process."""


class Phases:
    """A context that lasts as long as the process: the server starts, serves and stops.

    Failures of the machine during the start (no memory, files or threads) become a StartError.
    Later ones are bugs.

    Args:
        is_upgrade: Whether another process serves during the start: systemd waits for nothing then.
    """

    def __init__(self, *, is_upgrade: bool) -> None:
        self._is_starting = True
        self._more_time = None if is_upgrade else MoreTime(_START_SECONDS)

    def __enter__(self) -> Self:
        return self

    def serving(self) -> None:
        """End the start: everything accepts connections."""
        self._is_starting = False
        self._end_extension()

    def stopping(self, seconds: float) -> None:
        """Begin the last phase.

        Args:
            seconds: How long the drain may take.
        """
        self._more_time = MoreTime(seconds + _LAST_WRITE_SECONDS)

    def _end_extension(self) -> None:
        if self._more_time is not None:
            self._more_time.close()

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._end_extension()
        why = _lack(error) if self._is_starting else None
        if why is not None:
            raise StartError(f"the server cannot start: {why}") from error


def _lack(error: BaseException | None) -> str | None:
    """Return what the machine lacks, for people; None for errors of another kind."""
    if isinstance(error, OSError):
        named = f"{error.filename}: " if isinstance(error.filename, str) else ""
        return f"{named}{error.strerror or error}"
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return "no further thread may be started"
    return None
