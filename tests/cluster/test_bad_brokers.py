"""Brokers that are absent or refuse: the node serves alone, and says so in one line."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from support.cluster import Cluster
from support.recovery import until
from support.redis import RedisServer, run_redis
from support.server import Server
from support.websocket_clients import Client, Clients, new_room

SECRET = "opensesame"  # noqa: S105 (nobody's)
BACK_SECONDS = 20.0
WATCH_SECONDS = 4.0


@pytest.fixture
def store() -> Iterator[RedisServer]:
    with run_redis("--appendonly", "no") as running:
        yield running


@contextmanager
def node(store: RedisServer, broker: str, name: str = "piano") -> Iterator[Server]:
    """Run a node whose store is there, whatever its broker is."""
    settings = Cluster.store(store, "bad-broker")
    settings |= {"FORTEPIANO_CLUSTER__URL": broker, "FORTEPIANO_CLUSTER__NODE": name}
    server = Server(NODE_ENV="development", **settings)
    try:
        server.start()
        yield server
    finally:
        server.close()


def warnings(server: Server) -> list[str]:
    """Return the lines of the log that warn of the cluster or its broker."""
    lines = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
    return [
        json.dumps(line)
        for line in lines
        if line["level"] == "warning" and ("cluster" in str(line) or "broker" in str(line))
    ]


async def assert_plays(server: Server) -> None:
    """Assert that people on this node hear each other."""
    async with Clients(server) as clients:
        one, two = await clients.pair()
        await one.send({"m": "a", "message": "hello"})
        assert (await two.expect("a"))["a"] == "hello"


async def assert_serves_alone(server: Server) -> None:
    """Assert that people play, and that one line says why they are alone."""
    await assert_plays(server)
    await asyncio.sleep(WATCH_SECONDS)
    assert len(warnings(server)) == 1, warnings(server)
    assert SECRET not in server.log


async def hear_each_other(first: Server, second: Server) -> bool:
    """Tell whether two people in a new room, one on each server, hear each other."""
    room = new_room()
    one, two = await Client.open(first), await Client.open(second)
    for client in (one, two):
        await client.hello()
        await client.join(room)
    await one.send({"m": "a", "message": "hello"})
    await one.expect("a")
    await asyncio.sleep(0.2)
    heard = any(message["m"] == "a" for message in await two.received())
    await one.leave()
    await two.leave()
    return heard


async def assert_together(first: Server, second: Server) -> None:
    """Wait until two nodes are one server."""
    end = time.monotonic() + BACK_SECONDS
    while not await hear_each_other(first, second):
        assert time.monotonic() < end, first.log + second.log


async def test_an_absent_broker(store: RedisServer, tmp_path: Path) -> None:
    broker = RedisServer(tmp_path, "--appendonly", "no")
    with ExitStack() as stack:
        first = stack.enter_context(node(store, broker.url, "first"))
        await assert_serves_alone(first)
        stack.callback(broker.kill)
        broker.start()
        second = stack.enter_context(node(store, broker.url, "second"))
        await assert_together(first, second)


async def test_a_wrong_password(store: RedisServer) -> None:
    with (
        run_redis("--requirepass", "another") as broker,
        node(store, f"redis://:{SECRET}@127.0.0.1:{broker.port}/0") as server,
    ):
        await assert_serves_alone(server)
        assert "password" in warnings(server)[0].lower()


@pytest.mark.parametrize(
    "rights",
    [
        ("~*", "resetchannels", "+@all"),
        ("~*", "resetchannels", "&elsewhere:*", "+@all"),
        ("~*", "allchannels", "+@all", "-publish"),
        ("~elsewhere:*", "allchannels", "+@all"),
    ],
    ids=["no channels", "other channels", "no publish", "other keys"],
)
async def test_missing_rights(store: RedisServer, rights: tuple[str, ...]) -> None:
    with run_redis("--appendonly", "no") as broker:
        with broker.client() as client:
            client.execute_command("ACL", "SETUSER", "piano", "on", f">{SECRET}", *rights)
        with node(store, f"redis://piano:{SECRET}@127.0.0.1:{broker.port}/0") as server:
            await assert_serves_alone(server)


async def test_enough_rights(store: RedisServer) -> None:
    """The rights that docs/operating.md names."""
    with run_redis("--appendonly", "no") as broker, ExitStack() as stack:
        with broker.client() as client:
            rights = ("~{bad-broker}:*", "resetchannels", "&{bad-broker}:*", "+@all", "-@dangerous")
            client.execute_command("ACL", "SETUSER", "piano", "on", f">{SECRET}", *rights)
        url = f"redis://piano:{SECRET}@127.0.0.1:{broker.port}/0"
        servers = [stack.enter_context(node(store, url, name)) for name in ("first", "second")]
        await assert_together(*servers)
        assert not any(warnings(server) for server in servers)


async def test_a_broker_that_takes_no_writes(store: RedisServer) -> None:
    with (
        run_redis("--appendonly", "no") as master,
        run_redis("--appendonly", "no", "--replicaof", "127.0.0.1", str(master.port)) as broker,
        node(store, broker.url) as server,
    ):
        await assert_serves_alone(server)


async def test_something_else_on_that_port(store: RedisServer) -> None:
    def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")

    async with await asyncio.start_server(answer, "127.0.0.1") as mail:
        port = mail.sockets[0].getsockname()[1]
        with node(store, f"redis://127.0.0.1:{port}/0") as server:
            await assert_serves_alone(server)


async def test_a_broker_that_freezes_and_thaws(store: RedisServer) -> None:
    with run_redis("--appendonly", "no") as broker, ExitStack() as stack:
        nodes = [stack.enter_context(node(store, broker.url, name)) for name in ("one", "two")]
        await assert_together(*nodes)
        broker.freeze()
        await until(lambda: all(warnings(server) for server in nodes), BACK_SECONDS)
        for server in nodes:
            await assert_plays(server)
        broker.thaw()
        await assert_together(*nodes)
