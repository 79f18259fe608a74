"""The store in Redis: restarts, several processes on one Redis, and a Redis that comes and goes."""

from __future__ import annotations

import asyncio
import dataclasses
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import orjson
import pytest
import structlog.testing

from fortepiano.config import Settings, StoreSettings
from fortepiano.errors import StoreError
from fortepiano.store import (
    AuditQuery,
    RoomRecord,
    UserRecord,
    open_store,
)
from fortepiano.store.redis import VERSION, RedisStore
from fortepiano.store.redis_transaction import STREAM_LENGTH
from fortepiano.store.salts import SALTS
from support.one_of_each import ANN, BANNED, HALL, KICKED, TOKEN, assert_filled, fill
from support.records import LONG, NOW, until
from support.redis import RedisServer, run_redis

pytestmark = pytest.mark.needs("redis-server")


class Makers:
    """Makes stores as processes of their own would have them, and closes them in the end."""

    def __init__(self, folder: Path, closing: ExitStack) -> None:
        self.folder = folder
        self._closing = closing

    def opened(self, server: RedisServer, name: str = "data", **options: float) -> RedisStore:
        """Open a store with a data folder."""
        store = RedisStore(server.url, "test", self.folder / name / SALTS, **options)
        store.open()
        self._closing.callback(store.close)
        return store


@pytest.fixture
def makers(tmp_path: Path) -> Iterator[Makers]:
    with ExitStack() as stack:
        yield Makers(tmp_path, stack)


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with run_redis() as running:
        yield running


@pytest.fixture
def steady(redis_server: RedisServer) -> RedisServer:
    """A Redis that is never harmed, empty."""
    with redis_server.client() as client:
        client.flushall()
    return redis_server


class TestRestart:
    def test_everything_is_still_there(self, steady: RedisServer, makers: Makers) -> None:
        store = makers.opened(steady)
        salts, act = store.salts(), fill(store)
        store.close()
        again = makers.opened(steady, "elsewhere")
        assert_filled(again)
        assert again.salts() == salts
        assert again.audit(AuditQuery()) == [act]

    def test_one_store_can_be_opened_again(self, steady: RedisServer, makers: Makers) -> None:
        store = makers.opened(steady)
        fill(store)
        store.close()
        store.open()
        assert_filled(store)

    def test_ended_bans_are_forgotten(self, steady: RedisServer, makers: Makers) -> None:
        store = makers.opened(steady)
        store.save_ban(dataclasses.replace(KICKED, until=NOW - 1))
        store.save_ban(BANNED)
        store.close()
        assert makers.opened(steady).bans() == [BANNED]
        third = makers.opened(steady)
        until(third, lambda: third.bans() == [BANNED])

    @pytest.mark.timeout(240)  # a machine that is busy with other things may starve Redis
    def test_ten_thousand_bans(self, steady: RedisServer, makers: Makers) -> None:
        bans = {dataclasses.replace(KICKED, subject=f"{one:024x}") for one in range(10_000)}
        store, other = makers.opened(steady), makers.opened(steady)
        for ban in bans:
            store.save_ban(ban)
        assert store.flush(8 * LONG)
        until(other, lambda: len(other.bans()) == len(bans), 8 * LONG)
        assert set(other.bans()) == bans
        store.close()
        assert set(makers.opened(steady).bans()) == bans

    def test_what_redis_cannot_hold_is_replaced(self, steady: RedisServer, makers: Makers) -> None:
        store = makers.opened(steady)
        store.save_user(UserRecord(ANN.id, "A\ud800nn", ANN.color))
        store.save_ban(dataclasses.replace(KICKED, room="\ud800", until=10**300))
        store.save_room(RoomRecord("hall", {"color": "\udfff"}))
        assert store.flush(LONG)
        again = makers.opened(steady)
        assert again.user(ANN.id) == UserRecord(ANN.id, "A?nn", ANN.color)
        assert again.bans() == [dataclasses.replace(KICKED, room="?", until=2**63 - 1)]
        assert again.rooms() == [RoomRecord("hall", {"color": "?"})]

    def test_damaged_record_is_told_and_left_alone(
        self, steady: RedisServer, makers: Makers
    ) -> None:
        with steady.client() as client:
            client.hset("{test}:ban", '["","x"]', "{")
            client.hset("{test}:ban", "no key", "{}")
        with structlog.testing.capture_logs() as logged:
            store = makers.opened(steady)
        assert (store.bans(), store.healthy) == ([], True)
        told = [line["key"] for line in logged if line["event"] == "record cannot be read"]
        assert sorted(told) == ['["","x"]', "no key"]

    def test_redis_of_a_newer_fortepiano(self, steady: RedisServer, makers: Makers) -> None:
        with steady.client() as client:
            client.set("{test}:version", VERSION + 1)
        store = makers.opened(steady)
        assert not store.healthy
        assert store.last_error is not None
        assert "newer fortepiano" in store.last_error


