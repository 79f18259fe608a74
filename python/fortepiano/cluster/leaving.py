"""The end of a node: it hands the homes of its rooms to others before its people leave.

A room goes to the node with most of its people, which has it as a replica already. So people of
other nodes hear nothing of that; those of this node stay in the room until their connections end.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from fortepiano.cluster.messages import Handed, Stopping

if TYPE_CHECKING:
    from collections.abc import Callable

    from fortepiano.cluster.parts import Parts
    from fortepiano.cluster.registry import Home

__all__ = ["Leaving"]

_COURTESY_SECONDS = 0.1
"""The time in which nodes that stop at the same moment learn it of each other."""

_LOOK_SECONDS = 0.02
"""The interval at which people on their way to the new homes are looked for."""


class Leaving:
    """Hands rooms over to other nodes.

    Args:
        parts: The parts of this node.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._pending = 0

    def start(self, call: Callable[[], object]) -> None:
        """Hand over all rooms that have people of other nodes.

        Args:
            call: Called when this node's people are in these rooms, too.
        """
        self._parts.mail.post_all(Stopping())
        self._parts.stays.is_stopping = True
        self._parts.context.clock.later(_COURTESY_SECONDS, partial(self._hand, call))

    def _hand(self, call: Callable[[], object]) -> None:
        parts = self._parts
        for room, epoch in parts.homes.own():
            others = parts.remotes.nodes_in(room)
            staying = [nid for nid in others if nid not in parts.everybody.stopping]
            if staying:
                self._pending += 1
                parts.homes.hand(room, staying[0], partial(self._on_handed, room, epoch, others))
        self._look(call)

    def _on_handed(self, name: str, epoch: int, others: list[int], home: Home | None) -> None:
        self._pending -= 1
        if home is None:
            return
        parts = self._parts
        room = parts.context.directory.rooms.get(name)
        number = None if room is None else room.number
        # The new home first, whose replica then has all that this node has said.
        for nid in dict.fromkeys([home.nid, *others, *parts.remotes.nodes_in(name)]):
            parts.mail.post(nid, Handed(name, epoch, home.nid), number)
        if room is not None:
            parts.islands.hand_over(room, home)

    def _look(self, call: Callable[[], object]) -> None:
        if self._pending or self._parts.journeys.has_returns:
            self._parts.context.clock.later(_LOOK_SECONDS, partial(self._look, call))
        else:
            call()
