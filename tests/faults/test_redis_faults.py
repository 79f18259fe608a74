"""Servers whose Redis is absent, killed, frozen and back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from support.recovery import assert_untroubled, delays, loop_lags, ready_again
from support.redis import RedisServer, run_redis
from support.server import Server, run_server
from support.supervised import run_to_its_end
from support.websocket_clients import Clients, new_address

pytestmark = pytest.mark.needs("redis-server")

BACK_SECONDS = 5.0
"""How long after Redis's return a server may take to use it again."""


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with run_redis() as running:
        yield running


@pytest.mark.timeout(120)
async def test_ban_by_a_command_throws_out(redis: RedisServer, room: str) -> None:
    with run_server(FORTEPIANO_STORE__URL=redis.url) as server:
        async with Clients(server) as clients:
            victim = await clients.enter(room, address=new_address())
            with server.command_of("bans", "add", victim.id, "--for", "1h") as command:
                output, _ = await asyncio.to_thread(command.communicate, timeout=30)
            banned = time.monotonic()
            assert command.returncode == 0, output
            assert await victim.closed() == 4008
            assert time.monotonic() - banned < 1.5  # a second, and the test's own time


@pytest.mark.timeout(120)
async def test_frozen_and_back(redis: RedisServer) -> None:
    """Redis takes connections and answers nothing: people play on, and no server starts."""
    settings = {"FORTEPIANO_STORE__URL": redis.url}
    with run_server(**settings) as server, closing(Server(**settings)) as late:
        redis.freeze()
        try:
            starting = asyncio.create_task(
                asyncio.to_thread(run_to_its_end, late, variables=settings)
            )
            async with Clients(server) as clients:
                ann, bea = await clients.pair()
                await ann.send({"m": "kickban", "_id": bea.id, "ms": 3_600_000})
                assert "not saved yet" in (await ann.expect("notification"))["text"]
                assert_untroubled(await delays(ann, starting.done))
                line, _ = await starting
                assert "store.url" in line
                assert max(await loop_lags(server)) <= 0.25
                redis.thaw()
                await ready_again(server, BACK_SECONDS)
                with redis.client() as client:
                    assert bea.id in " ".join(client.hkeys("{fortepiano}:ban"))
            server.excuse()
        finally:
            redis.thaw()


def unsaved_files(server: Server) -> list[Path]:
    """Return the files of changes that were not stored."""
    return list((server.folder / "data").glob("fortepiano-unsaved-*"))


@pytest.mark.timeout(120)
async def test_stopped_while_redis_is_away(redis: RedisServer) -> None:
    """A ban that was not stored is in a file in the data folder until the next start."""
    with closing(Server(FORTEPIANO_STORE__URL=redis.url)) as server:
        await asyncio.to_thread(server.start)
        async with Clients(server) as clients:
            ann, bea = await clients.pair()
            redis.kill()
            await ann.send({"m": "kickban", "_id": bea.id, "ms": 3_600_000})
            assert "not saved yet" in (await ann.expect("notification"))["text"]
        assert await asyncio.to_thread(server.stop) == 2
        (file,) = unsaved_files(server)
        assert f"are in data/{file.name}, and the next start takes" in server.log.splitlines()[-1]
        server.excuse()
        redis.start()
        await asyncio.to_thread(server.start)
        with redis.client() as client:
            assert bea.id in " ".join(client.hkeys("{fortepiano}:ban"))
        assert unsaved_files(server) == []


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_absent_killed_and_frozen(redis: RedisServer) -> None:
    redis.kill()
    settings = {"FORTEPIANO_STORE__URL": redis.url}
    server = Server(**settings)
    try:
        line, _ = await asyncio.to_thread(run_to_its_end, server, variables=settings)
        assert "store.url" in line
        await asyncio.to_thread(redis.start)
        await asyncio.to_thread(server.start)
        async with Clients(server) as clients:
            ann, bea = await clients.pair()
            banned: list[str] = []

            async def kickban(is_saved: bool) -> None:
                victim = await clients.enter(ann.room, address=new_address())
                await ann.send({"m": "kickban", "_id": victim.id, "ms": 3_600_000})
                told = await ann.expect("notification")
                assert ("not saved yet" not in told["text"]) == is_saved, told
                banned.append(victim.id)

            await kickban(is_saved=True)
            await asyncio.to_thread(redis.kill)
            await kickban(is_saved=False)
            await asyncio.to_thread(redis.start)
            await ready_again(server, BACK_SECONDS)
            await kickban(is_saved=True)

            redis.freeze()
            frozen = asyncio.create_task(asyncio.sleep(12))
            watching = asyncio.create_task(delays(bea, frozen.done))
            await kickban(is_saved=False)
            assert_untroubled(await watching)
            redis.thaw()
            await ready_again(server, BACK_SECONDS)
            await kickban(is_saved=True)

            # Killed without a farewell: what was acknowledged is there, and what came after it.
            server.kill()
            with redis.client() as client:
                kept = " ".join(client.hkeys("{fortepiano}:ban"))
            assert all(one in kept for one in banned)
        server.excuse()
    finally:
        redis.thaw()
        server.close()
