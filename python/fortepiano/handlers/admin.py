"""`admin message`: a message of staff inside another, handled by the inner message's `m`.

It needs a staff token. Other servers want a password in the message, which any listener could use.
"""

from __future__ import annotations

import secrets
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from fortepiano.actions import rooms
from fortepiano.actions.ban import unban
from fortepiano.actions.confirmation import confirm
from fortepiano.actions.move import move_user
from fortepiano.actions.refusal import RefusedError
from fortepiano.actions.rename import rename
from fortepiano.actions.room_changes import clear_chat, drop_crown, set_permanent
from fortepiano.actions.shared import act_everywhere
from fortepiano.actions.tag import remove_tag, set_tag
from fortepiano.actions.vanish import set_hidden
from fortepiano.handlers.notification import notification
from fortepiano.model.audit_actions import AuditAction
from fortepiano.model.ban_list import SITE, parse_subject
from fortepiano.model.crown_claims import Claims
from fortepiano.model.notice_codes import Code
from fortepiano.model.permissions import EVERYWHERE, admin_messages_of
from fortepiano.model.texts import settled
from fortepiano.protocol import validate
from fortepiano.protocol.shared_acts import Restart

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fortepiano.model.room import Room
    from fortepiano.model.room_settings import Wanted
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.room_messages import Message
    from fortepiano.protocol.staff_incoming import Admin

__all__ = ["admin_message", "is_about_own_room", "is_act", "room_named", "user_named"]

_SERVER: Message = {"id": "0", "_id": "0", "name": "mpp", "color": "#ffffff"}
"""The sender of lines of chat that come from the server itself."""

Inner = dict[str, Any]


def admin_message(
    context: Context,
    session: Session,
    message: Admin,
    redispatch: Callable[[Session, Inner], None],
) -> None:
    """Handle an inner message.

    Args:
        context: The context.
        session: The session that sent the message.
        message: The message.
        redispatch: Handles an inner message that is an ordinary one.

    Raises:
        RefusedError: The inner message is refused.
    """
    inner: Inner = message.msg
    if not _handle(context, session, inner):
        redispatch(session, inner)


def _handle(context: Context, session: Session, inner: Inner) -> bool:
    """Handle an inner message of staff; return False for an ordinary one, which is allowed."""
    kind: str = inner["m"]
    handler = _INNER.get(kind)
    if handler is None:
        if session.scope != "admin" or kind == "admin message":
            raise RefusedError(Code.NOT_ALLOWED)
        return False
    if kind not in admin_messages_of(session.scope):
        raise RefusedError(Code.NOT_ALLOWED)
    handler(context, session, inner)
    return True


def _user(context: Context, inner: Inner) -> User:
    user_id = inner.get("_id")
    if not isinstance(user_id, str):
        raise RefusedError(Code.BAD_ID)
    user = context.directory.users.get(user_id)
    if user is None:
        raise RefusedError(Code.NOT_FOUND, "That user is not here.")
    return user


def _room(context: Context, session: Session, inner: Inner) -> Room:
    """Return the room that a message names; without a name, the sender's room."""
    name = inner.get("_id")
    if name is not None and not isinstance(name, str):
        raise RefusedError(Code.BAD_ROOM)
    own = session.participant.room if session.participant is not None else None
    room = own if name is None else context.directory.rooms.get(settled(name))
    if room is None:
        raise RefusedError(Code.NOT_FOUND, "There is no such room.")
    return room


def _room_name(context: Context, value: Any) -> str:
    name = validate.name(value, context.rules.room_name_length)
    if name is None:
        raise RefusedError(Code.BAD_ROOM)
    return name


def _color(context: Context, session: Session, inner: Inner) -> None:
    rename(context, session, _user(context, inner), color=inner.get("color") or "")


def _name(context: Context, session: Session, inner: Inner) -> None:
    rename(context, session, _user(context, inner), name=inner.get("name") or "")


