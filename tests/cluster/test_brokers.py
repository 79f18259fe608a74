"""Brokers with few rights, brokers that are none, and brokers that stand still.

tests/e2e/test_cluster_start.py has those that refuse, and those that come later.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from support.cluster import Cluster
from support.recovery import until
from support.redis import RedisServer, run_redis
from support.server import Server
from support.websocket_clients import Clients, new_room

OPERATING = Path(__file__).parents[2] / "docs" / "operating.md"
SOON = 40.0
WATCH_SECONDS = 4.0


@pytest.fixture
def store() -> Iterator[RedisServer]:
    with run_redis("--appendonly", "no") as running:
        yield running


@contextmanager
def node(store: RedisServer, broker: str, name: str = "piano") -> Iterator[Server]:
    """Run a node whose store is there, whatever its broker is."""
    settings = Cluster.store(store, "fortepiano")
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


async def hear_each_other(first: Server, second: Server) -> bool:
    """Tell whether two people in a new room, one on each server, hear each other soon."""
    room = new_room()
    async with Clients(first) as here, Clients(second) as there:
        try:
            one, two = await here.enter(room), await there.enter(room)
            await one.send({"m": "a", "message": "hello"})
            await two.expect("a", within=1)
        except AssertionError:
            return False
        return True


async def assert_together(first: Server, second: Server) -> None:
    """Wait until two nodes are one server."""
    end = time.monotonic() + SOON
    while not await hear_each_other(first, second):
        assert time.monotonic() < end, first.log + second.log


async def test_the_rights_that_are_documented_are_enough(store: RedisServer) -> None:
    found = re.search(r"`ACL\s+SETUSER\s+(.+?)`", OPERATING.read_text(), re.DOTALL)
    assert found
    with run_redis("--appendonly", "no") as broker, ExitStack() as stack:
        with broker.client() as client:
            client.execute_command("ACL", "SETUSER", *found[1].split())
        url = f"redis://fortepiano:password@127.0.0.1:{broker.port}/0"
        servers = [stack.enter_context(node(store, url, name)) for name in ("first", "second")]
        await assert_together(*servers)
        assert not any(warnings(server) for server in servers)


async def test_something_else_on_that_port(store: RedisServer) -> None:
    def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1") as mail:
        url = f"redis://127.0.0.1:{mail.sockets[0].getsockname()[1]}/0"
        with ExitStack() as stack:
            server = await asyncio.to_thread(stack.enter_context, node(store, url))
            async with Clients(server) as clients:
                one, two = await clients.pair()
                await one.send({"m": "a", "message": "hello"})
                await two.expect("a")
            await asyncio.sleep(WATCH_SECONDS)
            assert len(warnings(server)) == 1, warnings(server)


@pytest.mark.timeout(120)
async def test_one_that_stands_still_for_a_while(store: RedisServer) -> None:
    with run_redis("--appendonly", "no") as broker, ExitStack() as stack:
        nodes = [stack.enter_context(node(store, broker.url, name)) for name in ("one", "two")]
        await assert_together(*nodes)
        broker.freeze()
        await until(lambda: all(warnings(server) for server in nodes), SOON)
        broker.thaw()
        await assert_together(*nodes)
