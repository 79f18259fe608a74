"""The grammar of the messages of a server, field by field (docs/protocol.md 1.2, 1.4).

Bounds and names are written here a second time on purpose. The grammar is the view from outside,
and finds a change of the server's own declarations that clients would notice.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

__all__ = ["CODES", "FORBIDDEN", "KEYS", "check", "units"]

KEYS = [
    "a-1",
    "as-1",
    "b-1",
    *(
        f"{name}{octave}"
        for octave in range(7)
        for name in ("c", "cs", "d", "ds", "e", "f", "fs", "g", "gs", "a", "as", "b")
    ),
    "c7",
]
"""The names of the 88 keys."""

CODES = frozenset(
    "too_fast too_much too_many_connections banned site_banned network_refused room_full "
    "no_bots invited_only too_new muted unmuted chat_off slow_mode may_not_chat unreachable "
    "only_owner_plays only_owner crown_rests holder_is_safe not_allowed not_found bad_notes "
    "bad_message bad_name bad_color bad_afk bad_room bad_settings bad_id bad_time kickbanned "
    "award invited coowner not_coowner room_notice staff_notice restart token_ended "
    "rights_changed done not_saved".split()
)
"""All codes of notifications; clients know them, so none may change or disappear."""

FORBIDDEN = [
    *("\n", "\r", "\v", "\0", "\t", "\x1b", "\x7f", "\x85", "\u2028", "\u2029"),
    *("\u202e", "\u2066", "\u2067", "\u202b", "\u200f"),
]
"""Characters that no name and no line of chat may contain."""

_COLOR = re.compile("#[0-9a-fA-F]{6}", re.ASCII)
_NUMERIC = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_KEYS = frozenset(KEYS)


def units(text: str) -> int:
    """Return the length of `text` as browsers count it: in UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


def check(message: Any, *, custom_notes: bool = False) -> None:
    """Check one message of a server against the grammar.

    Args:
        message: The message.
        custom_notes: Whether the server passes notes with names that no key has.

    Raises:
        AssertionError: The message does not fit; the text names the place.
    """
    assert isinstance(message, dict), f"not an object: {message!r}"
    kind = message.get("m")
    assert kind in _MESSAGES, f"unknown kind {kind!r}: {message!r}"
    form = _MESSAGES[kind] | ({"n": [_any_note]} if custom_notes and kind == "n" else {})
    _fit({"m": _text} | form, message, kind)


def _fit(form: Any, value: Any, where: str) -> None:
    """Check a value against a form: a predicate, a list of one form, or forms by key.

    A key that ends in `?` may be missing; with the key `*` others may be there too.
    """
    if isinstance(form, list):
        assert isinstance(value, list), f"{where} is no array: {value!r}"
        for index, each in enumerate(value):
            _fit(form[0], each, f"{where}[{index}]")
    elif isinstance(form, dict):
        assert isinstance(value, dict), f"{where} is no object: {value!r}"
        forms = {key.removesuffix("?"): inner for key, inner in form.items()}
        missing = {key for key in form if not key.endswith("?") and key != "*"} - value.keys()
        assert not missing, f"{where} lacks {missing}: {value!r}"
        for key, inner in value.items():
            assert key in forms or "*" in forms, f"{where} has a key {key!r}: {value!r}"
            _fit(forms.get(key, forms.get("*")), inner, f"{where}.{key}")
    else:
        assert form(value), f"{where} is {value!r}"


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _place(value: Any) -> bool:
    return _number(value) or (isinstance(value, str) and bool(_NUMERIC.fullmatch(value)))


def _switch(value: Any) -> bool:
    return isinstance(value, bool)


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _seen(longest: int) -> Callable[[Any], bool]:
    """Return the predicate for a text that a user wrote and others see."""

    def is_fine(value: Any) -> bool:
        return (
            isinstance(value, str)
            and bool(value.strip())
            and units(value) <= longest
            and not any(character in value for character in FORBIDDEN)
        )

    return is_fine


def _color(value: Any) -> bool:
    return isinstance(value, str) and bool(_COLOR.fullmatch(value))


def _anything(value: Any) -> bool:
    return True


def _ids(value: Any) -> bool:
    """Test a list of user ids, which must not be empty: an empty list is left out."""
    return bool(value) and isinstance(value, list) and all(map(_text, value))


def _setting(value: Any) -> bool:
    if isinstance(value, list):
        return all(isinstance(each, str) for each in value)
    return isinstance(value, bool | str) or _number(value)


