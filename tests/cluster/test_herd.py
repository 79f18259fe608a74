"""A node dies, and all of its people come back at the others in the same moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from support.crowd import many_files
from support.fallible import Fallible, fallible_cluster
from support.server import NOBODY_IS_EXEMPT
from support.storm import Storm
from support.websocket_clients import new_room
from support.witness import HEARD_SECONDS, Witnesses, longest_silence

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

MOST = 5000

BACK_SECONDS = 15.0
"""How long the last of them may take to be in the room again."""


@pytest.fixture
def running() -> Iterator[Fallible]:
    many_files(MOST)
    with fallible_cluster(**NOBODY_IS_EXEMPT) as made:
        made.ready()
        yield made


@pytest.mark.parametrize("count", [500, pytest.param(MOST, marks=pytest.mark.slow)])
async def test_a_herd_comes_back(running: Fallible, count: int) -> None:
    lost, *rest = running.nodes
    with closing(Storm(lost, count)) as herd:
        await asyncio.to_thread(herd.come, 120.0)
        async with Witnesses(new_room()) as room:
            people = [await room.enter(node) for node in (*rest, *rest)]
            await room.together(people, 10)
            since = time.monotonic()
            await asyncio.to_thread(lost.kill)
            herd.turn_to(*rest)
            took = await asyncio.to_thread(herd.come, 120.0)
            print(f"{count} come back: all in their rooms after {took:.1f} s")
            assert took < BACK_SECONDS
            for one, two in ((people[0], people[2]), (people[1], people[3])):
                silence = longest_silence(one, two, since)
                print(f"longest silence of others on one node: {silence:.2f} s")
                assert silence < HEARD_SECONDS
            await room.together(people, 5)
