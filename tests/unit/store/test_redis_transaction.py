"""Transactions that a lease guards, in a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog.testing

from fortepiano.store import UserRecord
from fortepiano.store.lease import LEASE_MS, RENEW_MS, Lease, OwnedError
from fortepiano.store.owner import Fate, Owner, owner_of, this_process
from fortepiano.store.redis import RedisStore
from fortepiano.store.redis_transaction import Command, Transactions
from fortepiano.store.redis_url import client_for
from fortepiano.store.salts import SALTS
from support.redis import RedisServer, run_redis

pytestmark = pytest.mark.needs("redis-server")

KEY = "{test}:owner"

LONG = 15.0
"""A wait that ends early unless something is broken; seconds."""

OTHER = msgspec.json.encode(Owner(pid=2, host="harp", nonce="theirs"))

SET: Command = ("SET", "{test}:x", "1")


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with run_redis() as running:
        yield running


def run(server: RedisServer, lease: Lease | None, *commands: Command) -> list[Any]:
    """Run one transaction."""

    async def transaction() -> list[Any]:
        client = client_for(server.url)
        try:
            return await Transactions("test", lease).run(client, *commands)
        finally:
            await client.aclose()

    return asyncio.run(transaction())


class TestTransactions:
    def test_first_one_takes_the_lease(self, server: RedisServer) -> None:
        lease = Lease(this_process())
        with server.client() as client:
            assert run(server, lease, SET, ("GET", "{test}:x")) == [b"OK", b"1"]
            assert owner_of(str(client.get(KEY)).encode()) == this_owner(lease)
            assert LEASE_MS - 1000 < client.pttl(KEY) <= LEASE_MS
        assert lease.was_held

    def test_lease_is_renewed_when_it_is_due(self, server: RedisServer) -> None:
        lease = Lease(this_process())
        run(server, lease)
        with server.client() as client:
            client.pexpire(KEY, LEASE_MS - RENEW_MS + 1000)
            run(server, lease)  # each renewal is written to the disk of Redis, and to its replicas
            assert client.pttl(KEY) <= LEASE_MS - RENEW_MS + 1000
            client.pexpire(KEY, LEASE_MS - RENEW_MS)
            run(server, lease)
            assert client.pttl(KEY) > LEASE_MS - RENEW_MS + 1000
            client.persist(KEY)
            run(server, lease)
            assert client.pttl(KEY) > 0

    def test_nothing_is_done_while_another_has_the_lease(self, server: RedisServer) -> None:
        lease = Lease(this_process())
        run(server, lease)
        with server.client() as client:
            client.set(KEY, OTHER, px=5000)
            with pytest.raises(OwnedError) as refused:
                run(server, lease, SET)
            assert refused.value.value == OTHER
            assert 0 < refused.value.remaining <= 5000
            assert not client.exists("{test}:x")
            client.delete(KEY)
            assert run(server, lease, SET) == [b"OK"]

    def test_commands_beside_a_server_need_no_lease(self, server: RedisServer) -> None:
        with server.client() as client:
            client.set(KEY, OTHER)
            assert run(server, None, SET) == [b"OK"]

    def test_successor_and_old_process_both_write_until_the_successor_takes_over(
        self, server: RedisServer
    ) -> None:
        old = Lease(this_process())
        run(server, old)
        successor = Lease(this_process(), old.terms.value)
        assert run(server, successor, SET) == run(server, old, SET) == [b"OK"]
        successor.take_over(this_process())
        run(server, successor)
        with pytest.raises(OwnedError):
            run(server, old, SET)

    @pytest.mark.parametrize("is_ours", [True, False])
    def test_release_gives_back_what_is_ours_alone(
        self, server: RedisServer, is_ours: bool
    ) -> None:
        lease = Lease(this_process())

        async def release() -> None:
            client = client_for(server.url)
            try:
                await Transactions("test", lease).release(client)
            finally:
                await client.aclose()

        run(server, lease)
        with server.client() as client:
            if not is_ours:
                client.set(KEY, OTHER)
            asyncio.run(release())
            assert bool(client.exists(KEY)) is not is_ours


def this_owner(lease: Lease) -> Owner:
    return owner_of(lease.terms.value)


class TestStore:
    def opened(self, server: RedisServer, folder: Path, lease: Lease) -> RedisStore:
        store = RedisStore(server.url, "test", folder / SALTS, lease)
        store.open()
        return store

    def lost(self, store: RedisStore, client: Any) -> None:
        """Let another server take the lease, and wait until the store notices."""
        client.set(KEY, OTHER)
        with store._changed:
            assert store._changed.wait_for(lambda: "harp" in (store.last_error or ""), LONG)

    def test_close_gives_the_lease_back(self, server: RedisServer, tmp_path: Path) -> None:
        self.opened(server, tmp_path, Lease(this_process())).close()
        with server.client() as client:
            assert not client.exists(KEY)

    def test_shared_lease_is_not_given_back(self, server: RedisServer, tmp_path: Path) -> None:
        lease = Lease(this_process())
        store = self.opened(server, tmp_path, lease)
        lease.is_shared = True
        store.close()
        with server.client() as client:
            assert client.exists(KEY)

    def test_new_name_is_written_at_once(self, server: RedisServer, tmp_path: Path) -> None:
        old = Lease(this_process())
        with closing(self.opened(server, tmp_path, old)) as first:
            successor = Lease(this_process(), old.terms.value)
            with closing(self.opened(server, tmp_path, successor)):
                old.is_shared = True
                first.close()
                successor.take_over(this_process())
                with server.client() as client:
                    for _ in range(1000):
                        if owner_of(str(client.get(KEY)).encode()) == this_owner(successor):
                            break
                    else:
                        pytest.fail("the old name is there still")

    def test_other_owner_is_logged_once_and_again_after_it_was_gone(
        self, server: RedisServer, tmp_path: Path
    ) -> None:
        with (
            structlog.testing.capture_logs() as logs,
            server.client() as client,
            closing(self.opened(server, tmp_path, Lease(this_process()))) as store,
        ):
            for _ in range(2):
                self.lost(store, client)
                store.save_user(UserRecord("a" * 24, "Ann", "#112233", 1, 1))
                assert not store.flush(1.0)
                client.delete(KEY)
                assert store.flush(LONG)
        errors = [line for line in logs if line["log_level"] == "error"]
        assert ["harp" in line["reason"] for line in errors] == [True, True]

    def test_other_owner_is_logged_where_writes_failed_before(
        self, server: RedisServer, tmp_path: Path
    ) -> None:
        lease = Lease(this_process(), fate=lambda _other, _here: Fate.ALIVE)
        with (
            structlog.testing.capture_logs() as logs,
            server.client() as client,
            closing(self.opened(server, tmp_path, lease)) as store,
        ):
            with client.pipeline() as wrong:  # any other failure
                wrong.delete(KEY)
                wrong.hset(KEY, "x", "1")
                wrong.execute()
            with store._changed:
                assert store._changed.wait_for(lambda: not store.healthy, LONG)
            self.lost(store, client)
            client.delete(KEY)
            assert store.flush(LONG)
        errors = [line["reason"] for line in logs if line["log_level"] == "error"]
        assert ["harp" in reason for reason in errors] == [False, True]
