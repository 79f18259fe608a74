"""The connection to the broker on a real Redis: the native one, and the reference on redis-py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from fortepiano.net.bus import BrokerBus
from support.bus_nodes import EVERYBODY, BusNode, MakeBus, inbox_of, until
from support.redis import RedisServer, run_redis
from support.reference.bus import ReferenceBus

pytestmark = [pytest.mark.needs("redis-server"), pytest.mark.timeout(60)]

OTHER = b"{test}:n:4"
"""The inbox of another node: what comes from there is garbage to a hub, and counted."""

Start = Callable[..., BusNode]


@pytest.fixture(params=[BrokerBus, ReferenceBus], ids=["native", "reference"])
def make(request: pytest.FixtureRequest) -> MakeBus:
    """The two implementations."""
    return request.param  # type: ignore[no-any-return]  # one of the parameters


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with run_redis("--appendonly", "no") as server:
        yield server


@pytest.fixture
async def start(make: MakeBus, redis: RedisServer) -> AsyncIterator[Start]:
    """Return a function that starts a node."""
    nodes: list[BusNode] = []

    def start_node(nid: int) -> BusNode:
        nodes.append(BusNode(make, redis.url, nid))
        return nodes[-1]

    yield start_node
    for node in nodes:
        await node.close()


@pytest.fixture
async def pair(start: Start) -> tuple[BusNode, BusNode]:
    """Two nodes that are connected."""
    nodes = start(1), start(2)
    await until(lambda: all(node.bus.is_up for node in nodes))
    return nodes


async def test_publications_keep_their_order_over_channels(pair: tuple[BusNode, BusNode]) -> None:
    near, far = pair
    for number in range(500):
        payload = b"%d" % number
        if number % 3:
            near.hub.post(2, payload)
        else:
            near.hub.post_all(payload)
        if number % 50 == 0:
            await asyncio.sleep(0)
    await until(lambda: len(far.heard()) >= 500)
    assert far.heard() == [b"%d" % number for number in range(500)]
    assert {event[1] for event in far.events} == {1}


async def test_bytes_of_all_kinds_and_sizes(pair: tuple[BusNode, BusNode]) -> None:
    near, far = pair
    sent = [bytes(range(256)), b"", b"\r\n$5\r\n", b"\xff" * (1 << 20), b"x" * 65_536, b"end"]
    for payload in sent:
        near.hub.post(2, payload)
    await until(lambda: len(far.heard()) >= len(sent))
    assert far.heard() == sent


async def test_both_directions_at_once(pair: tuple[BusNode, BusNode]) -> None:
    near, far = pair
    sent = [b"%d" % number * 2000 for number in range(200)]
    for payload in sent:
        near.hub.post(2, payload)
        far.hub.post(1, payload)
    await until(lambda: len(far.heard()) >= 200 and len(near.heard()) >= 200)
    assert near.heard() == far.heard() == sent


async def test_subscriptions_take_their_place_among_publications(
    pair: tuple[BusNode, BusNode],
) -> None:
    """A node that subscribes, and then asks another one to publish there, misses nothing."""
    near, _ = pair
    near.hub.post(4, b"before")
    near.bus.subscribe(OTHER)
    near.hub.post(4, b"while")
    near.bus.unsubscribe(OTHER)
    near.hub.post(4, b"between")
    near.bus.subscribe(OTHER)
    near.hub.post(4, b"again")
    near.hub.post(1, b"end")
    await until(lambda: near.heard() == [b"end"])
    assert near.bus.stats()["garbage"] == 2


async def test_subscribing_twice_is_as_once(pair: tuple[BusNode, BusNode]) -> None:
    near, _ = pair
    near.bus.unsubscribe(b"{test}:unknown")
    for _ in range(2):
        near.bus.subscribe(OTHER)
    near.hub.post(4, b"1")
    near.bus.unsubscribe(OTHER)
    near.hub.post(4, b"2")
    near.hub.post(1, b"end")
    await until(lambda: near.heard() == [b"end"])
    assert near.bus.stats()["garbage"] == 1


async def test_reconnect_after_a_restart(pair: tuple[BusNode, BusNode], redis: RedisServer) -> None:
    near, far = pair
    far.bus.subscribe(OTHER)
    redis.kill()
    await until(lambda: not near.bus.is_up and not far.bus.is_up)
    near.hub.post(2, b"lost")
    await asyncio.sleep(0.1)
    redis.start()
    await until(lambda: near.states[-1] == far.states[-1] == "up", 20)
    assert [state == "up" for state in near.states] == [True, False, True]
    assert far.bus.stats()["reconnects"] == 1
    near.hub.post(4, b"still subscribed")
    near.hub.post(2, b"found")
    await until(lambda: far.heard() == [b"found"])
    assert far.bus.stats()["garbage"] == 1


async def test_reconnect_after_client_kill(
    pair: tuple[BusNode, BusNode], redis: RedisServer
) -> None:
    near, far = pair
    with redis.client() as client:
        assert client.execute_command("CLIENT", "KILL", "TYPE", "pubsub") == 2
    await until(lambda: near.states.count("up") == far.states.count("up") == 2)
    near.hub.post(2, b"here again")
    await until(lambda: far.heard() == [b"here again"])


async def test_frozen_broker_is_noticed_by_missing_beats(
    pair: tuple[BusNode, BusNode], redis: RedisServer
) -> None:
    near, _ = pair
    redis.freeze()
    try:
        await until(lambda: not near.bus.is_up, 5)
        near.hub.post(2, b"lost")
    finally:
        redis.thaw()
    await until(lambda: near.states[-1] == "up", 20)


async def test_start_before_the_broker(start: Start, redis: RedisServer) -> None:
    redis.kill()
    node = start(1)
    await until(lambda: node.states)
    assert "refused" in node.states[0] or "connect" in node.states[0]
    redis.start()
    await until(lambda: node.bus.is_up)
    assert node.states[1:] == ["up"]


async def test_garbage_of_strangers_is_ignored(
    pair: tuple[BusNode, BusNode], redis: RedisServer
) -> None:
    near, far = pair
    with redis.client() as client:
        for channel in (EVERYBODY, inbox_of(2)):
            for text in (b"", b"hello", b"\x01", b"\x02" * 100, b"*1\r\n$4\r\nPING\r\n"):
                client.publish(channel.decode(), text)
    near.hub.post(2, b"sound")
    await until(lambda: far.heard())
    assert far.heard() == [b"sound"]
    assert far.bus.stats()["garbage"] == 10
    assert near.bus.stats()["garbage"] == 5
    assert far.bus.is_up
