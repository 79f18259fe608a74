"""Handles what other nodes of the cluster ask for: sessions of theirs, in rooms of this node."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from fortepiano.actions import promotion, rooms
from fortepiano.actions.profile import adopt_profile
from fortepiano.actions.shared import act_here
from fortepiano.actions.staff_rights import change_scope, give_scope
from fortepiano.handlers.rooms import join_room
from fortepiano.protocol.incoming import JoinRoom
from fortepiano.protocol.shared_acts import StoreChange
from fortepiano.protocol.user_profile import made_user

if TYPE_CHECKING:
    from collections.abc import Callable

    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.shared_acts import SharedAct
    from fortepiano.protocol.user_profile import SessionFacts, UserProfile
    from fortepiano.store.records import Scope

__all__ = ["FromNodes"]


class FromNodes:
    """The handlers that a cluster calls; see `protocol.node_handlers.NodeHandlers`.

    Args:
        context: The context of the handlers.
        handle: Handles a message without checking its rate.
        report: Logs a failure in the handler of a kind of message.
        follow_store: Enforces what other processes have written into the store.
    """

    def __init__(
        self,
        context: Context,
        handle: Callable[[Session, bytes], None],
        report: Callable[[str, Exception], None],
        follow_store: Callable[[], None],
    ) -> None:
        self._follow_store = follow_store
        self._context = context
        self._handle = handle
        self._report = report

    def _try(self, kind: str, call: Callable[[], object]) -> None:
        """Call a function; a failure is logged."""
        try:
            call()
        except Exception as error:
            self._report(kind, error)

    def enter(self, session: Session, room_name: str, wanted: Any) -> None:
        """Let a session enter a room if it may, as if it had sent `ch`."""
        message = JoinRoom(room_name, wanted)
        self._try("ch", lambda: join_room(self._context, session, message))

    def place(self, session: Session, room_name: str, wanted: Any = None) -> None:
        """Put a session into a room, without checking whether it may enter."""
        user = session.user
        if user is not None:
            move = rooms.move_to_room
            self._try("ch", lambda: move(self._context, session, user, room_name, wanted))

    def leave(self, session: Session, *, is_quiet: bool = False) -> None:
        """Take a session out of its room, as it is in another one now.

        Args:
            session: The session.
            is_quiet: Whether all others leave the room too, so that nobody is told.
        """
        if is_quiet:
            self._try("ch", lambda: self._leave_quietly(session))
        else:
            self._try("ch", lambda: rooms.leave(self._context, session))

    def _leave_quietly(self, session: Session) -> None:
        context = self._context
        left = context.world.remove_tab(session)
        if left is None or left.tabs:
            return
        room, now = left.room, context.now()
        people = list(room.participants.values())
        # With the last session go the participants who have been awaited.
        is_over = not any(participant.tabs for participant in people)
        for participant in people if is_over else [left]:
            context.world.remove(participant, now, is_lost=True)
            context.directory.forget(participant.user, now)
        context.room_list.note_change(room)

    def arrive(self, session: Session, facts: SessionFacts, profile: UserProfile) -> bool:
        """Give a session of another node its user.

        Returns:
            False if this node knows a later profile of the user.
        """
        try:
            return self._arrive(session, facts, profile)
        except Exception as error:
            self._report("hi", error)
            return True

    def _arrive(self, session: Session, facts: SessionFacts, profile: UserProfile) -> bool:
        context = self._context
        user = session.user = context.directory.arrive(session, context.now())
        session.is_known_by_token = facts.is_known_by_token
        context.hub.start_session(session.client, user.quota)
        is_current = adopt_profile(context, user, profile)
        if facts.scope is not None:
            give_scope(context, session, user, facts.scope)
        return is_current

    def depart(
        self,
        session: Session,
        *,
        has_ended: bool,
        is_lost: bool = False,
        is_awaited: bool = False,
    ) -> None:
        """Remove a session of another node.

        Args:
            session: The session.
            has_ended: Whether its connection has ended.
            is_lost: Whether its node is gone, so that a crown lies reserved for its user.
            is_awaited: Whether the session comes back in a moment, so that nobody is told.
        """
        if is_awaited:
            self._try("", lambda: self._context.world.remove_tab(session))
        self._try("", lambda: self._depart(session, has_ended=has_ended, is_lost=is_lost))

    def _depart(self, session: Session, *, has_ended: bool, is_lost: bool) -> None:
        context = self._context
        context.room_list.stop(session)  # staff may have sent `+ls` inside another message
        context.outbound.stop_custom(session)
        rooms.leave(context, session, has_ended=has_ended, is_lost=is_lost)
        user, session.user = session.user, None
        if user is not None:
            context.directory.depart(user, session, context.now(), has_ended=has_ended)

    def handle(self, session: Session, raw: bytes) -> int:
        """Handle a message that a session of another node has sent, and that node has checked.

        Returns:
            The bytes that were queued for clients because of it.
        """
        queued = self._context.hub.queued_bytes
        self._try("", lambda: self._handle(session, raw))
        return self._context.hub.queued_bytes - queued

    def adopt_profile(self, profile: UserProfile) -> None:
        """Give a user, who need not be known here, the profile that another node has."""
        self._try("userset", lambda: self._adopt(profile))

    def _adopt(self, profile: UserProfile) -> None:
        context = self._context
        # Also a user who is not known here: what was read of the store may be older.
        make = partial(made_user, profile)
        adopt_profile(context, context.directory.meet(profile.id, make, context.now()), profile)

    def act(self, act: SharedAct) -> None:
        """Act on the connections of this node as another node does on its own."""
        if isinstance(act, StoreChange):
            # The store has read by then what the other node has written.
            self._context.store.when_current("", lambda _is_current: self._follow_store())
        else:
            self._try("admin message", lambda: act_here(self._context, act))

    def change_scope(self, session: Session, scope: Scope | None) -> None:
        """Give a session of another node the rights of another scope."""
        user = session.user
        if user is not None:
            self._try("", lambda: change_scope(self._context, user, session, scope))

    def renew(self, room_name: str, then: Callable[[], object]) -> None:
        """Make ready for a room of which this node has become the home; then call a function."""
        rooms.renew(self._context, room_name, then)

    def promote(
        self, name: str, number: int, stored: bytes, lines: list[bytes], sessions: list[Session]
    ) -> None:
        """Go on with a room of which another node was the home; see `actions.promotion`."""
        go_on = promotion.promote
        self._try("ch", lambda: go_on(self._context, name, number, stored, lines, sessions))

    def remove_awaited(self, room: Room) -> None:
        """Remove the participants of a room whose sessions have not come back."""
        self._try("ch", lambda: rooms.remove_awaited(self._context, room))

    def merge_chat(self, room: Room, lines: list[bytes]) -> None:
        """Add what some of its people said while they were apart to the chat of a room."""
        self._try("a", lambda: promotion.merge_chat(self._context, room, lines))

    def charge(self, session: Session, size: int) -> None:
        """Charge the subscriber of a session for bytes that its messages caused elsewhere."""
        if session.is_limited and session.scope is None:
            self._context.budget.charge(session, size, self._context.now())
