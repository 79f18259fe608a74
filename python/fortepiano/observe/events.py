"""Events for staff who watch the server live (`/api/v1/events`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ENDED", "STOPPING", "Event", "Events"]

Event = dict[str, Any]
"""An event as a JSON object: `kind` says what happened, `actor` by whom, `subject` to whom."""

STOPPING: Final = "stopping"
"""The kind of the last event: watchers end then, as a stopping server does not wait for them."""

ENDED: Final = "token_ended"
"""The kind of the last event to a watcher whose token has been revoked or has expired."""


class Events:
    """Publishes events to watchers; costs next to nothing while there are none."""

    def __init__(self) -> None:
        self._watchers: dict[Callable[[Event], None], None] = {}

    def watch(self, watcher: Callable[[Event], None]) -> None:
        """Call a watcher with each event from now on; the watcher must not raise."""
        self._watchers[watcher] = None

    def unwatch(self, watcher: Callable[[Event], None]) -> None:
        """Stop calling a watcher."""
        self._watchers.pop(watcher, None)

    def publish(self, kind: str, **facts: Any) -> None:
        """Publish an event to all watchers.

        Args:
            kind: The kind of event, as one word.
            facts: The other keys of the event; JSON only.
        """
        if self._watchers:
            event: Event = {"kind": kind} | facts
            for watcher in list(self._watchers):
                watcher(event)
