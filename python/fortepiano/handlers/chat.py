"""Chat: `a` and `dm`."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from fortepiano.handlers import networks
from fortepiano.model.codes import Code
from fortepiano.protocol import validate

if TYPE_CHECKING:
    from fortepiano.model.participant import Participant
    from fortepiano.model.session import Session
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.incoming import Chat, DirectMessage
    from fortepiano.protocol.messages import Message

__all__ = ["chat", "dm"]

_ID_BYTES = 4
"""Eight hex digits: enough to tell the lines that a room remembers apart."""


def chat(context: Context, session: Session, message: Chat) -> None:
    """Say a line to everybody in the room, the sender included."""
    participant = session.participant
    if participant is None or not _may_speak(context, session, participant):
        return
    room = participant.room
    line: Message = {
        "m": "a",
        "a": _cleaned(context, participant, message.message),
        "p": context.outbound.identity(participant.user, room),
        "t": context.now(),
        "id": secrets.token_hex(_ID_BYTES),
    }
    _answer(context, participant, message, line)
    room.history.append(line)
    context.archive.save(room)
    context.outbound.broadcast(room, line)
    user = participant.user
    context.events.publish("chat", user_id=user.id, name=user.name, room=room.name, text=line["a"])


def dm(context: Context, session: Session, message: DirectMessage) -> None:
    """Say a line to one person in the room; he and the sender hear it, in all their tabs there."""
    participant = session.participant
    if participant is None:
        return
    recipient = participant.room.participants.get(message.id)
    if recipient is None or not _may_speak(context, session, participant):
        return
    line: Message = {
        "m": "dm",
        "a": _cleaned(context, participant, message.message),
        "sender": context.outbound.identity(participant.user, participant.room),
        "recipient": context.outbound.identity(recipient.user, participant.room),
        "t": context.now(),
        "id": secrets.token_hex(_ID_BYTES),
    }
    _answer(context, participant, message, line)
    participant.room.history.append(line)
    for tab in dict.fromkeys([*participant.tabs, *recipient.tabs]):
        context.outbound.send(tab, [line])


def _may_speak(context: Context, session: Session, participant: Participant) -> bool:
    """Whether somebody may chat in his room; he is told where he may not."""
    why = _chat_refusal(context, session, participant)
    if why is not None:
        context.outbound.notify_once(session, *why)
        return False
    words = networks.chat_refusal(context, session)
    if words is not None:
        context.outbound.notify_once(session, Code.NETWORK_REFUSED, words)
    return words is None


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
        # Whoever may speak again need not be remembered.
        room.last_lines = {
            who: when for who, when in room.last_lines.items() if now - when < pause * 1000
        }
        room.last_lines[user.id] = now
    return None


def _cleaned(context: Context, participant: Participant, text: str) -> str:
    """Return a line as others may see it."""
    text = validate.chat(text, context.rules.chat_length) or ""
    room = participant.room
    if room.settings.get("no cussing") is True and not room.can_moderate(participant.user.id):
        return context.filter.masked(text)
    return text


def _answer(context: Context, participant: Participant, message: Chat, line: Message) -> None:
    """Name the line that a line answers, if the sender can see that one."""
    if isinstance(message.reply_to, str):
        visible = context.outbound.history(participant.room, participant.user)
        if any(old["id"] == message.reply_to for old in visible):
            line["r"] = message.reply_to
