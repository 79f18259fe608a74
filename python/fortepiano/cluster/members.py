"""The other nodes of a cluster: who lives, and who has to be buried.

A node is dead if, at two polls in a row, its lease is over, or nobody hears its inbox. One poll is
not enough: the broker may have stood still, and a step of its clock ends all leases at once. Then
the living have renewed them by the second poll.

Nobody is declared dead within ten seconds after this node's own connection. After an outage of the
broker the first to come back would bury all others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fortepiano.cluster.registry import NodeGone, NodeJoined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fortepiano.cluster.registry import Event, Node

__all__ = ["GRACE_SECONDS", "Members"]

GRACE_SECONDS = 10.0
"""How long after its own connection a node declares nobody dead."""

_POLLS = 2
"""The polls in a row at which a dead node has been missing."""


@dataclass(slots=True)
class _Member:
    """Another node.

    Attributes:
        incarnation: Its incarnation.
        since: The number of the last poll that was asked for before it was known.
        missed: The polls in a row at which it was missing.
    """

    incarnation: str
    since: int
    missed: int = 0


class Members:
    """The other nodes of a cluster, of the answers of the registry and of what it publishes.

    Both come on connections of their own, so an answer may be older than what was heard before it.

    Args:
        on_node: Called with the number and the name of each node that is there, or joins.
        on_node_gone: Called with the number of a node that is there no more, and why: `left`,
            `buried`, or `missing` where the registry has lost it.
    """

    def __init__(
        self, on_node: Callable[[int, str], object], on_node_gone: Callable[[int, str], object]
    ) -> None:
        self._on_node = on_node
        self._on_node_gone = on_node_gone
        self._own_nid = 0
        self._members: dict[int, _Member] = {}
        self._gone: dict[tuple[int, str], int] = {}  # incarnations, and the poll before their end
        self._poll = 0
        self._grace_until = 0.0

    def joined(self, nid: int, nodes: Iterable[Node], now: float) -> None:
        """Note that this node has joined.

        Args:
            nid: Its number.
            nodes: All nodes, as the registry has answered.
            now: A monotonic time; seconds.
        """
        self._own_nid = nid
        self.connected(now)
        for node in nodes:
            self._meet(node.nid, node.name, node.incarnation)

    def incarnations(self) -> dict[int, str]:
        """Return the incarnations of all that are there, by their numbers."""
        return {nid: member.incarnation for nid, member in self._members.items()}

    def connected(self, now: float) -> None:
        """Note that this node has connected to the broker, and may have missed what others say."""
        self._grace_until = now + GRACE_SECONDS
        for member in self._members.values():
            member.missed = 0

    def polling(self) -> int:
        """Return the number of a poll that is being asked for, for `polled`."""
        self._poll += 1
        return self._poll

    def polled(self, poll: int, nodes: Iterable[Node], now: float) -> list[Node]:
        """Note the answer of the registry to a poll.

        Args:
            poll: The number of the poll.
            nodes: All nodes.
            now: A monotonic time; seconds.

        Returns:
            The nodes that are dead and have to be buried.
        """
        there = {node.nid: node for node in nodes if not self._is_gone(node, poll)}
        for node in there.values():
            self._meet(node.nid, node.name, node.incarnation)
        self._gone = {key: since for key, since in self._gone.items() if since >= poll}
        may_bury = now >= self._grace_until
        dead: list[Node] = []
        for nid, member in list(self._members.items()):
            found = there.get(nid)
            if not _is_missing(found) or (found is None and member.since >= poll):
                member.missed = 0
                continue
            member.missed += 1
            if member.missed >= _POLLS and may_bury:
                if found is not None:
                    dead.append(found)
                else:
                    self._part(nid, member.incarnation, "missing")
        return dead

    def _is_gone(self, node: Node, poll: int) -> bool:
        """Return whether a node has gone since a poll was asked for, so that its answer is old."""
        return self._gone.get((node.nid, node.incarnation), -1) >= poll

    def follow(self, event: Event) -> None:
        """Note what the registry has published."""
        if isinstance(event, NodeJoined):
            self._meet(event.nid, event.node, event.incarnation)
        elif isinstance(event, NodeGone):
            self._part(event.nid, event.incarnation, event.why)

    def buried(self, node: Node) -> None:
        """Note that this node has buried another one."""
        self._part(node.nid, node.incarnation, "buried")

    def _meet(self, nid: int, name: str, incarnation: str) -> None:
        known = self._members.get(nid)
        if nid == self._own_nid or (known is not None and known.incarnation == incarnation):
            return
        if known is not None:
            self._part(nid, known.incarnation, "missing")
        self._gone.pop((nid, incarnation), None)
        self._members[nid] = _Member(incarnation, self._poll)
        self._on_node(nid, name)

    def _part(self, nid: int, incarnation: str, why: str) -> None:
        self._gone[nid, incarnation] = self._poll
        known = self._members.get(nid)
        if known is not None and known.incarnation == incarnation:
            del self._members[nid]
            self._on_node_gone(nid, why)


def _is_missing(node: Node | None) -> bool:
    return node is None or node.remaining_ms <= 0 or node.heard == 0
