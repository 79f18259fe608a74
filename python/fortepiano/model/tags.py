"""Imitated tags: names that look as if staff had given them a tag."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import regex

from fortepiano.model.looks import keys

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["begins_like_staff", "imitates", "without_tag"]

_STAFF = ("admin", "administrator", "mod", "moderator", "owner", "dev", "developer", "staff")
"""Words that clients show as tags of staff, or that people take for such tags."""

_NO_NAMES = ("admin", "administrator", "moderator", "staff")
"""Those of these words that no user has as a name or a part of one."""

_LONGEST = 40

# Brackets, bars and stars make a word a tag. Emojis do not: many users have them beside the name.
_SIGN = r"[[\p{P}\p{S}]--[\p{Emoji_Presentation}\p{Extended_Pictographic}'\u2019&,.\-]]"
_SPACE = r"[\p{White_Space}\u2800]*"
_SET_OFF = rf"{_SIGN}+{_SPACE}((?:(?!{_SIGN}).){{1,{_LONGEST}}}?){_SPACE}{_SIGN}+"
_TAGS = regex.compile(rf"^{_SPACE}{_SET_OFF}|{_SET_OFF}{_SPACE}$", regex.V1)
_BADGE = regex.compile(r"^(\p{So}{3,})(?!\p{So})|(?<!\p{So})(\p{So}{3,})$")
_WORDS = regex.compile(r"[^\p{White_Space}\p{P}\u2800]+")


def imitates(name: str, tags: Iterable[str] = ()) -> bool:
    """Tell whether a name begins or ends with something that looks like a tag of staff.

    Args:
        name: The name.
        tags: The texts of all tags that users have now.
    """
    candidates = _tag_candidates(name)
    return bool(candidates) and any(_is_tag(text, tags) for text in candidates)


def without_tag(name: str) -> str:
    """Return a name without imitated tags; the result may be empty and is not normalised."""
    if name.isascii() and name.replace(" ", "").isalnum():
        return name  # at the start of a server this is called for every stored name
    while imitates(name):
        left = _BADGE.sub("", _TAGS.sub(" ", name))
        name = left if left != name else ""
    return name


@lru_cache(maxsize=16_384)
def begins_like_staff(name: str, tags: tuple[str, ...] = ()) -> bool:
    """Tell whether a name as a whole, or its first word, reads like a tag of staff."""
    words = _WORDS.findall(name)
    known = _keys_of((*_NO_NAMES, *tags))
    return bool(words) and any(not keys(text).isdisjoint(known) for text in (words[0], name))


def _tag_candidates(name: str) -> list[str]:
    """Return the parts at the ends of a name that signs set off from the rest."""
    return [
        text
        for pattern in (_TAGS, _BADGE)
        for match in pattern.finditer(name)
        for text in match.groups()
        if text
    ]


def _is_tag(text: str, tags: Iterable[str]) -> bool:
    known = _keys_of((*_STAFF, *tags))
    return any(not keys(part).isdisjoint(known) for part in (text, *_WORDS.findall(text)))


def _keys_of(tags: Iterable[str]) -> set[str]:
    return {key for tag in tags for key in keys(tag)}
