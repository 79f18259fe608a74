"""Moves of users between rooms, and the end of their connections, by staff."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fortepiano.actions.refusal import RefusedError
from fortepiano.actions.rooms import move_to_room
from fortepiano.actions.shared import act_everywhere, close_with_reason, notify_of
from fortepiano.model.audit_actions import AuditAction
from fortepiano.model.notice_codes import Code
from fortepiano.model.room import LOBBY
from fortepiano.protocol import validate
from fortepiano.protocol.shared_acts import Kick, Move

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
    act_everywhere(context, Move(user.id, name, settings, reason))


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
    act_everywhere(context, Kick(user.id, room_name, reason))


def close_connection(
    context: Context, by: Session | TokenRecord, session: Session, reason: str
) -> None:
    """Close one connection; the user may come back, and gets the reason in a notice."""
    context.audit(by, AuditAction.CLOSE_CONNECTION, subject=session.user_id, reason=reason)
    close_with_reason(context, session, reason)


def close_room(context: Context, by: Session | TokenRecord, room: Room, reason: str) -> None:
    """Move all tabs in a room to the lobby, with a notice; the room ends as all empty rooms do."""
    context.audit(by, AuditAction.CLOSE_ROOM, room=room.name, reason=reason)
    for participant in list(room.participants.values()):
        for tab in list(participant.tabs):
            notify_of(context, tab, f'"{room.name}" was closed', reason)
            move_to_room(context, tab, participant.user, LOBBY)
