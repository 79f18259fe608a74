"""Names from a time of other rules: what they are called now, and which of two keeps its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from fortepiano.model.directory import ANONYMOUS
from fortepiano.model.room import AWKWARD, LOBBY
from fortepiano.model.tags import without_tag
from fortepiano.model.texts import chat as line_of
from fortepiano.model.texts import mended

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["line_now", "name_now", "numbered", "room_names_now", "text_now"]

_NAMELESS = "room"
"""What a room is called of whose name nothing is seen."""


def name_now(name: str) -> str:
    """Return what somebody of a kept name is called now."""
    return mended(without_tag(mended(name))) or ANONYMOUS


def text_now(text: str) -> str:
    """Return a kept text as it may be said now."""
    found = line_of(text)
    return mended(text) if found is None else found


def line_now(line: dict[str, Any]) -> dict[str, Any]:
    """Return a kept line of chat as it may be said now."""
    text = text_now(str(line.get("a", "")))
    if isinstance(line.get("p"), dict):
        person = cast("dict[str, Any]", line["p"])
        line = line | {"p": person | {"name": mended(str(person.get("name", ""))) or ANONYMOUS}}
    return line if text == line.get("a") else line | {"a": text}


def room_names_now(changed: Mapping[str, int]) -> dict[str, str]:
    """Return what kept rooms are called now, those included whose names stay.

    Of several with the same name the one that was changed last keeps it, and the others get a
    number. What is always there keeps its own.

    Args:
        changed: When they were last changed, by name; milliseconds since 1970, 0 if nobody knows.
    """
    now: dict[str, str] = {}
    taken = {LOBBY, AWKWARD, *(mended(name) for name in changed)}
    given: set[str] = set()
    # Of those of which nobody knows the one that has the right form already comes first.
    for name in sorted(changed, key=lambda one: (-changed[one], mended(one) != one, one)):
        wanted = mended(name) or _NAMELESS
        is_anothers = wanted in (LOBBY, AWKWARD) and name != wanted
        if is_anothers or wanted in given:
            wanted = numbered(wanted, taken | given)
        given.add(wanted)
        now[name] = wanted
    return now


def numbered(name: str, taken: Collection[str]) -> str:
    """Return a name with the first number that makes it nobody's."""
    number = 2
    while f"{name} {number}" in taken:
        number += 1
    return f"{name} {number}"