def _name(value: Any) -> bool:
    """Test the name of a user, which is null if the user is unknown by now."""
    return value is None or _seen(40)(value)


def _note(value: Any) -> bool:
    # One function instead of a form, for speed: tests check tens of thousands of notes.
    return (
        isinstance(value, dict)
        and value.get("n") in _KEYS
        and value.keys() <= {"n", "v", "s", "d"}
        and ("v" not in value or (_number(value["v"]) and 0 <= value["v"] <= 1))
        and ("d" not in value or (_number(value["d"]) and 0 <= value["d"] <= 10_000))
        and ("s" not in value or (value["s"] == 1 and value["s"] is not True))
    )


def _any_note(value: Any) -> bool:
    """Test a note of a key, or a note of a drawing script."""
    return _note(value) or (
        isinstance(value, dict)
        and _text(value.get("n"))
        and value["n"] not in _KEYS
        and value.keys() <= {"n", "v", "d"}
        and all(_number(value[key]) for key in ("v", "d") if key in value)
    )


_USER = {
    "_id": _text,
    "id": _text,
    "name": _seen(40),
    "color": _color,
    "tag?": {"text": _text, "color": _text},
    "vanished?": _switch,
}


def _likeness(value: Any) -> bool:
    """Test `looksLike`: the kind of user whose name this name resembles."""
    return value in ("holder", "staff")


_PARTICIPANT = _USER | {"x": _place, "y": _place, "afk": _switch, "looksLike?": _likeness}
_CROWN = {
    "userId": _text,
    "participantId?": _text,
    "rest?": _count,
    "time": _number,
    "startPos": {"x": _place, "y": _place},
    "endPos": {"x": _place, "y": _place},
}


def _crown(value: Any) -> bool:
    """Test a crown, which has either a holder or the time for which it rests."""
    _fit(_CROWN, value, "crown")
    return ("participantId" in value) is not ("rest" in value)


_SETTINGS = {
    "visible": _switch,
    "chat": _switch,
    "crownsolo": _switch,
    "color": _color,
    "color2?": _color,
    "lobby?": _switch,
    "limit?": _count,
    "minOnlineTime?": _count,
    "no cussing": _switch,
    "noindex": _switch,
    "allowBots": _switch,
    "owner_id?": _text,
    "*": _setting,
}
_ROOM = {
    "_id": _seen(512),
    "id": _seen(512),
    "count": _count,
    "settings": _SETTINGS,
    "crown?": _crown,
    "banned?": _switch,
}
_LINE = {"a": _seen(512), "t": _number, "id": _text, "p": _USER, "r?": _text}
_PRIVATE_LINE = {
    "a": _seen(512),
    "t": _number,
    "id": _text,
    "sender": _USER,
    "recipient": _USER,
    "r?": _text,
}


def _history(value: Any) -> bool:
    for line in value:
        check(line)
        assert line["m"] in {"a", "dm"}, line
    return len(value) <= 32


_MESSAGES: dict[str, dict[str, Any]] = {
    "b": {"code": _text},
    "hi": {
        "t": _number,
        "u": _USER,
        "motd": _text,
        "permissions": {"*": _switch},
        "token?": _text,
        "accountInfo?": _anything,
    },
    "nq": {"allowance": _count, "max": _count, "maxHistLen": _count, "tick": _count},
    "ch": {"ch": _ROOM | {"coowners?": _ids}, "ppl": [_PARTICIPANT], "p?": _text},
    "c": {"c": _history},
    "p": _PARTICIPANT,
    "bye": {"p": _text},
    "m": {"id": _text, "x": _place, "y": _place},
    "n": {"t": _number, "n": [_note], "p": _text},
    "a": _LINE,
    "dm": _PRIVATE_LINE,
    "ls": {"c": _switch, "u": [_ROOM | {"ppl?": [_USER]}]},
    "t": {"t": _number, "e?": _number},
    "bans": {"_id": _seen(512), "bans": [{"_id": _text, "name": _name, "until": _number}]},
    "custom": {"data?": _anything, "p": _text, "u": _USER | {"afk": _switch}},
    "notification": {
        "code": CODES.__contains__,
        "id?": _text,
        "title?": _text,
        "text?": _text,
        "html?": _text,
        "class?": _text,
        "target?": _text,
        "duration?": _number,
    },
}

KINDS = frozenset(_MESSAGES)
"""All kinds of messages that a server sends."""
