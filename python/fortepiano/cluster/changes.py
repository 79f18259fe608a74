"""Changes of the cluster: this node joins, the broker is lost or back, other nodes come and go."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from fortepiano.cluster import messages

if TYPE_CHECKING:
    from fortepiano.cluster.arrivals import Arrivals
    from fortepiano.cluster.parts import Parts

__all__ = ["Changes"]

_AGAIN_SECONDS = 3.0
"""How long the people of other nodes are awaited, when all nodes begin anew."""

_COURTESY_SECONDS = 0.5
"""The time that homes have to claim their rooms before others do, when all nodes begin anew."""

_PRESENT_SECONDS = 2.0
"""How long after a reconnect homes are told which stays there are: then people are back there."""


class Changes:
    """Lets all parts follow the changes of the cluster; see `cluster.followers.Followers`.

    Args:
        parts: The parts of this node.
        arrivals: Hands out what comes from other nodes.
    """

    def __init__(self, parts: Parts, arrivals: Arrivals) -> None:
        self._parts = parts
        self._arrivals = arrivals

    def on_joined(self, nid: int) -> None:
        """Be a node of the cluster; if the number is a new one, others know nothing of this node.

        Args:
            nid: The number of this node, with which the hub has joined already.
        """
        homes, islands = self._parts.homes, self._parts.islands
        if nid == homes.nid:
            self.on_up()
            return
        is_first = homes.nid is None
        for room in self._parts.remotes.await_all():
            islands.await_people(room, _AGAIN_SECONDS)
        homes.reset()
        self._parts.everybody.listings.reset()
        homes.nid = nid
        islands.claim_rooms()
        for replica in self._parts.stays.replicas():
            # The homes of before come first, since nobody need move then.
            orphan = partial(islands.orphan, replica)
            self._parts.context.clock.later(0 if is_first else _COURTESY_SECONDS, orphan)

    def on_up(self) -> None:
        """Bring everything up to date, since messages of all nodes may be missing."""
        parts = self._parts
        for nid in parts.everybody.nodes:
            # First of all: where a message is missing, the next one only shows that.
            parts.mail.post(nid, messages.Unsynced())
        parts.everybody.listings.ask()
        parts.islands.join_again()
        parts.journeys.look_again()
        for replica in parts.stays.replicas():
            self._arrivals.resync(replica.home.epoch)
        parts.context.clock.later(_PRESENT_SECONDS, self._post_stays)

    def _post_stays(self) -> None:
        """Let all homes forget stays of whose end they have not heard."""
        self._parts.mail.post_all(messages.Present(self._parts.stays.numbers()))

    def on_down(self) -> None:
        """Go on without other nodes, as no message goes to them or comes from them."""
        self._parts.islands.cut()

    def on_node_joined(self, nid: int) -> None:
        """Hear a node, whose number another one may have had that is gone."""
        self._parts.homes.meet_node(nid)
        self._parts.everybody.nodes.add(nid)

    def on_node_gone(self, nid: int) -> None:
        """End the sessions of a node that is gone, and look for new homes of its rooms.

        Messages of it may still come, if it only paused. Nobody heeds them.
        """
        parts = self._parts
        parts.homes.forget_node(nid)
        parts.remotes.on_node_gone(nid)
        parts.asking.on_node_gone(nid)
        parts.watching.on_node_gone(nid)
        for replica in parts.stays.replicas(nid):
            parts.islands.orphan(replica)
        parts.everybody.on_node_gone(nid)
