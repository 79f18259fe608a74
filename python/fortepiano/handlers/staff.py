"""Messages of staff: `clearchat`, `v`, `siteban`, `setcolor`, `setname`.

A sender without the permission gets a notice, and nobody else notices anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.actions.ban import LONGEST_MODERATOR_MS, ban_from_site, length_of
from fortepiano.actions.confirmation import confirm
from fortepiano.actions.rename import rename
from fortepiano.actions.room_changes import clear_chat
from fortepiano.actions.vanish import set_hidden
from fortepiano.model.audit_actions import AuditAction
from fortepiano.model.ban_list import LONGEST_REASON
from fortepiano.model.notice_codes import Code
from fortepiano.model.texts import mended
from fortepiano.protocol.staff_incoming import SiteBan

if TYPE_CHECKING:
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.staff_incoming import ClearChat, SetColor, SetName, Vanish

__all__ = [
    "clearchat",
    "setcolor",
    "setname",
    "siteban",
    "user_named",
    "vanish",
]


def _may(context: Context, session: Session, permission: str) -> bool:
    if permission in session.permissions:
        return True
    context.outbound.notify_once(session, Code.NOT_ALLOWED, "You may not do that.")
    return False


def clearchat(context: Context, session: Session, _message: ClearChat) -> None:
    """Clear the chat of the sender's room."""
    if session.participant is not None and _may(context, session, "clearChat"):
        clear_chat(context, session, session.participant.room)


def vanish(context: Context, session: Session, message: Vanish) -> None:
    """Hide the sender from others, or show them again."""
    user = session.user
    if user is None or not _may(context, session, "vanish"):
        return
    context.audit(
        session, AuditAction.VANISH if message.vanish else AuditAction.APPEAR, subject=user.id
    )
    set_hidden(context, user, is_hidden=message.vanish)


def siteban(context: Context, session: Session, message: SiteBan) -> None:
    """Ban a user or network from the site; their clients get the reason, and close code 4008."""
    if session.user is None or not _may(context, session, "siteBan"):
        return
    wanted = message.milliseconds
    duration = None if wanted is None else int(wanted)
    if "siteBanAnyDuration" not in session.permissions:
        duration = LONGEST_MODERATOR_MS if duration is None else min(duration, LONGEST_MODERATOR_MS)
    ban, sizes = ban_from_site(
        context,
        session,
        message.id,
        duration,
        reason=mended(message.reason[:LONGEST_REASON]),
        note=message.note,
        bits=message.bits,
    )
    banned = f"{ban.subject} and the network around ({sizes}) are" if sizes else f"{ban.subject} is"
    confirm(context, session, f"{banned} banned from this site {length_of(duration)}.")


def setcolor(context: Context, session: Session, message: SetColor) -> None:
    """Change a user's colour."""
    user = _changeable(context, session, message.id)
    if user is not None:
        rename(context, session, user, color=message.color)


def setname(context: Context, session: Session, message: SetName) -> None:
    """Change a user's name."""
    user = _changeable(context, session, message.id)
    if user is not None:
        rename(context, session, user, name=message.name)


def user_named(session: Session, message: SetColor | SetName | SiteBan) -> str | None:
    """Return the user whom a message names, if they have to be known before it is handled."""
    permission = "usersetOthers"
    if isinstance(message, SiteBan):
        permission = "siteBan" if message.bits is not None else ""
    return message.id if permission in session.permissions else None


def _changeable(context: Context, session: Session, user_id: str) -> User | None:
    """Return a user whom the sender may change; else send the sender a notice."""
    if not _may(context, session, "usersetOthers"):
        return None
    user = context.directory.users.get(user_id)
    if user is None:
        context.outbound.notify_once(session, Code.NOT_FOUND, "That user is not here.")
    return user
