"""Brings a state from a version with other rules for texts into the form of this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.model.respelling import line_now, name_now, room_names_now, text_now
from fortepiano.model.texts import mended

if TYPE_CHECKING:
    from fortepiano.upgrade.state import RoomState, State

__all__ = ["respell"]


def respell(state: State) -> set[str]:
    """Give all names in a state their one form.

    Returns:
        The rooms whose people must be told: they are called otherwise, or somebody there is.
    """
    renamed = {user.id for user in state.users if user.name != name_now(user.name)}
    for user in state.users:
        user.name = name_now(user.name)
        if user.tag is not None:
            user.tag["text"] = mended(user.tag["text"]) or "?"
    names = room_names_now({room.name: _last_change(room) for room in state.rooms})
    told = {
        names[room.name]
        for room in state.rooms
        if names[room.name] != room.name or any(one.user_id in renamed for one in room.participants)
    }
    for room in state.rooms:
        room.name = names[room.name]
        room.history = [line_now(line) for line in room.history]
        notice = room.settings.get("notice")
        if isinstance(notice, str):
            room.settings["notice"] = text_now(notice)
    _rename_places(state, names)
    return told


def _rename_places(state: State, names: dict[str, str]) -> None:
    for user in state.users:
        user.rooms = [names.get(name, name) for name in user.rooms]
    for link in state.links:
        if link.session is not None and link.session.room:
            link.session.room = names.get(link.session.room, link.session.room)
    state.empty_tests = [names.get(name, name) for name in state.empty_tests]
    state.returning = [names.get(name, name) for name in state.returning]


def _last_change(room: RoomState) -> int:
    """Return when something last happened in a room, as far as the state tells."""
    said = [line.get("t") for line in room.history[-1:]]
    crowned = room.crown.time if room.crown is not None else 0
    moments = [one for one in (*said, crowned, room.empty_since) if isinstance(one, int)]
    return max(moments)
