"""One prefix in Redis that all nodes of a cluster write to, and others do not."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fortepiano.errors import StoreError
from fortepiano.store import ChatRecord, RoomRecord
from fortepiano.store.lease import Lease
from fortepiano.store.owner import this_process
from fortepiano.store.redis import RedisStore
from fortepiano.store.salts import SALTS
from support.one_of_each import HALL
from support.records import ANN, KICKED, LONG, until
from support.redis import RedisServer

pytestmark = pytest.mark.needs("redis-server")

ROOM = "Duets 🎹\n\0"


class Prefix:
    """A prefix in Redis, and the stores on it."""

    def __init__(self, redis: RedisServer, folder: Path, stack: ExitStack) -> None:
        self.redis = redis
        self._folder = folder
        self._stack = stack

    def opened(self, name: str, *, is_node: bool = True) -> RedisStore:
        """Open a store as a process of its own would have it."""
        lease = Lease(this_process(), is_of_cluster=is_node)
        store = RedisStore(self.redis.url, "test", self._folder / name / SALTS, lease)
        store.open()
        self._stack.callback(store.close)
        return store


@pytest.fixture
def prefix(redis_server: RedisServer, tmp_path: Path) -> Iterator[Prefix]:
    with redis_server.client() as client:
        client.flushall()
    with ExitStack() as stack:
        yield Prefix(redis_server, tmp_path, stack)


async def current(store: RedisStore, room: str) -> bool:
    """Wait until a store has what others wrote about a room."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bool] = loop.create_future()
    store.when_current(room, answer.set_result)
    return await asyncio.wait_for(answer, LONG)


async def opened_pair(prefix: Prefix) -> tuple[RedisStore, RedisStore]:
    # A store has a loop of its own while it opens.
    one, two = [await asyncio.to_thread(prefix.opened, name) for name in ("one", "two")]
    for store in (one, two):
        store.attach(asyncio.get_running_loop(), lambda: None)
    return one, two


class TestLease:
    def test_nodes_write_side_by_side(self, prefix: Prefix) -> None:
        one, two = prefix.opened("one"), prefix.opened("two")
        assert one.salts() == two.salts()
        one.save_user(ANN)
        two.save_ban(KICKED)
        for store in (one, two):
            until(store, lambda store=store: store.users() == [ANN] and store.bans() == [KICKED])
            assert store.healthy

    def test_lone_server_is_refused_while_a_node_lives(self, prefix: Prefix) -> None:
        one, two = prefix.opened("one"), prefix.opened("two")
        one.close()
        told = "a cluster of servers uses the prefix test; set `cluster.url` to be a node of it"
        with pytest.raises(StoreError, match=told):
            prefix.opened("alone", is_node=False)
        two.save_user(ANN)
        assert two.flush(LONG)

    def test_node_is_refused_where_a_lone_server_owns_the_prefix(self, prefix: Prefix) -> None:
        prefix.opened("alone", is_node=False)
        with pytest.raises(StoreError, match=r"process .* uses the prefix test"):
            prefix.opened("one")

    def test_lone_server_is_in_when_the_last_node_has_ended(self, prefix: Prefix) -> None:
        prefix.opened("one").close()
        began = time.monotonic()
        alone = prefix.opened("alone", is_node=False)
        assert alone.healthy
        assert time.monotonic() - began < 8


class TestRooms:
    """A permanent room that was on one node, and opens on another."""

    async def test_last_change_is_there_when_the_room_opens(self, prefix: Prefix) -> None:
        one, two = await opened_pair(prefix)
        for number in range(20):
            home, other = (one, two) if number % 2 else (two, one)
            record = RoomRecord(ROOM, {"limit": number + 1}, owner_id=f"{number}")
            home.save_room(record)
            home.save_chat(ROOM, (f'{{"m":"a","t":{number}}}',))
            home.save_ban(dataclasses.replace(KICKED, room=ROOM, reason=f"{number}"))
            saved: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            home.when_saved(saved.set_result)
            assert await asyncio.wait_for(saved, LONG)
            assert await current(other, ROOM)
            assert other.room(ROOM) == record
            assert other.chat(ROOM) == (f'{{"m":"a","t":{number}}}',)
            assert [ban.reason for ban in other.bans()] == [f"{number}"]

    async def test_what_has_ended_is_gone(self, prefix: Prefix) -> None:
        one, two = await opened_pair(prefix)
        one.save_room(HALL)
        one.save_chat(HALL.name, ("{}",))
        assert one.flush(LONG)
        assert await current(two, HALL.name)
        assert two.chats() == [ChatRecord(HALL.name, ("{}",))]
        two.remove_room(HALL.name)
        two.remove_chat(HALL.name)
        assert two.flush(LONG)
        assert await current(one, HALL.name)
        assert (one.rooms(), one.chats()) == ([], [])

    async def test_many_ask_at_once(self, prefix: Prefix) -> None:
        one, two = await opened_pair(prefix)
        for number in range(200):
            one.save_chat(f"room {number}", (f"{number}",))
        assert one.flush(LONG)
        answers = [current(two, f"room {number % 200}") for number in range(400)]
        assert all(await asyncio.gather(*answers))
        assert len(two.chats()) == 200

    async def test_a_redis_that_does_not_answer(self, prefix: Prefix) -> None:
        one, two = await opened_pair(prefix)
        one.save_chat(ROOM, ("1",))
        assert one.flush(LONG)
        prefix.redis.freeze()
        try:
            assert not await current(two, ROOM)
        finally:
            prefix.redis.thaw()
        until(two, lambda: two.healthy)
        assert await current(two, ROOM)
        assert two.chat(ROOM) == ("1",)
