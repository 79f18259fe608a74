"""The other nodes of a cluster, as handlers ask for them, and what comes from these nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fortepiano.cluster import messages
from fortepiano.cluster.arrivals import Arrivals
from fortepiano.cluster.asking import Asking
from fortepiano.cluster.changes import Changes
from fortepiano.cluster.everybody import Everybody
from fortepiano.cluster.handover import Handover
from fortepiano.cluster.homes import Homes
from fortepiano.cluster.islands import Islands
from fortepiano.cluster.journeys import Journeys
from fortepiano.cluster.leaving import Leaving
from fortepiano.cluster.mail import Mail
from fortepiano.cluster.parts import Parts
from fortepiano.cluster.profiles import Profiles
from fortepiano.cluster.records import Records
from fortepiano.cluster.remote_sessions import RemoteSessions
from fortepiano.cluster.stays import OwnStay, Stays
from fortepiano.cluster.waits import Waits
from fortepiano.cluster.watching import Watching

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from fortepiano.cluster.bus import Bus
    from fortepiano.cluster.registry import Home, Registry
    from fortepiano.model.elsewhere import Postponed
    from fortepiano.model.participant import Participant
    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.node_handlers import NodeHandlers

__all__ = ["Cluster"]

_BYE = b'{"m":"bye"}'


class Cluster:
    """This node among the others; see `model.elsewhere.Elsewhere`.

    Until `on_joined` is called, this node decides everything by itself.

    Args:
        context: The context, of which this becomes `elsewhere`.
        registry: Knows the homes of rooms.
        bus: The connection to the broker.
        handlers: Returns the handlers in force.
        run: Runs a coroutine to its end.
        rooms: What the channels of rooms begin with; the epoch follows.

    Attributes:
        asking: Asks other nodes what an operator wants to know.
        watching: Gets what happens on other nodes.
        handover: Hands everything over to another process of this node.
        leaving: Hands rooms over to other nodes.
    """

    def __init__(
        self,
        context: Context,
        registry: Registry,
        bus: Bus,
        handlers: Callable[[], NodeHandlers],
        run: Callable[[Coroutine[Any, Any, None]], object],
        rooms: bytes,
    ) -> None:
        self._context = context
        self._bus = bus
        self._mail = mail = Mail(context.hub)
        self._homes = homes = Homes(registry, run, self._renew, context.store.when_saved)
        self._waits = waits = Waits(context.hub)
        self._records = records = Records(context.hub)
        self._stays = stays = Stays(context.hub, bus, mail, lambda epoch: b"%b%d" % (rooms, epoch))
        self._journeys = journeys = Journeys(
            context, homes, stays, mail, handlers, self._settle, lambda: self._is_together
        )
        profiles = Profiles(context, mail, handlers)
        self._profiles = profiles
        self._remotes = remotes = RemoteSessions(
            context, homes, mail, profiles, records, waits, handlers
        )
        self._islands = islands = Islands(
            context, homes, stays, journeys, remotes, mail, handlers, self._settle
        )
        self._everybody = everybody = Everybody(
            context, homes, stays, mail, waits, handlers, self._settle
        )
        self.asking = Asking(mail, context.clock.later)
        self.watching = Watching(context.events, mail, context.clock.later)
        parts = Parts(
            context=context,
            handlers=handlers,
            mail=mail,
            homes=homes,
            stays=stays,
            journeys=journeys,
            remotes=remotes,
            profiles=profiles,
            islands=islands,
            everybody=everybody,
            asking=self.asking,
            watching=self.watching,
        )
        self._arrivals = Arrivals(parts)
        self._changes = Changes(parts, self._arrivals)
        self.handover = Handover(parts, self._arrivals, waits)
        self.leaving = Leaving(parts)
        self._show()

    def _show(self) -> None:
        """Be what handlers and the server call."""
        everybody, changes = self._everybody, self._changes
        self.has_room, self.when_online = everybody.has_room, everybody.when_online
        self.is_online, self.networks_of = everybody.is_online, everybody.networks_of
        self.share, self.keeps_house = everybody.share, everybody.keeps_house
        self.on_joined, self.on_event = changes.on_joined, self._arrivals.on_event
        self.on_up, self.on_down = changes.on_up, changes.on_down
        self.on_node_joined, self.on_node_gone = changes.on_node_joined, changes.on_node_gone
        context = self._context
        context.directory.on_close = self._on_room_closed
        context.directory.on_change = self._records.note_room
        context.outbound.pass_notice = self._remotes.pass_notice
        context.elsewhere = self

    # Questions of handlers (model/elsewhere.py)

    def decides(self, session: Session, room_name: str) -> bool:
        """Tell whether this node may not decide by itself about a session in a room."""
        if session in self._remotes:
            return self._remotes.decides(session, room_name)
        if self._homes.is_own(room_name) or self._homes.is_alone:
            return False
        return self._is_together or self._homes.is_known(room_name)

    @property
    def _is_together(self) -> bool:
        """Whether other nodes can be asked; else rooms without a known home open here."""
        return self._homes.nid is not None and self._bus.is_up

    def join(self, session: Session, room_name: str, wanted: Any) -> None:
        """Let the home of a room decide whether a session may enter it."""
        if session in self._remotes:
            self._remotes.redirect(session, room_name)
        elif session.stay is not None and session.stay.room == room_name:
            self.forward(session, msgspec.json.encode({"m": "ch", "_id": room_name}))
        else:
            self._journeys.start(session, room_name, wanted, is_placed=False)

    def place(self, session: Session, room_name: str, wanted: Any) -> None:
        """Put a session, which has left its room, into a room that it may enter in any case."""
        if session in self._remotes:
            self._remotes.move(session, room_name, wanted)
        else:
            self._journeys.start(session, room_name, wanted, is_placed=True)

    def refuse(self, session: Session, *, may_stay: bool) -> bool:
        """Let the session's own node decide where a session goes that may not enter a room."""
        is_remote = session in self._remotes
        if is_remote:
            self._remotes.refuse(session, may_stay=may_stay)
        return is_remote

    def leave(self, session: Session, *, has_ended: bool) -> None:
        """End the stay of a session in a room of another node, if it has one."""
        if has_ended:
            self._journeys.discard(session)
            self._waits.discard(session)
            self.handover.discard(session)
        if isinstance(session.stay, OwnStay):
            self._stays.leave(session.stay, has_ended=has_ended)

    def forward(self, session: Session, raw: bytes) -> bool:
        """Pass a message about a room to the room's home; return False if that is this node."""
        stay = session.stay
        if not isinstance(stay, OwnStay):
            return False
        if self._islands.keep(stay.replica, session, raw):
            return True
        forward = messages.Forward(stay.number, raw)
        self._mail.post(stay.replica.home.nid, forward, stay.replica.room)
        return True

    def close(self, session: Session, code: int) -> bool:
        """Let the home of a session's room close the connection; return False if that is this node.

        So the client still gets what its last messages cause.
        """
        if not self.forward(session, _BYE):
            return False
        self.handover.let_leave(session, code)
        return True

    def is_waiting(self, session: Session) -> bool:
        """Tell whether it is being decided where a session goes, so that its messages wait."""
        return session in self._journeys or session in self._waits

    def postpone(self, session: Session, message: Postponed) -> None:
        """Let a message of a session that is waiting be handled behind what it waits for."""
        if not self._journeys.postpone(session, message):
            self._waits.postpone(session, message.handle)

    def when_found(self, room_name: str, call: Callable[[], None]) -> None:
        """Call a function once it is known which node is the home of a room."""

        def on_home(_home: Home | None) -> None:
            call()
            self._settle(room_name)

        if not self._is_together:
            call()
        else:
            self._homes.find(room_name, on_home)

    def at_home(
        self, session: Session, room_name: str, raw: bytes, call: Callable[[], None]
    ) -> None:
        """Let the home of a room handle a message about it, wherever the sender is."""
        homes = self._homes
        if homes.nid is None or homes.is_alone or homes.is_own(room_name):
            call()
        elif session.room_name != room_name or not self.forward(session, raw):
            self._everybody.errands.start(session, room_name, raw, call)

    def is_own(self, session: Session) -> bool:
        """Tell whether the connection of a session is one of this node."""
        return session not in self._remotes

    def note_participant(self, participant: Participant) -> None:
        """Note that a participant may have other tabs, another quota, or the crown."""
        if self._homes.nid is not None:
            self._remotes.note_participant(participant)

    def note_user(self, user: User) -> None:
        """Note that others see a user differently now, or that the user has other flags."""
        if self._homes.nid is not None:
            self._profiles.note(user)

    def note_chat(self, room: Room) -> None:
        """Note that the chat of a room has changed."""
        self._records.note_chat(room)

    def note_rights(self, session: Session) -> None:
        """Note that a session has the rights of another scope now."""
        stay = session.stay
        if isinstance(stay, OwnStay):
            rights = messages.Rights(stay.number, session.scope)
            self._mail.post(stay.replica.home.nid, rights, stay.replica.room)

    def _settle(self, room_name: str) -> None:
        """Give the hub the epoch of a room of this node; release the home of one that is not."""
        epoch, room = self._homes.epoch(room_name), self._context.directory.rooms.get(room_name)
        if room is None:
            self._homes.release(room_name)
            return
        if epoch is not None:
            self._context.hub.set_epoch(room.number, epoch)
        if epoch is not None or self._homes.is_alone:
            self._everybody.listings.begin(room)

    # Called for operators

    def is_home(self, room_name: str) -> bool:
        """Tell whether this node is the home of a room."""
        return self._homes.is_own(room_name)

    def counts(self) -> dict[str, int]:
        """Return what metrics show: the rooms of which this is the home, and counters."""
        return {"homes": len(self._homes), "resyncs": self._arrivals.resyncs} | self._homes.claims

    def _renew(self, room_name: str, then: Callable[[], object]) -> None:
        self._islands.renew(room_name, then)

    def _on_room_closed(self, room_name: str) -> None:
        self._islands.on_close(room_name)
        self._records.end(room_name)
        self._everybody.on_room_closed(room_name)
