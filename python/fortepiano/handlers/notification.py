"""`notification` inside `admin message`: a notice of staff to a room, a user or everybody."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fortepiano.actions.notify import EVERYBODY, Target, notify
from fortepiano.actions.refusal import RefusedError
from fortepiano.model.notice_codes import Code
from fortepiano.model.permissions import EVERYWHERE, may_notify, may_send_html
from fortepiano.model.texts import settled
from fortepiano.protocol import validate
from fortepiano.protocol.notices import notice

if TYPE_CHECKING:
    from fortepiano.model.session import Session
    from fortepiano.protocol.context import Context
    from fortepiano.protocol.room_messages import Message

__all__ = ["notification"]

_LONGEST = 2000
"""The most UTF-16 units of a notification's text, and of its title."""

_LONGEST_MS = 60_000
_UNTIL_CLOSED = -1

# Clients use `target` as a selector of an element, and `id` as the id of a new one. Other values
# than plain selectors make some clients throw, and others create an element from them.
_TARGET = re.compile(r"[#.]?[A-Za-z_][\w-]*(?: [#.]?[A-Za-z_][\w-]*)*", re.ASCII)
_ID = re.compile(r"[\w-]{1,64}", re.ASCII)
_LONGEST_TARGET = 128


def notification(context: Context, session: Session, inner: dict[str, Any]) -> None:
    """Send a notice to a room, a user or everybody, if the sender's scope allows it.

    Raises:
        RefusedError: The message is malformed, reaches nobody, or is not allowed.
    """
    own = session.room_name
    named = _named(inner, "targetChannel", Code.BAD_ROOM)
    room = None if named is None else settled(named)
    user_id = _named(inner, "targetUser", Code.BAD_ID)
    if not may_notify(session.scope, own, room, user_id):
        raise RefusedError(Code.NOT_ALLOWED)
    if _text(inner, "html") is not None and not may_send_html(session.scope):
        # Clients put the HTML into the page unchanged.
        raise RefusedError(Code.NOT_ALLOWED)
    message = _message(inner)
    if EVERYWHERE in (room, user_id):
        target = EVERYBODY
    else:
        target = Target(room or (own if user_id is None else None), user_id)
    notify(context, session, target, message)


def _message(inner: dict[str, Any]) -> Message:
    html, text = _text(inner, "html"), validate.text(inner.get("text"), _LONGEST)
    if text is None and (html is None or _text(inner, "text") is not None):
        raise RefusedError(Code.BAD_MESSAGE)
    title, style = validate.name(inner.get("title"), _LONGEST), _text(inner, "class")
    message = notice(text or "", Code.STAFF_NOTICE, title=title or "Notice", style=style)
    if text is None:
        del message["text"]
    if html is not None:
        message["html"] = html
    if inner.get("target") not in (None, ""):
        message["target"] = _target(inner["target"])
    if inner.get("id") not in (None, ""):
        message["id"] = _id(inner["id"])
    if inner.get("duration") not in (None, ""):
        message["duration"] = _duration(inner["duration"])
    return message


def _text(inner: dict[str, Any], key: str) -> str | None:
    value = inner.get(key)
    return value if isinstance(value, str) and value else None


def _named(inner: dict[str, Any], key: str, code: Code) -> str | None:
    value = inner.get(key)
    if value is None or isinstance(value, str):
        return value
    raise RefusedError(code)


def _target(value: Any) -> str:
    is_plain = isinstance(value, str) and len(value) <= _LONGEST_TARGET and _TARGET.fullmatch(value)
    if not is_plain:
        raise RefusedError(Code.BAD_SETTINGS, "A target is a plain selector, such as #room.")
    return str(value)


def _id(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not (isinstance(value, str) and _ID.fullmatch(value)):
        raise RefusedError(Code.BAD_ID, "The id of a notification has letters, digits, - and _.")
    return value


def _duration(value: Any) -> float:
    """Return how many milliseconds it is shown; -1, for all negative ones, until it is closed."""
    milliseconds = validate.number(value)
    if milliseconds is None:
        raise RefusedError(Code.BAD_TIME)
    return _UNTIL_CLOSED if milliseconds < 0 else min(milliseconds, _LONGEST_MS)
