"""As much of Multiplayer Piano as the load generator needs, for the Python servers beside ours.

No quotas, no crowns, no chat, no checks of what is said: these servers are to cost what their
library costs, and are favoured wherever they differ from ours.
"""

import itertools
import time
from collections.abc import Callable, Iterable
from typing import Any

import orjson

__all__ = ["Person", "Piano"]

Message = dict[str, Any]

Wire = Any
"""What a library knows a connection by."""

Broadcast = Callable[[Iterable[Wire], bytes], None]
"""Sends one text to many, in the best way that the library has."""


class Person:
    """Somebody with a connection.

    Attributes:
        wire: The connection.
        entry: His entry of `ppl`.
        room: Where he is.
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


class Room(dict[Person, None]):
    """A room: its people, in the order in which they came.

    Attributes:
        name: Its name.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    @property
    def info(self) -> Message:
        """What `ch` and `ls` say of it."""
        settings = {"visible": True, "chat": True, "crownsolo": False, "color": "#3b5054"}
        return {"_id": self.name, "id": self.name, "count": len(self), "settings": settings}


class Piano:
    """All rooms.

    Args:
        broadcast: How to send.
    """

    def __init__(self, broadcast: Broadcast) -> None:
        self._broadcast = broadcast
        self._rooms: dict[str, Room] = {}
        self._listing: set[Person] = set()
        self._numbers = itertools.count(1)
        self._handlers: dict[str, Callable[[Person, Message], None]] = {
            "n": self._notes,
            "m": self._move,
            "t": self._time,
            "hi": self._hello,
            "ch": self._join,
            "+ls": self._list,
            "-ls": self._unlist,
        }

    def open(self, wire: Wire) -> Person:
        """Let somebody in."""
        return Person(wire, next(self._numbers))

    def hear(self, person: Person, text: bytes) -> None:
        """Handle a frame."""
        for message in orjson.loads(text):
            handler = self._handlers.get(message.get("m"))
            if handler is not None:
                handler(person, message)

    def close(self, person: Person) -> None:
        """Let somebody go."""
        self._listing.discard(person)
        self._leave(person)

    def _tell(self, person: Person, *messages: Message) -> None:
        self._broadcast((person.wire,), orjson.dumps(messages))

    def _say(self, person: Person, message: Message) -> None:
        """Say something to all others in the room."""
        if person.room is not None and len(person.room) > 1:
            others = [other.wire for other in person.room if other is not person]
            self._broadcast(others, orjson.dumps([message]))

    def _notes(self, person: Person, message: Message) -> None:
        notes = {"m": "n", "t": message["t"], "p": person.entry["id"], "n": message["n"]}
        self._say(person, notes)

    def _move(self, person: Person, message: Message) -> None:
        x = person.entry["x"] = message["x"]
        y = person.entry["y"] = message["y"]
        self._say(person, {"m": "m", "id": person.entry["id"], "x": x, "y": y})

    def _time(self, person: Person, message: Message) -> None:
        self._tell(person, {"m": "t", "t": int(time.time() * 1000), "e": message.get("e")})

    def _hello(self, person: Person, message: Message) -> None:
        now = int(time.time() * 1000)
        self._tell(person, {"m": "hi", "t": now, "u": person.entry, "motd": ""})

    def _join(self, person: Person, message: Message) -> None:
        self._leave(person)
        name = message["_id"]
        if name not in self._rooms:
            self._rooms[name] = Room(name)
        person.room = room = self._rooms[name]
        room[person] = None
        ppl = [other.entry for other in room]
        self._tell(
            person,
            {"m": "ch", "p": person.entry["id"], "ch": room.info, "ppl": ppl},
            {"m": "c", "c": []},
            {"m": "nq", "allowance": 8000, "max": 24000, "maxHistLen": 3},
        )
        self._say(person, {"m": "p"} | person.entry)
        self._say_of(room)

    def _leave(self, person: Person) -> None:
        room, person.room = person.room, None
        if room is None:
            return
        del room[person]
        if room:
            gone = orjson.dumps([{"m": "bye", "p": person.entry["id"]}])
            self._broadcast([other.wire for other in room], gone)
        else:
            del self._rooms[room.name]
        self._say_of(room)

    def _say_of(self, room: Room) -> None:
        if self._listing:
            news = orjson.dumps([{"m": "ls", "c": False, "u": [room.info]}])
            self._broadcast([person.wire for person in self._listing], news)

    def _list(self, person: Person, message: Message) -> None:
        self._listing.add(person)
        rooms = [room.info for room in self._rooms.values()]
        self._tell(person, {"m": "ls", "c": True, "u": rooms})

    def _unlist(self, person: Person, message: Message) -> None:
        self._listing.discard(person)