class TestTwoProcesses:
    @pytest.fixture
    def one(self, steady: RedisServer, makers: Makers) -> RedisStore:
        return makers.opened(steady, "one")

    @pytest.fixture
    def two(self, steady: RedisServer, makers: Makers, one: RedisStore) -> RedisStore:
        return makers.opened(steady, "two")

    def test_they_give_the_same_ids(self, one: RedisStore, two: RedisStore) -> None:
        assert one.salts() == two.salts()

    def test_ban_set_here_is_told_there_within_a_second(
        self, one: RedisStore, two: RedisStore
    ) -> None:
        began = time.monotonic()
        one.save_ban(KICKED)
        until(two, lambda: two.bans() == [KICKED])
        assert time.monotonic() - began < 1
        assert two.revision == 1
        two.remove_ban(KICKED.room, KICKED.subject)
        until(one, lambda: one.bans() == [])
        assert (one.revision, two.revision) == (1, 1)

    async def test_loop_is_called(self, one: RedisStore, two: RedisStore) -> None:
        on: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        two.attach(
            asyncio.get_running_loop(), lambda: on.done() or on.set_result(threading.get_ident())
        )
        one.save_ban(KICKED)
        assert await asyncio.wait_for(on, LONG) == threading.get_ident()
        assert two.bans() == [KICKED]

    def test_everything_shared_arrives(self, one: RedisStore, two: RedisStore) -> None:
        fill(one)
        until(two, lambda: two.rooms() == [HALL] and two.users() == [ANN])
        assert two.token(TOKEN.digest) == TOKEN
        assert two.audit(AuditQuery(action="ban"))[0].subject == ANN.id

    def test_last_word_counts_for_both(self, one: RedisStore, two: RedisStore) -> None:
        for store in (one, two, one):
            store.save_ban(dataclasses.replace(KICKED, reason=store._salts_path.parent.name))
            assert store.flush(LONG)
        for store in (one, two):
            until(store, lambda store=store: [ban.reason for ban in store.bans()] == ["one"])

    def test_far_behind_everything_is_read_anew(
        self, one: RedisStore, two: RedisStore, steady: RedisServer
    ) -> None:
        with steady.client() as client, client.pipeline() as pipeline:
            client.hset(
                "{test}:ban",
                '["room","x"]',
                b'{"room":"room","subject":"x","until":null,"by":"","reason":"","at":0}',
            )
            for _ in range(3 * STREAM_LENGTH):
                pipeline.xadd("{test}:changes", {"changes": "[]"}, maxlen=STREAM_LENGTH)
            pipeline.execute()
        until(one, lambda: [ban.subject for ban in one.bans()] == ["x"])
        assert one.healthy

    def test_changes_of_a_newer_fortepiano_are_passed_over(
        self, one: RedisStore, two: RedisStore, steady: RedisServer
    ) -> None:
        changes = orjson.dumps([["spell", '["x"]', "{}"], ["ban", '["","x"]', '{"room":1}']])
        with steady.client() as client:
            client.xadd("{test}:changes", {"changes": changes})
        one.save_ban(BANNED)
        until(two, lambda: two.bans() == [BANNED])

    def test_prefixes_keep_servers_apart(self, one: RedisStore, steady: RedisServer) -> None:
        one.save_ban(KICKED)
        assert one.flush(LONG)
        settings = Settings(
            data_dir=one._salts_path.parent,
            store=StoreSettings(url=steady.url, prefix="another"),
        )
        with closing(open_store(settings)) as other:
            assert other.bans() == []


class TestSalts:
    def test_copy_is_for_the_owner_only(self, steady: RedisServer, makers: Makers) -> None:
        store = makers.opened(steady)
        copy = store._salts_path
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        assert tuple(orjson.loads(copy.read_bytes()).values()) == store.salts()

    def test_salts_of_redis_count_before_anybody_came(
        self, steady: RedisServer, makers: Makers
    ) -> None:
        salts = makers.opened(steady, "one").salts()
        (makers.folder / "two").mkdir()
        (makers.folder / "two" / SALTS).write_bytes(b'{"salt1":"old","salt2":"older"}')
        assert makers.opened(steady, "two").salts() == salts
        assert b"old" not in (makers.folder / "two" / SALTS).read_bytes()

    def test_salts_that_were_given_stay_until_the_next_start(
        self, server: RedisServer, makers: Makers
    ) -> None:
        first = makers.opened(server, "one")
        salts = first.salts()
        first.close()
        server.kill()
        store = makers.opened(server, "two")
        alone = store.salts()
        assert alone != salts
        with structlog.testing.capture_logs() as logged:
            server.start()
            until(store, lambda: store.healthy)
        assert "salts differ; all user ids change with the next start" in {
            line["event"] for line in logged
        }
        assert store.salts() == alone
        store.close()
        assert makers.opened(server, "two").salts() == salts

    def test_damaged_copy(self, makers: Makers, steady: RedisServer) -> None:
        (makers.folder / "data").mkdir()
        (makers.folder / "data" / SALTS).write_text("{}")
        with pytest.raises(StoreError, match="is damaged"):
            makers.opened(steady)


