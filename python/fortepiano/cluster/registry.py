"""The registry of a cluster: who is a node, and which node is the home of which room.

The registry is in the broker, under the store's prefix (P below stands for it in braces):

    P:c:nodes, P:c:nids     the nodes, by name and by number (nid)
    P:c:leases              until when each of them may stay without renewing its lease
    P:c:homes               the home of each room that has people: its epoch and its node
    P:c:epoch, P:c:nid      the last numbers given

A transition is one script (`registry.lua`), which also publishes what has changed to all nodes. No
key expires: a node is removed by itself, or by those who saw that it is dead (`members.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

import msgspec

from fortepiano.cluster.description import Description

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Event",
    "ForgottenError",
    "Home",
    "HomeClaimed",
    "HomeReleased",
    "Joined",
    "Node",
    "NodeGone",
    "NodeJoined",
    "Registry",
    "Renewed",
    "TakenError",
    "event_of",
]


class Node(msgspec.Struct, frozen=True):
    """A node, as the registry knows it.

    Attributes:
        name: Its name.
        nid: Its number, which no other node of the cluster has.
        incarnation: Which start of it.
        remaining_ms: How long its lease lasts; 0 when that is over.
        heard: How many hear its inbox.
        description: What it said of itself.
    """

    name: str
    nid: int
    incarnation: str
    remaining_ms: int
    heard: int
    description: Description


class Joined(msgspec.Struct, frozen=True):
    """The answer to `join`: the own number, and all nodes."""

    nid: int
    incarnation: str
    nodes: list[Node]


class Renewed(msgspec.Struct, frozen=True):
    """The answer to `renew`: all nodes."""

    nodes: list[Node]


class Home(msgspec.Struct, frozen=True):
    """The home of a room.

    Attributes:
        epoch: The number of its reign: greater than that of every earlier one, of any room.
        nid: The number of the node.
        node: The name of the node.
    """

    epoch: int
    nid: int
    node: str


class ForgottenError(Exception):
    """The registry does not know this incarnation: others have buried it, or the broker is new.

    The next `join` is one of another incarnation.
    """


class TakenError(Exception):
    """A node of the same name is there, and its lease is not over.

    Attributes:
        node: That node.
    """

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.node = node


class Registry(Protocol):
    """The transitions of the registry, as this node makes them.

    Each may fail as its transport does, and then may have happened or not; all can be repeated.
    """

    async def join(self, description: Description) -> Joined:
        """Become a node, or remain one.

        Raises:
            TakenError: Another node has the name.
        """
        ...

    async def renew(self) -> Renewed:
        """Renew the lease of this node.

        Raises:
            ForgottenError: This incarnation is no node any more.
        """
        ...

    async def claim(self, room: str, epoch: int = 0) -> Home:
        """Return the home of a room; without one, this node becomes it.

        Args:
            room: The room's name.
            epoch: The epoch of a reign of this node that the broker may have forgotten; 0 for none.
                The reign goes on, unless there is one with a greater epoch.

        Raises:
            ForgottenError: This incarnation is no node any more.
        """
        ...

    async def hand(self, room: str, epoch: int, nid: int) -> Home | None:
        """Give the home of a room to another node.

        Args:
            room: The room's name.
            epoch: The reign of this node, which ends.
            nid: The number of the other node.

        Returns:
            The new home; None if that reign was over, or that node is gone.
        """
        ...

    async def release(self, room: str, epoch: int) -> bool:
        """End a reign of this node; return false if it has ended before."""
        ...

    async def bury(self, node: Node, *, is_certain: bool = False) -> bool:
        """Remove a node that is dead.

        Args:
            node: The node.
            is_certain: Whether the process is known to have ended. If not, a node whose lease lasts
                and whose inbox is heard stays.

        Returns:
            Whether this call has removed it.
        """
        ...

    async def homes(self, rooms: Sequence[str]) -> dict[str, str]:
        """Return the names of the nodes that are the homes of rooms, and claim none.

        Args:
            rooms: The names of the rooms; those without a home are left out of the answer.
        """
        ...

    async def leave(self) -> None:
        """Stop being a node."""
        ...


class NodeJoined(msgspec.Struct, frozen=True, tag_field="kind", tag="joined"):
    """A node has joined, or joined again."""

    node: str
    nid: int
    incarnation: str
    description: str


class NodeGone(msgspec.Struct, frozen=True, tag_field="kind", tag="gone"):
    """A node is no node any more.

    Attributes:
        why: `left` or `buried`.
    """

    node: str
    nid: int
    incarnation: str
    why: str


class HomeClaimed(msgspec.Struct, frozen=True, tag_field="kind", tag="claimed"):
    """A room has a new home."""

    room: str
    epoch: int
    nid: int
    node: str


class HomeReleased(msgspec.Struct, frozen=True, tag_field="kind", tag="released"):
    """A room has no home any more."""

    room: str
    epoch: int


Event: TypeAlias = NodeJoined | NodeGone | HomeClaimed | HomeReleased
"""A change of the registry, as its scripts publish it to all nodes."""


def event_of(payload: bytes) -> Event | None:
    """Return a change that the registry has published; None for what nobody can read.

    Args:
        payload: A publication to all nodes, behind its header.
    """
    try:
        # Numbers come as text: those of Lua lose digits in JSON.
        event: Event = msgspec.json.decode(payload, type=Event, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return event
