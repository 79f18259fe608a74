"""Notices (`notification`): a sentence for people, with a code for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from fortepiano.model.notice_codes import Code

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HUB_NOTICES", "HUB_NOTICE_OF", "MALFORMED", "notice"]

_Refusal = Literal["quota", "solo", "muted", "t", "bytes", "messages", "notes"]

HUB_NOTICES: Mapping[_Refusal, tuple[str, Code]] = {
    "quota": ("You're playing too fast! Slow down.", Code.TOO_FAST),
    "solo": ("Only the holder of the crown can play in this room.", Code.ONLY_OWNER_PLAYS),
    "muted": ("You are muted in this room.", Code.MUTED),
    "t": ("You are sending `t` too fast.", Code.TOO_FAST),
    "bytes": ("You are sending too much data.", Code.TOO_MUCH),
    "messages": ("You are sending too many messages.", Code.TOO_MUCH),
    "notes": ("None of those notes was understood.", Code.BAD_NOTES),
}
"""Notices that the hub itself sends, by the hub's name for the refusal."""

HUB_NOTICE_OF: Mapping[Code, _Refusal] = {code: kind for kind, (_, code) in HUB_NOTICES.items()}
"""The hub's name for a refusal, by the code of its notice."""

MALFORMED: Mapping[Code, str] = {
    Code.BAD_MESSAGE: "That message is empty, too long, or has characters that it may not have.",
    Code.BAD_NAME: "That name is empty, too long, or has characters that it may not have.",
    Code.BAD_COLOR: "A colour is # and six hex digits.",
    Code.BAD_AFK: "Whether you are away is true or false.",
    Code.BAD_ROOM: "No room can have that name.",
    Code.BAD_SETTINGS: "Nothing of that can be set.",
    Code.BAD_ID: "That is no id of a user.",
    Code.BAD_TIME: "A time is a number of milliseconds from 0.",
}
"""The notices about malformed values."""


def notice(
    text: str, code: Code, *, title: str = "Notice", style: str | None = "short"
) -> dict[str, Any]:
    """Return the message of a notice.

    Args:
        text: The sentence; clients show it as text, not as HTML.
        code: The code.
        title: The title.
        style: The `class` of the message: "short" for one line, None for the full box.
    """
    message: dict[str, Any] = {
        "m": "notification",
        "code": code,
        "title": title,
        "text": text,
        "duration": 7000,
        "target": "#room",
    }
    return message if style is None else message | {"class": style}
