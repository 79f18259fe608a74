"""Two servers on one data folder, or on one prefix in Redis: the second is refused.

Before, the second one deleted the first one's chat, wrote over its rooms, opened them for others
and took names back.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
import msgspec
import pytest

from fortepiano.store.lease import LEASE_MS
from fortepiano.store.owner import Owner, owner_of
from support.recovery import until
from support.redis import RedisServer, run_redis
from support.server import Server, run_server
from support.websocket_clients import Clients

pytestmark = pytest.mark.timeout(180)

KEY = "{fortepiano}:owner"

BACK_SECONDS = 5.0
"""How long after the other owner's end a server may take to use Redis again."""

FOREIGN = msgspec.json.encode(
    Owner(pid=1, host="harp", url="http://harp:8080", since=1_800_000_000_000, boot="another")
)
"""The lease of a server on another host."""

LOOKING = "looking whether the store's owner lives"
"""The line of the log of a server that waits."""


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with run_redis() as running:
        yield running


@contextmanager
def prepared(*arguments: str, **settings: str) -> Iterator[Server]:
    """A server that the test starts."""
    server = Server(*arguments, **settings)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def pair_on(redis: RedisServer, **settings: str) -> Iterator[tuple[Server, Server]]:
    """Two servers with data folders of their own and one Redis; the first one runs."""
    settings["FORTEPIANO_STORE__URL"] = redis.url
    with run_server(**settings) as first, prepared(**settings) as second:
        yield first, second


@contextmanager
def renewing(redis: RedisServer, value: bytes) -> Iterator[None]:
    """Hold a lease as another server would."""
    over = threading.Event()

    def renew() -> None:
        with redis.client() as client:
            while not over.is_set():
                client.set(KEY, value, px=LEASE_MS)
                over.wait(1)

    thread = threading.Thread(target=renew)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def owner_in(redis: RedisServer) -> Owner:
    with redis.client() as client:
        return owner_of(str(client.get(KEY)).encode())


def await_owner(redis: RedisServer, server: Server) -> None:
    """Wait for the next transaction of a successor, which puts its own name on the lease."""
    end = time.monotonic() + LEASE_MS / 1000
    while owner_in(redis).pid != server.pid:
        assert time.monotonic() < end, owner_in(redis)
        time.sleep(0.01)


def assert_refused(refusal: str, first: Server, setting: str) -> None:
    """Assert that one line names the first server, since when it runs, and a setting."""
    line = re.compile(
        rf"fortepiano: \S+: process {first.pid} on \S+ \(http://localhost:{first.port},"
        r" since \d{4}-\d\d-\d\d \d\d:\d\d UTC\)"
        rf" uses .*; stop it, or choose another `{setting}`\n"
    )
    assert line.fullmatch(refusal), refusal


class TestFolder:
    def test_second_server_is_refused_until_the_first_has_ended(self) -> None:
        with run_server() as first:
            with prepared("--data-dir", str(first.folder / "data")) as second:
                assert_refused(second.refusal(), first, "data_dir")
                assert first.stop() == 0
                second.start()
                assert_refused(first.refusal(), second, "data_dir")

    def test_start_of_the_same_server_twice(self) -> None:
        """The other process is named, and not only the port that is in use."""
        with run_server() as first:
            assert_refused(first.refusal(), first, "data_dir")

    def test_killed_server_lets_the_next_in_at_once(self) -> None:
        with run_server() as first:
            with prepared("--data-dir", str(first.folder / "data")) as second:
                first.kill()
                second.start()

    def test_folder_counts_with_redis_too(self, redis: RedisServer) -> None:
        with run_server(FORTEPIANO_STORE__URL=redis.url) as first:
            data = str(first.folder / "data")
            other = {"FORTEPIANO_STORE__PREFIX": "other", "FORTEPIANO_STORE__URL": redis.url}
            with prepared("--data-dir", data, **other) as second:
                assert_refused(second.refusal(), first, "data_dir")

    def test_successors_of_an_upgrade_own_the_folder(self) -> None:
        with run_server() as first:
            for _ in range(2):
                first.upgrade()
                assert_refused(first.refusal(), first, "data_dir")
            first.kill()
            first.start()

    def test_upgrade_that_fails_leaves_the_folder_to_the_old_process(self) -> None:
        with run_server() as server:
            (server.folder / "fortepiano.toml").write_text('motd = "x"\nnonsense = 1\n')
            with suppress(RuntimeError):
                server.upgrade()
            (server.folder / "fortepiano.toml").unlink()
            assert_refused(server.refusal(), server, "data_dir")
            server.excuse()

    def test_commands_run_beside_the_server(self) -> None:
        with run_server() as server:
            for command in (["bans", "list"], ["token", "list"], ["backup", "b"]):
                with server.command_of(*command) as running:
                    output, _ = running.communicate(timeout=30)
                assert running.returncode == 0, output


