"""What staff do from within: `clearchat`, `v`, `siteban`, `setcolor`, `setname`.

Whoever lacks the permission is told so; nobody else notices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.errors import CloseCode
from fortepiano.handlers import rooms
from fortepiano.handlers.profile import change
from fortepiano.model.banlist import SITE
from fortepiano.protocol.outbound import notice
from fortepiano.store.base import BanRecord

if TYPE_CHECKING:
    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.shapes import ClearChat, SetColor, SetName, SiteBan, Vanish

__all__ = ["ban_from_site", "clear", "clearchat", "setcolor", "setname", "siteban", "v"]

_LONGEST_MS = 86_400_000
"""The longest ban from the site by staff who may not choose any duration."""


def _may(context: Context, session: Session, permission: str, kind: str) -> bool:
    if permission in session.permissions:
        return True
    context.outbound.refuse(session, kind, "You may not do that.")
    return False


def clearchat(context: Context, session: Session, _message: ClearChat) -> None:
    """Clear the chat of the room one is in."""
    if session.participant is not None and _may(context, session, "clearChat", "clearchat"):
        clear(context, session.participant.room)


def clear(context: Context, room: Room) -> None:
    """Forget a room's chat; an empty `c` clears it on the screens."""
    room.history.clear()
    context.outbound.say(room, {"m": "c", "c": []})


def v(context: Context, session: Session, message: Vanish) -> None:
    """Hide from others, or show oneself again."""
    user = session.user
    if user is None or not _may(context, session, "vanish", "v"):
        return
    set_hidden(context, user, is_hidden=message.vanish)


def set_hidden(context: Context, user: User, *, is_hidden: bool) -> None:
    """Hide a user in all rooms he is in, or show him again."""
    if user.is_hidden == is_hidden:
        return
    for participant in user.participations:
        if is_hidden:
            context.outbound.say(participant.room, {"m": "bye", "p": participant.id})
    user.is_hidden = is_hidden
    for participant in user.participations:
        context.world.mark(participant)
        context.outbound.update(participant)
        if is_hidden:
            # He and other staff still see him.
            context.outbound.announce(participant.room)
        context.outbound.list_change(participant.room)


def siteban(context: Context, session: Session, message: SiteBan) -> None:
    """Ban somebody from the whole site; he is told the reason and closed with 4008."""
    if session.user is None or not _may(context, session, "siteBan", "siteban"):
        return
    duration = None if message.permanent else int(message.duration or 0)
    if "siteBanAnyDuration" not in session.permissions:
        duration = _LONGEST_MS if duration is None else min(duration, _LONGEST_MS)
    ban_from_site(context, message.id, duration, session.user.id, message.reason)


def ban_from_site(
    context: Context, user_id: str, duration: int | None, by: str, reason: str
) -> None:
    """Ban a user from the whole site.

    Args:
        context: The world.
        user_id: The user, online or not.
        duration: For how long; milliseconds, None for ever.
        by: Who says so.
        reason: What he is told.
    """
    now = context.now()
    until = None if duration is None else now + duration
    context.bans.ban(BanRecord(SITE, user_id, until, by, reason, now))
    user = context.directory.online(user_id)
    for tab in list(user.sessions) if user is not None else []:
        show_out(context, tab, until, reason)


def show_out(context: Context, session: Session, until: int | None, reason: str) -> None:
    """Tell somebody that he is banned from the site, and close his connection."""
    text = "You are banned from this site"
    if until is not None:
        text += f" for {rooms.minutes_left(until - context.now())}"
    if reason:
        text += f": {reason}"
    context.outbound.tell(session, [notice(text, style=None)])
    session.connection.close(CloseCode.BANNED)


def setcolor(context: Context, session: Session, message: SetColor) -> None:
    """Change somebody's colour."""
    user = context.directory.users.get(message.id)
    if _may(context, session, "usersetOthers", "setcolor") and user is not None:
        change(context, user, name=None, color=message.color)


def setname(context: Context, session: Session, message: SetName) -> None:
    """Change somebody's name."""
    user = context.directory.users.get(message.id)
    if _may(context, session, "usersetOthers", "setname") and user is not None:
        change(context, user, name=message.name, color=None)
