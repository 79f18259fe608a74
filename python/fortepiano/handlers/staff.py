"""Messages of staff: `clearchat`, `v`, `siteban`, `setcolor`, `setname`.

A sender without the permission gets a notice, and nobody else notices anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.actions import rooms
from fortepiano.actions.ban import LONGEST_MODERATOR_MS, ban_from_site, length_of
from fortepiano.actions.confirmation import confirm
from fortepiano.actions.refusal import RefusedError
from fortepiano.handlers.profile import change, mark_look_alikes
from fortepiano.model.audit_actions import AuditAction
from fortepiano.model.notice_codes import Code
from fortepiano.model.texts import mended
from fortepiano.protocol import validate

if TYPE_CHECKING:
    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.staff_incoming import ClearChat, SetColor, SetName, SiteBan, Vanish
    from fortepiano.store.base import TokenRecord

__all__ = [
    "clear",
    "clearchat",
    "rename",
    "set_hidden",
    "set_permanent",
    "set_tag",
    "setcolor",
    "setname",
    "siteban",
    "vanish",
]

_LONGEST_REASON = 512
"""The number of characters of a reason or a note that are stored."""


def _may(context: Context, session: Session, permission: str) -> bool:
    if permission in session.permissions:
        return True
    context.outbound.notify_once(session, Code.NOT_ALLOWED, "You may not do that.")
    return False


def clearchat(context: Context, session: Session, _message: ClearChat) -> None:
    """Clear the chat of the sender's room."""
    if session.participant is not None and _may(context, session, "clearChat"):
        room = session.participant.room
        context.audit(session, AuditAction.CLEARCHAT, room=room.name)
        clear(context, room)


def clear(context: Context, room: Room) -> None:
    """Delete a room's chat; an empty `c` clears it on the screens."""
    room.history.clear()
    context.archive.save(room)
    context.outbound.broadcast(room, {"m": "c", "c": []})


def vanish(context: Context, session: Session, message: Vanish) -> None:
    """Hide the sender from others, or show them again."""
    user = session.user
    if user is None or not _may(context, session, "vanish"):
        return
    context.audit(
        session, AuditAction.VANISH if message.vanish else AuditAction.APPEAR, subject=user.id
    )
    set_hidden(context, user, is_hidden=message.vanish)


def set_hidden(context: Context, user: User, *, is_hidden: bool) -> None:
    """Hide a user in all their rooms, or show them again."""
    if user.is_hidden == is_hidden:
        return
    for participant in user.participations:
        if is_hidden:
            context.outbound.broadcast(participant.room, {"m": "bye", "p": participant.id})
    user.is_hidden = is_hidden
    for participant in user.participations:
        context.world.sync_flags(participant)
        context.outbound.update(participant)
        if is_hidden:
            # The user and other staff still see the user, so they get a `ch`.
            context.outbound.broadcast_room(participant.room)
        context.room_list.note_change(participant.room)
    mark_look_alikes(context, user)


def siteban(context: Context, session: Session, message: SiteBan) -> None:
    """Ban a user or network from the site; their clients get the reason, and close code 4008."""
    if session.user is None or not _may(context, session, "siteBan"):
        return
    wanted = message.milliseconds
    duration = None if wanted is None else int(wanted)
    if "siteBanAnyDuration" not in session.permissions:
        duration = LONGEST_MODERATOR_MS if duration is None else min(duration, LONGEST_MODERATOR_MS)
    try:
        ban, sizes = ban_from_site(
            context,
            session,
            message.id,
            duration,
            reason=mended(message.reason[:_LONGEST_REASON]),
            note=message.note[:_LONGEST_REASON],
            bits=message.bits,
        )
    except RefusedError as refused:
        refused.send(context, session)
        return
    banned = f"{ban.subject} and the network around ({sizes}) are" if sizes else f"{ban.subject} is"
    confirm(context, session, f"{banned} banned from this site {length_of(duration)}.")


def set_permanent(context: Context, name: str, *, is_permanent: bool) -> None:
    """Make a room permanent, and create it if there is none; or make it temporary again."""
    room = context.directory.rooms.get(name)
    if room is None and is_permanent:
        room = context.directory.open_room(name, {})
    if room is None or room.is_permanent == is_permanent:
        return
    context.directory.set_permanent(room, is_permanent=is_permanent)
    context.archive.save(room)
    if is_permanent:
        context.room_list.note_change(room)
    else:
        rooms.vacate(context, room)


def setcolor(context: Context, session: Session, message: SetColor) -> None:
    """Change a user's colour."""
    user = _changeable(context, session, message.id)
    if user is not None:
        rename(context, session, user, color=message.color)


def setname(context: Context, session: Session, message: SetName) -> None:
    """Change a user's name."""
    user = _changeable(context, session, message.id)
    if user is not None:
        name = validate.name(message.name, context.rules.name_length)
        rename(context, session, user, name=name)


def _changeable(context: Context, session: Session, user_id: str) -> User | None:
    """Return a user whom the sender may change; else send the sender a notice."""
    if not _may(context, session, "usersetOthers"):
        return None
    user = context.directory.users.get(user_id)
    if user is None:
        context.outbound.notify_once(session, Code.NOT_FOUND, "That user is not here.")
    return user


def set_tag(
    context: Context, by: Session | TokenRecord, user: User, tag: dict[str, str] | None
) -> None:
    """Give a user a tag (`text` and `color`), or remove it."""
    user.tag = tag
    kind = AuditAction.REMOVE_TAG if tag is None else AuditAction.TAG
    context.audit(by, kind, subject=user.id, text=None if tag is None else tag["text"])
    for participant in user.participations:
        context.outbound.update(participant)
    mark_look_alikes(context, user)


def rename(
    context: Context,
    by: Session | TokenRecord,
    user: User,
    *,
    name: str | None = None,
    color: str | None = None,
) -> None:
    """Change another user's name or colour, and write to the audit log who did it."""
    if name is not None:
        context.audit(by, AuditAction.SETNAME, subject=user.id, before=user.name, after=name)
    if color is not None:
        context.audit(by, AuditAction.SETCOLOR, subject=user.id, before=user.color, after=color)
    change(context, user, name=name, color=color)
