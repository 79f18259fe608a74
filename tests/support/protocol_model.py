"""A server and a model of the protocol in plain Python, side by side: rooms, crowns, chat."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from support.client_model import ClientModel, Line, line
from support.raw_peer import RawPeer
from support.server import Server
from support.websocket_clients import PATIENCE, Client, Message, new_address, new_room

__all__ = ["HOUR", "ROOMS", "SETS", "TABS", "USERS", "ProtocolModel", "Tab"]

USERS = 5
TABS = 9

LOBBY, AWKWARD = "lobby", "test/awkward"
ROOMS = [LOBBY, "test/{}", "{} a", "{} a", "{} a", "{} b"]
"""Names of rooms; the braces are filled, so that runs share only the lobby. One is the busiest."""

ALWAYS = {"allowBots": True, "noindex": False, "no cussing": False}
SPECIAL = ALWAYS | {
    "visible": True,
    "chat": True,
    "crownsolo": False,
    "color": "#73b3cc",
    "color2": "#273546",
    "lobby": True,
}
NORMAL = ALWAYS | {"visible": True, "chat": True, "crownsolo": False, "color": "#3b5054"}

SETS: list[tuple[Message, Message]] = [
    ({"color": "#ff0000"}, {"color": "#ff0000"}),
    ({"color": "#00ff00", "color2": "#0000ff"}, {"color": "#00ff00", "color2": "#0000ff"}),
    ({"visible": False, "lobby": True}, {"visible": False}),
    ({"chat": False}, {"chat": False}),
    ({"chat": True, "visible": True}, {"chat": True, "visible": True}),
    ({"limit": "2"}, {"limit": 2}),
    ({"limit": 50, "crownsolo": 1}, {"limit": 50}),
    ({"crownsolo": True, "noindex": True}, {"crownsolo": True, "noindex": True}),
    ({"limit": "", "chat": "no"}, {"limit": None}),
    ({"limit": None, "noindex": False}, {"limit": None, "noindex": False}),
    ({"color": "red", "owner_id": "0" * 24}, {}),
]
"""Settings that a client sends, and the valid part of them; None removes a setting."""

HOUR = 3_600_000

_CLOCKS_MS = 2
"""How far the clocks of two nodes may be apart."""


def changed(settings: Message, wanted: Message) -> Message:
    """Return settings after a change."""
    return {key: value for key, value in (settings | wanted).items() if value is not None}


@dataclass
class Room:
    """The expected state of a room."""

    name: str
    settings: Message
    stays: dict[int, list[float]] = field(default_factory=dict)
    """The pointer of each participant; the one who joined first comes first."""
    holder: int | None = None
    last: int | None = None
    """The user who holds the crown or held it last; None in special rooms."""
    claims: list[int] = field(default_factory=list)
    """Users who get the crown back by returning. The return of one ends the later claims."""
    coowners: set[int] = field(default_factory=set)
    """The co-owners."""
    chat: deque[Line] = field(default_factory=lambda: deque(maxlen=32))


@dataclass(eq=False)
class Tab:
    """A client of a user, and the state that a classic client has after its messages."""

    user: int
    client: Client
    room: Room | None = None
    view: ClientModel = field(default_factory=ClientModel)

    async def do(self, *messages: Message) -> int:
        """Send messages, wait until they have been handled, and return the server's time."""
        await self.client.send(*messages)
        await self.catch_up()
        return int(next(each["t"] for each in reversed(self.client.log) if each["m"] == "t"))

    async def catch_up(self, *, is_settled: bool = False) -> None:
        """Apply all messages that have come until now."""
        for message in await self.client.received(is_settled=is_settled):
            self.view.apply(message)