def _flag(context: Context, session: Session, inner: Inner) -> None:
    user, key = _user(context, inner), inner.get("key")
    if not isinstance(key, str):
        raise RefusedError(Code.BAD_SETTINGS)
    flags = user.flags = user.flags or {}
    if inner.get("remove") is True:
        flags.pop(key, None)
    elif len(flags) < _MOST_FLAGS and isinstance(inner.get("value"), bool | int | float | str):
        flags[key] = inner["value"]
    else:
        raise RefusedError(Code.BAD_SETTINGS)
    context.audit(
        session,
        AuditAction.USER_FLAG,
        subject=user.id,
        key=key[:_LONGEST],
        value=_short(flags.get(key)),
    )
    context.elsewhere.note_user(user)
    for participant in user.participations:
        rooms.refresh_quota(context, participant)
    set_hidden(context, user, is_hidden=user.has_flag("vanish"))


_MOST_FLAGS = 64
_LONGEST = 128


def _short(value: Any) -> str | None:
    """Return a value as it is written to the audit log."""
    return None if value is None else str(value)[:_LONGEST]


def _tag(context: Context, session: Session, inner: Inner) -> None:
    """Give a user a tag that was sent as an object, or as text alone, as for other servers."""
    user, tag = _user(context, inner), inner.get("tag")
    wanted = cast("Inner", tag) if isinstance(tag, dict) else {"text": tag}
    set_tag(context, session, user, wanted.get("text"), wanted.get("color"))


def _remove_tag(context: Context, session: Session, inner: Inner) -> None:
    remove_tag(context, session, _user(context, inner))


def _clear_chat(context: Context, session: Session, _inner: Inner) -> None:
    clear_chat(context, session, _room(context, session, {}))


def _restart(context: Context, session: Session, _inner: Inner) -> None:
    context.audit(session, AuditAction.RESTART)
    act_everywhere(context, Restart())


def _force_load(context: Context, session: Session, inner: Inner) -> None:
    set_permanent(context, session, inner.get("_id"), is_permanent=True)


def _unforce_load(context: Context, session: Session, inner: Inner) -> None:
    room = _room(context, session, inner)
    set_permanent(context, session, room.name, is_permanent=False)


def _room_flag(context: Context, session: Session, inner: Inner) -> None:
    room, key = _room(context, session, inner), inner.get("key")
    if room.is_special:
        raise RefusedError(Code.NOT_ALLOWED, "A lobby has no crown, and its settings are fixed.")
    value = None if inner.get("remove") is True else inner.get("value")
    if key == "no_crown":
        if value is True and room.holder is not None:
            drop_crown(context, session, room)
        return
    if key not in ("owner_id", "limit"):
        raise RefusedError(Code.BAD_SETTINGS)
    before = room.settings.get(key)
    if value is None:
        room.settings.pop(key, None)
    elif key == "limit":
        room.change(_limit(value))
    elif (owner := validate.user_id(value)) is not None:
        room.settings["owner_id"] = owner
    else:
        raise RefusedError(Code.BAD_ID)
    context.audit(
        session, AuditAction(key), room=room.name, before=before, after=room.settings.get(key)
    )
    context.directory.save(room)
    context.outbound.broadcast_room(room)
    context.room_list.note_change(room)


def _limit(value: Any) -> Wanted:
    wanted = validate.settings({"limit": value})
    if not wanted:
        raise RefusedError(Code.BAD_SETTINGS)
    return wanted


def _move(context: Context, session: Session, inner: Inner) -> None:
    own = session.user if "_id" not in inner else None
    user = own or _user(context, inner)
    move_user(context, session, user, inner.get("ch"), settings=inner.get("set"))


def _rename_room(context: Context, session: Session, inner: Inner) -> None:
    """Give the sender's room another name; if a room has that name, merge the two.

    Unless they are merged, the holder keeps the crown, and claims to it stay.
    """
    room, name = _room(context, session, {}), _room_name(context, inner.get("_id"))
    if room.is_special:
        raise RefusedError(Code.NOT_ALLOWED, "A lobby keeps its name.")
    if name == room.name:
        return
    context.audit(session, AuditAction.RENAME_CHANNEL, room=room.name, after=name)
    context.elsewhere.when_found(name, partial(_move_all, context, room, name))


