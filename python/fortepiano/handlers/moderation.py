"""Moderation of a room: `kickban`, `unban`, `bans`, `mute`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.actions.ban import ban_from_room
from fortepiano.actions.ban import unban as lift_ban
from fortepiano.actions.confirmation import warn_unsaved
from fortepiano.actions.refusal import RefusedError
from fortepiano.handlers.crown import require_moderator
from fortepiano.model.audit_actions import AuditAction
from fortepiano.model.notice_codes import Code
from fortepiano.model.room import Mute
from fortepiano.protocol.notices import notice
from fortepiano.store.base import TokenRecord

if TYPE_CHECKING:
    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.incoming import Bans, KickBan, MuteUser, Unban
    from fortepiano.protocol.room_messages import Message

__all__ = ["bans", "kickban", "mute", "silence", "unban"]


def _require_moderator(context: Context, session: Session) -> tuple[Room, User] | None:
    """Return a session's room and user if the user may moderate it; else send a notice."""
    room, user = require_moderator(context, session, "siteBan"), session.user
    return None if room is None or user is None else (room, user)


def kickban(context: Context, session: Session, message: KickBan) -> None:
    """Move a user out of a room, and ban them from it for a while (docs/protocol.md, "Bans").

    A time over the ceiling is cut to it. A new ban replaces an old one. Moderators may ban
    themselves.
    """
    found = _require_moderator(context, session)
    if found is None:
        return
    room, _ = found
    if not _is_bannable(context, room, message.id):
        return
    wanted = message.duration
    if wanted is None:
        wanted = context.rules.kickban_usual_ms
    milliseconds = int(min(wanted, context.rules.kickban_ceiling_ms))
    try:
        ban_from_room(context, session, room.name, message.id, milliseconds)
    except RefusedError as refused:
        refused.send(context, session)


def _refuse_holder(context: Context, by: Session | TokenRecord, holder: User, why: str) -> None:
    """Send a notice that the holder cannot be banned or muted, unless it is the holder who tried.

    Args:
        context: The context.
        by: The session, or the token of the admin API, with which it was tried.
        holder: The holder of the crown.
        why: The text of the notice.
    """
    if not isinstance(by, TokenRecord) and by.user is not holder:
        context.outbound.notify_once(by, Code.HOLDER_IS_SAFE, why)


def _is_bannable(context: Context, room: Room, user_id: str) -> bool:
    """Tell whether a user is online, or has a claim to the room's crown."""
    is_online = context.directory.online(user_id) is not None
    return is_online or context.world.has_claim(room, user_id, context.now())


def unban(context: Context, session: Session, message: Unban) -> None:
    """Lift a ban from this room only; the sender gets a notice if that cannot be saved."""
    found = _require_moderator(context, session)
    if found is None:
        return
    room, _ = found
    if lift_ban(context, session, room.name, message.id):
        warn_unsaved(context, session, "The ban is lifted.")


def bans(context: Context, session: Session, _message: Bans) -> list[Message] | None:
    """Answer a moderator with the bans of the room."""
    found = _require_moderator(context, session)
    if found is None:
        return None
    room, _ = found
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
    found = _require_moderator(context, session)
    if found is None:
        return
    room, _ = found
    silence(context, session, room, message.id, Mute(message.notes, message.chat))


def silence(
    context: Context,
    by: Session | TokenRecord,
    room: Room,
    user_id: str,
    wanted: Mute,
    reason: str = "",
) -> None:
    """Mute a participant, or end a mute; nobody can mute the holder of the crown.

    Args:
        context: The context.
        by: The session, or the token of the admin API, that asks for it.
        room: The room.
        user_id: The user. For a user who is not there a mute can only be ended.
        wanted: The mute; one of neither notes nor chat ends it.
        reason: The reason, for the audit log.
    """
    participant = room.participants.get(user_id)
    if wanted.notes or wanted.chat:
        if participant is None:
            return
        if room.holder is participant:
            _refuse_holder(context, by, participant.user, "Nobody mutes who holds the crown.")
            return
        room.mutes[user_id] = wanted
        news = notice("You have been muted in this room.", Code.MUTED)
        context.audit(
            by,
            AuditAction.MUTE,
            room=room.name,
            subject=user_id,
            reason=reason,
            notes=wanted.notes,
            chat=wanted.chat,
        )
    elif room.mutes.pop(user_id, None) is not None:
        news = notice("You are muted no more.", Code.UNMUTED)
        context.audit(by, AuditAction.UNMUTE, room=room.name, subject=user_id, reason=reason)
    else:
        return
    context.directory.save(room)
    if participant is not None:
        context.world.sync_flags(participant)
        for tab in participant.tabs:
            context.outbound.send(tab, [news])
