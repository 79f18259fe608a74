"""Tags that only staff give: names that look as if they had one."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import regex

from fortepiano.model.looks import keys

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["begins_like_staff", "imitates", "without_tag"]

_STAFF = ("admin", "administrator", "mod", "moderator", "owner", "dev", "developer", "staff")
"""What clients show as tags of the staff, or people take for such a tag."""

_OFFICES = ("admin", "administrator", "moderator", "staff")
"""Those of them that are nobody's name."""

_LONGEST = 40

# Brackets, bars and stars set a word off; emojis stand beside anybody's name.
_SIGN = r"[[\p{P}\p{S}]--[\p{Emoji_Presentation}\p{Extended_Pictographic}'\u2019&,.\-]]"
_SPACE = r"[\p{White_Space}\u2800]*"
_SET_OFF = rf"{_SIGN}+{_SPACE}((?:(?!{_SIGN}).){{1,{_LONGEST}}}?){_SPACE}{_SIGN}+"
_TAGS = regex.compile(rf"^{_SPACE}{_SET_OFF}|{_SET_OFF}{_SPACE}$", regex.V1)
_BADGE = regex.compile(r"^(\p{So}{3,})(?!\p{So})|(?<!\p{So})(\p{So}{3,})$")
_WORDS = regex.compile(r"[^\p{White_Space}\p{P}\u2800]+")


def imitates(name: str, tags: Iterable[str] = ()) -> bool:
    """Tell whether a name begins or ends with what looks like a tag of the staff.

    Args:
        name: The name.
        tags: What the tags say that are given at present.
    """
    set_off = _set_off(name)
    return bool(set_off) and any(_is_one(text, tags) for text in set_off)


def without_tag(name: str) -> str:
    """Return a name without what looks like a tag; it may be empty, and is not in its one form."""
    while imitates(name):
        left = _BADGE.sub("", _TAGS.sub(" ", name))
        name = left if left != name else ""
    return name


@lru_cache(maxsize=16_384)
def begins_like_staff(name: str, tags: tuple[str, ...] = ()) -> bool:
    """Tell whether a name says that somebody is of the staff, though not as a tag does."""
    words = _WORDS.findall(name)
    known = _keys_of((*_OFFICES, *tags))
    return bool(words) and any(not keys(one).isdisjoint(known) for one in (words[0], name))


def _set_off(name: str) -> list[str]:
    return [
        text
        for pattern in (_TAGS, _BADGE)
        for match in pattern.finditer(name)
        for text in match.groups()
        if text
    ]


def _is_one(text: str, tags: Iterable[str]) -> bool:
    known = _keys_of((*_STAFF, *tags))
    return any(not keys(one).isdisjoint(known) for one in (text, *_WORDS.findall(text)))


def _keys_of(tags: Iterable[str]) -> set[str]:
    return {key for tag in tags for key in keys(tag)}
