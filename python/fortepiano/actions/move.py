"""Moves of users between rooms, and the end of their connections, by staff."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fortepiano.actions.refusal import RefusedError
from fortepiano.actions.rooms import leave, move_to_room
from fortepiano.model.audit_actions import AuditAction
from fortepiano.model.close_codes import CloseCode
from fortepiano.model.notice_codes import Code
from fortepiano.model.room import AWKWARD, LOBBY
from fortepiano.protocol import validate
from fortepiano.protocol.notices import notice

if TYPE_CHECKING:
    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.protocol.context import Context
    from fortepiano.store.records import TokenRecord

__all__ = ["close_connection", "close_room", "kick_user", "move_user"]


def move_user(
    context: Context,
    by: Session | TokenRecord,
    user: User,
    room_name: Any,
    *,
    settings: Any = None,
    reason: str | None = None,
) -> None:
    """Move all tabs of a user to a room, which is created if it does not exist.

    Args:
        context: The context.
        by: The session, or the token of the admin API, that asks for it.
        user: The user.
        room_name: The room's name.
        settings: Settings for the room, if it has to be created.
        reason: The reason, which the user gets in a notice, even an empty one; None for no notice.

    Raises:
        RefusedError: No room can have that name.
    """
    name = validate.name(room_name, context.rules.room_name_length)
    if name is None:
        raise RefusedError(Code.BAD_ROOM)
    context.audit(
        by, AuditAction.MOVE, room=name, subject=user.id, reason=reason or "", name=user.name
    )
    for tab in list(user.sessions):
        if reason is not None:
            _notify(context, tab, f'You were put into "{name}"', reason)
        move_to_room(context, tab, user, name, settings)


def kick_user(
    context: Context,
    by: Session | TokenRecord,
    user: User,
    room_name: str | None,
    reason: str,
) -> None:
    """Move a user out of a room, or close all their connections; the user may come back.

    Args:
        context: The context.
        by: The session, or the token of the admin API, that asks for it.
        user: The user.
        room_name: The room's name; None for the whole site.
        reason: The reason, which the user gets in a notice.
    """
    context.audit(
        by, AuditAction.KICK, room=room_name or "", subject=user.id, reason=reason, name=user.name
    )
    for room in list(context.directory.rooms.values()):
        if room_name in (None, room.name):
            context.world.forfeit(room, user.id)
    for tab in list(user.sessions):
        if room_name is None:
            _close(context, tab, reason)
        elif tab.participant is not None and tab.participant.room.name == room_name:
            _notify(context, tab, f'You were put out of "{room_name}"', reason)
            move_to_room(context, tab, user, AWKWARD)


def close_connection(
    context: Context, by: Session | TokenRecord, session: Session, reason: str
) -> None:
    """Close one connection; the user may come back, and gets the reason in a notice."""
    context.audit(by, AuditAction.CLOSE_CONNECTION, subject=session.user_id, reason=reason)
    _close(context, session, reason)


def close_room(context: Context, by: Session | TokenRecord, room: Room, reason: str) -> None:
    """Move all tabs in a room to the lobby, with a notice; the room ends as all empty rooms do."""
    context.audit(by, AuditAction.CLOSE_ROOM, room=room.name, reason=reason)
    for participant in list(room.participants.values()):
        for tab in list(participant.tabs):
            _notify(context, tab, f'"{room.name}" was closed', reason)
            move_to_room(context, tab, participant.user, LOBBY)


def _notify(context: Context, tab: Session, text: str, reason: str) -> None:
    """Send a notice with a reason, if there is one."""
    with_reason = text + (f": {reason}" if reason else ".")
    context.outbound.send(tab, [notice(with_reason, Code.STAFF_NOTICE, style=None)])


def _close(context: Context, session: Session, reason: str) -> None:
    _notify(context, session, "Your connection was closed", reason)
    # Leave before the connection ends, so that no claim to the crown remains.
    leave(context, session)
    session.connection.close(CloseCode.NORMAL, "kicked")
