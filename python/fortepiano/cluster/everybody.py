"""All that is not about one room: the list of rooms, who is where, acts on people at all nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fortepiano.cluster import messages
from fortepiano.cluster.errands import Errands
from fortepiano.cluster.listings import Listings
from fortepiano.cluster.presences import Presences

if TYPE_CHECKING:
    from collections.abc import Callable

    from fortepiano.cluster.homes import Homes
    from fortepiano.cluster.mail import Mail
    from fortepiano.cluster.stays import Stays
    from fortepiano.cluster.waits import Waits
    from fortepiano.model.session import Session
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.node_handlers import NodeHandlers
    from fortepiano.protocol.shared_acts import SharedAct

__all__ = ["Everybody"]

_LAST_NID = 65_535


class Everybody:
    """The part of `Cluster` that is about people and rooms of all nodes.

    Args:
        context: The context.
        homes: The homes of rooms.
        stays: The stays of this node's sessions.
        mail: Posts messages to other nodes.
        waits: The sessions whose messages wait.
        handlers: Returns the handlers in force.
        settle: Called with the name of each room of which this node may have become the home.

    Attributes:
        nodes: The numbers of the other nodes that live.
        stopping: Those of nodes that stop soon.
        listings: The list of rooms.
        errands: Messages of staff about rooms of other nodes.
    """

    def __init__(
        self,
        context: Context,
        homes: Homes,
        stays: Stays,
        mail: Mail,
        waits: Waits,
        handlers: Callable[[], NodeHandlers],
        settle: Callable[[str], None],
    ) -> None:
        self._context = context
        self._homes = homes
        self._mail = mail
        self._handlers = handlers
        self.nodes: set[int] = set()
        self.stopping: set[int] = set()
        self._presences = Presences(context, mail, waits, handlers, self.nodes)
        self.errands = Errands(context, homes, stays, mail, waits, settle)
        self.listings = Listings(context, homes, mail, self._on_room_ended)

    def on_node_gone(self, nid: int) -> None:
        """Wait for no answer of a node that is gone, and show its rooms no more."""
        self.nodes.discard(nid)
        self.stopping.discard(nid)
        self._presences.on_node_gone(nid)
        self.listings.on_node_gone(nid)

    def routes(self) -> dict[type[messages.Message], Callable[[int, Any], object]]:
        """Return what handles the messages of other nodes that are not about one room."""
        listings, presences = self.listings, self._presences
        return {
            messages.Act: lambda _, message: self._handlers().act(message.act),
            messages.Rooms: listings.on_rooms,
            messages.RoomsWanted: listings.on_wanted,
            messages.WhoIs: presences.on_who_is,
            messages.Presence: presences.on_presence,
            messages.Stopping: lambda nid, _: self.stopping.add(nid),
            messages.ErrandDone: lambda _, message: self.errands.on_done(message),
        }

    def hurry(self, *, is_hurried: bool) -> None:
        """Let no message wait for answers of other nodes."""
        self._presences.hurry(is_hurried=is_hurried)
        self.errands.hurry(is_hurried=is_hurried)

    def next_question(self, least: int = 0) -> int:
        """Return the number of the next question, which is not below another number."""
        return self._presences.next_number(least)

    def on_room_closed(self, name: str) -> None:
        """Let others show a room no more, and let any node be its home."""
        epoch = self._homes.epoch(name)
        self._homes.release(name)
        self.listings.end(name, epoch)

    def _on_room_ended(self, name: str) -> None:
        """Show a permanent room that has no home any more as the store has it."""
        record = self._context.store.room(name)
        is_known = name in self._context.directory.rooms
        if is_known or (record is not None and record.until is None):
            self._handlers().renew(name, lambda: None)

    # Questions of handlers (model/elsewhere.py)

    def has_room(self, room_name: str) -> bool:
        """Tell whether another node is known to be the home of a room."""
        return room_name in self._context.room_list.elsewhere

    def when_online(self, session: Session, user_id: str, call: Callable[[], None]) -> None:
        """Look for a user who has no connection here, for a message that names them."""
        self._presences.look_for(session, user_id, call)

    def is_online(self, user_id: str) -> bool:
        """Tell, while `when_online` calls, whether the user was found."""
        return self._presences.is_online(user_id)

    def networks_of(self, user_id: str) -> list[str]:
        """Return, while `when_online` calls, the ids of the networks around the user."""
        return self._presences.networks_of(user_id)

    def share(self, act: SharedAct) -> None:
        """Let all other nodes act on their connections as this one does."""
        if self.nodes:
            self._mail.post_all(messages.Act(act))

    def keeps_house(self) -> bool:
        """Tell whether this node does what one node does for all: that of the lowest number."""
        return self._homes.nid is None or self._homes.nid <= min(self.nodes, default=_LAST_NID)
