"""Players of MIDI files: each sends the same tune in its own way, and all of it arrives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from support.bot import Bot, install
from support.public_clients import LIBRARIES
from support.server import Server
from support.tune import STARTS, Stroke, batches, expected_strokes, key, tune, write
from support.websocket_clients import Client, Clients, ClientsFactory, Message, events

FASTER = 2
"""How much faster the tune is played where time passes."""

Writer = Callable[[Stroke, float], Message]
"""Makes a note of a stroke and the time since the message's first."""


def nmpb(stroke: Stroke, delay: float) -> Message:
    """NMPB: velocities are texts; off the piano it makes up names."""
    names = ["c", "cs", "d", "ds", "e", "f", "fs", "g", "gs", "a", "as", "b"]
    name = f"{names[stroke.number % 12]}{stroke.number // 12 - 2}"
    note: Message = {"n": name}
    note |= {"s": 1} if stroke.velocity is None else {"v": f"{stroke.velocity / 127:.3f}"}
    return note | ({"d": round(delay)} if delay else {})


def divided(by: int) -> Writer:
    """Return how those write that ask a list for the name, and divide velocities by a number."""

    def write_it(stroke: Stroke, delay: float) -> Message:
        name = key(stroke.number)
        note: Message = {"d": round(delay)} if delay else {}
        note |= {} if name is None else {"n": name}
        velocity = stroke.velocity
        return note | ({"s": 1} if velocity is None else {"v": round(velocity / by, 3)})

    return write_it


def typed(stroke: Stroke, delay: float) -> Message:
    """Typed languages: all fields are always there, whatever they say."""
    velocity = None if stroke.velocity is None else stroke.velocity / 127
    return {
        "n": key(stroke.number),
        "v": velocity,
        "d": delay or None,
        "s": int(stroke.velocity is None),
    }


def stepping(stroke: Stroke, delay: float) -> Message:
    """A clock that was set back while notes were gathered."""
    return divided(127)(stroke, delay - 100)


# How each writes a note, and by what it divides velocities.
PLAYERS: dict[str, tuple[Writer, float]] = {
    "NMPB": (nmpb, 127),
    "NMPB++": (divided(100), 100),
    "anony-mpp-client": (divided(120), 120),
    "by a list of keys": (divided(127), 127),
    "BopItFreak's bot": (lambda stroke, delay: divided(1)(stroke, delay), 1),
    "a typed language": (typed, 127),
    "a clock that steps": (stepping, 127),
}


def messages(write_it: Writer) -> Iterator[Message]:
    """Yield the messages in which a player sends the tune."""
    for strokes in batches():
        first = strokes[0].at
        notes = [write_it(stroke, stroke.at - first) for stroke in strokes]
        yield {"m": "n", "t": 1795300001000 + int(first), "n": notes}


def strokes_of(notes: list[Message]) -> list[tuple[str, float | None]]:
    """Return names and velocities of notes."""
    return [(note["n"], None if note.get("s") else note["v"]) for note in events(notes)]


def wanted(divisor: float) -> list[tuple[str, Any]]:
    """Return the strokes that must arrive from a player, with approximate velocities."""
    return [
        (name, None if velocity is None else pytest.approx(min(velocity / divisor, 1), abs=6e-4))
        for name, velocity in expected_strokes()
    ]


def test_the_tune_is_what_it_should_be() -> None:
    starts = [stroke for stroke in tune() if stroke.velocity is not None]
    assert len(starts) == STARTS
    assert {stroke.velocity for stroke in starts} == set(range(40, 128))
    assert sum(key(stroke.number) is None for stroke in starts) == 6
    assert len(batches()) == 38


@pytest.mark.parametrize("player", PLAYERS)
async def test_all_that_a_piano_can_play_is_heard(
    clients_with: ClientsFactory, player: str
) -> None:
    write_it, divisor = PLAYERS[player]
    client, other = await clients_with().pair()
    for message in messages(write_it):
        await client.send(message)
    await client.assert_silent()
    await other.received()
    notes = [message for message in other.log if message["m"] == "n"]
    assert len(notes) == 38
    assert strokes_of(notes) == wanted(divisor)


async def test_one_note_a_message(clients_with: ClientsFactory) -> None:
    client, other = await clients_with().pair()
    for message in messages(divided(127)):
        for note in message["n"]:
            alone = {name: value for name, value in note.items() if name != "d"}
            await client.send({"m": "n", "t": message["t"] + note.get("d", 0), "n": [alone]})
    await client.received()
    await other.received()
    assert strokes_of([message for message in other.log if message["m"] == "n"]) == wanted(127)
    notices = [message for message in client.log if message["m"] == "notification"]
    assert [notice["code"] for notice in notices] == ["bad_notes"]


DIVISORS = {"mpp-client-xt": 120, "mpp-client": 100, "mppclone-client": 1}
"""By what those divide velocities that are made on these libraries, where it is not 127."""


@pytest.mark.needs("node")
@pytest.mark.needs("npm")
async def test_the_libraries_play_a_file(
    server: Server, clients: Clients, room: str, tmp_path: Path
) -> None:
    install()
    file = tmp_path / "tune.mid"
    write(file, FASTER)
    async with AsyncExitStack() as stack:
        players: dict[str, tuple[Bot, Client]] = {}
        for name in LIBRARIES:
            bot = await stack.enter_async_context(
                await Bot.start(name, server.ws_url, f"{room} of {name}")
            )
            players[name] = bot, await clients.enter(f"{room} of {name}")
        for name, (bot, _) in players.items():
            await bot.do("playFile", file=str(file), divisor=DIVISORS.get(name, 127))
        for name, (bot, listener) in players.items():
            await bot.expect("played", within=40)
            await bot.do("chat", text="That was it.")
            await listener.expect("a")
            notes = [message for message in listener.log if message["m"] == "n"]
            assert strokes_of(notes) == wanted(DIVISORS.get(name, 127)), name
            assert bot.events("disconnect") == []
