"""Custom messages: `+custom`, `-custom`, `custom`, and its binary form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from fortepiano.model.notice_codes import Code
from fortepiano.protocol.custom_binary import encode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.incoming import Custom, CustomOff, CustomOn, Target
    from fortepiano.protocol.room_messages import Message

__all__ = ["custom", "custom_binary", "custom_off", "custom_on"]


def custom_on(context: Context, session: Session, _message: CustomOn) -> None:
    """Receive custom messages from now on."""
    context.outbound.start_custom(session)


def custom_off(context: Context, session: Session, _message: CustomOff) -> None:
    """Receive no more custom messages."""
    context.outbound.stop_custom(session)


def custom(context: Context, session: Session, message: Custom) -> None:
    """Send data to other clients, in the room or, with `global`, everywhere."""
    if not message.has_target(context.rules):
        return
    user = session.user
    if user is None or not _may_send(context, session, user, len(orjson.dumps(message.data))):
        return
    outgoing: Message = {"m": "custom", "data": message.data} | _sender(context, user)
    for receiver in _receivers(context, session, message.target):
        context.outbound.send(receiver, [outgoing])


def custom_binary(context: Context, session: Session, message: Custom, payload: bytes) -> None:
    """Send on a binary custom message.

    Only clients that sent `+custom` receive it: older libraries crash on a binary frame.
    """
    if not message.has_target(context.rules):
        return
    user = session.user
    size = len(payload) + (len(orjson.dumps(message.data)) if message.data is not None else 0)
    if user is None or not _may_send(context, session, user, max(size, 1)):
        return
    outgoing: Message = {"m": "custom", "data": message.data} | _sender(context, user)
    data = encode(outgoing, payload)
    readers = context.outbound.custom_readers()
    for receiver in _receivers(context, session, message.target):
        if receiver in readers:
            context.outbound.send_binary(receiver, data)


def _sender(context: Context, user: User) -> Message:
    return {"p": user.id, "u": context.outbound.presence(user)}


def _may_send(context: Context, session: Session, user: User, size: int) -> bool:
    """Count custom data, for the user and for the subscriber; tell whether it may be sent."""
    rules, now = context.rules, context.now()
    if now - user.custom_since >= rules.custom_window_ms:
        user.custom_since, user.custom_bytes = now, 0
    is_too_much = user.custom_bytes + size > rules.custom_bytes or not context.rates.take_share(
        session, "custom", size / max(1, rules.custom_bytes), rules.custom_window_ms, now
    )
    if is_too_much and session.scope is None:
        context.outbound.notify_once(
            session, Code.TOO_FAST, "You are sending too much custom data."
        )
        return False
    user.custom_bytes += size
    return True


def _receivers(context: Context, session: Session, target: Target) -> Iterable[Session]:
    """Return the sessions that receive a message, never the sender's own."""
    participant = session.participant
    if not target.everywhere and participant is None:
        return []
    wanted: Iterable[Session]
    if target.mode == "subscribed":
        wanted = context.outbound.custom_readers()
    else:
        ids = target.ids if target.mode == "ids" else [target.id]
        users = (context.directory.users.get(user_id or "") for user_id in ids or [])
        wanted = [tab for user in dict.fromkeys(users) if user is not None for tab in user.sessions]
    room = participant.room if participant is not None else None
    return [
        other
        for other in wanted
        if other is not session
        and (
            target.everywhere or (other.participant is not None and other.participant.room is room)
        )
    ]
