"""`t`: the time, and the sign that the other end lives (docs/protocol.md 1.3)."""

from __future__ import annotations

import asyncio
import time

import pytest

from support.presets import only
from support.websocket_clients import Company, House, Message, Person


async def test_case_21_t_is_answered_to_the_sender_with_its_e(guests: Company, room: str) -> None:
    person, other = await guests.enter(room), await guests.enter(room)
    await person.hears()
    await person.send({"m": "t", "e": 123})
    (reply,) = await person.hears()
    assert reply.keys() == {"m", "t", "e"}
    assert reply["e"] == 123
    assert abs(reply["t"] - time.time() * 1000) < 2000
    await other.nothing()


@pytest.mark.parametrize("e", [0, -1, 1.5, 1795300000000, 1795300000000.25, -0.5, 1e300])
async def test_case_21_every_number_comes_back(guests: Company, e: float) -> None:
    person = await guests.enter()
    await person.send({"m": "t", "e": e})
    (reply,) = await person.hears()
    assert reply["e"] == e


async def test_case_22_t_without_e_is_answered_without_e(guests: Company) -> None:
    person = await guests.enter()
    await person.send({"m": "t"})
    (reply,) = await person.hears()
    assert reply.keys() == {"m", "t"}


@pytest.mark.parametrize("e", ["123", None, True, [1], {"e": 1}])
async def test_case_22_an_e_that_is_no_number_is_left_out(guests: Company, e: object) -> None:
    person = await guests.enter()
    await person.send({"m": "t", "e": e})
    (reply,) = await person.hears()
    assert reply.keys() == {"m", "t"}


async def test_the_time_never_goes_back(guests: Company) -> None:
    person = await guests.enter()
    await person.send(*({"m": "t", "e": e} for e in range(10)))
    times = [message["t"] for message in await person.hears()]
    assert len(times) == 10
    assert times == sorted(times)


async def test_case_21_the_clock_runs_evenly(guests: Company) -> None:
    person = await guests.enter()
    begin = time.monotonic()
    await person.send({"m": "t"})
    first = (await person.expect("t"))["t"]
    await asyncio.sleep(0.3)
    await person.send({"m": "t"})
    second = (await person.expect("t"))["t"]
    assert abs((second - first) - (time.monotonic() - begin) * 1000) < 100


SHORT = {"SILENCE_MS": "700"}


async def talk(person: Person, message: Message) -> None:
    """Send a message again and again."""
    while True:
        await person.send(message)
        await asyncio.sleep(0.2)


async def test_case_09_who_says_no_t_is_closed(house: House) -> None:
    guests = house(**SHORT)
    other, person = await guests.enter("test/silence"), await guests.enter("test/silence")
    begin = time.monotonic()
    tasks = [
        asyncio.create_task(talk(other, {"m": "t"})),
        # Other messages are no `t`.
        asyncio.create_task(talk(person, {"m": "m", "x": 1, "y": 2})),
    ]
    assert await person.closed(within=5) == 4004
    assert 0.6 < time.monotonic() - begin < 4
    await other.expect("bye", where=lambda bye: bye["p"] == person.id)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_case_09_who_says_t_stays(house: House) -> None:
    person = await house(**SHORT).enter()
    for _ in range(8):
        await person.send({"m": "t"})
        await person.expect("t")
        await asyncio.sleep(0.2)


@only("quick")
async def test_case_09_silence_alone_is_no_crime(house: House) -> None:
    """A person with wscat stays: WebSocket pings decide, which his program answers for him."""
    guests = house(FORTEPIANO_LIMITS__PING_SECONDS="0.3", FORTEPIANO_LIMITS__PONG_SECONDS="0.5")
    person = await guests.enter()
    await asyncio.sleep(1.5)
    await person.nothing()