class ProtocolModel:
    """The server and the model side by side: each step runs in both (rules: preset quick)."""

    def __init__(self, server: Server, *, is_crown_idle: bool) -> None:
        """Begin with empty rooms; `is_crown_idle`: anybody may take a dropped crown at once."""
        self.server = server
        self.is_crown_idle = is_crown_idle
        self.addresses = [new_address() for _ in range(USERS)]
        self.users: dict[int, Message] = {}
        self.tabs: list[Tab] = []
        self.rooms: dict[str, Room] = {}
        self.bans: set[tuple[str, int]] = set()
        self.away: set[int] = set()
        name = new_room()
        self.names = [room.format(name) for room in ROOMS]

    async def open(self) -> None:
        """Read the chat of the rooms that exist already."""
        visitor = await Client.open(self.server, address=new_address())
        await visitor.hello()
        for name in (LOBBY, AWKWARD):
            ch = await visitor.join(name)
            assert [entry["id"] for entry in ch["ppl"]] == [visitor.id]
            room = self.rooms[name] = Room(name, dict(SPECIAL))
            (c,) = [message for message in visitor.frames[-1] if message["m"] == "c"]
            room.chat.extend(line(message) for message in c["c"])
        await self._out(visitor)

    async def close(self) -> None:
        """Close all connections, so that the next run finds the lobby empty."""
        for tab in self.tabs:
            await tab.client.vanish()
        await self._settle({tab.client.node for tab in self.tabs})

    def can_moderate(self, tab: Tab) -> bool:
        """Return whether the user of this tab may moderate its room: as holder or co-owner."""
        room = tab.room
        return room is not None and (room.holder == tab.user or tab.user in room.coowners)

    # Steps

    async def arrive(self, user: int, room: str, wanted: tuple[Message, Message]) -> None:
        """Open a tab and join a room."""
        if len(self.tabs) == TABS:
            return
        client = await Client.open(self.server, address=self.addresses[user])
        await client.hello()
        known = self.users.setdefault(user, dict(client.user))
        assert client.user == known
        tab = Tab(user, client)
        self.tabs.append(tab)
        await self.go(tab, room, wanted)

    async def go(self, tab: Tab, name: str, wanted: tuple[Message, Message]) -> None:
        """Join a room."""
        await tab.do({"m": "ch", "_id": name, "set": wanted[0]})
        if tab.room is not None and tab.room.name == name:
            return
        room = self.rooms.get(name)
        if (name, tab.user) in self.bans:
            self._place(tab, AWKWARD, {})
        elif room is None or self._knows(room, tab.user) or self._fits(room):
            self._place(tab, name, wanted[1])
        elif tab.room is None:
            self._place(tab, AWKWARD, {})

    async def leave(self, tab: Tab, *, politely: bool) -> None:
        """Close a tab: with `bye`, or just the connection."""
        self.tabs.remove(tab)
        if politely:
            await tab.client.send({"m": "bye"})
            assert await tab.client.closed() == 1000
        await self._out(tab.client)
        self._vacate(tab, has_ended=True)
        if all(other.user != tab.user for other in self.tabs):
            self.away.discard(tab.user)

    async def rename(self, tab: Tab, name: str | None, color: str | None, afk: object) -> None:
        """Change name, colour or `afk`, or several of them."""
        await tab.do({"m": "userset", "set": {"name": name, "color": color, "afk": afk}})
        if isinstance(afk, bool):
            (self.away.add if afk else self.away.discard)(tab.user)
        user = self.users[tab.user]
        if name and name.strip() and len(name) <= 40:
            user["name"] = name
        if color and color.startswith("#"):
            user["color"] = color

    async def chat(self, tab: Tab, text: str, *, answers: bool) -> None:
        """Send a line of chat, perhaps in answer to the last one."""
        await tab.catch_up()
        reply = tab.view.chat[-1]["id"] if answers and tab.view.chat else None
        extra = {"reply_to": reply} if reply else {}
        await tab.do({"m": "a", "message": text} | extra)
        if tab.room is not None and tab.room.settings["chat"]:
            user = self.users[tab.user]
            tab.room.chat.append((user["_id"], user["name"], user["color"], text, reply))

    async def move(self, tab: Tab, x: float, y: float) -> None:
        """Move the pointer."""
        await tab.do({"m": "m", "x": x, "y": y})
        if tab.room is not None:
            tab.room.stays[tab.user] = [x, y]

    async def furnish(self, tab: Tab, wanted: tuple[Message, Message]) -> None:
        """Change the settings of the room."""
        await tab.do({"m": "chset", "set": wanted[0]})
        if self.can_moderate(tab) and wanted[1]:
            assert tab.room is not None
            tab.room.settings.pop("color2", None)
            tab.room.settings = changed(tab.room.settings, wanted[1])

    async def crown(self, tab: Tab, heir: int | None) -> None:
        """Give the crown to a user, or drop it; an unknown id gives it to nobody."""
        target = {} if heir is None else {"id": self._id(heir)}
        await tab.do({"m": "chown"} | target)
        room = tab.room
        if room is None or room.last is None:
            return
        is_holder = room.holder == tab.user
        is_lying = room.holder is None and (room.last == tab.user or self.is_crown_idle)
        if not (is_holder or is_lying):
            return
        if heir in room.stays:
            if room.holder != heir:
                room.claims.clear()
            room.holder = room.last = heir
        elif is_holder:
            room.holder = None
            room.claims.clear()

    async def share(self, tab: Tab, user: int, *, on: bool) -> None:
        """Make a user a co-owner, or end that."""
        await tab.do({"m": "coowner", "_id": self._id(user), "on": on})
        room = tab.room
        if room is None or room.holder != tab.user:
            return
        if not on:
            room.coowners.discard(user)
        elif user in room.stays:
            room.coowners.add(user)

    async def ban(self, tab: Tab, user: int, ms: float) -> None:
        """Ban a user from the room."""
        now = await tab.do({"m": "kickban", "_id": self._id(user), "ms": ms})
        others = [other for other in self.tabs if other.user == user]
        room = tab.room
        if not self.can_moderate(tab) or room is None or not (others or user in room.claims):
            return
        if user == room.holder != tab.user:
            return
        if ms >= 1:
            self.bans.add((room.name, user))
        if user in room.claims:
            room.claims.remove(user)
        for other in others:
            if other.room is room:
                self._place(other, AWKWARD, {})
        if 1 <= ms < HOUR:
            while await tab.do() <= now + ms + _CLOCKS_MS:
                pass
            self.bans.remove((room.name, user))

    async def unban(self, tab: Tab, user: int) -> None:
        """Lift a ban."""
        await tab.do({"m": "unban", "_id": self._id(user)})
        if self.can_moderate(tab) and tab.room is not None:
            self.bans.discard((tab.room.name, user))

    # The model

    def _id(self, user: int) -> str:
        known = self.users.get(user)
        return known["_id"] if known else "nobody"

    def _knows(self, room: Room, user: int) -> bool:
        return (
            user in room.stays or user in room.coowners or user == room.last or user in room.claims
        )

    def _fits(self, room: Room) -> bool:
        return len(room.stays) < room.settings.get("limit", math.inf)

    def _place(self, tab: Tab, name: str, wanted: Message) -> None:
        if tab.room is not None and tab.room.name == name:
            return
        self._vacate(tab)
        room = self.rooms.get(name)
        if room is None:
            is_special = name == LOBBY or name.startswith("test/")
            room = Room(name, dict(SPECIAL) if is_special else changed(NORMAL, wanted))
            self.rooms[name] = room
            if not is_special:
                room.holder = room.last = tab.user
        tab.room = room
        if tab.user in room.stays:
            return
        room.stays[tab.user] = [200, 100]
        if tab.user in room.claims:
            room.holder = room.last = tab.user
            del room.claims[room.claims.index(tab.user) :]
        elif room.holder is None and room.last == tab.user:
            room.holder = tab.user

    def _vacate(self, tab: Tab, *, has_ended: bool = False) -> None:
        room, tab.room = tab.room, None
        if room is None or any(t.room is room and t.user == tab.user for t in self.tabs):
            return
        del room.stays[tab.user]
        if room.holder == tab.user:
            room.holder = next(iter(room.stays), None)
            room.last = tab.user if room.holder is None else room.holder
            if has_ended and room.holder is not None:
                room.claims.append(tab.user)
        if not room.stays and "lobby" not in room.settings:
            del self.rooms[room.name]

    # The comparison

    async def compare(self) -> None:
        """Compare the state of every tab with the model."""
        await self.server.barrier()
        for tab in self.tabs:
            await tab.catch_up(is_settled=True)
            seen, expected = self._seen(tab), self._expected(tab)
            assert seen == expected, f"{seen}\n{expected}"
            await self._compare_pointers(tab)

    def _expected(self, tab: Tab) -> dict[str, Any]:
        room = tab.room
        assert room is not None
        return {
            "room": room.name,
            "me": self._id(tab.user),
            "people": {
                self._id(user): (
                    self.users[user]["name"],
                    self.users[user]["color"],
                    user in self.away,
                )
                for user in room.stays
            },
            "holder": None if room.holder is None else self._id(room.holder),
            "last": None if room.last is None else self._id(room.last),
            "beside": sorted(map(self._id, room.coowners)),
            "settings": room.settings,
            "chat": list(room.chat),
        }

    def _seen(self, tab: Tab) -> dict[str, Any]:
        view = tab.view
        crown = view.channel.get("crown", {})
        return {
            "room": view.channel["_id"],
            "me": view.me,
            "people": {
                id: (entry["name"], entry["color"], entry["afk"]) for id, entry in view.ppl.items()
            },
            "holder": crown.get("participantId"),
            "last": crown.get("userId"),
            "beside": view.channel.get("coowners", []),
            "settings": view.channel["settings"],
            "chat": [line(message) for message in view.chat[-32:]],
        }

    async def _compare_pointers(self, tab: Tab) -> None:
        """Wait until the last move of each other user has come: the server thins out moves."""
        assert tab.room is not None
        others = {self._id(user): at for user, at in tab.room.stays.items() if user != tab.user}
        async with asyncio.timeout(PATIENCE):
            while any([tab.view.ppl[id][c] for c in "xy"] != at for id, at in others.items()):
                await tab.catch_up(is_settled=True)

    async def _out(self, client: Client) -> None:
        """Close a connection, and wait until the server has noticed."""
        await client.leave()
        await self._settle({client.node})

    async def _settle(self, nodes: set[Server]) -> None:
        """Wait until these nodes have seen which connections are closed, and all others know."""
        # A request takes at least two turns of the server's loop, which then has seen the close.
        for node in nodes:
            peer = await RawPeer.connect(node, port=node.port)
            await peer.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await peer.response()).status == 200
            await peer.vanish()
        await self.server.barrier()
