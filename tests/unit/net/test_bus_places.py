"""Where a broker can be: a Unix socket, behind TLS, and where sentinels say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fortepiano.net.bus import BrokerBus
from support.bus_nodes import BusNode, inbox_of, until
from support.redis import RedisServer, run_redis
from support.server import free_port
from support.tls_proxies import make_certificate

pytestmark = [pytest.mark.needs("redis-server"), pytest.mark.timeout(60)]

LARGE = b"x" * (1 << 20)


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with run_redis("--appendonly", "no") as server:
        yield server


@asynccontextmanager
async def started(url: str) -> AsyncIterator[BusNode]:
    node = BusNode(BrokerBus, url, 1)
    try:
        yield node
    finally:
        await node.close()


async def assert_works(url: str) -> None:
    """Assert that a node hears itself through the broker."""
    async with started(url) as node:
        await until(lambda: node.bus.is_up)
        for payload in (b"small", LARGE, b"last"):
            node.hub.post(1, payload)
        await until(lambda: node.heard() == [b"small", LARGE, b"last"])
        assert node.states == ["up"]


async def test_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with run_redis("--unixsocket", str(path), "--requirepass", "") as server:
        await assert_works(f"unix://{path}?db=2")
        with server.client() as client:
            client.config_set("requirepass", "sesame")
        await assert_works(f"unix://:sesame@{path}")


async def test_no_unix_socket(tmp_path: Path) -> None:
    async with started(f"unix://{tmp_path}/nothing") as node:
        await until(lambda: node.states)
        assert node.states == ["the broker cannot be reached: No such file or directory"]


async def test_tls(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    port = free_port()
    options = ("--tls-port", str(port), "--tls-auth-clients", "no")
    files = ("--tls-cert-file", str(certificate.pem), "--tls-key-file", str(certificate.key))
    with run_redis(*options, *files) as server:
        await assert_works(f"rediss://localhost:{port}?ssl_ca_certs={certificate.pem}")
        async with started(f"rediss://localhost:{port}") as node:
            await until(lambda: node.states)
            assert node.states[0].startswith("the broker has a certificate that is not accepted: ")
        async with started(f"redis://localhost:{port}") as node:
            await until(lambda: node.states)
            assert node.states[0].startswith("the broker has closed the connection")
        async with started(f"rediss://localhost:{port}?ssl_ca_certs={certificate.pem}") as node:
            await until(lambda: node.bus.is_up)
            server.freeze()
            await until(lambda: not node.bus.is_up, 5)
            server.thaw()
            await until(lambda: node.bus.is_up, 10)


@pytest.fixture
def sentinel(redis: RedisServer, tmp_path: Path) -> Iterator[RedisServer]:
    """A sentinel that watches the Redis as `main`."""
    config = tmp_path / "sentinel.conf"
    config.write_text(f"sentinel monitor main 127.0.0.1 {redis.port} 1\n")
    server = RedisServer(tmp_path)
    try:
        server.start_sentinel(config)
        yield server
    finally:
        server.kill()


async def test_sentinels(sentinel: RedisServer) -> None:
    url = f"redis+sentinel://127.0.0.1:{free_port()},127.0.0.1:{sentinel.port}"
    await assert_works(f"{url}/main")
    async with started(f"{url}/unknown") as node:
        await until(lambda: node.states)
        assert node.states == [
            "the broker is unknown to all sentinels that answer: check the name of the service"
        ]
    async with started(sentinel.url) as node:
        await until(lambda: node.states)
        assert node.states == ["the broker is a sentinel: redis+sentinel://host/service"]


async def test_sentinels_are_asked_at_each_attempt(
    redis: RedisServer, sentinel: RedisServer
) -> None:
    with run_redis("--appendonly", "no") as other:
        async with started(f"redis+sentinel://127.0.0.1:{sentinel.port}/main") as node:
            await until(lambda: node.bus.is_up)
            with sentinel.client() as client:
                client.execute_command("SENTINEL", "REMOVE", "main")
                client.execute_command("SENTINEL MONITOR", "main", "127.0.0.1", other.port, 1)
            redis.kill()
            await until(lambda: node.states[2:] == ["up"], 20)
            with other.client() as client:
                assert client.pubsub_numsub("{test}:n:1") == [("{test}:n:1", 1)]


async def test_too_much_unsent(redis: RedisServer) -> None:
    """A broker that takes nothing is left before the node has no memory any more."""
    async with started(redis.url) as node:
        await until(lambda: node.bus.is_up)
        redis.freeze()
        for _ in range(40):
            node.hub.post(2, LARGE)
            await asyncio.sleep(0)
        await until(lambda: not node.bus.is_up, 2)
        assert node.states[1:] == ["the broker takes too slowly what this node publishes"]
        dropped = node.bus.stats()["dropped"]
        node.hub.post(2, LARGE)
        await until(lambda: node.bus.stats()["dropped"] == dropped + 1)
        assert not node.hub.take_publications()
        redis.thaw()
        await until(lambda: node.bus.is_up, 15)


async def test_what_was_posted_before_the_end_arrives(redis: RedisServer) -> None:
    async with started(redis.url) as far:
        near = BusNode(BrokerBus, redis.url, 2)
        await until(lambda: near.bus.is_up and far.bus.is_up)
        for number in range(100):
            near.hub.post(1, b"%d" % number)
        await near.close()
        assert not near.bus.is_up
        await until(lambda: len(far.heard()) == 100)


async def test_another_inbox(redis: RedisServer) -> None:
    """A node that was given up, and has joined again, has another number and another inbox."""
    async with started(redis.url) as node:
        await until(lambda: node.bus.is_up)
        assert isinstance(node.bus, BrokerBus)
        for _ in range(2):
            node.bus.move_inbox(inbox_of(3))
        with redis.client() as client:
            await until(lambda: client.pubsub_channels("*:n:*") == ["{test}:n:3"])
        await asyncio.sleep(2.2)  # the beats go to the new one
        assert node.states == ["up"]
        assert node.bus._connection.beats_missing < 2
