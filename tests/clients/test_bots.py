"""Bots that people use, unmodified, play a real piece through the server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import mido  # type: ignore[import-untyped]
import pytest

from support import public_clients
from support.bot import Bot, install
from support.server import Server
from support.websocket_clients import Clients, Message, events

pytestmark = [pytest.mark.needs("node"), pytest.mark.needs("npm"), pytest.mark.timeout(240)]

LIBRARIES = list(public_clients.LIBRARIES)

PIECE = Path(__file__).with_name("pieces") / "bwv846.mid"
FASTER = 10
"""How much faster than written the piece is played."""

NAMES = ["c", "cs", "d", "ds", "e", "f", "fs", "g", "gs", "a", "as", "b"]

Stroke = tuple[float, str, float | None]
"""Milliseconds from the beginning, key, velocity; without a velocity the key is released."""


def key(number: int) -> str:
    """Return the name that players of this protocol give to a MIDI number; 21 is a-1."""
    return f"{NAMES[number % 12]}{number // 12 - 2}"


def strokes(piece: Path, faster: float) -> list[Stroke]:
    """Return all strokes of a MIDI file, in order."""
    now = 0.0
    found: list[Stroke] = []
    for message in mido.MidiFile(piece):
        now += message.time * 1000 / faster
        if message.type == "note_on" and message.velocity > 0:
            found.append((now, key(message.note), round(message.velocity / 127, 3)))
        elif message.type in {"note_on", "note_off"}:
            found.append((now, key(message.note), None))
    return found


def as_strokes(notes: list[Message]) -> list[tuple[str, float | None]]:
    """Return what the notes of several messages say, without their times."""
    return [(note["n"], None if note.get("s") else note["v"]) for note in events(notes)]


@pytest.fixture(scope="module")
def libraries() -> None:
    """The libraries, installed."""
    install()


@pytest.fixture
async def bots(server: Server, room: str, libraries: None) -> AsyncIterator[list[Bot]]:
    """One bot of each library, all in one room."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(await Bot.start(library, server.ws_url, room))
            for library in LIBRARIES
        ]


async def test_a_whole_piece_arrives_once_in_order_and_not_at_the_player(
    bots: list[Bot], clients: Clients, room: str
) -> None:
    player, *listeners = bots
    client = await clients.enter(room)
    piece = strokes(PIECE, FASTER)
    assert len(piece) == 2 * 549
    assert piece[-1][0] < 20_000
    played = [(name, velocity) for _, name, velocity in piece]

    await player.do("play", strokes=piece)
    await player.expect("played", within=60)
    # A bot that has received this line has received all notes before it.
    await player.do("chat", text="that was the prelude")

    for bot in bots:
        await bot.expect("a", where=lambda a: a["a"] == "that was the prelude")
    await client.expect("a")
    assert player.events("n") == []
    for bot in listeners:
        heard = bot.events("n")
        assert {message["p"] for message in heard} == {player.me}
        assert as_strokes(heard) == played
        times = [m["t"] + note.get("d", 0) for m in heard for note in m["n"]]
        assert times[-1] - times[0] == pytest.approx(piece[-1][0], abs=3000)
    heard = [message for message in client.log if message["m"] == "n"]
    assert as_strokes(heard) == played
    for bot in bots:
        assert bot.events("notification") == bot.events("disconnect") == []


@pytest.mark.parametrize("number", range(len(LIBRARIES)), ids=LIBRARIES)
async def test_each_library_plays_chats_and_renames(
    bots: list[Bot], clients: Clients, room: str, number: int
) -> None:
    player = bots[number]
    client = await clients.enter(room)
    await player.do("rename", name="Clara")
    p = await client.expect("p", where=lambda p: p["name"] == "Clara")
    assert p["_id"] == player.me
    scale = [(10.0 * step, key(60 + step), 0.5) for step in range(12)]
    await player.do("play", strokes=scale)
    await player.expect("played")
    await player.do("chat", text="hello")
    for bot in bots:
        assert (await bot.expect("a"))["name"] == "Clara"
        heard = [(name, velocity) for _, name, velocity in scale if bot is not player]
        assert as_strokes(bot.events("n")) == heard
    await client.expect("a")
    assert as_strokes([message for message in client.log if message["m"] == "n"]) == [
        (name, velocity) for _, name, velocity in scale
    ]


async def test_bots_see_who_comes_and_goes(bots: list[Bot], clients: Clients, room: str) -> None:
    client = await clients.enter()
    ch = await client.join(room)
    assert {p["_id"] for p in ch["ppl"]} == {bot.me for bot in bots} | {client.id}
    for bot in bots:
        await bot.expect("added", where=lambda added: added["id"] == client.id)
    await client.leave()
    for bot in bots:
        await bot.expect("removed", where=lambda removed: removed["id"] == client.id)
    assert {bot.events("nq")[-1]["max"] for bot in bots} == {24000}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("path", ["", "/", "/ws"])
async def test_a_bot_gets_in_by_any_path_and_with_the_default_identity(
    server_by_address: Server, room: str, libraries: None, library: str, path: str
) -> None:
    async with await Bot.start(library, server_by_address.ws_url + path, room) as bot:
        user = bot.events("hi")[0]["user"]
        assert user["_id"] == bot.me
        assert (await bot.expect("nq"))["max"] == 24000
