"""An evening of three stock bots, on one node and on three: all that people do trips no bot."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest

from support.bot import Bot, Event, install
from support.cluster import run_cluster
from support.server import Server, run_server
from support.websocket_clients import new_address

pytestmark = [pytest.mark.needs("node"), pytest.mark.needs("npm"), pytest.mark.timeout(240)]

LIBRARIES = ["mpp-client-net", "mpp-client", "mppclone-client"]

IDLE_MS = 700
BAN_MS = 1500
MARGIN_MS = 100
"""How much later than allowed people are: their clocks are not the server's."""


SETTINGS = {
    "FORTEPIANO_RULES__CROWN_IDLE_MS": str(IDLE_MS),
    "FORTEPIANO_LIMITS__DRAIN_SECONDS": "0",
}


@pytest.fixture(scope="module", params=[1, 3], ids=["one node", "three nodes"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server, or three nodes, on which a crown lies for a short time only."""
    install()
    with (
        run_server(**SETTINGS) if request.param == 1 else run_cluster(3, None, **SETTINGS) as server
    ):
        yield server


@pytest.mark.parametrize("first", range(len(LIBRARIES)), ids=LIBRARIES)
async def test_an_evening(server: Server, room: str, first: int) -> None:
    libraries = LIBRARIES[first:] + LIBRARIES[:first]
    async with AsyncExitStack() as stack:
        bots = [
            await stack.enter_async_context(
                await Bot.start(library, server.next_node().ws_url, "lobby", new_address())
            )
            for library in libraries
        ]
        assert len({bot.me for bot in bots}) == 3
        await arrive(bots)
        await gather(bots, room)
        await talk(bots)
        await play(bots)
        await furnish(bots)
        await hand_the_crown_round(bots)
        await throw_out(bots, room)
        before = [len(bot.events("hi")) for bot in bots]
        assert [bot.events("disconnect") + bot.events("wserror") for bot in bots] == [[], [], []]
        await asyncio.to_thread(server.restart)
        await come_back(bots, room)
        assert [len(bot.events("hi")) for bot in bots] == [count + 1 for count in before]
        assert [bot.events("exception") for bot in bots] == [[], [], []]


async def arrive(bots: list[Bot]) -> None:
    """All meet in the lobby and take names."""
    for bot, name in zip(bots, ["Ann", "Bea", "Cem"], strict=True):
        await bot.do("rename", name=name)
        for other in bots:
            await other.expect("p", where=lambda p, name=name: name in p["names"])


async def gather(bots: list[Bot], room: str) -> None:
    """The first opens a private room, which is in nobody's list, and the others come."""
    ann, bea, cem = bots
    await cem.do("send", message={"m": "+ls"})
    assert "lobby" in (await cem.expect("ls"))["rooms"]
    await ann.do("enter", room=room, set={"visible": False})
    ch = await entered(ann, room)
    assert ch["isOwner"]
    assert ch["settings"]["visible"] is False
    for bot, people in ((bea, 2), (cem, 3)):
        await bot.do("enter", room=room)
        ch = await entered(bot, room)
        assert not ch["isOwner"]
        assert len(ch["people"]) == people
    for bot in (ann, bea):
        await bot.expect("added", where=lambda added: added["id"] == cem.me)
    await cem.do("send", message={"m": "+ls"})
    await cem.expect("ls", where=lambda ls: "lobby" in ls["rooms"])
    assert not any(room in ls["rooms"] for ls in cem.events("ls"))


async def talk(bots: list[Bot]) -> None:
    """One says something, another answers that line."""
    ann, bea, _ = bots
    await bea.do("chat", text="Shall we?")
    line = await ann.expect("a", where=lambda a: a["a"] == "Shall we?")
    await ann.do("send", message={"m": "a", "message": "We shall.", "reply_to": line["id"]})
    for bot in bots:
        answer = await bot.expect("a", where=lambda a: a["a"] == "We shall.")
        assert (answer["name"], answer["r"]) == ("Ann", line["id"])


async def play(bots: list[Bot]) -> None:
    """Each bot plays a few notes, which the others receive."""
    for bot in bots:
        await bot.do("play", strokes=[(0, "c4", 0.5), (0, "e4", 0.6), (0, "c4", None)])
        await bot.expect("played")
        for other in bots:
            if other is not bot:
                heard = await other.expect("n")
                assert heard["p"] == bot.me
                assert [note["n"] for note in heard["n"]] == ["c4", "e4", "c4"]
    assert [len(bot.events("n")) for bot in bots] == [2, 2, 2]


async def furnish(bots: list[Bot]) -> None:
    """The holder changes the room; another bot cannot."""
    ann, bea, _ = bots
    await ann.do("settings", set={"color": "#102030", "color2": "#405060"})
    for bot in bots:
        ch = await bot.expect("ch")
        assert ch["settings"].items() >= {"color": "#102030", "visible": False}.items()
    await bea.do("settings", set={"color": "#ff0000"})
    await bea.expect("notification")
    assert [len(bot.events("notification")) for bot in bots] == [0, 1, 0]


async def hand_the_crown_round(bots: list[Bot]) -> None:
    """The crown is given, dropped, asked for too early, and picked up."""
    ann, bea, cem = bots
    await ann.do("send", message={"m": "chown", "id": bea.me})
    for bot in bots:
        assert (await bot.expect("ch"))["isOwner"] is (bot is bea)
    await bea.do("send", message={"m": "chown"})
    for bot in bots:
        assert (await bot.expect("ch"))["crown"] is None
    await cem.do("send", message={"m": "chown", "id": cem.me})
    await cem.expect("notification")
    await cem.do("wait", ms=IDLE_MS + MARGIN_MS)
    await cem.expect("waited")
    await cem.do("send", message={"m": "chown", "id": cem.me})
    for bot in bots:
        assert (await bot.expect("ch"))["crown"] == cem.me


async def throw_out(bots: list[Bot], room: str) -> None:
    """The new holder bans a bot for a moment; the bot then returns."""
    ann, bea, cem = bots
    await cem.do("send", message={"m": "kickban", "_id": bea.me, "ms": BAN_MS})
    await entered(bea, "test/awkward")
    for bot in (ann, cem):
        await bot.expect("removed", where=lambda removed: removed["id"] == bea.me)
        await bot.expect("notification", where=lambda notice: "kickbanned" in notice["text"])
    await bea.do("enter", room=room)
    await bea.expect("notification", where=lambda notice: "banned" in notice["text"])
    await entered(bea, "test/awkward")
    await bea.do("wait", ms=BAN_MS + MARGIN_MS)
    await bea.expect("waited")
    await bea.do("enter", room=room)
    assert (await entered(bea, room))["crown"] == cem.me
    for bot in (ann, cem):
        await bot.expect("added", where=lambda added: added["id"] == bea.me)


async def come_back(bots: list[Bot], room: str) -> None:
    """After a restart all are in the same room again, under their names."""
    for bot, name in zip(bots, ["Ann", "Bea", "Cem"], strict=True):
        await bot.expect("disconnect")
        user = (await bot.expect("hi"))["user"]
        assert (user["_id"], user["name"]) == (bot.me, name)
        ch = await entered(bot, room)
        assert ch["settings"].items() >= {"color": "#102030", "visible": False}.items()
    await bots[0].do("chat", text="Good night.")
    for bot in bots:
        await bot.expect("a", where=lambda a: a["a"] == "Good night.")
    # The last bot to come back saw all of them; the first one holds the crown again.
    chs = [bot.events("ch")[-1] for bot in bots]
    assert {ch["room"] for ch in chs} == {room}
    assert max(len(ch["people"]) for ch in chs) == len(bots)


async def entered(bot: Bot, room: str) -> Event:
    """Return the next `ch` of this room."""
    return await bot.expect("ch", where=lambda ch: ch["room"] == room)
