"""Brokers that cannot be used: each says so in one line, and is tried again."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from redis import Redis
from structlog.testing import capture_logs

from fortepiano.net.bus import BrokerBus
from fortepiano.net.bus_errors import BusError, check_broker, check_url, explain, refusal
from support.bus_nodes import BusNode, inbox_of, until
from support.redis import RedisServer, run_redis
from support.server import free_port

pytestmark = [pytest.mark.needs("redis-server"), pytest.mark.timeout(60)]

Reason = Callable[[str], "asyncio.Future[str]"]


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with run_redis("--appendonly", "no") as server:
        yield server


@pytest.fixture
def with_users(redis: RedisServer) -> Iterator[RedisServer]:
    """A Redis whose default user has a password, beside users with too few rights."""
    with redis.client() as client:
        client.execute_command("ACL", "SETUSER", "deaf", "on", ">pw", "+@all", "resetchannels")
        client.execute_command("ACL", "SETUSER", "mute", "on", ">pw", "&*", "+hello", "+subscribe")
        client.config_set("requirepass", "sesame")
    yield redis
    with redis_of(redis) as client:
        client.config_set("requirepass", "")


def redis_of(server: RedisServer) -> Redis:
    """Return a client that knows the password."""
    return Redis(port=server.port, password="sesame")  # noqa: S106 - of a test


@asynccontextmanager
async def started(url: str, nid: int = 1) -> AsyncIterator[BusNode]:
    node = BusNode(BrokerBus, url, nid)
    try:
        yield node
    finally:
        await node.close()


async def reason_for(url: str) -> str:
    """Return why no broker at this URL can be used."""
    async with started(url) as node:
        await until(lambda: node.states)
        return node.states[0]


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[str]:
    """Run a server that sends an answer to whatever comes first, and return its URL."""

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(answer_once, "127.0.0.1", 0)
    async with server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"


class TestRealBrokers:
    async def test_none(self) -> None:
        assert await reason_for(f"redis://127.0.0.1:{free_port()}") == (
            "the broker cannot be reached: Connection refused"
        )

    async def test_password(self, with_users: RedisServer) -> None:
        place = with_users.url.removeprefix("redis://")
        assert await reason_for(f"redis://{place}") == (
            "the broker wants a password: redis://user:password@host"
        )
        wrong = "the broker has another user or password than the URL"
        assert await reason_for(f"redis://:barley@{place}") == wrong
        assert await reason_for(f"redis://nobody:sesame@{place}") == wrong
        async with started(f"redis://:sesame@{place}") as node:
            await until(lambda: node.bus.is_up)

    async def test_rights(self, with_users: RedisServer) -> None:
        place = with_users.url.removeprefix("redis://")
        assert await reason_for(f"redis://deaf:pw@{place}") == (
            "the broker lets this user use no such channels: add them to its ACL, such as"
            " &{fortepiano}:*"
        )
        reason = await reason_for(f"redis://mute:pw@{place}")
        assert reason.startswith("the broker gives this user too few rights: ")
        assert "'publish'" in reason

    async def test_least_rights(self, with_users: RedisServer) -> None:
        with redis_of(with_users) as client:
            rights = ("&{test}:*", "+hello", "+publish", "+subscribe", "+unsubscribe")
            client.execute_command("ACL", "SETUSER", "node", "on", ">pw", *rights)
        place = with_users.url.removeprefix("redis://")
        with capture_logs() as lines:
            async with started(f"redis://node:pw@{place}") as node:
                await until(lambda: node.bus.is_up)
                await asyncio.sleep(1.2)  # the next beat
                assert node.states == ["up"]
        assert [line["event"] for line in lines] == ["the broker is connected"]

    async def test_replica(self, redis: RedisServer) -> None:
        with run_redis("--replicaof", "127.0.0.1", str(redis.port)) as replica:
            assert await reason_for(replica.url) == (
                "the broker is a replica: the URL must name the master"
            )

    async def test_master_that_becomes_a_replica(self, redis: RedisServer) -> None:
        with run_redis("--appendonly", "no") as other:
            async with started(other.url) as node:
                await until(lambda: node.bus.is_up)
                with other.client() as client:
                    client.replicaof("127.0.0.1", str(redis.port))
                await until(lambda: "replica" in node.states[-1], 3)

    async def test_cluster(self) -> None:
        with run_redis("--cluster-enabled", "yes", "--cluster-port", str(free_port())) as server:
            assert "belongs to a Redis Cluster" in await reason_for(server.url)

    async def test_too_many_clients(self) -> None:
        with run_redis("--maxclients", "1") as server:
            with server.client() as client:
                client.ping()
                assert await reason_for(server.url) == (
                    "the broker has no connection left: raise its maxclients"
                )

    async def test_eviction_is_warned_of(self) -> None:
        options = ("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
        with capture_logs() as lines, run_redis(*options) as server:
            async with started(server.url) as node:
                await until(lambda: node.bus.is_up)
        assert any("noeviction" in line["event"] for line in lines)

    async def test_tls_of_a_broker_without(
        self, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fortepiano.net.bus.OPEN_SECONDS", 0.5)
        url = redis.url.replace("redis://", "rediss://")
        assert await reason_for(url) == "the broker does not answer"


class TestAnswers:
    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (b"-ERR unknown command 'HELLO'\r\n", "is too old: Redis 7 or Valkey 7.2 is needed"),
            (
                b"%2\r\n+version\r\n+6.2.7\r\n+role\r\n+master\r\n",
                "is too old: Redis 7 or Valkey 7.2 is needed, and not 6.2.7",
            ),
            (
                b"-DENIED Redis is running in protected mode because\r\n",
                "is in protected mode: give it a password, or bind it to this machine only",
            ),
            (b"-LOADING Redis is loading the dataset\r\n", "is still reading its data"),
            (b"*2\r\n+version\r\n+7.0.0\r\n", "is too old: Redis 7 or Valkey 7.2 is needed"),
            (b"-OOM command not allowed\r\n", "has no memory left: raise its maxmemory"),
            (b"-WEIRD words\r\n", "refuses: WEIRD words"),
            (
                b"%2\r\n+version\r\n+7.0.0\r\n+mode\r\n+sentinel\r\n",
                "is a sentinel: redis+sentinel://host/service",
            ),
            (
                b"HTTP/1.1 400 Bad Request\r\n\r\n",
                "does not speak the protocol of Redis: an unknown type: 'H'",
            ),
        ],
    )
    async def test_each_says_what_to_do(self, answer: bytes, reason: str) -> None:
        async with answering(answer) as url:
            assert await reason_for(url) == f"the broker {reason}"

    async def test_silence(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("fortepiano.net.bus.OPEN_SECONDS", 0.2)
        async with answering(b"") as url:
            assert await reason_for(url) == "the broker does not answer"


class TestLogs:
    async def test_one_line_for_each_change(self) -> None:
        with run_redis("--appendonly", "no") as server, capture_logs() as lines:
            async with started(server.url) as node:
                await until(lambda: node.bus.is_up)
                server.kill()
                await until(lambda: not node.bus.is_up)
                await asyncio.sleep(1.5)
                server.start()
                await until(lambda: node.bus.is_up)
        connected, lost, again = lines
        assert connected["event"] == again["event"] == "the broker is connected"
        assert lost["event"] == "the broker is not connected"
        assert lost["log_level"] == "warning"

    async def test_reasons_that_an_operator_can_remove_are_logged_too(
        self, redis: RedisServer
    ) -> None:
        place = redis.url.removeprefix("redis://")
        with redis.client() as client, capture_logs() as lines:
            async with started(f"redis://{place}") as node:
                await until(lambda: node.bus.is_up)
                client.config_set("requirepass", "sesame")
                client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
                await until(lambda: len(lines) >= 3)
                client.config_set("requirepass", "")
                await until(lambda: node.bus.is_up)
        reasons = [line["reason"] for line in lines if "reason" in line]
        assert reasons == [
            "the broker has closed the connection",
            "the broker wants a password: redis://user:password@host",
        ]

    async def test_secrets_stay_out_of_the_log(self, with_users: RedisServer) -> None:
        place = with_users.url.removeprefix("redis://")
        with capture_logs() as lines:
            await reason_for(f"redis://ann:barley@{place}")
        assert lines
        assert "barley" not in str(lines)

    async def test_garbage_is_logged_once(self, redis: RedisServer) -> None:
        with redis.client() as client, capture_logs() as lines:
            async with started(redis.url) as node:
                await until(lambda: node.bus.is_up)
                for _ in range(5):
                    client.publish(inbox_of(1).decode(), "hello")
                await until(lambda: node.bus.stats()["garbage"] == 5)
        assert [line["event"] for line in lines if line["log_level"] == "warning"] == [
            "another program publishes what no node understands; ignored from now on"
        ]


async def test_a_handler_that_fails_loses_one_event(redis: RedisServer) -> None:
    def fail(_event: object) -> None:
        raise ZeroDivisionError

    with capture_logs() as lines:
        async with started(redis.url) as node:
            await until(lambda: node.bus.is_up)
            node.on_event = fail
            for payload in (b"1", b"2"):
                node.hub.post(1, payload)
            await until(lambda: node.heard() == [b"1", b"2"])
            assert node.states == ["up"]
    assert [line["event"] for line in lines if line["log_level"] == "error"] == [
        "what the broker sent could not be handled"
    ] * 2


class TestUrls:
    @pytest.mark.parametrize("url", ["redis+cluster://a:1,b:2", "rediss+cluster://a:1"])
    def test_clusters_are_refused(self, url: str) -> None:
        with pytest.raises(BusError, match="belongs to a Redis Cluster"):
            check_url(url)

    @pytest.mark.parametrize("url", ["http://a", "redis+sentinel://a", "redis://a:b:c", ""])
    def test_others_are_refused(self, url: str) -> None:
        with pytest.raises(BusError, match="has no URL of Redis"):
            check_url(url)

    @pytest.mark.parametrize("url", ["redis://a", "unix:///a", "rediss+sentinel://a,b/c"])
    def test_those_of_one_redis_are_accepted(self, url: str) -> None:
        check_url(url)


def test_errors_without_a_text_are_named() -> None:
    assert explain(OSError()) == "cannot be reached: OSError"
    assert explain(ssl.SSLError(1, "[SSL: BAD] words")) == (
        "does not speak TLS as expected: [SSL: BAD] words"
    )


def test_a_broker_needs_a_version() -> None:
    with pytest.raises(BusError, match="not an unknown version"):
        check_broker({})
    check_broker({b"version": b"255.255.255", b"role": b"master"})


def test_a_password_that_is_not_needed() -> None:
    assert refusal("ERR AUTH <password> called without any password configured for") == (
        "has no password, but the URL has one"
    )
