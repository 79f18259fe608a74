"""Keeping a room in order: `kickban`, `unban`, `bans`, `mute`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.handlers import rooms
from fortepiano.handlers.crown import require_moderator
from fortepiano.handlers.staff import UNSAVED
from fortepiano.model.codes import Code
from fortepiano.model.room import AWKWARD, Mute
from fortepiano.protocol.notices import notice
from fortepiano.store.base import BanRecord, TokenRecord

if TYPE_CHECKING:
    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.incoming import Bans, KickBan, MuteUser, Unban
    from fortepiano.protocol.messages import Message

__all__ = ["bans", "kickban", "mute", "silence", "unban"]


def _require_moderator(context: Context, session: Session) -> tuple[Room, User] | None:
    """Return the room that somebody rules, and who he is; he is told where he does not."""
    room, user = require_moderator(context, session, "siteBan"), session.user
    return None if room is None or user is None else (room, user)


def kickban(context: Context, session: Session, message: KickBan) -> None:
    """Throw somebody out of a room, and keep him out for a while (docs/protocol.md, "Bans").

    A time over the ceiling is cut to it. A new ban replaces an old one. Oneself is a fair target.
    """
    at = _require_moderator(context, session)
    if at is None:
        return
    room, banner = at
    target = _within_reach(context, room, message.id)
    if target is None:
        return
    is_holder = room.holder is not None and room.holder.user is target
    if is_holder and banner is not target and "siteBan" not in session.permissions:
        # Co-owners rule beside the holder, not over him.
        _refuse_holder(context, session, target, "Nobody bans who holds the crown.")
        return
    wanted = message.duration
    if wanted is None:
        wanted = context.rules.kickban_usual_ms
    milliseconds = int(min(wanted, context.rules.kickban_ceiling_ms))
    now = context.now()
    until = now + milliseconds
    if milliseconds > 0:
        context.bans.ban(BanRecord(room.name, target.id, until, banner.id, "", now))
    context.audit(
        session, "kickban", room=room.name, subject=target.id, name=target.name, until=until
    )
    length = rooms.minutes_left(milliseconds)
    context.world.forfeit(room, target.id)
    participant = room.participants.get(target.id)
    for tab in list(participant.tabs) if participant is not None else []:
        told = notice(f'Banned from "{room.name}" for {length}.', Code.BANNED)
        context.outbound.send(tab, [told])
        rooms.move_to_room(context, tab, target, AWKWARD)
    context.room_list.note_change(room)
    announcement = _kickban_notice(context, room, banner, target, length)

    def on_saved(is_saved: bool) -> None:
        if not is_saved:
            announcement["text"] += UNSAVED
        if context.directory.rooms.get(room.name) is room:
            context.outbound.broadcast(room, announcement)

    # Out of the room he is at once; that everybody hears of it means that a restart forgets it not.
    if milliseconds > 0:
        context.store.when_saved(on_saved)
    else:
        on_saved(True)


def _refuse_holder(context: Context, by: Session | TokenRecord, holder: User, why: str) -> None:
    """Tell who would silence or ban the holder that nobody does, but the holder themselves."""
    if not isinstance(by, TokenRecord) and by.user is not holder:
        context.outbound.notify_once(by, Code.HOLDER_IS_SAFE, why)


def _within_reach(context: Context, room: Room, user_id: str) -> User | None:
    """Return somebody who may be banned: who is online, or may be back for the crown any moment."""
    if context.world.is_awaited(room, user_id, context.now()):
        return context.directory.users.get(user_id)
    return context.directory.online(user_id)


def _kickban_notice(
    context: Context, room: Room, banner: User, target: User, length: str
) -> Message:
    who, whom = (context.outbound.shown.name(one, room) for one in (banner, target))
    if banner is target:
        text = f"Let it be known that {who} kickbanned him/herself."
        return notice(text, Code.AWARD, title="Certificate of Award", style=None)
    text = f"{who} kickbanned {whom} from this room for {length}."
    return notice(text, Code.KICKBANNED)


def unban(context: Context, session: Session, message: Unban) -> None:
    """Lift a ban from this room, and from no other; that goes without saying if it is saved."""
    at = _require_moderator(context, session)
    if at is None:
        return
    room, _ = at
    if not context.bans.lift(room.name, message.id):
        return
    context.audit(session, "unban", room=room.name, subject=message.id)
    context.room_list.note_change(room)

    def warn(is_saved: bool) -> None:
        if not is_saved and session.user is not None:
            told = notice("The ban is lifted." + UNSAVED, Code.NOT_SAVED)
            context.outbound.send(session, [told])

    context.store.when_saved(warn)


def bans(context: Context, session: Session, _message: Bans) -> list[Message] | None:
    """Answer with the bans of a room, for who rules it."""
    at = _require_moderator(context, session)
    if at is None:
        return None
    room, _ = at
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
    """Silence somebody in a room: his notes, his chat, or both; or let him be heard again."""
    at = _require_moderator(context, session)
    if at is None:
        return
    room, _ = at
    silence(context, session, room, message.id, Mute(message.notes, message.chat))


def silence(
    context: Context,
    by: Session | TokenRecord,
    room: Room,
    user_id: str,
    wanted: Mute,
    reason: str = "",
) -> None:
    """Silence somebody in a room, whoever says so; nobody silences the holder of the crown.

    Args:
        context: The world.
        by: Who says so.
        room: Where.
        user_id: Whom; who is not there can only be allowed to be heard again.
        wanted: What he may not do; nothing of both lets him be heard again.
        reason: Why, for the audit log.
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
            "mute",
            room=room.name,
            subject=user_id,
            reason=reason,
            notes=wanted.notes,
            chat=wanted.chat,
        )
    elif room.mutes.pop(user_id, None) is not None:
        news = notice("You are muted no more.", Code.UNMUTED)
        context.audit(by, "unmute", room=room.name, subject=user_id, reason=reason)
    else:
        return
    context.directory.save(room)
    if participant is not None:
        context.world.mark(participant)
        for tab in participant.tabs:
            context.outbound.send(tab, [news])