def _move_all(context: Context, room: Room, name: str) -> None:
    """Move all from a room into that of its new name, if the room is still there."""
    if context.directory.rooms.get(room.name) is not room:
        return
    is_merged, holder = name in context.directory.rooms, room.holder
    claims, room.claims = room.claims, Claims()
    holder_first = sorted(room.participants.values(), key=lambda other: other is not holder)
    for participant in holder_first:
        for tab in list(participant.tabs):
            rooms.move_to_room(context, tab, participant.user, name, room.settings)
    renamed = context.directory.rooms.get(name)
    if renamed is not None and not (is_merged or renamed.is_special):
        renamed.claims, renamed.maker = claims, room.maker
        if holder is not None and holder.user.id not in renamed.participants:
            # The holder's own node has to move the holder there first.
            returns_ms = context.rules.crown_return_ms
            renamed.claims.add(holder.user.id, context.now(), returns_ms)


def _admin_chat(context: Context, session: Session, inner: Inner) -> None:
    room = _room(context, session, inner)
    text = validate.text(inner.get("message"), context.rules.chat_length)
    if text is None:
        raise RefusedError(Code.BAD_MESSAGE)
    line: Message = {
        "m": "a",
        "a": text,
        "p": _SERVER,
        "t": context.now(),
        "id": secrets.token_hex(4),
    }
    room.history.append(line)
    context.archive.save(room)
    context.elsewhere.note_chat(room)
    context.outbound.broadcast(room, line)


def _siteunban(context: Context, session: Session, inner: Inner) -> None:
    try:
        subject = parse_subject(str(inner.get("id")))
    except ValueError:
        raise RefusedError(Code.BAD_ID) from None
    if not unban(context, session, SITE, subject):
        raise RefusedError(Code.NOT_FOUND, f"{subject} is not banned from this site.")
    confirm(context, session, f"{subject} is not banned from this site any more.")


_INNER: Mapping[str, Callable[[Context, Session, Inner], None]] = {
    "color": _color,
    "setcolor": _color,
    "name": _name,
    "setname": _name,
    "user_flag": _flag,
    "tag": _tag,
    "remove_tag": _remove_tag,
    "clear_chat": _clear_chat,
    "notification": notification,
    "restart": _restart,
    "forceload": _force_load,
    "unforceload": _unforce_load,
    "ch_flag": _room_flag,
    "move": _move,
    "rename_channel": _rename_room,
    "admin_chat": _admin_chat,
    "siteunban": _siteunban,
}

_OF_OWN_ROOM = frozenset({"clear_chat", "rename_channel"})
_OF_NAMED_ROOM = frozenset({"forceload", "unforceload", "ch_flag", "admin_chat"})
_OF_NAMED_USER = frozenset(
    {"color", "setcolor", "name", "setname", "user_flag", "tag", "remove_tag", "move"}
)


def is_act(message: Admin) -> bool:
    """Tell whether the inner message is one of staff, and no ordinary one."""
    return message.msg.get("m") in _INNER


def is_about_own_room(message: Admin) -> bool:
    """Tell whether the inner message is one of staff about the room in which the sender is."""
    inner = message.msg
    kind = inner.get("m")
    return kind in _OF_OWN_ROOM or (kind in ("ch_flag", "admin_chat") and inner.get("_id") is None)


def room_named(context: Context, session: Session, message: Admin) -> str | None:
    """Return the room that an inner message of staff names, if its sender may act on it."""
    inner, named = message.msg, None
    kind = inner.get("m")
    if kind in _OF_NAMED_ROOM:
        named = inner.get("_id")
    elif kind == "notification" and inner.get("targetChannel") != EVERYWHERE:
        named = inner.get("targetChannel")
    if not isinstance(named, str) or kind not in admin_messages_of(session.scope):
        return None
    return validate.name(named, context.rules.room_name_length)


def user_named(session: Session, message: Admin) -> str | None:
    """Return the user whom an inner message of staff names, if its sender may act on them."""
    inner, named = message.msg, None
    kind = inner.get("m")
    if kind in _OF_NAMED_USER:
        named = inner.get("_id")
    elif kind == "notification" and inner.get("targetChannel") in (None, EVERYWHERE):
        named = inner.get("targetUser")  # with a room, nothing depends on where the user is
    is_user = isinstance(named, str) and kind in admin_messages_of(session.scope)
    return validate.user_id(named) if is_user else None
