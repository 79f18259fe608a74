"""Moderation of a room: `kickban`, `unban`, `bans`, `mute`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.actions.ban import ban_from_room
from fortepiano.actions.ban import unban as lift_ban
from fortepiano.actions.confirmation import warn_unsaved
from fortepiano.actions.mute import mute as mute_user
from fortepiano.actions.refusal import RefusedError
from fortepiano.handlers.crown import require_moderator
from fortepiano.model.notice_codes import Code
from fortepiano.model.room import Mute

if TYPE_CHECKING:
    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.incoming import Bans, KickBan, MuteUser, Unban
    from fortepiano.protocol.room_messages import Message

__all__ = ["bans", "kickban", "mute", "unban", "user_named"]


def kickban(context: Context, session: Session, message: KickBan) -> None:
    """Move a user out of a room, and ban them from it for a while (docs/protocol.md, "Bans").

    A time over the ceiling is cut to it. A new ban replaces an old one. Moderators may ban
    themselves.
    """
    room = require_moderator(context, session, "siteBan")
    if room is None:
        return
    if not _is_bannable(context, room, message.id):
        return
    wanted = message.duration
    if wanted is None:
        wanted = context.rules.kickban_usual_ms
    milliseconds = int(min(wanted, context.rules.kickban_ceiling_ms))
    ban_from_room(context, session, room.name, message.id, milliseconds)


def user_named(session: Session, message: KickBan) -> str | None:
    """Return the user to ban, who may be in a room of another node."""
    participant = session.participant
    is_there = participant is not None and message.id in participant.room.participants
    return None if participant is None or is_there else message.id


def _is_bannable(context: Context, room: Room, user_id: str) -> bool:
    """Tell whether a user is online, or has a claim to the room's crown."""
    is_here = context.directory.online(user_id) is not None
    is_online = is_here or context.elsewhere.is_online(user_id)
    return is_online or context.world.has_claim(room, user_id, context.now())


def unban(context: Context, session: Session, message: Unban) -> None:
    """Lift a ban from this room only; the sender gets a notice if that cannot be saved."""
    room = require_moderator(context, session, "siteBan")
    if room is None:
        return
    if lift_ban(context, session, room.name, message.id):
        warn_unsaved(context, session, "The ban is lifted.")


def bans(context: Context, session: Session, _message: Bans) -> list[Message] | None:
    """Answer a moderator with the bans of the room."""
    room = require_moderator(context, session, "siteBan")
    if room is None:
        return None
    now = context.now()
    listed: list[Message] = []
    for user_id, until in context.bans.bans_of(room.name):
        if until > now:
            user = context.directory.users.get(user_id)
            record = context.store.user(user_id)
            name = user.name if user else record.name if record else None
            listed.append({"_id": user_id, "name": name, "until": until})
    return [{"m": "bans", "_id": room.name, "bans": listed}]


def mute(context: Context, session: Session, message: MuteUser) -> None:
    """Mute the notes or the chat of a participant, or both; or end the mute."""
    room = require_moderator(context, session, "siteBan")
    if room is None:
        return
    try:
        mute_user(context, session, room, message.id, Mute(message.notes, message.chat))
    except RefusedError as refused:
        # Holders who mute themselves, and mutes of users who are not there, are ignored.
        is_foreign = room.holder is not session.participant
        if refused.code is Code.TOO_FAST or (refused.code is Code.HOLDER_IS_SAFE and is_foreign):
            raise
