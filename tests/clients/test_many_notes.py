"""Messages as large as the note quota allows: who keeps to it is not thrown out."""

from __future__ import annotations

import json

import pytest

from support.bot import Bot, install
from support.presets import PRESETS
from support.public_clients import LIBRARIES
from support.server import Server
from support.websocket_clients import Clients, Message

GATHERING = [name for name in LIBRARIES if name != "multiplayerpianojs"]
"""The libraries that send what is played within 200 ms in one message."""

AT_ONCE = 2500
MOST = PRESETS["quick"].normal.max
MESSAGE_BYTES = 1 << 20


def message(count: int) -> str:
    """Return a frame with this many notes, each about as long as libraries write them."""
    notes: list[Message] = [
        {"d": index % 200, "n": "c4", "v": 0.5}
        if index % 2
        else {"d": index % 200, "n": "e4", "s": 1}
        for index in range(count)
    ]
    return json.dumps([{"m": "n", "t": 1795300001000, "n": notes}], separators=(",", ":"))


@pytest.mark.needs("node")
@pytest.mark.needs("npm")
@pytest.mark.timeout(240)
@pytest.mark.parametrize("library", GATHERING)
async def test_a_library_plays_much_at_once(
    server: Server, clients: Clients, room: str, library: str
) -> None:
    install()
    async with await Bot.start(library, server.ws_url, room) as bot:
        other = await clients.enter(room)
        strokes = [(0, "c4", 0.5) if index % 2 else (0, "as4", None) for index in range(AT_ONCE)]
        await bot.do("play", strokes=strokes)
        await bot.expect("played")
        heard = 0
        while heard < AT_ONCE:
            heard += len((await other.expect("n"))["n"])
        await bot.do("chat", text="and on")
        await other.expect("a")
        assert heard == AT_ONCE
        assert bot.events("disconnect") == bot.events("notification") == []


async def test_all_that_the_quota_allows_in_one_message(clients: Clients) -> None:
    client, other = await clients.pair()
    frame = message(MOST)
    assert 600_000 < len(frame) < MESSAGE_BYTES
    await client.send_raw(frame)
    await client.assert_silent()
    assert len((await other.expect("n"))["n"]) == MOST


async def test_more_than_the_quota_is_refused_and_the_next_is_heard(clients: Clients) -> None:
    client, other = await clients.pair()
    await client.send_raw(message(MOST + 1))
    assert [notice["code"] for notice in await client.received()] == ["too_fast"]
    await client.send_raw(message(10))
    assert len((await other.expect("n"))["n"]) == 10


async def test_a_message_larger_than_any_ends_the_connection(clients: Clients) -> None:
    other, client = await clients.pair()
    await client.send_raw("[" + " " * (MESSAGE_BYTES - 2) + "]")
    await client.assert_silent()
    await client.send_raw("[" + " " * (MESSAGE_BYTES - 1) + "]")
    assert await client.closed() == 1009
    assert (await other.expect("bye"))["p"] == client.id