class TestOutage:
    def test_absent_at_the_start(self, server: RedisServer, makers: Makers) -> None:
        before = makers.opened(server)
        salts = before.salts()
        fill(before)
        before.close()
        server.kill()
        with structlog.testing.capture_logs() as logged:
            store = makers.opened(server)
            assert not store.healthy
            assert store.salts() == salts  # from the copy
            assert store.bans() == []
            later = dataclasses.replace(KICKED, room="later")
            store.save_ban(later)
            store.remove_ban(BANNED.room, BANNED.subject)
            assert later in store.bans()
            server.start()
            until(store, lambda: store.healthy)
            assert store.flush(LONG)
        events = [line["event"] for line in logged if "store" in line["event"]]
        assert events == ["store cannot be written", "store is written again"]
        assert sorted(ban.room for ban in store.bans()) == ["Duets 🎹", "later"]
        assert store.revision > 0
        again = makers.opened(server)
        assert sorted(ban.room for ban in again.bans()) == ["Duets 🎹", "later"]

    async def test_killed_and_back(self, server: RedisServer, makers: Makers) -> None:
        store = makers.opened(server)
        loop = asyncio.get_running_loop()
        store.attach(loop, lambda: None)
        fill(store)
        await asyncio.to_thread(server.kill)
        store.save_ban(dataclasses.replace(KICKED, room="unsaved"))
        answer: asyncio.Future[bool] = loop.create_future()
        began = loop.time()
        store.when_saved(answer.set_result)
        assert not await asyncio.wait_for(answer, LONG)
        assert 0.5 < loop.time() - began < 2
        assert not store.healthy
        await asyncio.to_thread(server.start)
        began = loop.time()
        assert await asyncio.to_thread(store.flush, LONG)
        assert loop.time() - began < 5
        again = await asyncio.to_thread(makers.opened, server)
        assert {ban.room for ban in again.bans()} == {"", "Duets 🎹", "unsaved"}

    async def test_frozen(self, server: RedisServer, makers: Makers) -> None:
        store = makers.opened(server)
        loop = asyncio.get_running_loop()
        store.attach(loop, lambda: None)
        server.freeze()
        longest = 0.0
        try:
            answer: asyncio.Future[bool] = loop.create_future()
            fill(store)
            store.when_saved(answer.set_result)
            while not answer.done():
                before = loop.time()
                await asyncio.sleep(0.005)
                longest = max(longest, loop.time() - before)
        finally:
            server.thaw()
        assert not answer.result()
        assert longest < 0.5  # the loop went on
        began = loop.time()
        assert await asyncio.to_thread(store.flush, LONG)
        assert loop.time() - began < 5
        assert_filled(store)

    def test_redis_that_lost_everything_gets_it_back(
        self, server: RedisServer, makers: Makers
    ) -> None:
        one, two = makers.opened(server, "one"), makers.opened(server, "two")
        salts = one.salts()
        fill(one)
        assert one.flush(LONG)
        until(two, lambda: two.rooms() == [HALL])

        def counts() -> list[int]:
            with server.client() as client:
                kinds = ("user", "ban", "token", "room", "chat")
                return [client.hlen(f"{{test}}:{kind}") for kind in kinds]

        kept = counts()
        server.kill()
        server.forget()
        server.start()
        # A server that knew the data writes it again; then a new server finds it.
        deadline = time.monotonic() + LONG
        while counts() != kept:
            assert time.monotonic() < deadline, (counts(), kept)
            time.sleep(0.05)
        third = makers.opened(server, "three")
        until(third, lambda: len(third.chats()) == 1)
        assert_filled(third)
        assert third.salts() == salts

    def test_closing_says_what_is_lost(self, server: RedisServer, makers: Makers) -> None:
        store = makers.opened(server, close_seconds=0.2)
        server.kill()
        store.save_ban(KICKED)
        with pytest.raises(StoreError, match=f"127.0.0.1:{server.port}/0: the last changes are"):
            store.close()
        store.close()

    def test_audit_says_why_it_cannot_be_read(self, server: RedisServer, makers: Makers) -> None:
        store = makers.opened(server)
        server.kill()
        with pytest.raises(StoreError, match="cannot be read"):
            store.audit(AuditQuery())

    def test_full_redis_takes_no_writes(self, server: RedisServer, makers: Makers) -> None:
        store = makers.opened(server)
        with server.client() as client:
            client.config_set("maxmemory", "1")
            store.save_ban(KICKED)
            until(store, lambda: not store.healthy)
            assert "maxmemory" in (store.last_error or "")
            assert store.bans() == [KICKED]
            client.config_set("maxmemory", "0")
        assert store.flush(LONG)
        assert store.healthy

    def test_without_a_log_of_writes_one_is_warned(self, makers: Makers) -> None:
        with run_redis("--appendonly", "no") as server, structlog.testing.capture_logs() as logged:
            makers.opened(server).close()
        assert any("appendonly" in line["event"] for line in logged)
