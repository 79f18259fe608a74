"""Chat: `a`."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from fortepiano.protocol import validate

if TYPE_CHECKING:
    from fortepiano.model.session import Session
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.outbound import Message
    from fortepiano.protocol.shapes import Chat

__all__ = ["a"]

_ID_BYTES = 4
"""Eight hex digits: enough to tell the lines that a room remembers apart."""


def a(context: Context, session: Session, message: Chat) -> None:
    """Say a line to everybody in the room, the sender included."""
    participant = session.participant
    text = validate.text(message.message, context.rules.chat_length)
    if participant is None or text is None:
        return
    room = participant.room
    if room.settings["chat"] is not True:
        context.outbound.refuse(session, "chat", "Chat is off in this room.")
        return
    line: Message = {
        "m": "a",
        "a": text,
        "p": context.outbound.identity(participant.user),
        "t": context.now(),
        "id": secrets.token_hex(_ID_BYTES),
    }
    answered = {old["id"] for old in room.history}
    if isinstance(message.reply_to, str) and message.reply_to in answered:
        line["r"] = message.reply_to
    room.history.append(line)
    context.outbound.say(room, line)
