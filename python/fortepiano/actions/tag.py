"""Tags that staff add to the names of users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fortepiano.actions.refusal import RefusedError
from fortepiano.actions.rename import mark_look_alikes
from fortepiano.model.audit_actions import AuditAction
from fortepiano.model.notice_codes import Code
from fortepiano.protocol import validate

if TYPE_CHECKING:
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.protocol.context import Context
    from fortepiano.store.records import TokenRecord

__all__ = ["broadcast_tag", "clear_tag", "remove_tag", "set_tag"]

_DEFAULT_COLOR = "#777777"


def set_tag(
    context: Context, by: Session | TokenRecord, user: User, text: Any, color: Any = None
) -> None:
    """Give a user a tag, in place of an older one.

    Args:
        context: The context.
        by: The session, or the token of the admin API, that asks for it.
        user: The user.
        text: The text.
        color: The colour, of three or six hex digits; None for grey.

    Raises:
        RefusedError: No tag can have this text or this colour.
    """
    checked = validate.name(text, context.rules.name_length)
    if checked is None:
        raise RefusedError(Code.BAD_MESSAGE)
    checked_color = _DEFAULT_COLOR if color is None else validate.tag_color(color)
    if checked_color is None:
        raise RefusedError(Code.BAD_COLOR)
    user.tag = {"text": checked, "color": checked_color}
    context.audit(by, AuditAction.TAG, subject=user.id, text=checked)
    broadcast_tag(context, user)


def remove_tag(context: Context, by: Session | TokenRecord, user: User) -> None:
    """Remove the tag of a user."""
    context.audit(by, AuditAction.REMOVE_TAG, subject=user.id, text=None)
    clear_tag(context, user)


def clear_tag(context: Context, user: User) -> None:
    """Remove the tag of a user without a row in the audit log: nobody asked for it."""
    user.tag = None
    broadcast_tag(context, user)


def broadcast_tag(context: Context, user: User) -> None:
    """Broadcast a new tag of a user, or that the user has none any more."""
    context.elsewhere.note_user(user)
    for participant in user.participations:
        context.outbound.update(participant)
    mark_look_alikes(context, user)
