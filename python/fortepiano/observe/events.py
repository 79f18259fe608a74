"""What happens, for those who watch: the staff's live view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["STOPPING", "Event", "Events"]

Event = dict[str, Any]
"""What happened (`kind`), and to whom and where, as JSON has it."""

STOPPING: Final = "stopping"
"""The kind of the last event: the server does not wait for those who watch."""


class Events:
    """Tells watchers what happens; costs next to nothing while nobody watches."""

    def __init__(self) -> None:
        self._watchers: dict[Callable[[Event], None], None] = {}

    def watch(self, watcher: Callable[[Event], None]) -> None:
        """Have a watcher told from now on; it must not raise."""
        self._watchers[watcher] = None

    def unwatch(self, watcher: Callable[[Event], None]) -> None:
        """Tell a watcher no more."""
        self._watchers.pop(watcher, None)

    def publish(self, kind: str, **facts: Any) -> None:
        """Tell all watchers.

        Args:
            kind: What happened, as one word.
            facts: What else there is to say; JSON only.
        """
        if self._watchers:
            event: Event = {"kind": kind} | facts
            for watcher in list(self._watchers):
                watcher(event)
