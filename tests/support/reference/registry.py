"""A model of the registry: what `cluster/registry.lua` does, in plain Python.

Time does not pass in it: a test says that a lease is over, and that an inbox is heard.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["ReferenceRegistry"]


@dataclass
class ReferenceRegistry:
    """The registry of a cluster.

    Attributes:
        nodes: The incarnation of each node, and its nid, by name.
        lasting: The nids whose leases last.
        heard: The nids whose inboxes somebody hears, nodes or not.
        homes: The epoch, the nid and the incarnation of each room's home.
        epoch: The last epoch given.
        events: What has been published since it was last looked at.
    """

    nodes: dict[str, tuple[int, str]] = field(default_factory=dict[str, tuple[int, str]])
    lasting: set[int] = field(default_factory=set[int])
    heard: set[int] = field(default_factory=set[int])
    homes: dict[str, tuple[int, int, str]] = field(default_factory=dict[str, tuple[int, int, str]])
    epoch: int = 0
    events: list[tuple[Any, ...]] = field(default_factory=list[tuple[Any, ...]])

    def name_of(self, nid: int, incarnation: str) -> str | None:
        """The name of the node that has a nid in an incarnation."""
        for name, node in self.nodes.items():
            if node == (nid, incarnation):
                return name
        return None

    def may_join(self, name: str, incarnation: str) -> bool:
        """Whether a node is let in."""
        there = self.nodes.get(name)
        return there is None or there[1] == incarnation or there[0] not in self.lasting

    def join(self, name: str, incarnation: str, nid: int) -> None:
        """Let a node in under a number that the registry has chosen."""
        there = self.nodes.get(name)
        if there is not None and there[1] == incarnation:
            assert nid == there[0]
        else:
            if there is not None:
                self.forget(*there, "buried")
            assert nid not in {used for used, _ in self.nodes.values()}
        assert 0 < nid < 2**16
        self.nodes[name] = nid, incarnation
        self.lasting.add(nid)
        self.events.append(("joined", name, nid, incarnation))

    def renew(self, nid: int, incarnation: str) -> bool:
        """Renew a lease, if the node is one."""
        is_node = self.name_of(nid, incarnation) is not None
        if is_node:
            self.lasting.add(nid)
        return is_node

    def home_of(self, nid: int, room: str) -> tuple[int, int] | None:
        """The home of a room in the eyes of a node that claims it; None if that gets it."""
        if room not in self.homes:
            return None
        epoch, owner, incarnation = self.homes[room]
        is_node = self.name_of(owner, incarnation) is not None
        lives = owner == nid or owner in self.lasting or owner in self.heard
        return (epoch, owner) if is_node and lives else None

    def claim(self, nid: int, incarnation: str, room: str, epoch: int) -> None:
        """Make a node the home of a room, with an epoch that the registry has chosen."""
        assert epoch > self.epoch
        self.epoch = epoch
        self.homes[room] = epoch, nid, incarnation
        self.events.append(("claimed", room, epoch, nid, self.name_of(nid, incarnation)))

    def release(self, nid: int, incarnation: str, room: str, epoch: int) -> bool:
        """End a reign, if it is that one."""
        if self.homes.get(room) != (epoch, nid, incarnation):
            return False
        del self.homes[room]
        self.events.append(("released", room, epoch))
        return True

    def bury(self, nid: int, incarnation: str, *, is_certain: bool) -> bool:
        """Remove a node, if it is dead."""
        lives = nid in self.lasting and nid in self.heard and not is_certain
        if self.name_of(nid, incarnation) is None or lives:
            return False
        self.forget(nid, incarnation, "buried")
        return True

    def forget(self, nid: int, incarnation: str, why: str) -> None:
        """Remove all that carries an incarnation."""
        name = self.name_of(nid, incarnation)
        if name is None:
            return
        del self.nodes[name]
        self.lasting.discard(nid)
        self.homes = {
            room: home for room, home in self.homes.items() if home[1:] != (nid, incarnation)
        }
        self.events.append(("gone", name, nid, incarnation, why))
