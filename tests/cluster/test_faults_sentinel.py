"""A broker that fails over: sentinels make a replica the master, which may know less."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from support.fallible import Fallible, fallible_cluster
from support.sentinels import Sentinels, run_sentinels
from support.websocket_clients import new_room
from support.witness import HEARD_SECONDS, Witnesses, longest_silence

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(150)]

FAILOVER_SECONDS = 15.0
"""How long sentinels may take to agree, and nodes to come together again."""


@pytest.fixture
def sentinels() -> Iterator[Sentinels]:
    with run_sentinels() as made:
        yield made


@pytest.fixture
def running(sentinels: Sentinels) -> Iterator[Fallible]:
    with fallible_cluster(broker=sentinels.master, broker_url=sentinels.url) as made:
        yield made


@pytest.mark.parametrize("loses", [False, True], ids=["whole", "loses the last changes"])
async def test_a_failover(running: Fallible, sentinels: Sentinels, loses: bool) -> None:
    async with Witnesses(new_room()) as before, Witnesses(new_room()) as room:
        first = await before.crowd(running.nodes)
        if loses:
            with sentinels.master.client() as client:
                client.execute_command("CLIENT", "KILL", "TYPE", "replica")
            sentinels.replica.freeze()
        people = await room.crowd(running.nodes)  # whose claim the replica does not hear of
        since = time.monotonic()
        sentinels.master.kill()
        sentinels.replica.thaw()
        await asyncio.sleep(2)
        await people[0].speak("at home")
        await people[2].speak("at the edge")
        took = await room.together(people, FAILOVER_SECONDS) + 2
        print(f"a failover: one room again after {took:.1f} s")
        for witness in people:
            await witness.until(
                lambda it=witness: (
                    sorted(line["a"] for line in it.lines) == ["at home", "at the edge"]
                ),
                FAILOVER_SECONDS,
            )
        await before.together(first, FAILOVER_SECONDS)
        for one, two in ((people[0], people[1]), (people[2], people[3])):
            silence = longest_silence(one, two, since)
            print(f"longest silence on one node: {silence:.2f} s")
            assert silence < HEARD_SECONDS
        assert room.room in await asyncio.to_thread(running.keys, sentinels.replica)