@pytest.mark.needs("redis-server")
class TestRedis:
    def test_second_server_changes_nothing(self, redis: RedisServer) -> None:
        with pair_on(redis) as (first, second), redis.client() as client:
            client.hset("{fortepiano}:chat", '["hall"]', '{"room":"hall","lines":["{}"]}')
            client.hset("{fortepiano}:room", '["hall"]', '{"name":"hall","settings":{}}')
            before = redis.content(without=KEY)
            assert_refused(second.refusal(), first, "store.prefix")
            assert redis.content(without=KEY) == before
            assert owner_in(redis).pid == first.pid

    def test_another_prefix_is_another_store(self, redis: RedisServer) -> None:
        settings = {"FORTEPIANO_STORE__URL": redis.url}
        with run_server(**settings), run_server(**settings, FORTEPIANO_STORE__PREFIX="other"):
            pass

    def test_stopped_server_lets_the_next_in_at_once(self, redis: RedisServer) -> None:
        with pair_on(redis) as (first, second):
            assert first.stop() == 0
            with redis.client() as client:
                assert not client.exists(KEY)
            second.start()
            assert_refused(first.refusal(), second, "store.prefix")

    def test_killed_server_of_this_host_lets_the_next_in_at_once(self, redis: RedisServer) -> None:
        with pair_on(redis) as (first, second):
            first.kill()
            second.start()
            assert owner_in(redis).pid == second.pid
            assert LOOKING not in second.log

    @pytest.mark.parametrize("milliseconds", [None, 9_500])
    def test_silent_owner_on_another_host_is_followed_within_ten_seconds(
        self, redis: RedisServer, milliseconds: int | None
    ) -> None:
        with prepared(FORTEPIANO_STORE__URL=redis.url) as server, redis.client() as client:
            client.set(KEY, FOREIGN, px=milliseconds)
            server.start()
            waited = server.moment("listening") - server.moment(LOOKING)
            assert waited.total_seconds() < 10
            assert owner_in(redis).pid == server.pid

    def test_owner_on_another_host_that_renews_is_refused(self, redis: RedisServer) -> None:
        with prepared(FORTEPIANO_STORE__URL=redis.url) as server, renewing(redis, FOREIGN):
            refusal = server.refusal()
            assert refusal.endswith(
                "process 1 on harp (http://harp:8080, since 2027-01-15 08:00 UTC) uses the prefix"
                " fortepiano; stop it, or choose another `store.prefix`\n"
            )
            assert refusal.count("\n") == 1
            assert owner_in(redis).host == "harp"

    def test_successors_of_an_upgrade_own_the_prefix(self, redis: RedisServer) -> None:
        with pair_on(redis) as (first, second):
            for _ in range(2):
                first.upgrade()
                assert_refused(second.refusal(), first, "store.prefix")
            first.kill()
            second.start()
            assert LOOKING not in second.log

    def test_upgrade_that_fails_leaves_the_prefix_to_the_old_process(
        self, redis: RedisServer
    ) -> None:
        with pair_on(redis, FORTEPIANO_IDENTITY__MODE="token") as (first, second):
            before = owner_in(redis)
            keys = first.folder / "data" / "keys.json"
            intact = keys.read_bytes()
            keys.write_text("no keys")  # which the new process reads after it has opened the store
            with pytest.raises(RuntimeError, match=r"keys\.json"):
                first.upgrade()
            assert owner_in(redis) == before
            assert_refused(second.refusal(), first, "store.prefix")
            keys.write_bytes(intact)
            first.upgrade()
            await_owner(redis, first)
            first.excuse()

    def test_restore_below_a_server_is_refused(self, redis: RedisServer) -> None:
        with pair_on(redis) as (first, second):
            for server, setting in ((first, "data_dir"), (second, "store.prefix")):
                for command, status in ((["backup", "b"], 0), (["restore", "--force", "b"], 2)):
                    with server.command_of(*command) as running:
                        output, _ = running.communicate(timeout=30)
                    assert running.returncode == status, output
                assert_refused(output, first, setting)
            assert first.stop() == 0
            with second.command_of("restore", "--force", "b") as running:
                output, _ = running.communicate(timeout=30)
            assert running.returncode == 0, output
            with redis.client() as client:
                assert not client.exists(KEY)

    def test_lost_lease_is_taken_again(self, redis: RedisServer) -> None:
        with run_server(FORTEPIANO_STORE__URL=redis.url) as server, redis.client() as client:
            before = owner_in(redis)
            client.flushall()
            deadline = time.monotonic() + BACK_SECONDS
            while owner_in(redis) != before:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert server.is_ready()


