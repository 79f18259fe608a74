"""Nodes that must not be in one cluster, servers that are in none, and messages of strangers."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from support.cluster import Cluster
from support.recovery import until
from support.redis import run_redis
from support.server import Server, run_server
from support.websocket_clients import Clients, new_room

LAST = "node-9"


@contextmanager
def one_more(cluster: Cluster, **settings: str) -> Iterator[Server]:
    """A server with the settings of a cluster's nodes, except for these; it does not run yet."""
    shared = Cluster.store(cluster.redis, cluster.prefix)
    shared |= {"FORTEPIANO_CLUSTER__URL": cluster.redis.url, "FORTEPIANO_CLUSTER__NODE": LAST}
    server = Server(**shared | settings)
    try:
        yield server
    finally:
        server.close()


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


async def test_two_nodes_of_one_name(pair: Cluster) -> None:
    with one_more(pair, FORTEPIANO_CLUSTER__NODE="node-1") as second:
        line = second.refusal()
    assert "cluster.node" in line
    assert "node-1" in line
    await assert_plays(pair)


def test_a_name_is_free_again_after_a_stop(pair: Cluster) -> None:
    with one_more(pair) as server:
        server.start()
        server.stop()
        server.start()


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"SALT1": "pepper", "SALT2": "sugar"}, "salt"),
        ({"NODE_ENV": "development"}, "identity.mode"),
        ({"FORTEPIANO_IDENTITY__MODE": "token"}, "identity.mode"),
    ],
    ids=["salts", "development", "tokens"],
)
def test_nodes_that_know_people_by_other_ids(
    pair: Cluster, settings: dict[str, str], name: str
) -> None:
    with one_more(pair, **settings) as server:
        line = server.refusal()
    assert name in line
    assert "node-" in line
    assert "pepper" not in line
    assert line.count("\n") <= 2, line


def test_keys_of_tokens_that_differ() -> None:
    settings = {"FORTEPIANO_IDENTITY__MODE": "token", "FORTEPIANO_CLUSTER__NODE": "first"}
    with run_redis("--appendonly", "no") as redis:
        shared = Cluster.store(redis, "keys") | {"FORTEPIANO_CLUSTER__URL": redis.url}
        with run_server(**shared, **settings):
            second = Server(**shared, **settings | {"FORTEPIANO_CLUSTER__NODE": "second"})
            try:
                line = second.refusal()
            finally:
                second.close()
    assert "keys.json" in line
    assert "first" in line


async def test_other_rules_are_warned_about(pair: Cluster) -> None:
    with one_more(pair, FORTEPIANO_RULES__CROWN_IDLE_MS="17") as server:
        server.start()
        await until(lambda: "rules.crown_idle_ms" in server.log, 5)
        (line,) = [each for each in server.log.splitlines() if "rules.crown_idle_ms" in each]
    assert json.loads(line)["level"] == "warning"
    assert "node-" in line


def test_a_server_alone_on_the_prefix_of_a_cluster(pair: Cluster) -> None:
    alone = Server(**Cluster.store(pair.redis, pair.prefix))
    try:
        line = alone.refusal()
    finally:
        alone.close()
    assert pair.prefix in line
    assert line.count("\n") == 1, line


def test_a_node_on_the_prefix_of_a_server_alone() -> None:
    with run_redis("--appendonly", "no") as redis:
        store = Cluster.store(redis, "alone")
        with run_server(**store):
            node = Server(**store, FORTEPIANO_CLUSTER__URL=redis.url)
            try:
                line = node.refusal()
            finally:
                node.close()
    assert "alone" in line
    assert line.count("\n") == 1, line


def test_a_cluster_needs_a_store_that_all_share() -> None:
    with run_redis("--appendonly", "no") as redis:
        node = Server(FORTEPIANO_CLUSTER__URL=redis.url)
        try:
            line = node.refusal()
        finally:
            node.close()
    assert "store.url" in line


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
        told = [line for line in node.log.splitlines() if "garbage" in line or "unreadable" in line]
        assert len(told) <= 2, told


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
