"""Corrects the texts in a state from a version with other rules for names and texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.model.name_migration import line_now, name_now, room_names_now, text_now
from fortepiano.model.texts import mended

if TYPE_CHECKING:
    from fortepiano.upgrade.state import RoomState, State

__all__ = ["respell"]


def respell(state: State) -> set[str]:
    """Correct all names and texts in a state.

    Returns:
        The names of rooms that must be broadcast again: the room or a participant is renamed.
    """
    renamed = {user.id for user in state.users if user.name != name_now(user.name)}
    for user in state.users:
        user.name = name_now(user.name)
        if user.tag is not None:
            user.tag["text"] = mended(user.tag["text"]) or "?"
    names = room_names_now({room.name: _last_change(room) for room in state.rooms})
    changed = {
        names[room.name]
        for room in state.rooms
        if names[room.name] != room.name
        or any(participant.user_id in renamed for participant in room.participants)
    }
    for room in state.rooms:
        room.name = names[room.name]
        room.history = [line_now(line) for line in room.history]
        notice = room.settings.get("notice")
        if isinstance(notice, str):
            room.settings["notice"] = text_now(notice)
    _rename_rooms(state, names)
    return changed


def _rename_rooms(state: State, names: dict[str, str]) -> None:
    """Replace old names of rooms wherever the state refers to a room."""
    for user in state.users:
        user.rooms = [names.get(name, name) for name in user.rooms]
    for link in state.links:
        if link.session is not None and link.session.room:
            link.session.room = names.get(link.session.room, link.session.room)
    state.empty_tests = [names.get(name, name) for name in state.empty_tests]
    state.returning = [names.get(name, name) for name in state.returning]


def _last_change(room: RoomState) -> int:
    """Return the time of the last change of a room that the state knows; ms since 1970."""
    last_line = [line.get("t") for line in room.history[-1:]]
    crown_moved = room.crown.time if room.crown is not None else 0
    return max(
        time for time in (*last_line, crown_moved, room.empty_since) if isinstance(time, int)
    )
