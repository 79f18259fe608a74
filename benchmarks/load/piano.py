"""The part of Multiplayer Piano that the load generator needs, for the Python servers beside ours.

No quotas, crowns, chat or checks of messages: these servers should cost only what their library
costs. Wherever they differ from ours, the difference is to their advantage.
"""

import itertools
import time
from collections.abc import Callable, Iterable
from typing import Any

import orjson

__all__ = ["Client", "Piano"]

Message = dict[str, Any]

Wire = Any
"""The library's object for a connection."""

Broadcast = Callable[[Iterable[Wire], bytes], None]
"""Sends one text to many connections, in the best way that the library has."""


class Client:
    """One connection and its user.

    Attributes:
        wire: The connection.
        entry: The user's entry in `ppl`.
        room: The room that the user is in.
    """

    __slots__ = ("entry", "room", "wire")

    def __init__(self, wire: Wire, number: int) -> None:
        id_ = f"{number:024x}"
        self.wire = wire
        self.entry: Message = {
            "id": id_,
            "_id": id_,
            "name": "Anonymous",
            "color": f"#{number & 0xFFFFFF:06x}",
            "x": 200,
            "y": 100,
        }
        self.room: Room | None = None


class Room(dict[Client, None]):
    """A room: its clients, in the order in which they joined.

    Attributes:
        name: Its name.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    @property
    def info(self) -> Message:
        """The room as an object of `ch` and `ls`."""
        settings = {"visible": True, "chat": True, "crownsolo": False, "color": "#3b5054"}
        return {"_id": self.name, "id": self.name, "count": len(self), "settings": settings}


class Piano:
    """All rooms, and the handlers of messages.

    Args:
        broadcast: Sends one text to many connections.
    """

    def __init__(self, broadcast: Broadcast) -> None:
        self._broadcast = broadcast
        self._rooms: dict[str, Room] = {}
        self._listing: set[Client] = set()
        self._numbers = itertools.count(1)
        self._handlers: dict[str, Callable[[Client, Message], None]] = {
            "n": self._notes,
            "m": self._move,
            "t": self._time,
            "hi": self._hello,
            "ch": self._join,
            "+ls": self._list,
            "-ls": self._unlist,
        }

    def open(self, wire: Wire) -> Client:
        """Add a client for a new connection."""
        return Client(wire, next(self._numbers))

    def receive(self, client: Client, text: bytes) -> None:
        """Handle the messages of a frame."""
        for message in orjson.loads(text):
            handler = self._handlers.get(message.get("m"))
            if handler is not None:
                handler(client, message)

    def close(self, client: Client) -> None:
        """Remove a client after its connection has ended."""
        self._listing.discard(client)
        self._leave(client)

    def _send(self, client: Client, *messages: Message) -> None:
        self._broadcast((client.wire,), orjson.dumps(messages))

    def _broadcast_to_others(self, client: Client, message: Message) -> None:
        """Send a message to all others in the room."""
        if client.room is not None and len(client.room) > 1:
            others = [other.wire for other in client.room if other is not client]
            self._broadcast(others, orjson.dumps([message]))

    def _notes(self, client: Client, message: Message) -> None:
        notes = {"m": "n", "t": message["t"], "p": client.entry["id"], "n": message["n"]}
        self._broadcast_to_others(client, notes)

    def _move(self, client: Client, message: Message) -> None:
        x = client.entry["x"] = message["x"]
        y = client.entry["y"] = message["y"]
        self._broadcast_to_others(client, {"m": "m", "id": client.entry["id"], "x": x, "y": y})

    def _time(self, client: Client, message: Message) -> None:
        self._send(client, {"m": "t", "t": int(time.time() * 1000), "e": message.get("e")})

    def _hello(self, client: Client, message: Message) -> None:
        now = int(time.time() * 1000)
        self._send(client, {"m": "hi", "t": now, "u": client.entry, "motd": ""})

    def _join(self, client: Client, message: Message) -> None:
        self._leave(client)
        name = message["_id"]
        if name not in self._rooms:
            self._rooms[name] = Room(name)
        client.room = room = self._rooms[name]
        room[client] = None
        ppl = [other.entry for other in room]
        self._send(
            client,
            {"m": "ch", "p": client.entry["id"], "ch": room.info, "ppl": ppl},
            {"m": "c", "c": []},
            {"m": "nq", "allowance": 8000, "max": 24000, "maxHistLen": 3},
        )
        self._broadcast_to_others(client, {"m": "p"} | client.entry)
        self._broadcast_room(room)

    def _leave(self, client: Client) -> None:
        room, client.room = client.room, None
        if room is None:
            return
        del room[client]
        if room:
            gone = orjson.dumps([{"m": "bye", "p": client.entry["id"]}])
            self._broadcast([other.wire for other in room], gone)
        else:
            del self._rooms[room.name]
        self._broadcast_room(room)

    def _broadcast_room(self, room: Room) -> None:
        """Send the state of a room to all clients with an open room list."""
        if self._listing:
            news = orjson.dumps([{"m": "ls", "c": False, "u": [room.info]}])
            self._broadcast([client.wire for client in self._listing], news)

    def _list(self, client: Client, message: Message) -> None:
        self._listing.add(client)
        rooms = [room.info for room in self._rooms.values()]
        self._send(client, {"m": "ls", "c": True, "u": rooms})

    def _unlist(self, client: Client, message: Message) -> None:
        self._listing.discard(client)
