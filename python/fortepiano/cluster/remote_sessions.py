"""The sessions of other nodes in rooms of this one: for handlers, sessions like all others."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from fortepiano.cluster.messages import (
    Admitted,
    Charge,
    ErrandDone,
    Lost,
    Move,
    NotHome,
    Notice,
    Redirect,
    Refused,
    Standing,
)
from fortepiano.cluster.node_state import RemoteState
from fortepiano.model.permissions import permissions_of
from fortepiano.model.session import Session
from fortepiano.protocol.user_profile import SessionFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fortepiano.cluster.homes import Homes
    from fortepiano.cluster.mail import Mail
    from fortepiano.cluster.messages import (
        Errand,
        Forward,
        Join,
        Leave,
        Message,
        Present,
        Resync,
        Rights,
    )
    from fortepiano.cluster.profiles import Profiles
    from fortepiano.cluster.records import Records
    from fortepiano.cluster.waits import Waits
    from fortepiano.model.notice_codes import Code
    from fortepiano.model.participant import Participant
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.node_handlers import NodeHandlers

__all__ = ["RemoteSessions"]

_CHARGED_BYTES = 16_384
"""The bytes, caused by a session, of which its own node is told at once."""


@dataclass(eq=False, slots=True)
class _Remote:
    """The connection under a session of another node.

    Attributes:
        sessions: All sessions of other nodes.
        nid: The number of that node.
        stay: The number of the stay.
        room: The name of the room, the only one in which the session is.
        session: The session.
        is_answered: Whether the node knows already that the session is not in the room.
        standing: What the node was last told of the quota and the crown.
        caused: Bytes caused, of which the node has not been told.
    """

    sessions: RemoteSessions
    nid: int
    stay: int
    room: str
    session: Session = field(init=False)
    is_answered: bool = False
    standing: Standing | None = None
    caused: int = 0

    def close(self, code: int, reason: str = "") -> None:
        """End the session here, and let its node close the connection."""
        self.sessions.close(self, code, reason)


class RemoteSessions:
    """The sessions of other nodes.

    Args:
        context: The context.
        homes: The rooms of which this node is the home.
        mail: Posts messages to other nodes.
        profiles: The profiles of users.
        records: Publishes what other nodes must know of rooms.
        waits: The sessions whose messages wait.
        handlers: Returns the handlers in force.
    """

    def __init__(
        self,
        context: Context,
        homes: Homes,
        mail: Mail,
        profiles: Profiles,
        records: Records,
        waits: Waits,
        handlers: Callable[[], NodeHandlers],
    ) -> None:
        self._context = context
        self._homes = homes
        self._mail = mail
        self._profiles = profiles
        self._records = records
        self._waits = waits
        self._handlers = handlers
        self._by_room: dict[str, dict[_Remote, None]] = {}
        self._remotes: dict[tuple[int, int], _Remote] = {}
        self._by_session: dict[Session, _Remote] = {}
        self._expected: set[tuple[int, int]] = set()

    def __contains__(self, session: Session) -> bool:
        """Tell whether a session is one of another node."""
        return session in self._by_session

    # Messages of other nodes

    def on_join(self, nid: int, message: Join) -> None:
        """Let a session enter a room if it may; its node is told in any case."""
        key = nid, message.stay
        self._expected.add(key)
        # The claim by which this node becomes the home may not have been answered yet.
        self._homes.after(message.room, partial(self._join, nid, message))

    def _join(self, nid: int, message: Join) -> None:
        key = nid, message.stay
        if key not in self._expected:
            return  # the session has left, or its node is gone
        self._expected.discard(key)
        room = self._context.directory.rooms.get(message.room)
        if room is None or self._homes.epoch(message.room) != message.epoch:
            self._homes.disown(message.room, message.epoch)
            self._mail.post(nid, NotHome(message.stay))
            return
        there = self._in(message.room)
        if not there:
            self._records.begin(room)
        ended = [one for one in there if one.nid == nid] if message.is_first else []
        if ended:
            # Their ends were not heard, so the hub takes the node to know the room.
            self._context.hub.resnapshot(room.number, nid)
        self._let_in(nid, message, room.name)
        for remote in ended:
            self._end(remote, has_ended=True)

    def _let_in(self, nid: int, message: Join, room: str) -> None:
        remote = self._open(nid, message, room)
        handlers, session = self._handlers(), remote.session
        self._profiles.arrive(session, nid, message)
        enter = handlers.place if message.is_placed else handlers.enter
        enter(session, message.room, message.wanted)
        if session.participant is not None:
            self._post(remote, Admitted(remote.stay))
        elif (nid, message.stay) in self._remotes:
            if not remote.is_answered:
                self._post(remote, Refused(remote.stay))
            self._end(remote)

    def on_errand(self, nid: int, message: Errand) -> None:
        """Handle a message about a room whose sender need not be there."""
        self._homes.after(message.room, partial(self._run_errand, nid, message))

    def _run_errand(self, nid: int, message: Errand) -> None:
        is_home = self._homes.epoch(message.room) == message.epoch
        if is_home:
            remote = self._open(nid, message, message.room)
            self._profiles.arrive(remote.session, nid, message)
            self._handlers().handle(remote.session, message.raw)
            self._end(remote, has_ended=True)
        self._mail.post(nid, ErrandDone(message.stay, is_home))

    def _open(self, nid: int, message: Join | Errand | RemoteState, room: str) -> _Remote:
        client = self._context.hub.attach_remote(nid, message.stay)
        remote, facts = _Remote(self, nid, message.stay, room), message.session
        session = remote.session = Session(client, remote, facts.user_id, is_bot=facts.is_bot)
        self._remotes[nid, message.stay] = self._by_session[session] = remote
        self._by_room.setdefault(room, {})[remote] = None
        return remote

    # An upgrade

    def sessions(self) -> list[Session]:
        """Return all sessions, in the order of `states`."""
        return list(self._by_session)

    def states(self) -> list[RemoteState]:
        """Return all sessions for another process."""
        outbound, room_list = self._context.outbound, self._context.room_list
        readers = set(outbound.custom_readers()), set(room_list.readers())
        return [
            RemoteState(
                remote.nid,
                remote.stay,
                remote.room,
                SessionFacts.of(session),
                remote.standing,
                remote.caused,
                *(session in some for some in readers),
            )
            for session, remote in self._by_session.items()
        ]

    def restore(self, states: Iterable[RemoteState]) -> list[Session]:
        """Go on with the sessions of another process, which are in no rooms yet.

        Args:
            states: The sessions, whose users are here already.

        Raises:
            KeyError: A user is not here.
        """
        for state in states:
            remote = self._open(state.nid, state, state.room)
            remote.standing, remote.caused = state.standing, state.caused
            self._restore(remote.session, state)
        return self.sessions()

    def _restore(self, session: Session, state: RemoteState) -> None:
        context, scope = self._context, state.session.scope
        user = session.user = context.directory.users[session.user_id]
        session.is_known_by_token = state.session.is_known_by_token
        session.scope, session.permissions = scope, permissions_of(scope)
        context.hub.start_session(session.client, user.quota)
        plays = "playNotesAnywhere" in session.permissions
        context.hub.set_privileges(
            session.client, plays_anywhere=plays, unlimited=scope is not None
        )
        if state.hears_custom:
            context.outbound.start_custom(session)
        if state.hears_list:
            context.room_list.resume(session)

    def enter_again(self) -> None:
        """Let the hub know which sessions are in which rooms, as their nodes do."""
        hub, rooms = self._context.hub, self._context.directory.rooms
        for name in self._by_room:
            if name in rooms:
                self._records.begin(rooms[name])
        for session in self._by_session:
            participant = session.participant
            if participant is not None:
                hub.enter_again(session.client, participant.room.number, participant.number)
                self.note_participant(participant)

    def on_leave(self, nid: int, message: Leave) -> None:
        """Remove a session that has left."""
        self._expected.discard((nid, message.stay))
        remote = self._remotes.get((nid, message.stay))
        if remote is not None:
            self._end(remote, has_ended=message.has_ended, is_lost=message.is_stop)

    def on_forward(self, nid: int, message: Forward) -> None:
        """Handle a message of a session about its room."""
        remote = self._remotes.get((nid, message.stay))
        if remote is None or self._waits.postpone(
            remote.session, partial(self.on_forward, nid, message)
        ):
            return
        remote.caused += self._handlers().handle(remote.session, message.raw)
        if remote.caused >= _CHARGED_BYTES:
            self._post(remote, Charge(remote.stay, remote.caused))
            remote.caused = 0

    def on_rights(self, nid: int, message: Rights) -> None:
        """Give a session the rights of another scope."""
        remote = self._remotes.get((nid, message.stay))
        if remote is not None:
            self._handlers().change_scope(remote.session, message.scope)

    def on_resync(self, nid: int, message: Resync) -> None:
        """Send a node all about a room of which it has missed something."""
        stays, room = set(message.stays), self._context.directory.rooms.get(message.room)
        if room is None or self._homes.epoch(message.room) != message.epoch:
            self._mail.post(nid, Lost(message.stays))
            return
        there = [one for one in self._of(nid) if one.room == message.room]
        for remote in there:
            if remote.stay not in stays:
                self._end(remote, has_ended=True)
        lost = stays - {remote.stay for remote in there}
        if lost:
            self._mail.post(nid, Lost(sorted(lost)), room.number)
        self._context.hub.resnapshot(room.number, nid)
        for remote in there:
            if remote.stay in stays:
                self._handlers().enter(remote.session, message.room, None)
                self._post(remote, Admitted(remote.stay))  # the first answer may be missing

    def on_node_gone(self, nid: int) -> None:
        """End all sessions of a node that is gone."""
        self._expected = {key for key in self._expected if key[0] != nid}
        for remote in self._of(nid):
            self._end(remote, has_ended=True, is_lost=True)

    def end_all(self) -> None:
        """End all sessions: their nodes cannot be reached."""
        for nid in {remote.nid for remote in self._remotes.values()}:
            self.on_node_gone(nid)

    def on_present(self, nid: int, message: Present) -> None:
        """End the sessions of a node that are not there any more."""
        stays = set(message.stays)
        for remote in self._of(nid):
            if remote.stay not in stays:
                self._end(remote, has_ended=True)

    def await_all(self) -> set[str]:
        """End all sessions, but await them: their nodes know nothing of this one any more.

        Returns:
            The names of their rooms.
        """
        self._expected.clear()
        remotes = list(self._remotes.values())
        for remote in remotes:
            self._end(remote, is_awaited=True)
        return {remote.room for remote in remotes}

    def dismiss(self, room: str) -> None:
        """Let all sessions in a room look for its home again, which this node is not any more."""
        for remote in self._in(room):
            self._post(remote, Lost([remote.stay]))
        self.forget(room)

    def forget(self, room: str) -> None:
        """End all sessions in a room whose nodes know that this one is not its home any more."""
        for remote in self._in(room):
            self._end(remote, is_awaited=True)

    def nodes_in(self, room: str) -> list[int]:
        """Return the nodes with sessions in a room, the one with the most of them first."""
        counts = Counter(remote.nid for remote in self._in(room))
        return sorted(counts, key=lambda nid: (-counts[nid], nid))

    def _in(self, room: str) -> list[_Remote]:
        return list(self._by_room.get(room, ()))

    def _of(self, nid: int) -> list[_Remote]:
        return [remote for remote in self._remotes.values() if remote.nid == nid]

    # Questions of handlers

    def decides(self, session: Session, room: str) -> bool:
        """Tell whether the session's own node decides about it in a room."""
        return self._by_session[session].room != room

    def redirect(self, session: Session, room: str) -> None:
        """Let a session try another room."""
        remote = self._by_session[session]
        remote.is_answered = True
        self._post(remote, Redirect(remote.stay, room))

    def move(self, session: Session, room: str, wanted: Any) -> None:
        """Let its node put a session, which has left its room, into another one."""
        remote = self._by_session[session]
        self._post(remote, Move(remote.stay, room, wanted))
        self._end(remote)

    def refuse(self, session: Session, *, may_stay: bool) -> None:
        """Let its node decide where a session goes that may not enter its room."""
        remote = self._by_session[session]
        remote.is_answered = True
        self._post(remote, Refused(remote.stay, may_stay))

    def pass_notice(self, session: Session, code: Code, why: str) -> bool:
        """Let its node send a session a notice that comes only once in a while."""
        remote = self._by_session.get(session)
        if remote is not None:
            self._post(remote, Notice(remote.stay, code, why))
        return remote is not None

    def note_participant(self, participant: Participant) -> None:
        """Tell other nodes a participant's quota, and whether the participant holds the crown."""
        for tab in participant.tabs:
            remote = self._by_session.get(tab)
            if remote is not None:
                self._note_standing(remote, participant)

    def _note_standing(self, remote: _Remote, participant: Participant) -> None:
        quota = self._context.world.quota_class(participant)
        is_holder = participant.room.holder is participant
        standing = Standing(remote.stay, quota.allowance, quota.max, is_holder)
        if standing != remote.standing:
            remote.standing = standing
            self._post(remote, standing)

    # The end

    def _post(self, remote: _Remote, message: Message) -> None:
        room = self._context.directory.rooms.get(remote.room)
        self._mail.post(remote.nid, message, None if room is None else room.number)

    def close(self, remote: _Remote, code: int, reason: str) -> None:
        """End a session, unless it has ended, and let its node close the connection."""
        if remote.session in self._by_session:
            self._depart(remote, has_ended=True)
            self._context.hub.close(remote.session.client, code, reason)
            self._context.hub.detach(remote.session.client)

    def _end(self, remote: _Remote, **how: bool) -> None:
        self._depart(remote, **how)
        self._context.hub.detach(remote.session.client)

    def _depart(
        self,
        remote: _Remote,
        *,
        has_ended: bool = False,
        is_lost: bool = False,
        is_awaited: bool = False,
    ) -> None:
        self._waits.discard(remote.session)
        if is_awaited:
            self._context.hub.drop_remote(remote.session.client)
        self._handlers().depart(
            remote.session, has_ended=has_ended, is_lost=is_lost, is_awaited=is_awaited
        )
        if self._remotes.pop((remote.nid, remote.stay), None) is not None:
            there = self._by_room[remote.room]
            del there[remote]
            if not there:
                del self._by_room[remote.room]
                self._records.end(remote.room)
        self._by_session.pop(remote.session, None)
