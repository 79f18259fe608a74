"""The chat that survives a restart (docs/protocol.md, "Chat that is kept")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import orjson

from fortepiano.model.room import AWKWARD, LOBBY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fortepiano.model.room import Room
    from fortepiano.store.base import Store

__all__ = ["Archive"]


class Archive:
    """Keeps the chat of rooms that outlive the server.

    What one person says to another is never kept.

    Args:
        store: Where it is kept.
        keep: Of which rooms: "none", or "permanent" for those that staff made permanent and the
            two that are always there.
    """

    def __init__(self, store: Store, keep: Literal["none", "permanent"]) -> None:
        self._store = store
        self.retention = keep

    def restore(self, rooms: Iterable[Room]) -> None:
        """Give rooms their chat back, and forget what need not be kept any more."""
        keeping = {room.name: room for room in rooms if self._is_saved(room)}
        for record in self._store.chats():
            room = keeping.get(record.room)
            if room is None:
                self._store.remove_chat(record.room)
            else:
                room.history.extend(map(orjson.loads, record.lines))

    def save(self, room: Room) -> None:
        """Write a room's chat down after it has changed, or after the room has."""
        lines = [line for line in room.history if line["m"] == "a"]
        if lines and self._is_saved(room):
            self._store.save_chat(room.name, tuple(orjson.dumps(line).decode() for line in lines))
        elif self._store.chat(room.name):
            self._store.remove_chat(room.name)

    def _is_saved(self, room: Room) -> bool:
        is_lasting = room.is_permanent or room.name in (LOBBY, AWKWARD)
        return self.retention == "permanent" and is_lasting
