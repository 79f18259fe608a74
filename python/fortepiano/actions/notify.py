"""Notices of the staff to a user, to a room or to everybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fortepiano.actions.refusal import RefusedError
from fortepiano.model.audit_actions import AuditAction
from fortepiano.model.notice_codes import Code

if TYPE_CHECKING:
    from fortepiano.model.session import Session
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.room_messages import Message
    from fortepiano.store.records import TokenRecord

__all__ = ["EVERYBODY", "Target", "notify", "receivers"]


@dataclass(frozen=True, slots=True)
class Target:
    """The receivers of a notice: a room, a user, both, or everybody.

    Attributes:
        room: The name of a room; None for no room.
        user_id: The id of a user; None for no user.
        is_everybody: Whether all sessions receive it.
    """

    room: str | None = None
    user_id: str | None = None
    is_everybody: bool = False


EVERYBODY = Target(is_everybody=True)


def receivers(context: Context, target: Target) -> list[Session]:
    """Return the sessions of a target, each once."""
    directory = context.directory
    if target.is_everybody:
        return [tab for user in directory.users.values() for tab in user.sessions]
    found: dict[Session, None] = {}
    room = directory.rooms.get(target.room) if target.room is not None else None
    for participant in room.participants.values() if room is not None else ():
        found.update(dict.fromkeys(participant.tabs))
    user = directory.users.get(target.user_id) if target.user_id is not None else None
    found.update(dict.fromkeys(user.sessions if user is not None else ()))
    return list(found)


def notify(context: Context, by: Session | TokenRecord, target: Target, message: Message) -> int:
    """Send a notice of the staff.

    Args:
        context: The context.
        by: The session, or the token of the admin API, that asks for it.
        target: The receivers.
        message: The notice.

    Returns:
        The number of sessions that it was sent to.

    Raises:
        RefusedError: There is no such room, and the user is not here.
    """
    found = receivers(context, target)
    if not (found or target.is_everybody or target.room in context.directory.rooms):
        raise RefusedError(Code.NOT_FOUND)
    for receiver in found:
        context.outbound.send(receiver, [message])
    context.audit(
        by,
        AuditAction.NOTICE,
        room=target.room or "",
        subject=target.user_id or "",
        text=message.get("text") or message.get("html", ""),
    )
    return len(found)
