"""Custom messages: `+custom`, `-custom`, `custom`, and its binary form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from fortepiano.actions.shared import act_everywhere, begin_custom_window
from fortepiano.model.notice_codes import Code
from fortepiano.protocol import shared_acts
from fortepiano.protocol.custom_binary import encode

if TYPE_CHECKING:
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
    user, size = session.user, len(orjson.dumps(message.data))
    if user is None or not _may_send(context, session, user, size):
        return
    outgoing: Message = {"m": "custom", "data": message.data} | _sender(context, user)
    payload = orjson.dumps([outgoing])
    _send(context, session, message.target, payload, size=size, is_binary=False)


def custom_binary(context: Context, session: Session, message: Custom, payload: bytes) -> None:
    """Send on a binary custom message.

    Only clients that sent `+custom` receive it: older libraries crash on a binary frame.
    """
    if not message.has_target(context.rules):
        return
    user = session.user
    size = len(payload) + (len(orjson.dumps(message.data)) if message.data is not None else 0)
    size = max(size, 1)
    if user is None or not _may_send(context, session, user, size):
        return
    outgoing: Message = {"m": "custom", "data": message.data} | _sender(context, user)
    data = encode(outgoing, payload)
    _send(context, session, message.target, data, size=size, is_binary=True)


def _sender(context: Context, user: User) -> Message:
    return {"p": user.id, "u": context.outbound.presence(user)}


def _may_send(context: Context, session: Session, user: User, size: int) -> bool:
    """Count custom data, for the user and for the subscriber; tell whether it may be sent."""
    rules, now = context.rules, context.now()
    begin_custom_window(context, user)
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


def _send(
    context: Context,
    session: Session,
    target: Target,
    payload: bytes,
    *,
    size: int,
    is_binary: bool,
) -> None:
    """Send a frame to the receivers of a message at all nodes, never to the sender's session."""
    room = session.room_name
    if room is None and not target.everywhere:
        return
    ids: list[str] | None = None
    if target.mode != "subscribed":
        ids = target.ids if target.mode == "ids" else [target.id or ""]
    act = shared_acts.Custom(
        user_id=session.user_id,
        size=size,
        payload=payload,
        is_binary=is_binary,
        ids=ids,
        room=None if target.everywhere else room,
    )
    act_everywhere(context, act, by=session)
