"""Brokers that die, forget or freeze: people of one node play on, and each room is one again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from support.fallible import Fallible, fallible_cluster
from support.websocket_clients import new_room
from support.witness import Witness, Witnesses, longest_silence

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(150)]

HEARD_SECONDS = 0.8
"""The longest silence between people of one node: 0.3 s, notes every 0.1 s, a busy machine."""

BACK_SECONDS = 3.0
"""How long people may be apart after the broker is back: 2 s, and the time of the tests."""

BACK_EMPTY_SECONDS = 8.0
"""The same where the broker has forgotten everything."""


@pytest.fixture(scope="module")
def running() -> Iterator[Fallible]:
    with fallible_cluster() as made:
        yield made


async def crowd(running: Fallible, room: Witnesses) -> list[Witness]:
    """Return two people on each of two nodes, and one on the third."""
    home, edge, other = running.nodes
    people = [await room.enter(node) for node in (home, home, edge, edge, other)]
    await room.together(people, 10)
    return people


def assert_heard(people: list[Witness], since: float) -> None:
    """Assert that people of one node have heard each other all the time."""
    for one, two in ((people[0], people[1]), (people[2], people[3])):
        silence = longest_silence(one, two, since)
        print(f"longest silence on one node: {silence:.2f} s")
        assert silence < HEARD_SECONDS


def texts(witness: Witness) -> list[str]:
    """Return the chat that a witness sees."""
    return [line["a"] for line in witness.lines]


@pytest.mark.parametrize("seconds", [3, 30])
async def test_a_broker_that_is_killed_and_comes_back_empty(
    running: Fallible, seconds: int
) -> None:
    async with Witnesses(new_room()) as room:
        people = await crowd(running, room)
        since = time.monotonic()
        running.broker.kill()
        await asyncio.sleep(1.3)
        await people[0].speak("at home")
        await people[2].speak("at the edge")
        await people[1].until(lambda: texts(people[1]) == ["at home"], 1)
        await people[3].until(lambda: texts(people[3]) == ["at the edge"], 1)
        await asyncio.sleep(seconds - 1.3)
        assert_heard(people, since)
        if seconds > 10:
            assert people[3].people == {people[2].id, people[3].id}
        await asyncio.to_thread(running.broker.start)
        running.touched()
        back = time.monotonic()
        for witness in people:
            await witness.until(
                lambda it=witness: sorted(texts(it)) == ["at home", "at the edge"],
                BACK_EMPTY_SECONDS,
            )
        await room.together(people, BACK_EMPTY_SECONDS)
        took = time.monotonic() - back
        print(f"an empty broker after {seconds} s: one room again after {took:.1f} s")
        assert took < BACK_EMPTY_SECONDS
        assert_heard(people, since)


async def test_a_broker_that_freezes(running: Fallible) -> None:
    async with Witnesses(new_room()) as room:
        people = await crowd(running, room)
        since = time.monotonic()
        running.broker.freeze()
        await asyncio.sleep(15)
        assert_heard(people, since)
        await people[3].speak("in the cold")
        running.broker.thaw()
        running.touched()
        took = await room.together(people, BACK_EMPTY_SECONDS)
        print(f"a broker frozen for 15 s: one room again after {took:.1f} s")
        await asyncio.sleep(1)
        for witness in people:
            await witness.until(lambda it=witness: texts(it) == ["in the cold"], BACK_SECONDS)
        assert_heard(people, since)


async def test_a_broker_that_is_emptied(running: Fallible) -> None:
    async with Witnesses(new_room()) as room:
        people = await crowd(running, room)
        since = time.monotonic()
        with running.broker.client() as client:
            client.flushall()
        running.touched()
        await asyncio.sleep(BACK_EMPTY_SECONDS)
        await room.together(people, 1)
        assert_heard(people, since)
        assert room.room in await asyncio.to_thread(running.keys)


async def test_connections_to_the_broker_that_are_cut(running: Fallible) -> None:
    async with Witnesses(new_room()) as room:
        people = await crowd(running, room)
        since = time.monotonic()
        with running.broker.client() as client:
            client.client_kill_filter(_type="pubsub")
        running.touched()
        await asyncio.sleep(1)
        took = await room.together(people, BACK_SECONDS)
        print(f"cut connections: one room again after {took:.1f} s")
        assert_heard(people, since)
        for witness in people:
            for each in people:
                assert witness.gone(each.id, since) == 0
