"""Messages of strangers, and names of rooms that would be something else as keys or channels."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import pytest

from support.cluster import Cluster
from support.websocket_clients import Clients, new_room


async def assert_plays(cluster: Cluster) -> None:
    """Assert that people on all nodes hear each other."""
    async with Clients(cluster) as clients:
        people = await clients.group(len(cluster.nodes))
        for person in people:
            await person.send({"m": "a", "message": person.id})
        for person in people:
            await person.received()
            lines = {message["a"] for message in person.log if message["m"] == "a"}
            assert lines == {other.id for other in people}


def garbage() -> Iterator[bytes]:
    """Yield messages that no node sends: of all kinds, cut off, long, and of other versions."""
    chance = random.Random(20)
    yield from (b"", b"\0", b"\xff" * 7, b"hello", b"x" * (1 << 20))
    for version, kind in itertools.product((0, 1, 2, 255), range(16)):
        for size in (6, 30, 200):
            yield bytes([version, kind]) + chance.randbytes(size)


def channels(cluster: Cluster) -> list[str]:
    """Return the channels to which the nodes listen, and one that nobody knows."""
    with cluster.redis.client() as client:
        found = client.pubsub_channels(f"{{{cluster.prefix}}}:*")
    return [*found, f"{{{cluster.prefix}}}:r:12345"]


async def test_garbage_of_a_stranger(trio: Cluster) -> None:
    async with Clients(trio) as clients:
        people = await clients.group(3)
        with trio.redis.client() as client:
            for channel, message in itertools.product(channels(trio), garbage()):
                client.publish(channel, message)
        for person in people:
            await person.received()
            await person.send({"m": "a", "message": person.id})
        for person in people:
            await person.received()
            lines = {message["a"] for message in person.log if message["m"] == "a"}
            assert lines == {other.id for other in people}
    await assert_plays(trio)
    for node in trio.nodes:
        told = [line for line in node.log.splitlines() if "what no node understands" in line]
        assert len(told) == 1, node.log


NAMES = [
    "{}",
    "}:n:1",
    "*",
    "a:b c",
    "\\x00 %00 ' \" ; --",
    "é🎹 نص",
    "KEYS * \\r\\n PUBLISH",
    "x" * 500,
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
async def test_strange_names_of_rooms(pair: Cluster, name: str) -> None:
    number = new_room()
    async with Clients(pair) as clients:
        people = [await clients.enter(name + number) for _ in range(2)]
        assert people[0].room == people[1].room
        await people[1].send({"m": "a", "message": "hello"})
        assert (await people[0].expect("a"))["a"] == "hello"
        with pair.redis.client() as client:
            assert not [key for key in client.keys() if number in key]
