"""Servers whose Redis is absent, killed, frozen and back, and two servers on one Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from support.recovery import assert_untroubled, delays, loop_lags, ready_again, until
from support.redis import RedisServer, run_redis
from support.server import Server, run_server
from support.websocket_clients import Clients, new_address

pytestmark = pytest.mark.needs("redis-server")

BACK_SECONDS = 5.0
"""How long after Redis's return a server may take to use it again."""


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with run_redis() as running:
        yield running


@pytest.mark.timeout(120)
async def test_ban_in_one_server_throws_out_of_the_other(redis: RedisServer, room: str) -> None:
    settings = {"FORTEPIANO_STORE__URL": redis.url, "SALT1": "one grain", "SALT2": "another"}
    with closing(Server(**settings)) as mint:
        # Before the servers start: one that runs takes a moment to see a new token.
        token = await asyncio.to_thread(mint.make_token, "admin")
    with run_server(**settings) as one, run_server(**settings) as two:
        async with Clients(one) as here, Clients(two) as there:
            address = new_address()
            admin = await here.enter(room, address=new_address(), token=token)
            victim = await there.enter(room, address=address)
            twin = await here.enter(room, address=address)
            assert twin.id == victim.id
            began = time.monotonic()
            await admin.send(
                {"m": "siteban", "id": victim.id, "duration": 3_600_000, "reason": "Spamming"}
            )
            assert await victim.closed() == 4008
            assert time.monotonic() - began < 1.5  # a second, and the test's own time
            assert await twin.closed() == 4008


@pytest.mark.timeout(120)
async def test_two_servers_on_one_redis_share_what_is_stored_and_no_rooms(
    redis: RedisServer, room: str
) -> None:
    """A room of one name is a room in each server, and the end of one server leaves no ghosts."""
    settings = {"FORTEPIANO_STORE__URL": redis.url, "SALT1": "one grain", "SALT2": "another"}
    with run_server(**settings) as one, run_server(**settings) as two:
        async with Clients(one) as here, Clients(two) as there:
            ann = await here.enter(room, address=new_address())
            bea = await there.enter(room, address=new_address())
            await ann.send({"m": "a", "message": "Is anybody here?"})
            assert [message["m"] for message in await ann.received()] == ["a"]
            await bea.assert_silent()
            one.kill()
            again = await there.enter(room, address=ann.address)
            assert again.id == ann.id
            people = (await again.join(room))["ppl"]
            assert {person["_id"] for person in people} == {again.id, bea.id}
        two.excuse()


@pytest.mark.timeout(120)
async def test_frozen_and_back(redis: RedisServer) -> None:
    """Redis takes connections and answers nothing: at the start of one server, later of another."""
    with run_server(FORTEPIANO_STORE__URL=redis.url) as server:
        late = Server(FORTEPIANO_STORE__URL=redis.url)
        try:
            redis.freeze()
            starting = asyncio.create_task(asyncio.to_thread(late.start))
            async with Clients(server) as clients:
                ann, bea = await clients.pair()
                over = asyncio.create_task(until(lambda: "listening" in late.log, 30))
                await ann.send({"m": "kickban", "_id": bea.id, "ms": 3_600_000})
                assert "not saved yet" in (await ann.expect("notification"))["text"]
                assert_untroubled(await delays(ann, over.done))
                await over
                assert max(await loop_lags(server)) <= 0.25
                async with Clients(late) as others:
                    await others.pair()  # people play there too
                redis.thaw()
                for one in (server, late):
                    await ready_again(one, BACK_SECONDS)
                await starting
                with redis.client() as client:
                    assert bea.id in " ".join(client.hkeys("{fortepiano}:ban"))
            server.excuse()
            late.excuse()
        finally:
            redis.thaw()
            late.close()


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
    server = Server(FORTEPIANO_STORE__URL=redis.url)
    try:
        # Without Redis it is not ready, but it serves.
        starting = asyncio.create_task(asyncio.to_thread(server.start))
        await until(lambda: "listening" in server.log, 30)
        async with Clients(server) as clients:
            ann, bea = await clients.pair()
            banned: list[str] = []

            async def kickban(is_saved: bool) -> None:
                victim = await clients.enter(ann.room, address=new_address())
                await ann.send({"m": "kickban", "_id": victim.id, "ms": 3_600_000})
                told = await ann.expect("notification")
                assert ("not saved yet" not in told["text"]) == is_saved, told
                banned.append(victim.id)

            await kickban(is_saved=False)
            assert not await asyncio.to_thread(server.is_ready)
            await asyncio.to_thread(redis.start)
            await ready_again(server, BACK_SECONDS)
            await starting
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
