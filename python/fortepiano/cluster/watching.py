"""Events of other nodes, for operators who watch this one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from fortepiano.cluster.messages import Happened, Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from fortepiano.cluster.mail import Mail
    from fortepiano.observe.events import Event, Events

__all__ = ["Watching"]

_RENEWAL_SECONDS = 5.0
"""The interval at which a node says that it still watches; a node that joins learns of it then."""

_LEASE_SECONDS = 15.0
"""The time after which a node that has not said so watches no more."""

_GATHER_SECONDS = 0.1
"""The time for which events are gathered: a thousand arrivals a second are ten messages."""


class Watching:
    """Sends events to the nodes that watch, and gets theirs; costs nothing while nobody does.

    Args:
        events: The events of this node.
        mail: Posts messages to other nodes.
        later: Calls a function after a number of seconds.
    """

    def __init__(
        self,
        events: Events,
        mail: Mail,
        later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        self._events = events
        self._mail = mail
        self._later = later
        self._watchers: dict[Callable[[int, Event], None], None] = {}
        self._is_renewing = False
        self._watching_nodes: dict[int, int] = {}  # how often each has said so
        self._gathered: list[dict[str, Any]] = []

    # At the node that watches

    def watch(self, watcher: Callable[[int, Event], None]) -> None:
        """Call a watcher with the node's number and the event, of all other nodes, from now on."""
        self._watchers[watcher] = None
        self._mail.post_all(Watch())
        if not self._is_renewing:
            self._is_renewing = True
            self._later(_RENEWAL_SECONDS, self._renew)

    def unwatch(self, watcher: Callable[[int, Event], None]) -> None:
        """Stop calling a watcher."""
        self._watchers.pop(watcher, None)

    def _renew(self) -> None:
        self._is_renewing = bool(self._watchers)
        if self._is_renewing:
            self._mail.post_all(Watch())
            self._later(_RENEWAL_SECONDS, self._renew)

    def on_happened(self, nid: int, message: Happened) -> None:
        """Pass on what has happened on another node."""
        for event in message.events:
            for watcher in list(self._watchers):
                watcher(nid, event)

    # At the node that is watched

    def on_watch(self, nid: int) -> None:
        """Send events to a node for some seconds."""
        if not self._watching_nodes:
            self._events.watch(self._gather)
        count = self._watching_nodes[nid] = self._watching_nodes.get(nid, 0) + 1
        self._later(_LEASE_SECONDS, partial(self._expire, nid, count))

    def nodes(self) -> list[int]:
        """Return the nodes that get this one's events."""
        return list(self._watching_nodes)

    def _expire(self, nid: int, count: int) -> None:
        if self._watching_nodes.get(nid) == count:
            self.on_node_gone(nid)

    def on_node_gone(self, nid: int) -> None:
        """Send no more events to a node."""
        if self._watching_nodes.pop(nid, None) is not None and not self._watching_nodes:
            self._events.unwatch(self._gather)

    def _gather(self, event: Event) -> None:
        self._gathered.append(event)
        if len(self._gathered) == 1:
            self._later(_GATHER_SECONDS, self._send)

    def _send(self) -> None:
        events, self._gathered = self._gathered, []
        for nid in self._watching_nodes:
            self._mail.post(nid, Happened(events))
