"""The other nodes of a cluster, as handlers ask for them, and what comes from these nodes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from fortepiano.cluster import messages
from fortepiano.cluster.homes import Homes
from fortepiano.cluster.islands import Islands
from fortepiano.cluster.journeys import Journeys
from fortepiano.cluster.mail import Mail
from fortepiano.cluster.profiles import Profiles
from fortepiano.cluster.records import Records
from fortepiano.cluster.remote_sessions import RemoteSessions
from fortepiano.cluster.stays import OwnStay, Stays
from fortepiano.config.rules import QuotaClass
from fortepiano.observe.logs import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from fortepiano.cluster.bus import Bus, Event
    from fortepiano.cluster.registry import Home, Registry
    from fortepiano.model.participant import Participant
    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.node_handlers import NodeHandlers

__all__ = ["Cluster"]

_AGAIN_SECONDS = 3.0
"""How long the people of other nodes are awaited, when all nodes begin anew."""

_COURTESY_SECONDS = 0.5
"""The time that homes have to claim their rooms before others do, when all nodes begin anew."""

_PRESENT_SECONDS = 2.0
"""How long after a reconnect homes are told which stays there are: then people are back there."""

_BYE = b'{"m":"bye"}'

_BYE_SECONDS = 2.0
"""How long a client that has said `bye` waits for the home of its room."""

_log = logger(__name__)


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
        self._handlers = handlers
        self._mail = mail = Mail(context.hub)
        self._bus = bus
        self._homes = homes = Homes(registry, run, self._renew, context.store.when_saved)
        self._stays = Stays(context.hub, bus, mail, lambda epoch: b"%b%d" % (rooms, epoch))
        self._journeys = Journeys(
            context,
            homes,
            self._stays,
            mail,
            handlers,
            self._settle,
            lambda: self._is_together,
        )
        self._nodes: set[int] = set()  # the other nodes
        self._gone: set[int] = set()
        self._profiles = Profiles(context, mail, handlers)
        self._records = records = Records(context.hub)
        self._remotes = RemoteSessions(context, homes, mail, self._profiles, records, handlers)
        self._islands = Islands(
            context,
            homes,
            self._stays,
            self._journeys,
            self._remotes,
            mail,
            handlers,
            self._settle,
        )
        context.directory.on_close = self._on_room_closed
        context.directory.on_change = records.note_room
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
        self._context.hub.hold(session.client)
        end = session.connection.close
        self._context.clock.later(_BYE_SECONDS, lambda: end(code) if session.user else None)
        return True

    def postpone(self, session: Session, handle: Callable[[], None]) -> bool:
        """Let a message wait while it is decided where its session goes."""
        return self._journeys.postpone(session, handle)

    def when_found(self, room_name: str, call: Callable[[], None]) -> None:
        """Call a function once it is known which node is the home of a room."""

        def on_home(_home: Home | None) -> None:
            call()
            self._settle(room_name)

        if not self._is_together:
            call()
        else:
            self._homes.find(room_name, on_home)

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
        if epoch is None:
            return
        if room is None:
            self._homes.release(room_name)
        else:
            self._context.hub.set_epoch(room.number, epoch)

    def _renew(self, room_name: str, then: Callable[[], object]) -> None:
        self._islands.renew(room_name, then)

    def _on_room_closed(self, room_name: str) -> None:
        self._islands.on_close(room_name)
        self._records.end(room_name)
        self._homes.release(room_name)

    # News from the server

    def on_joined(self, nid: int) -> None:
        """Be a node of the cluster; if the number is a new one, others know nothing of this node.

        Args:
            nid: The number of this node, with which the hub has joined already.
        """
        if nid == self._homes.nid:
            self.on_up()
            return
        is_first = self._homes.nid is None
        for room in self._remotes.await_all():
            self._islands.await_people(room, _AGAIN_SECONDS)
        self._homes.reset()
        self._homes.nid = nid
        self._islands.claim_rooms()
        for replica in self._stays.replicas():
            # The homes of before come first, since nobody need move then.
            orphan = partial(self._islands.orphan, replica)
            self._context.clock.later(0 if is_first else _COURTESY_SECONDS, orphan)

    def on_up(self) -> None:
        """Bring everything up to date, since messages of all nodes may be missing."""
        for nid in self._nodes:
            # First of all: where a message is missing, the next one only shows that.
            self._mail.post(nid, messages.Unsynced())
        self._islands.join_again()
        self._journeys.look_again()
        for replica in self._stays.replicas():
            self._resync(replica.home.epoch)
        self._context.clock.later(_PRESENT_SECONDS, self._post_stays)

    def _post_stays(self) -> None:
        """Let all homes forget stays of whose end they have not heard."""
        self._mail.post_all(messages.Present(self._stays.numbers()))

    def on_down(self) -> None:
        """Go on without other nodes, as no message goes to them or comes from them."""
        self._islands.cut()

    def on_node_joined(self, nid: int) -> None:
        """Hear a node, even if its number is that of one that is gone."""
        self._nodes.add(nid)
        self._gone.discard(nid)

    def on_node_gone(self, nid: int) -> None:
        """End the sessions of a node that is gone, and look for new homes of its rooms.

        Messages of it may still come, if it only paused. Nobody heeds them.
        """
        self._nodes.discard(nid)
        self._gone.add(nid)
        self._homes.forget_node(nid)
        self._remotes.on_node_gone(nid)
        for replica in self._stays.replicas(nid):
            self._islands.orphan(replica)

    def on_event(self, event: Event) -> None:
        """Handle what the hub leaves to Python of the publications of other nodes.

        Args:
            event: The result of `Hub.receive_publication`; None is none.
        """
        kind, *rest = event
        if rest[0] in self._gone:
            return
        if kind == "message":
            self._on_payload(*rest)
        elif kind == "entered":
            self._on_entered(*rest)
        elif kind == "close":
            self._on_close(*rest)
        elif kind == "gap":
            self._on_gap(*rest)
        elif kind == "unheard":
            self._on_unheard(*rest)
        elif kind == "garbage":
            _log.warning("a publication is not understood", why=rest[0])

    # Events

    def _on_entered(self, _nid: int, number: int, _epoch: int, participant: int) -> None:
        stay = self._stays.get(number)
        if stay is not None:
            self._journeys.on_entered(stay, participant)

    def _on_close(self, _nid: int, number: int, code: int, reason: str) -> None:
        stay = self._stays.get(number)
        if stay is not None:
            stay.session.connection.close(code, reason)

    def _on_gap(self, nid: int, epoch: int) -> None:
        """Ask for what is missing of a room, or of all that two nodes have in common."""
        if epoch:
            self._resync(epoch)
            return
        for replica in self._stays.replicas(nid):
            self._resync(replica.home.epoch)
        self._mail.post(nid, messages.Unsynced())

    def _on_unheard(self, nid: int) -> None:
        """Let people go on without a home that does not hear this node."""
        self._context.hub.cut_replicas(nid)
        for replica in self._stays.replicas(nid):
            replica.is_silent = True

    def _resync(self, epoch: int) -> None:
        replica = self._stays.replica(epoch)
        if replica is None or replica.is_orphan:
            return
        stays = [one for one in replica.stays.values() if one.session.stay is one]
        for stay in list(replica.stays.values()):
            if stay not in stays:
                self._journeys.on_lost(stay)  # the question or its answer may be what is missing
        if stays:
            numbers = [stay.number for stay in stays]
            resync = messages.Resync(replica.name, epoch, numbers)
            self._mail.post(replica.home.nid, resync, replica.room)
        self._islands.send_kept(replica)

    def _lose(self, numbers: list[int]) -> None:
        for number in numbers:
            stay = self._stays.get(number)
            if stay is not None:
                self._journeys.on_lost(stay)

    # Messages

    def _on_payload(self, nid: int, payload: bytes) -> None:
        try:
            message = messages.decode(payload)
        except msgspec.MsgspecError as error:
            _log.warning("a message of another node is not understood", why=str(error))
            return
        self._on_message(nid, message)

    def _on_message(self, nid: int, message: messages.Message) -> None:
        match message:
            case messages.Join():
                self._remotes.on_join(nid, message)
            case messages.Leave():
                self._remotes.on_leave(nid, message)
            case messages.Forward():
                self._remotes.on_forward(nid, message)
            case messages.Rights():
                self._remotes.on_rights(nid, message)
            case messages.Resync():
                self._remotes.on_resync(nid, message)
            case messages.Profile():
                self._profiles.adopt(message)
            case messages.Merge():
                self._islands.on_merge(message)
            case messages.Lost():
                self._lose(message.stays)
            case messages.Present():
                self._remotes.on_present(nid, message)
            case messages.Unsynced():
                for replica in self._stays.replicas(nid):
                    self._resync(replica.home.epoch)
                self._mail.post(nid, messages.Present(self._stays.numbers()))
            case _:
                self._on_answer(message)

    def _on_answer(
        self,
        message: messages.Admitted
        | messages.Charge
        | messages.Move
        | messages.NotHome
        | messages.Notice
        | messages.Redirect
        | messages.Refused
        | messages.Standing,
    ) -> None:
        """Handle a message of a home about a stay, unless the stay has ended."""
        stay = self._stays.get(message.stay)
        if stay is None:
            return
        match message:
            case messages.Admitted():
                self._journeys.on_admitted(stay)
            case messages.Refused():
                self._journeys.on_refused(stay, may_stay=message.may_stay)
            case messages.Redirect():
                self._journeys.on_redirected(stay, message.room)
            case messages.NotHome():
                self._journeys.on_not_home(stay)
            case messages.Move():
                self._stays.end(stay)
                self._handlers().place(stay.session, message.room, message.wanted)
            case messages.Standing():
                self._on_standing(stay, message)
            case messages.Notice():
                self._context.outbound.notify_once(stay.session, message.code, message.why)
            case messages.Charge():
                self._handlers().charge(stay.session, message.size)

    def _on_standing(self, stay: OwnStay, message: messages.Standing) -> None:
        stay.is_holder = message.is_holder
        stay.quota = QuotaClass(message.allowance, message.max)
        user = stay.session.user
        if user is not None and stay.session.stay is stay:
            self._context.hub.set_quota(user.quota, message.allowance, message.max)
