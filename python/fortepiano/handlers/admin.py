"""`admin message`: a message of staff within a message, by the inner message's `m`.

Behind a staff token instead of a password that everybody who listens could use.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from fortepiano.handlers import crown, rooms
from fortepiano.handlers.staff import clear, make_permanent, rename, set_hidden, set_tag, siteunban
from fortepiano.model.banlist import subject
from fortepiano.model.crown import Crown
from fortepiano.model.staff import EVERYWHERE, admin_messages_of, may_notify
from fortepiano.model.texts import settled
from fortepiano.protocol import validate
from fortepiano.protocol.outbound import notice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.outbound import Message
    from fortepiano.protocol.shapes import Admin

__all__ = ["admin_message"]

_RESTART_SECONDS = 20.0
_LONGEST_NOTICE_MS = 60_000
_LONGEST_NOTICE = 2000
"""UTF-16 units of a notification, and of its title."""

_SERVER: Message = {"id": "0", "_id": "0", "name": "mpp", "color": "#ffffff"}
"""Who speaks when the server does."""

Inner = dict[str, Any]


def admin_message(context: Context, session: Session, message: Admin) -> Inner | None:
    """Do what an inner message says.

    Returns:
        An inner message that is an ordinary one, to be handled without rate limits.
    """
    inner = message.msg
    kind: str = inner["m"]
    if session.scope is None:
        context.outbound.refuse(session, "admin message", "You may not do that.")
        return None
    handler = _INNER.get(kind)
    if handler is None:
        return inner if session.scope == "admin" and kind != "admin message" else None
    if kind not in admin_messages_of(session.scope):
        context.outbound.refuse(session, "admin message", "You may not do that.")
        return None
    handler(context, session, inner)
    return None


def _user(context: Context, inner: Inner) -> User | None:
    user_id = inner.get("_id")
    return context.directory.users.get(user_id) if isinstance(user_id, str) else None


def _room(context: Context, session: Session, inner: Inner) -> Room | None:
    """Return the room that is named, or the one that the sender is in."""
    name = inner.get("_id")
    if isinstance(name, str):
        return context.directory.rooms.get(settled(name))
    return session.participant.room if session.participant is not None else None


def _color(context: Context, session: Session, inner: Inner) -> None:
    user = _user(context, inner)
    if user is not None:
        rename(context, session, user, color=validate.color(inner.get("color")))


def _name(context: Context, session: Session, inner: Inner) -> None:
    user = _user(context, inner)
    name = validate.name(inner.get("name"), context.rules.name_length)
    if user is not None:
        rename(context, session, user, name=name)


def _flag(context: Context, session: Session, inner: Inner) -> None:
    user, key = _user(context, inner), inner.get("key")
    if user is None or not isinstance(key, str):
        return
    flags = user.flags = user.flags or {}
    if inner.get("remove") is True:
        flags.pop(key, None)
    elif len(flags) < _MOST_FLAGS and isinstance(inner.get("value"), bool | int | float | str):
        flags[key] = inner["value"]
    context.log(
        session, "user_flag", subject=user.id, key=key[:_LONGEST], value=_short(flags.get(key))
    )
    for participant in user.participations:
        rooms.refresh_quota(context, participant)
    set_hidden(context, user, is_hidden=user.has_flag("vanish"))


_MOST_FLAGS = 64
_LONGEST = 128


def _short(value: Any) -> str | None:
    """Return a value as it is written down."""
    return None if value is None else str(value)[:_LONGEST]


def _tag(context: Context, session: Session, inner: Inner) -> None:
    user, tag = _user(context, inner), inner.get("tag")
    if user is None:
        return
    if inner["m"] == "remove_tag":
        set_tag(context, session, user, None)
    elif isinstance(tag, dict):
        tag = cast("Inner", tag)
        text = validate.name(tag.get("text"), context.rules.name_length)
        color = validate.color(tag.get("color"))
        if text is not None and color is not None:
            set_tag(context, session, user, {"text": text, "color": color})


def _clear_chat(context: Context, session: Session, inner: Inner) -> None:
    if session.participant is not None:
        context.log(session, "clearchat", room=session.participant.room.name)
        clear(context, session.participant.room)


def _notification(context: Context, session: Session, inner: Inner) -> None:
    own = session.participant.room.name if session.participant is not None else None
    room, user_id = inner.get("targetChannel"), inner.get("targetUser")
    room = settled(room) if isinstance(room, str) else None
    user_id = user_id if isinstance(user_id, str) else None
    text = validate.text(inner.get("text"), _LONGEST_NOTICE)
    if text is None or not may_notify(session.scope, own, room, user_id):
        return
    style = inner.get("class")
    message = notice(
        text,
        title=validate.name(inner.get("title"), _LONGEST_NOTICE) or "Notice",
        style=style if isinstance(style, str) else None,
    )
    wanted = inner.get("duration")
    if isinstance(wanted, int | float) and not isinstance(wanted, bool):
        message["duration"] = min(max(wanted, 0), _LONGEST_NOTICE_MS)
    for receiver in _receivers(context, room or (own if user_id is None else None), user_id):
        context.outbound.tell(receiver, [message])


def _receivers(context: Context, room: str | None, user_id: str | None) -> Iterable[Session]:
    users = context.directory.users
    if EVERYWHERE in (room, user_id):
        return [tab for user in users.values() for tab in user.sessions]
    found: dict[Session, None] = {}
    at = context.directory.rooms.get(room) if room is not None else None
    for participant in at.participants.values() if at is not None else ():
        found.update(dict.fromkeys(participant.tabs))
    user = users.get(user_id) if user_id is not None else None
    found.update(dict.fromkeys(user.sessions if user is not None else ()))
    return found


def _restart(context: Context, session: Session, _inner: Inner) -> None:
    context.log(session, "restart")
    text = f"The server restarts in {_RESTART_SECONDS:.0f} seconds."
    for receiver in _receivers(context, EVERYWHERE, None):
        context.outbound.tell(receiver, [notice(text)])
    context.later(_RESTART_SECONDS, context.stop)


def _force_load(context: Context, session: Session, inner: Inner) -> None:
    name = validate.name(inner.get("_id"), context.rules.room_name_length)
    if name is not None:
        context.log(session, "forceload", room=name)
        make_permanent(context, name, is_kept=True)


def _unforce_load(context: Context, session: Session, inner: Inner) -> None:
    room = _room(context, session, inner)
    if room is not None and room.is_kept:
        context.log(session, "unforceload", room=room.name)
        make_permanent(context, room.name, is_kept=False)


def _room_flag(context: Context, session: Session, inner: Inner) -> None:
    room, key = _room(context, session, inner), inner.get("key")
    if room is None or room.is_special:
        return
    value = None if inner.get("remove") is True else inner.get("value")
    if key == "no_crown":
        if value is True and room.holder is not None:
            context.log(session, "chown", room=room.name, before=room.holder.id, after=None)
            at = context.world.cursor(room.holder)
            crown.hand(context, room, Crown.dropped_by(room.holder, at, context.now()))
        return
    if key not in ("owner_id", "limit"):
        return
    before = room.settings.get(key)
    if value is None:
        room.settings.pop(key, None)
    elif key == "limit":
        room.settings.update(validate.settings({"limit": value}))
    elif (owner := validate.user_id(value)) is not None:
        room.settings["owner_id"] = owner
    context.log(session, key, room=room.name, before=before, after=room.settings.get(key))
    context.directory.keep(room)
    context.outbound.announce(room)
    context.outbound.list_change(room)


def _move(context: Context, session: Session, inner: Inner) -> None:
    user = _user(context, inner) or (session.user if "_id" not in inner else None)
    name = validate.name(inner.get("ch"), context.rules.room_name_length)
    if user is not None and name is not None:
        context.log(session, "move", room=name, subject=user.id, name=user.name)
        for tab in list(user.sessions):
            rooms.place(context, tab, user, name, inner.get("set"))


def _rename_room(context: Context, session: Session, inner: Inner) -> None:
    """Give the sender's room another name, or merge it into the one that has it already."""
    room = session.participant.room if session.participant is not None else None
    name = validate.name(inner.get("_id"), context.rules.room_name_length)
    if room is None or room.is_special or name is None or name == room.name:
        return
    context.log(session, "rename_channel", room=room.name, after=name)
    for participant in list(room.participants.values()):
        for tab in list(participant.tabs):
            rooms.place(context, tab, participant.user, name, room.settings)


def _admin_chat(context: Context, session: Session, inner: Inner) -> None:
    room = _room(context, session, inner)
    text = validate.text(inner.get("message"), context.rules.chat_length)
    if room is None or text is None:
        return
    line: Message = {
        "m": "a",
        "a": text,
        "p": _SERVER,
        "t": context.now(),
        "id": secrets.token_hex(4),
    }
    room.history.append(line)
    context.archive.keep(room)
    context.outbound.say(room, line)


def _siteunban(context: Context, session: Session, inner: Inner) -> None:
    with suppress(ValueError):
        siteunban(context, session, subject(str(inner.get("id"))))


_INNER: Mapping[str, Callable[[Context, Session, Inner], None]] = {
    "color": _color,
    "setcolor": _color,
    "name": _name,
    "setname": _name,
    "user_flag": _flag,
    "tag": _tag,
    "remove_tag": _tag,
    "clear_chat": _clear_chat,
    "notification": _notification,
    "restart": _restart,
    "forceload": _force_load,
    "unforceload": _unforce_load,
    "ch_flag": _room_flag,
    "move": _move,
    "rename_channel": _rename_room,
    "admin_chat": _admin_chat,
    "siteunban": _siteunban,
}