@pytest.mark.needs("redis-server")
async def test_server_whose_lease_another_one_took_writes_nothing_until_that_one_is_gone(
    redis: RedisServer,
) -> None:
    """As after Redis was frozen for longer than a lease lasts."""
    with run_server(FORTEPIANO_STORE__URL=redis.url) as server:
        async with Clients(server) as clients:
            ann, bea = await clients.pair()
            with renewing(redis, FOREIGN):
                await until(lambda: not server.is_ready(), BACK_SECONDS)
                before = redis.content(without=KEY)
                await ann.send({"m": "userset", "set": {"name": "Clara"}})
                await bea.expect("p", where=lambda p: p["name"] == "Clara")
                await ann.send({"m": "kickban", "_id": bea.id, "ms": 3_600_000})
                assert "not saved yet" in (await ann.expect("notification"))["text"]
                answer = await asyncio.to_thread(httpx.get, f"{server.url}/readyz")
                assert answer.status_code == 503
                # Longer than the pause between two attempts to write.
                await asyncio.sleep(4)
                assert redis.content(without=KEY) == before
                assert owner_in(redis).host == "harp"
            (line,) = [line for line in server.log.splitlines() if '"level": "error"' in line]
            assert "process 1 on harp (http://harp:8080, since 2027-01-15 08:00 UTC)" in line
            with redis.client() as client:
                client.delete(KEY)  # the other one stops
            await until(server.is_ready, BACK_SECONDS)
            assert owner_in(redis).pid == server.pid
            with redis.client() as client:
                assert bea.id in " ".join(client.hkeys("{fortepiano}:ban"))
                assert "Clara" in " ".join(client.hvals("{fortepiano}:user"))
        server.excuse()


@pytest.mark.needs("redis-server")
@pytest.mark.slow
async def test_server_that_is_frozen_loses_the_lease_and_harms_nothing(redis: RedisServer) -> None:
    """A process of this host that stands still is alive; one elsewhere cannot know that."""
    with run_server(FORTEPIANO_STORE__URL=redis.url) as server:
        os.kill(server.pid, signal.SIGSTOP)
        try:
            with redis.client() as client:
                await until(lambda: not client.exists(KEY), LEASE_MS / 1000 + 1)
                client.set(KEY, FOREIGN)
            before = redis.content(without=KEY)
        finally:
            os.kill(server.pid, signal.SIGCONT)
        await until(lambda: not server.is_ready(), BACK_SECONDS)
        assert redis.content(without=KEY) == before
        await until(lambda: "process 1 on harp" in server.log, BACK_SECONDS)
        server.excuse()
