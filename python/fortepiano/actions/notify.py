"""Notices of the staff to a user, to a room or to everybody; invitations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from fortepiano.actions.refusal import RefusedError
from fortepiano.actions.shared import act_everywhere
from fortepiano.model.audit_actions import AuditAction
from fortepiano.model.notice_codes import Code
from fortepiano.protocol.shared_acts import Notice

if TYPE_CHECKING:
    from fortepiano.model.session import Session
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.room_messages import Message
    from fortepiano.store.records import TokenRecord

__all__ = ["EVERYBODY", "Target", "notify"]


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


def notify(context: Context, by: Session | TokenRecord, target: Target, message: Message) -> int:
    """Send a notice of the staff.

    Args:
        context: The context.
        by: The session, or the token of the admin API, that asks for it.
        target: The receivers, at all nodes of a cluster.
        message: The notice.

    Returns:
        The number of this node's sessions that it was sent to.

    Raises:
        RefusedError: There is no such room, and the user is not here.
    """
    if not (target.is_everybody or _is_room(context, target) or _is_online(context, target)):
        raise RefusedError(Code.NOT_FOUND)
    payload = orjson.dumps([message])
    act = Notice(payload, target.room, target.user_id, target.is_everybody)
    count = act_everywhere(context, act)
    context.audit(
        by,
        AuditAction.NOTICE,
        room=target.room or "",
        subject=target.user_id or "",
        text=message.get("text") or message.get("html", ""),
    )
    return count


def _is_room(context: Context, target: Target) -> bool:
    name = target.room
    if name is None:
        return False
    return name in context.directory.rooms or context.elsewhere.has_room(name)


def _is_online(context: Context, target: Target) -> bool:
    user_id = target.user_id
    if user_id is None:
        return False
    is_here = context.directory.online(user_id) is not None
    return is_here or context.elsewhere.is_online(user_id)
