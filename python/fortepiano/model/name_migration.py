"""Stored names and texts that were valid under earlier rules, in the form of the present rules."""

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
"""The new name of a room whose old name has no visible character."""


def name_now(name: str) -> str:
    """Return a stored name of a user in its present form."""
    return mended(without_tag(mended(name))) or ANONYMOUS


def text_now(text: str) -> str:
    """Return a stored text in its present form."""
    found = line_of(text)
    return mended(text) if found is None else found


def line_now(line: dict[str, Any]) -> dict[str, Any]:
    """Return a stored line of chat in its present form."""
    text = text_now(str(line.get("a", "")))
    if isinstance(line.get("p"), dict):
        sender = cast("dict[str, Any]", line["p"])
        line = line | {"p": sender | {"name": mended(str(sender.get("name", ""))) or ANONYMOUS}}
    return line if text == line.get("a") else line | {"a": text}


def room_names_now(changed: Mapping[str, int]) -> dict[str, str]:
    """Return the present names of stored rooms, by old name; unchanged names are included.

    Of several rooms with the same new name the last changed one gets it, and the others get it with
    a number. The two rooms that always exist keep their names.

    Args:
        changed: When each room was last changed, by name; milliseconds since 1970, 0 if unknown.
    """
    names: dict[str, str] = {}
    taken = {LOBBY, AWKWARD, *(mended(name) for name in changed)}
    given: set[str] = set()
    # Of rooms with unknown times, a name that has the present form already comes first.
    for name in sorted(changed, key=lambda name: (-changed[name], mended(name) != name, name)):
        wanted = mended(name) or _NAMELESS
        is_reserved = wanted in (LOBBY, AWKWARD) and name != wanted
        if is_reserved or wanted in given:
            wanted = numbered(wanted, taken | given)
        given.add(wanted)
        names[name] = wanted
    return names


def numbered(name: str, taken: Collection[str]) -> str:
    """Return a name followed by the first number, from 2, that makes it one that is not taken."""
    number = 2
    while f"{name} {number}" in taken:
        number += 1
    return f"{name} {number}"
