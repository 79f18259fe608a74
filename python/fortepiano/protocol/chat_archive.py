"""Stored chat, which survives a restart (docs/protocol.md, "Chat that is kept")."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from fortepiano.model.room import AWKWARD, LOBBY
from fortepiano.protocol.record_checks import is_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fortepiano.config.live import Live
    from fortepiano.model.room import Room
    from fortepiano.store.base import Store

__all__ = ["Archive"]


class Archive:
    """Stores the chat of rooms that outlive a restart.

    Direct messages (`dm`) are never stored.

    Args:
        store: The store.
        live: The settings in force. `chat.keep` names the rooms whose chat is stored: "none", or
            "permanent" for those that staff made permanent and the two that always exist.
    """

    def __init__(self, store: Store, live: Live) -> None:
        self._store = store
        self._live = live

    def restore(self, rooms: Iterable[Room]) -> None:
        """Load the stored chat into rooms, and delete that of rooms whose chat is not stored."""
        saved = {room.name: room for room in rooms if self._is_saved(room)}
        for record in self._store.chats():
            room = saved.get(record.room)
            if room is not None:
                _extend(room, record.lines)
            elif not self._live.settings.cluster.url:  # else it may be a room of another node
                self._store.remove_chat(record.room)

    def renew(self, room: Room) -> None:
        """Load the stored chat into a room that has just opened."""
        if self._is_saved(room):
            _extend(room, self._store.chat(room.name))

    def save(self, room: Room) -> None:
        """Store a room's chat, after a change of the chat or of whether it is to be stored."""
        lines = [line for line in room.history if line["m"] == "a"]
        if lines and self._is_saved(room):
            self._store.save_chat(room.name, tuple(orjson.dumps(line).decode() for line in lines))
        elif self._store.chat(room.name):
            self._store.remove_chat(room.name)

    def _is_saved(self, room: Room) -> bool:
        is_lasting = room.is_permanent or room.name in (LOBBY, AWKWARD)
        return self._live.settings.chat.keep == "permanent" and is_lasting


def _extend(room: Room, lines: Iterable[str]) -> None:
    # A backup made by hand may have lines that no client could show.
    room.history.extend(filter(is_line, map(orjson.loads, lines)))
