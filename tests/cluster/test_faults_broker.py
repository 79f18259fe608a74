"""Brokers that die, forget or freeze: people of one node play on, and each room is one again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from support.fallible import Fallible, fallible_cluster
from support.websocket_clients import new_room
from support.witness import Witnesses, assert_heard

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(150)]

BACK_SECONDS = 3.0
"""How long people may be apart after the broker is back: 2 s, and the time of the tests."""

BACK_EMPTY_SECONDS = 8.0
"""The same where the broker has forgotten everything."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Fallible]:
    with fallible_cluster() as made:
        yield made


@pytest.fixture
def running(cluster: Fallible) -> Iterator[Fallible]:
    """A cluster of which a test before left nothing dead or frozen."""
    yield cluster
    cluster.mend()


@pytest.mark.parametrize("seconds", [3, 13, pytest.param(30, marks=pytest.mark.slow)])
async def test_a_broker_that_is_killed_and_comes_back_empty(
    running: Fallible, seconds: int
) -> None:
    async with Witnesses(new_room()) as room:
        people = await room.crowd(running.nodes)
        since = time.monotonic()
        running.broker.kill()
        await asyncio.sleep(1.3)
        await people[0].speak("at home")
        await people[2].speak("at the edge")
        await people[1].until(lambda: people[1].texts == ["at home"], 1)
        await people[3].until(lambda: people[3].texts == ["at the edge"], 1)
        await asyncio.sleep(seconds - 1.3)
        assert_heard(people, since)
        if seconds > 10:
            assert people[3].people == {people[2].id, people[3].id}
        await asyncio.to_thread(running.broker.start)
        running.touched()
        back = time.monotonic()
        for witness in people:
            await witness.until(
                lambda it=witness: sorted(it.texts) == ["at home", "at the edge"],
                BACK_EMPTY_SECONDS,
            )
        await room.together(people, BACK_EMPTY_SECONDS)
        took = time.monotonic() - back
        print(f"an empty broker after {seconds} s: one room again after {took:.1f} s")
        assert took < BACK_EMPTY_SECONDS
        assert_heard(people, since)


async def test_a_broker_that_freezes(running: Fallible) -> None:
    async with Witnesses(new_room()) as room:
        people = await room.crowd(running.nodes)
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
            await witness.until(lambda it=witness: it.texts == ["in the cold"], BACK_SECONDS)
        assert_heard(people, since)


async def test_a_broker_that_is_emptied(running: Fallible) -> None:
    async with Witnesses(new_room()) as room:
        people = await room.crowd(running.nodes)
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
        people = await room.crowd(running.nodes)
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
