"""A master that becomes a replica, while its name or path leads to another Redis from then on."""

from __future__ import annotations

import asyncio
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from fortepiano.store import UserRecord
from fortepiano.store.lease import Lease
from fortepiano.store.owner import this_process
from fortepiano.store.redis import RedisStore
from fortepiano.store.salts import SALTS
from support.recovery import until
from support.redis import RedisServer
from support.server import run_server
from support.websocket_clients import Clients, new_address

pytestmark = [pytest.mark.needs("redis-server"), pytest.mark.timeout(120)]

SWITCH_SECONDS = 5.0
"""How long after the switch writes may take to arrive at the new master."""

HOST = "store.piano.test"


@contextmanager
def two_redis() -> Iterator[tuple[RedisServer, RedisServer]]:
    """Run two Redis servers; the second one is a replica of the first."""
    with ExitStack() as stack:
        first, second = (started(stack) for _ in range(2))
        replicate(second, first)
        yield first, second


def started(stack: ExitStack) -> RedisServer:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="fortepiano-redis-"))
    server = RedisServer(Path(folder), "--unixsocket", f"{folder}/socket")
    stack.callback(server.kill)
    server.start()
    return server


def replicate(replica: RedisServer, master: RedisServer) -> None:
    """Make a Redis the replica of another one, and wait until it has its data."""
    with replica.client() as client:
        client.replicaof("127.0.0.1", str(master.port))
        wait_for(lambda: client.info("replication").get("master_link_status") == "up")


def wait_for(reached: Callable[[], bool]) -> None:
    """Wait for something that Redis does by itself."""
    deadline = time.monotonic() + 20
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def fail_over(old: RedisServer, new: RedisServer) -> None:
    """Make the replica the master, and the old master its replica: connections stay open."""
    with new.client() as client:
        client.replicaof("NO", "ONE")
    with old.client() as client:
        client.replicaof("127.0.0.1", str(new.port))


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The port to which `HOST` leads, whatever port the URL has; the last one counts."""
    ports: list[int] = []
    resolve = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if host == HOST:
            return resolve("127.0.0.1", ports[-1], *args, **options)
        return resolve(host, port, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return ports


@pytest.mark.parametrize("is_leased", [True, False])
async def test_writes_follow_the_name(resolved: list[int], tmp_path: Path, is_leased: bool) -> None:
    """A `READONLY` inside a script ends the connection, and the name is resolved again."""
    with two_redis() as (first, second):
        resolved.append(first.port)
        lease = Lease(this_process()) if is_leased else None
        store = RedisStore(f"redis://{HOST}:1/0", "test", tmp_path / SALTS, lease)
        await asyncio.to_thread(store.open)  # which runs a loop of its own
        with closing(store), second.client() as client:
            fail_over(first, second)
            resolved.append(second.port)
            user = UserRecord("a" * 24, "Ann", "#112233", 1, 1)
            store.save_user(user)
            await until(lambda: "Ann" in str(client.hvals("{test}:user")), SWITCH_SECONDS)
            await until(lambda: store.healthy, SWITCH_SECONDS)


async def test_server_without_anything_to_write_follows_too(
    resolved: list[int], tmp_path: Path
) -> None:
    """Reading alone would go on at a replica, which one day is behind."""
    with two_redis() as (first, second):
        resolved.append(first.port)
        store = RedisStore(f"redis://{HOST}:1/0", "test", tmp_path / SALTS, Lease(this_process()))
        await asyncio.to_thread(store.open)  # which runs a loop of its own
        with closing(store), second.client() as client:
            fail_over(first, second)
            resolved.append(second.port)
            connected = {row["id"] for row in client.client_list()}

            def is_here() -> bool:
                return any(
                    row["id"] not in connected and row["cmd"] == "eval"
                    for row in client.client_list()
                )

            await until(is_here, SWITCH_SECONDS)


async def test_whole_server_follows_a_socket_that_is_moved(tmp_path: Path, room: str) -> None:
    with two_redis() as (first, second):
        current = tmp_path / "redis.sock"
        current.symlink_to(first.folder / "socket")
        with run_server(FORTEPIANO_STORE__URL=f"unix://{current}") as server:
            async with Clients(server) as clients:
                ann = await clients.enter(room, address=new_address())
                bea = await clients.enter(room, address=new_address())
                fail_over(first, second)
                current.unlink()
                current.symlink_to(second.folder / "socket")
                await ann.send({"m": "kickban", "_id": bea.id, "ms": 3_600_000})
                with second.client() as client:
                    await until(
                        lambda: bea.id in " ".join(client.hkeys("{fortepiano}:ban")),
                        SWITCH_SECONDS,
                    )
                await until(server.is_ready, SWITCH_SECONDS)
            server.excuse()
