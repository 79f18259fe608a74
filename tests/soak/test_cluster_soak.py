"""A cluster in which a node dies every 20 seconds, for `FORTEPIANO_SOAK_SECONDS`."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Iterator

import pytest

from support.fallible import Fallible, fallible_cluster
from support.server import Server
from support.websocket_clients import new_room
from support.witness import Witness, Witnesses

SECONDS = int(os.environ.get("FORTEPIANO_SOAK_SECONDS", "1200"))
_KILL_SECONDS = 20.0
_PEOPLE = 8

pytestmark = [
    pytest.mark.ops,
    pytest.mark.needs("redis-server"),
    pytest.mark.timeout(SECONDS + 300),
]


@pytest.fixture
def running() -> Iterator[Fallible]:
    with fallible_cluster() as made:
        yield made


async def _return(room: Witnesses, nodes: list[Server]) -> None:
    """Let those whose node has died come back at others."""
    for witness in [one for one in room.all if one.is_closed]:
        room.all.remove(witness)
        await witness.leave()
        there = await Witness.enter(random.choice(nodes), room.room, witness.number)
        room.all.append(there)


async def test_nodes_die_all_the_time(running: Fallible) -> None:
    await asyncio.to_thread(running.ready)
    end, sizes = time.monotonic() + SECONDS, list[int]()
    async with Witnesses(new_room()) as room:
        for number in range(_PEOPLE):
            await room.enter(running.nodes[number % len(running.nodes)])
        while time.monotonic() < end:
            victim = random.choice(running.nodes)
            await asyncio.to_thread(victim.kill)
            rest = [node for node in running.nodes if node is not victim]
            await asyncio.sleep(_KILL_SECONDS / 4)
            await _return(room, rest)
            await room.together(room.all, 15)  # a node that has just started buries nobody
            await asyncio.to_thread(Server.start, victim)
            await asyncio.sleep(_KILL_SECONDS * 3 / 4)
            await room.together(room.all, 5)
            sizes.append(max(node.resident_bytes for node in rest))
            left = await asyncio.to_thread(running.left_behind)
            assert not left, left
        assert running.keys() >= {room.room}
    await asyncio.sleep(3)
    homes = await asyncio.to_thread(running.keys)
    print(f"{len(sizes)} nodes were killed; most MB: {[size >> 20 for size in sizes]}")
    assert room.room not in homes, homes
    half = len(sizes) // 2
    if half > 5:
        assert max(sizes[half:]) < max(sizes[:half]) * 1.2, sizes
