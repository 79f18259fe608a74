"""The records with which another node can go on with a room, if this one dies.

The stream of a room that has people of other nodes carries settings, crown, mutes and chat. So each
of these nodes has them as they were at its place in the stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from fortepiano.protocol.room_state import state_of

if TYPE_CHECKING:
    from fortepiano.model.room import Room
    from fortepiano.native import Hub

__all__ = ["Records"]

_NO_LINES = b""
"""Stands for the end of all lines before."""


class Records:
    """The records of this node's rooms that have people of other nodes.

    Args:
        hub: The hub, which publishes them.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._last: dict[str, str] = {}  # the ids of the last lines, by room

    def begin(self, room: Room) -> None:
        """Begin to publish a room, into which somebody of another node is about to come."""
        self._last[room.name] = ""
        self.note_room(room)
        self._publish_all(room)

    def end(self, name: str) -> None:
        """Publish a room no more."""
        self._last.pop(name, None)

    def note_room(self, room: Room) -> None:
        """Note that the settings, the crown or the mutes of a room have changed."""
        if room.name in self._last:
            self._hub.set_record(room.number, state_of(room))

    def note_chat(self, room: Room) -> None:
        """Note that the chat of a room has changed."""
        last = self._last.get(room.name)
        if last is None:
            return
        ids = [line["id"] for line in room.history]
        if last in ids:
            self._publish(room, list(room.history)[ids.index(last) + 1 :])
        else:
            self._publish_all(room)

    def _publish_all(self, room: Room) -> None:
        self._hub.add_line(room.number, _NO_LINES, 0)
        self._publish(room, list(room.history))

    def _publish(self, room: Room, lines: list[dict[str, Any]]) -> None:
        for line in lines:
            self._hub.add_line(room.number, orjson.dumps(line), room.history.maxlen or 0)
            self._last[room.name] = line["id"]
