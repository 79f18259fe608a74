"""Watches the tasks without which a server would be there and not serve."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from fortepiano.observe.logs import logger

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

__all__ = ["Supervisor"]

_log = logger(__name__)


class Supervisor:
    """Stops the server if one of its tasks ends before the server does.

    A supervisor such as systemd then starts a whole server again, while half a server would stay.

    Args:
        stop: Stops the server.

    Attributes:
        has_failed: Whether a task has ended too early.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._is_stopping = False
        self.has_failed = False

    def watch(self, task: asyncio.Task[None], part: str) -> None:
        """Watch a task, which runs until it is cancelled or `release` is called.

        Args:
            task: The task.
            part: What the task does, for the log.
        """
        task.add_done_callback(partial(self._on_end, part))

    def release(self) -> None:
        """Let all tasks end from now on."""
        self._is_stopping = True

    def _on_end(self, part: str, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        error = task.exception()
        if error is not None or not self._is_stopping:
            _log.error("a part of the server has ended: it stops", part=part, exc_info=error)
            self.has_failed = True
            self._stop()
