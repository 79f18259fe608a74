"""One validator for each kind of value that clients send (docs/protocol.md, "Values").

Each returns the value to use, or None if the value is not valid.
"""

import math
import re
from collections.abc import Callable
from typing import Any, cast

from fortepiano.model import texts
from fortepiano.model.room_settings import (
    SETTINGS,
    Color,
    Kind,
    Setter,
    Switch,
    Text,
    Wanted,
    WholeNumber,
)
from fortepiano.model.user_ids import is_user_id

__all__ = [
    "COLOR",
    "SHORT_COLOR",
    "chat",
    "color",
    "name",
    "number",
    "settings",
    "switch",
    "tag_color",
    "text",
    "units",
    "user_id",
]

_LONGEST_FACTOR = 4
"""A text of more than this many times the allowed length is refused without normalising it.

Normalising can shorten texts: accents and jamo written one by one, a joiner behind each letter.
"""
COLOR = "#[0-9a-fA-F]{6}"
"""The regular expression of a whole colour."""

SHORT_COLOR = "#[0-9a-fA-F]{3}"
"""The regular expression of a whole colour with one digit for each part."""

_COLOR = re.compile(COLOR)
_SHORT_COLOR = re.compile(SHORT_COLOR)
_NUMERIC = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*", re.ASCII | re.IGNORECASE)
_NUMERIC_LENGTH = 40


def units(value: str) -> int:
    """Return the length of a text in UTF-16 code units, as browsers count it."""
    if value.isascii():
        return len(value)
    return len(value) + sum(character > "\uffff" for character in value)


def text(value: Any, longest: int) -> str | None:
    """Check a line that others will see, such as a notice.

    Args:
        value: The value from the client.
        longest: The most UTF-16 units that its normal form may have.

    Returns:
        The normal form (`fortepiano.model.texts`): only this may be shown, compared and stored.
    """
    return _normalised(value, longest, texts.line)


def chat(value: Any, longest: int) -> str | None:
    """Check a line of chat: like `text`, but it may begin with the mark of a bot."""
    return _normalised(value, longest, texts.chat)


def name(value: Any, longest: int) -> str | None:
    """Check a user's or room's name, or a tag's text: like `text`, but blanks are trimmed."""
    return _normalised(value, longest, texts.normalised)


def _normalised(value: Any, longest: int, normalise: Callable[[str], str | None]) -> str | None:
    if not isinstance(value, str) or len(value) > _LONGEST_FACTOR * longest:
        return None
    normal = normalise(value)
    return normal if normal is not None and units(normal) <= longest else None


def color(value: Any) -> str | None:
    """Check a colour: `#` and six hex digits of either case."""
    return value if isinstance(value, str) and _COLOR.fullmatch(value) else None


def tag_color(value: Any) -> str | None:
    """Check a tag's colour, which may have three digits; return it with six."""
    if isinstance(value, str) and _SHORT_COLOR.fullmatch(value):
        return "#" + "".join(digit * 2 for digit in value[1:])
    return color(value)


def switch(value: Any) -> bool | None:
    """Check a switch: only true or false, no other value that counts as true or false."""
    return value if isinstance(value, bool) else None


def user_id(value: Any) -> str | None:
    """Check a user id: 24 lower-case hex digits."""
    return value if isinstance(value, str) and is_user_id(value) else None


def number(value: Any) -> float | None:
    """Check a finite number; some programs send numbers as text."""
    if isinstance(value, str):
        if len(value) > _NUMERIC_LENGTH or not _NUMERIC.fullmatch(value):
            return None
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) else None


def settings(given: Any) -> Wanted:
    """Return the valid settings in a room's `set`; other keys are dropped one by one.

    `model/room_settings.py` declares the settings. Browsers send all that they know, also those
    that only the server sets. Null or an empty text, which the forms of clients send, removes a
    setting that is removable.
    """
    if not isinstance(given, dict):
        return {}
    valid: Wanted = {}
    for key, value in cast("dict[str, Any]", given).items():
        setting = SETTINGS.get(key)
        if setting is None or setting.setter is not Setter.MODERATORS:
            continue
        if setting.is_removable and value in (None, ""):
            valid[key] = None
        elif (checked := _of_kind(setting.kind, value)) is not None:
            valid[key] = checked
    return valid


def _of_kind(kind: Kind, value: Any) -> bool | int | str | None:
    match kind:
        case Switch():
            return switch(value)
        case Color():
            return color(value)
        case WholeNumber(most):
            return _whole(value, most)
        case Text(longest):
            return "" if value == "" else text(value, longest)


def _whole(value: Any, most: int) -> int | None:
    """Check a whole number from 0 to `most`; the forms of some clients send numbers as text."""
    if isinstance(value, str):
        if len(value) > len(str(most)) or not (value.isascii() and value.isdigit()):
            return None
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not math.isfinite(value) or value != int(value) or not 0 <= value <= most:
        return None
    return int(value)
