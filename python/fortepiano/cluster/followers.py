"""The interface of what follows the cluster: rooms on several nodes, and what operators ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from fortepiano.cluster.asking import Asking
    from fortepiano.cluster.bus import Event
    from fortepiano.cluster.handover import Handover
    from fortepiano.cluster.leaving import Leaving
    from fortepiano.cluster.watching import Watching

__all__ = ["Followers"]


class Followers(Protocol):
    """The part of a server that rooms on several nodes are made of (`fortepiano.cluster`)."""

    asking: Asking
    """Asks other nodes what an operator wants to know."""

    watching: Watching
    """Gets what happens on other nodes."""

    handover: Handover
    """Hands everything over to another process of this node."""

    leaving: Leaving
    """Hands rooms over to other nodes."""

    def is_home(self, room_name: str) -> bool:
        """Tell whether this node is the home of a room."""
        ...

    def counts(self) -> dict[str, int]:
        """Return the rooms of which this is the home, and counters by name."""
        ...

    def on_joined(self, nid: int) -> None:
        """Be a node; the hub has joined already.

        Args:
            nid: The number of this node.
        """
        ...

    def on_up(self) -> None:
        """Bring everything up to date: all messages of other nodes may have been lost."""
        ...

    def on_down(self) -> None:
        """Go on without other nodes."""
        ...

    def on_node_joined(self, nid: int) -> None:
        """Take another node into account."""
        ...

    def on_node_gone(self, nid: int) -> None:
        """End all that was of another node."""
        ...

    def on_event(self, event: Event) -> None:
        """Handle what the hub leaves to Python of the publications of other nodes."""
        ...
