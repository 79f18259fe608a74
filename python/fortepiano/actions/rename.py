"""Names and colours of users, and what follows from another name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fortepiano.actions.refusal import RefusedError
from fortepiano.model.audit_actions import AuditAction
from fortepiano.model.directory import ANONYMOUS
from fortepiano.model.looks import are_alike
from fortepiano.model.notice_codes import Code
from fortepiano.protocol import validate
from fortepiano.protocol.appearance import is_of_staff

if TYPE_CHECKING:
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.protocol.context import Context
    from fortepiano.store.records import TokenRecord

__all__ = ["change", "mark_look_alikes", "rename"]


def rename(
    context: Context,
    by: Session | TokenRecord,
    user: User,
    *,
    name: Any = None,
    color: Any = None,
) -> None:
    """Give another user a name, a colour, or both.

    Args:
        context: The context.
        by: The session, or the token of the admin API, that asks for it.
        user: The user.
        name: The name; None leaves it as it is.
        color: The colour; None leaves it as it is.

    Raises:
        RefusedError: Nobody can have that name or colour; nothing has changed.
    """
    new_name = validate.name(name, context.rules.name_length)
    if name is not None and new_name is None:
        raise RefusedError(Code.BAD_NAME)
    new_color = validate.color(color)
    if color is not None and new_color is None:
        raise RefusedError(Code.BAD_COLOR)
    if new_name is not None:
        context.audit(by, AuditAction.SETNAME, subject=user.id, before=user.name, after=new_name)
    if new_color is not None:
        context.audit(by, AuditAction.SETCOLOR, subject=user.id, before=user.color, after=new_color)
    change(context, user, name=new_name, color=new_color)


def change(
    context: Context,
    user: User,
    *,
    name: str | None,
    color: str | None,
    is_afk: bool | None = None,
    is_stored: bool = True,
) -> None:
    """Change a user's name, colour, or whether they are away; None leaves a part as it is.

    Being away ends with the user's last session.

    Args:
        context: The context.
        user: The user.
        name: The name.
        color: The colour.
        is_afk: Whether the user is away.
        is_stored: Whether name and colour are to be stored; else another node does it.
    """
    before = user.name
    name, color = name or user.name, color or user.color
    is_changed = (name, color) != (user.name, user.color)
    if not is_changed and is_afk in (None, user.is_afk):
        return
    if is_changed:
        user.name, user.color = name, color
        if is_stored:
            context.directory.remember(user, context.now())
    if is_afk is not None:
        user.is_afk = is_afk
    context.elsewhere.note_user(user)
    for participant in user.participations:
        context.outbound.update(participant)
        if name != before and participant.room.holder is participant:
            context.outbound.refresh(participant.room, is_sent=True)
    if name != before and is_of_staff(user):
        mark_look_alikes(context, user, before)


def mark_look_alikes(context: Context, user: User, before: str = ANONYMOUS) -> None:
    """Update all participants whose names look like the name of a member of staff.

    Args:
        context: The context.
        user: The user who is staff, or has ceased to be.
        before: The name that this user had before.
    """
    outbound = context.outbound
    outbound.appearance.track_staff(user)
    for other in context.directory.users.values():
        if are_alike(other.name, user.name) or are_alike(other.name, before):
            for participant in other.participations:
                outbound.refresh_participant(participant)
