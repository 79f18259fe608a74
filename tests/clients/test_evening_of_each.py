"""An evening of each client library from npm, unmodified, with another client that checks it.

The features that work in the course of it are those that docs/clients.md lists for the library.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest

from support.bot import Bot, Event, install
from support.custom import binary
from support.public_clients import LIBRARIES, Library
from support.server import Server, run_server
from support.websocket_clients import Client, Clients, new_address

pytestmark = [pytest.mark.needs("node"), pytest.mark.needs("npm"), pytest.mark.timeout(240)]

IDLE_MS = 400
BAN_MS = 60_000
MARGIN_MS = 100
"""Milliseconds that clients wait beyond a time limit: their clocks differ from the server's."""

FANCY = "Hello, \U0001d4d3\U0001d4d4\U0001d4e5 — ça va?"
"""A line with fancy letters, of two UTF-16 units each, which people like."""

NAMES = list(LIBRARIES)
WITHOUT_CROWN = [name for name, library in LIBRARIES.items() if "lobby" in library.works]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server on which a dropped crown may soon be taken."""
    install()
    with run_server(
        FORTEPIANO_RULES__CROWN_IDLE_MS=str(IDLE_MS), FORTEPIANO_LIMITS__DRAIN_SECONDS="0"
    ) as server:
        yield server


class Evening:
    """One library and another client in a room, and the features that have worked.

    Attributes:
        library: The declared features.
        bot: The running library, which opened the room.
        ann: The other client, which checks every message that the room receives.
        clients: Makes more clients.
        room: The name of the room.
        shown: The features that have worked.
    """

    def __init__(
        self, library: Library, bot: Bot, ann: Client, clients: Clients, room: str
    ) -> None:
        """Begin with `ann` in the room of `bot`."""
        self.library = library
        self.bot = bot
        self.ann = ann
        self.clients = clients
        self.room = room
        self.shown: set[str] = {"join"}

    async def meet(self) -> None:
        """Each sees the other; a third client comes and goes."""
        await self.bot.expect("added", where=lambda added: added["id"] == self.ann.id)
        cem = await self.clients.enter(self.room, address=new_address())
        await self.bot.expect("added", where=lambda added: added["id"] == cem.id)
        await cem.leave()
        await self.bot.expect("removed", where=lambda removed: removed["id"] == cem.id)
        self.shown.add("people")

    async def introduce(self) -> None:
        """The bot changes name and colour, and sees the changes of the other."""
        await self.bot.do("setUser", name="Bot", color="#102030")
        p = await self.ann.expect("p", where=lambda p: p["_id"] == self.bot.me)
        assert (p["name"], p["color"]) == ("Bot", "#102030")
        await self.ann.send({"m": "userset", "set": {"name": "Ann", "color": "#405060"}})
        told = await self.bot.expect("p", where=lambda p: "Ann" in p["names"])
        assert self._of(told, self.ann.id)["color"] == "#405060"
        self.shown.add("name")

    async def point(self) -> None:
        """Each sees the pointer of the other."""
        await self.bot.do("point", x=12.34, y=56.78)
        m = await self.ann.expect("m", where=lambda m: m["id"] == self.bot.me)
        assert (float(m["x"]), float(m["y"])) == (12.34, 56.78)
        await self.ann.send({"m": "m", "x": "21.5", "y": 65.25})
        await self.bot.expect("p", where=lambda p: self._points(p, 21.5, 65.25))
        self.shown.add("cursor")

    def _points(self, told: Event, x: float, y: float) -> bool:
        at = self._of(told, self.ann.id)
        return (float(at["x"]), float(at["y"])) == (x, y)

    @staticmethod
    def _of(told: Event, id: str) -> Event:
        return next(each for each in told["people"] if each["id"] == id)

    async def talk(self) -> None:
        """Each reads what the other says, with all letters."""
        await self.bot.do("chat", text=FANCY)
        line = await self.ann.expect("a")
        assert (line["a"], line["p"]["name"]) == (FANCY, "Bot")
        await self.bot.expect("a")
        await self.ann.send({"m": "a", "message": "hello 🎹", "reply_to": line["id"]})
        heard = await self.bot.expect("a")
        assert (heard["a"], heard["name"], heard["r"]) == ("hello 🎹", "Ann", line["id"])
        await self.ann.expect("a")
        self.shown.add("chat")

    async def play(self) -> None:
        """Each receives the notes of the other, and not its own."""
        strokes = [(0, "c4", 0.5), (0, "e4", 1), (20, "c4", None)]
        await self.bot.do("play", strokes=strokes)
        await self.bot.expect("played")
        heard: list[tuple[str, float | None]] = []
        while len(heard) < len(strokes):
            n = await self.ann.expect("n")
            assert n["p"] == self.bot.me
            heard += [(note["n"], None if note.get("s") else note["v"]) for note in n["n"]]
        assert heard == [("c4", 0.5), ("e4", 1), ("c4", None)]
        now = (await self.ann.hello())["t"]
        notes = [{"n": "a-1", "v": 0.25}, {"n": "c7", "s": 1, "d": 200}]
        await self.ann.send({"m": "n", "t": now, "n": notes})
        told = await self.bot.expect("n")
        assert (told["p"], told["t"], told["n"]) == (self.ann.id, now, notes)
        assert len(self.bot.events("n")) == 1
        self.shown.add("notes")

    async def furnish(self) -> None:
        """The bot, who holds the crown, changes the room."""
        assert self.bot.events("ch")[-1]["isOwner"]
        await self.bot.do("settings", set={"color": "#112233"})
        for ch in (await self.bot.expect("ch"), (await self.ann.expect("ch"))["ch"]):
            assert ch["settings"]["color"] == "#112233"
        self.shown.add("settings")

    async def look_around(self) -> None:
        """The bot reads which rooms there are."""
        await self.bot.do("send", message={"m": "+ls"})
        ls = await self.bot.expect("ls", where=lambda ls: "lobby" in ls["rooms"])
        assert self.room in ls["rooms"]
        self.shown.add("list")

    async def hand_the_crown_round(self) -> None:
        """The crown is given, dropped, asked for too early, which is answered, and picked up."""
        bot, ann = self.bot, self.ann
        await bot.do("giveCrown", id=ann.id)
        ch = await ann.expect("ch", where=lambda ch: "participantId" in ch["ch"]["crown"])
        assert ch["ch"]["crown"]["participantId"] == ann.id
        assert (await bot.expect("ch", where=lambda ch: ch["crown"] == ann.id))["isOwner"] is False
        await ann.send({"m": "chown"})
        await bot.expect("ch", where=lambda ch: ch["crown"] is None)
        await bot.do("giveCrown", id=bot.me)
        notice = await bot.expect("notification")
        assert notice["code"] == "crown_rests"
        self.shown.add("notices")
        await bot.do("wait", ms=IDLE_MS + MARGIN_MS)
        await bot.expect("waited")
        await bot.do("giveCrown", id=bot.me)
        assert (await bot.expect("ch"))["isOwner"]
        await ann.expect("ch", where=lambda ch: ch["ch"]["crown"].get("participantId") == bot.me)
        self.shown.add("crown")

    async def throw_out(self) -> None:
        """The bot bans a client, which comes back after the ban is lifted."""
        cem = await self.clients.enter(self.room, address=new_address())
        await self.bot.do("ban", id=cem.id, ms=BAN_MS)
        assert (await cem.joined())["ch"]["_id"] == "test/awkward"
        await self.bot.expect("removed", where=lambda removed: removed["id"] == cem.id)
        await self.bot.expect("notification", where=lambda notice: notice["code"] == "kickbanned")
        await self.bot.do("send", message={"m": "unban", "_id": cem.id})
        await self.bot.do("chat", text="Forgiven.")
        await self.ann.expect("a", where=lambda a: a["a"] == "Forgiven.")
        assert (await cem.join(self.room))["ch"]["_id"] == self.room
        await cem.leave()
        await self.bot.expect("removed", where=lambda removed: removed["id"] == cem.id)
        self.shown.add("kickban")

    async def be_thrown_out(self) -> None:
        """The bot is banned, gets the notice, and comes back."""
        bot, ann = self.bot, self.ann
        await bot.do("giveCrown", id=ann.id)
        await ann.expect("ch", where=lambda ch: ch["ch"]["crown"].get("participantId") == ann.id)
        await ann.send({"m": "kickban", "_id": bot.me, "ms": BAN_MS})
        await self._entered("test/awkward")
        await ann.expect("notification")
        await bot.do("enter", room=self.room)
        await bot.expect("notification", where=lambda notice: notice["code"] == "banned")
        await ann.send({"m": "unban", "_id": bot.me})
        await ann.received()
        await bot.do("enter", room=self.room)
        await self._entered(self.room)
        self.shown.add("banned")

    async def visit_the_lobby(self) -> None:
        """The bot goes where there is no crown, and comes back."""
        await self.bot.do("enter", room="lobby")
        assert (await self._entered("lobby"))["crown"] is None
        await self.bot.do("enter", room=self.room)
        await self._entered(self.room)
        self.shown.add("lobby")

    async def _entered(self, room: str) -> Event:
        return await self.bot.expect("ch", where=lambda ch: ch["room"] == room)

    async def be_sent_binary(self) -> None:
        """Another client sends binary frames in every mode; the bot ignores them and plays on."""
        cem = await self.clients.enter(self.room, address=new_address())
        for target in (
            {"mode": "id", "id": self.bot.me},
            {"mode": "ids", "ids": [self.bot.me, self.ann.id]},
            {"mode": "subscribed"},
            {"mode": "id", "id": self.bot.me, "global": True},
        ):
            await cem.send_raw(binary({"m": "custom", "data": "drawboard", "target": target}))
        await cem.received()
        await self.bot.do("chat", text="Still here.")
        await self.ann.expect("a", where=lambda a: a["a"] == "Still here.")
        assert self.ann.binaries == []
        await cem.leave()
        self.shown.add("binary")


@pytest.mark.parametrize("name", NAMES)
async def test_an_evening_of(name: str, server: Server, clients: Clients, room: str) -> None:
    library = LIBRARIES[name]
    async with await Bot.start(name, server.ws_url, room, new_address()) as bot:
        ann = await clients.enter(room, address=new_address())
        evening = Evening(library, bot, ann, clients, room)
        await evening.meet()
        await evening.introduce()
        await evening.point()
        await evening.talk()
        await evening.play()
        await evening.furnish()
        await evening.look_around()
        await evening.hand_the_crown_round()
        await evening.throw_out()
        await evening.be_sent_binary()
        if "banned" in library.works:
            await evening.be_thrown_out()
        if "lobby" in library.works:
            await evening.visit_the_lobby()
        assert evening.shown == library.works - {"return"}
        assert bot.events("exception") == bot.events("disconnect") == bot.events("wserror") == []


@pytest.mark.parametrize("name", [name for name in NAMES if name not in WITHOUT_CROWN])
async def test_a_library_that_cannot_stand_a_lobby_ends_by_itself(
    name: str, server: Server, room: str
) -> None:
    async with await Bot.start(name, server.ws_url, room, new_address()) as bot:
        await bot.do("enter", room="lobby")
        assert await bot.ended() == 1


async def test_all_come_back_after_a_restart(room: str) -> None:
    install()
    with run_server(FORTEPIANO_LIMITS__DRAIN_SECONDS="0") as server:
        async with AsyncExitStack() as stack:
            bots = [
                await stack.enter_async_context(
                    await Bot.start(name, server.ws_url, room, new_address())
                )
                for name in NAMES
            ]
            for name, bot in zip(NAMES, bots, strict=True):
                await bot.do("setUser", name=name, color="#102030")
                await bots[0].expect("p", where=lambda p, name=name: name in p["names"])
            await bots[0].do("settings", set={"color": "#223344"})
            for bot in bots:
                await bot.expect("ch", where=lambda ch: ch["settings"]["color"] == "#223344")
            await asyncio.to_thread(server.restart)
            for name, bot in zip(NAMES, bots, strict=True):
                user = (await bot.expect("hi"))["user"]
                assert (user["_id"], user["name"]) == (bot.me, name)
                ch = await bot.expect("ch", where=lambda ch: ch["room"] == room)
                assert ch["settings"]["color"] == "#223344"
            async with Clients(server) as clients:
                ann = await clients.enter(room, address=new_address())
                for name, bot in zip(NAMES, bots, strict=True):
                    await bot.do("chat", text=f"{name} is back.")
                    line = await ann.expect("a")
                    assert (line["a"], line["p"]["name"]) == (f"{name} is back.", name)
            assert [bot.events("exception") for bot in bots] == [[]] * len(bots)
