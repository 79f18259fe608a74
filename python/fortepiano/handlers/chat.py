"""Chat: `a` and `dm`."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from fortepiano.handlers import networks
from fortepiano.model.notice_codes import Code
from fortepiano.protocol import validate

if TYPE_CHECKING:
    from fortepiano.model.participant import Participant
    from fortepiano.model.session import Session
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.incoming import Chat, DirectMessage
    from fortepiano.protocol.room_messages import Message

__all__ = ["chat", "dm", "may_chat_from_network"]

_ID_BYTES = 4
"""Eight hex digits: enough to distinguish the lines that a room remembers."""


def chat(context: Context, session: Session, message: Chat) -> None:
    """Broadcast a line of chat to the room, the sender included."""
    participant = session.participant
    if participant is None or not _may_chat(context, session, participant):
        return
    room = participant.room
    line: Message = {
        "m": "a",
        "a": _cleaned(context, participant, message.message),
        "p": context.outbound.identity(participant.user, room),
        "t": context.now(),
        "id": secrets.token_hex(_ID_BYTES),
    }
    _add_reply(context, participant, message, line)
    room.history.append(line)
    context.archive.save(room)
    context.elsewhere.note_chat(room)
    context.outbound.broadcast(room, line)
    user = participant.user
    context.events.publish("chat", actor=user.id, name=user.name, room=room.name, text=line["a"])


def dm(context: Context, session: Session, message: DirectMessage) -> None:
    """Send a line to one participant of the room, and to the sender: to all tabs of both there."""
    participant = session.participant
    if participant is None:
        return
    recipient = participant.room.participants.get(message.id)
    if recipient is None or not _may_chat(context, session, participant):
        return
    line: Message = {
        "m": "dm",
        "a": _cleaned(context, participant, message.message),
        "sender": context.outbound.identity(participant.user, participant.room),
        "recipient": context.outbound.identity(recipient.user, participant.room),
        "t": context.now(),
        "id": secrets.token_hex(_ID_BYTES),
    }
    _add_reply(context, participant, message, line)
    participant.room.history.append(line)
    context.elsewhere.note_chat(participant.room)
    for tab in dict.fromkeys([*participant.tabs, *recipient.tabs]):
        context.outbound.send(tab, [line])


def _may_chat(context: Context, session: Session, participant: Participant) -> bool:
    """Tell whether a participant may chat; if not, send the session a notice."""
    refusal = _chat_refusal(context, session, participant)
    if refusal is not None:
        context.outbound.notify_once(session, *refusal)
        return False
    return may_chat_from_network(context, session)


def may_chat_from_network(context: Context, session: Session) -> bool:
    """Tell whether one may chat from a session's network; if not, send the session a notice."""
    text = networks.chat_refusal(context, session)
    if text is not None:
        context.outbound.notify_once(session, Code.NETWORK_REFUSED, text)
    return text is None


def _chat_refusal(
    context: Context, session: Session, participant: Participant
) -> tuple[Code, str] | None:
    room, user = participant.room, participant.user
    if room.settings["chat"] is not True:
        return Code.CHAT_OFF, "Chat is off in this room."
    if user.has_flag("cant_chat"):
        return Code.MAY_NOT_CHAT, "You may not chat."
    if session.permissions:
        return None
    mute = room.mutes.get(user.id)
    if mute is not None and mute.chat:
        return Code.MUTED, "You are muted in this room."
    if room.can_moderate(user.id):
        return None
    pause = room.settings.get("slowMode")
    if isinstance(pause, int) and pause > 0:
        now = context.now()
        last = room.last_lines.get(user.id)
        if last is not None and now - last < pause * 1000:
            return Code.SLOW_MODE, f"Slow mode is on: one line in {pause} s."
        # Users who may chat again are forgotten.
        room.last_lines = {
            user_id: time for user_id, time in room.last_lines.items() if now - time < pause * 1000
        }
        room.last_lines[user.id] = now
    return None


def _cleaned(context: Context, participant: Participant, text: str) -> str:
    """Return the normal form of a line, with swear words masked if the room wants that."""
    text = validate.chat(text, context.rules.chat_length) or ""
    room = participant.room
    if room.settings.get("no cussing") is True and not room.can_moderate(participant.user.id):
        return context.filter.masked(text)
    return text


def _add_reply(context: Context, participant: Participant, message: Chat, line: Message) -> None:
    """Add to a line the id of the line to which it replies, if the sender can see that one."""
    if isinstance(message.reply_to, str):
        visible = context.outbound.history(participant.room, participant.user)
        if any(old["id"] == message.reply_to for old in visible):
            line["r"] = message.reply_to
