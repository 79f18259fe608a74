"""Servers that become one cluster, or are refused; brokers that are of no use, or not there yet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import msgspec
import pytest
import redis

from fortepiano.cluster.description import Description
from fortepiano.store.owner import Owner
from support.recovery import until
from support.redis import RedisServer, run_redis
from support.server import Server, run_server
from support.websocket_clients import Clients, new_address, new_room

pytestmark = [pytest.mark.needs("redis-server"), pytest.mark.timeout(180)]

SOON = 20.0
"""Seconds; only a failing test ever waits that long."""

DOCUMENT = Path(__file__).parents[2] / "docs" / "operating.md"

ALONE = "this node serves alone until it is in the cluster"


class Site:
    """A store and a broker, and the servers that tests start on them.

    Attributes:
        store: The Redis that all nodes store in.
        broker: The Redis over which they talk.
    """

    def __init__(self, stack: ExitStack) -> None:
        self.store = stack.enter_context(run_redis("--appendfsync", "no"))
        self.broker = stack.enter_context(run_redis("--appendonly", "no"))
        self._stack = stack

    def settings(self, **more: str) -> dict[str, str]:
        return {
            "FORTEPIANO_STORE__URL": self.store.url,
            "FORTEPIANO_CLUSTER__URL": self.broker.url,
            "FORTEPIANO_CLUSTER__LEASE_SECONDS": "3",
        } | more

    def node(self, name: str, **more: str) -> Server:
        """Start a node."""
        settings = self.settings(FORTEPIANO_CLUSTER__NODE=name, **more)
        return self._stack.enter_context(run_server(scopes=["read"], **settings))

    def refusal(self, name: str, **more: str) -> str:
        """Start a node that must refuse to serve; return its only line."""
        server = Server(**self.settings(FORTEPIANO_CLUSTER__NODE=name, **more))
        try:
            (line,) = server.refusal().splitlines()
        finally:
            server.close()
        return line.removeprefix("fortepiano: ")


@pytest.fixture
def site() -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(stack)


def cluster_of(server: Server) -> dict[str, object]:
    """The part of a server's status about its cluster."""
    headers = {"Authorization": f"Bearer {server.tokens['read']}"}
    answer = httpx.get(f"{server.internal_url}/api/v1/status", headers=headers, trust_env=False)
    found: dict[str, object] = answer.raise_for_status().json()["cluster"]
    return found


def metrics_of(server: Server) -> str:
    """The metrics of a server."""
    return httpx.get(f"{server.internal_url}/metrics", trust_env=False).raise_for_status().text


def lines(server: Server, event: str) -> list[dict[str, object]]:
    """The lines of a server's log about an event."""
    found = [msgspec.json.decode(line) for line in server.log.splitlines() if event in line]
    return [line for line in found if line["event"] == event]


class TestTogether:
    async def test_nodes_know_each_other_and_leave_nothing_behind(self, site: Site) -> None:
        one, two = site.node("one"), site.node("two")
        for node, name, other in ((one, "one", "two"), (two, "two", "one")):
            status = cluster_of(node)
            assert (status["node"], status["others"]) == (name, [other])
            assert (status["why_alone"], status["differences"]) == (None, [])
        assert '\nfortepiano_cluster_connected{node="two"} 1.0\n' in metrics_of(two)
        assert two.stop() == 0
        await until(lambda: cluster_of(one)["others"] == [], SOON)
        assert one.stop() == 0
        with site.broker.client() as client:
            assert set(client.keys()) == {"{fortepiano}:c:nid"}

    async def test_people_of_two_nodes_meet(self, site: Site) -> None:
        room = new_room()
        async with Clients(site.node("one")) as here, Clients(site.node("two")) as there:
            ann = await here.enter(room, address=new_address())
            bea = await there.enter(room, address=new_address())
            assert (await ann.expect("p"))["_id"] == bea.id
        with site.broker.client() as client:
            await until(lambda: not client.exists("{fortepiano}:c:homes"), SOON)

    async def test_a_killed_node_is_buried(self, site: Site) -> None:
        one, two = site.node("one"), site.node("two")
        two.kill()
        await until(lambda: bool(lines(one, "a node is gone")), SOON)
        (gone,) = lines(one, "a node is gone")
        assert cluster_of(one)["others"] == []
        assert (gone["node"], gone["why"]) == ("two", "buried")

    async def test_a_broker_that_lost_everything_is_joined_again(self, site: Site) -> None:
        nodes = [site.node("one"), site.node("two")]
        with site.broker.client() as client:
            client.flushall()
            client.script_flush()
            await until(lambda: client.hlen("{fortepiano}:c:nodes") == 2, SOON)
        for node in nodes:
            await until(lambda node=node: len(lines(node, "joined the cluster")) == 2, SOON)
            first, second = lines(node, "joined the cluster")
            assert first["nid"] != second["nid"]

    async def test_all_follow_one_clock(self, site: Site) -> None:
        """Two servers agree about the time, with the broker and with each other."""
        async with Clients(site.node("one")) as here, Clients(site.node("two")) as there:
            times: list[tuple[float, float, int]] = []
            for client in (await here.enter(), await there.enter()):
                for _ in range(5):
                    began = time.time()
                    await client.send({"m": "t", "e": 1})
                    answer = await client.expect("t")
                    times.append((time.time() - began, began, answer["t"]))
                    await asyncio.sleep(0.2)
        for took, began, told in times:
            assert -2 <= told - began * 1000 <= took * 1000 + 2


class TestStop:
    async def test_a_room_of_a_stopped_node_goes_on_as_it_was(self, site: Site) -> None:
        """Its settings and its crown are found at the next node."""
        one, two = site.node("one"), site.node("two")
        room, address = new_room(), new_address()
        async with Clients(one) as here:
            ann = await here.enter(room, {"color": "#123456"}, address=address)
            assert one.stop() == 0
            await ann.closed()
        async with Clients(two) as there:
            bea = await there.enter(address=new_address())
            found = (await bea.join(room))["ch"]
            assert found["settings"]["color"] == "#123456"
            assert found["crown"]["userId"] == ann.id
            assert "participantId" not in found["crown"]
            ann = await there.enter(address=address)
            found = (await ann.join(room))["ch"]
            assert found["crown"]["participantId"] == ann.id


class TestNames:
    def test_a_second_node_of_a_name_is_refused_while_the_first_lives(self, site: Site) -> None:
        one = site.node("piano")
        line = site.refusal("piano")
        assert line.startswith(f"process {one.pid} on ")
        assert line.endswith("is the node piano; stop it, or choose another `cluster.node`")
        assert cluster_of(one)["others"] == []

    def test_a_killed_node_lets_the_next_one_in_at_once(self, site: Site) -> None:
        one = site.node("piano", FORTEPIANO_CLUSTER__LEASE_SECONDS="60")
        one.kill()
        began = time.monotonic()
        site.node("piano")
        assert time.monotonic() - began < 10

    def test_a_node_of_another_host_lets_the_next_one_in_after_its_lease(self, site: Site) -> None:
        elsewhere = msgspec.json.encode(Description(owner=Owner(pid=1, host="harp", boot="x")))
        with site.broker.client() as client:
            client.hset("{fortepiano}:c:nodes", "piano", f"7 start {elsewhere.decode()}")
            client.hset("{fortepiano}:c:nids", "7", "start piano")
            client.zadd("{fortepiano}:c:leases", {"7": (time.time() + 10) * 1000})
        two = site.node("piano", FORTEPIANO_CLUSTER__LEASE_SECONDS="10")
        assert lines(two, "looking whether the node of the same name lives")
        assert cluster_of(two)["why_alone"] is None

    def test_a_name_is_the_host_and_the_port(self, site: Site) -> None:
        server = site.node("")
        assert str(cluster_of(server)["node"]).endswith(f":{server.port}")


class TestDifferences:
    @pytest.mark.parametrize(
        ("setting", "told"),
        [
            ({"SALT1": "another salt, long enough"}, "salt1, salt2: other than at the node one: "),
            ({"NODE_ENV": "development"}, "identity.mode: other than at the node one: "),
        ],
    )
    def test_other_ids_are_refused(self, site: Site, setting: dict[str, str], told: str) -> None:
        one = site.node("one")
        assert site.refusal("two", **setting).startswith(told)
        assert cluster_of(one)["others"] == []

    def test_other_keys_are_refused(self, site: Site) -> None:
        tokens = {"FORTEPIANO_IDENTITY__MODE": "token"}
        site.node("one", **tokens)
        assert site.refusal("two", **tokens).startswith("keys.json: other than at the node one: ")

    def test_other_rules_are_one_warning(self, site: Site) -> None:
        site.node("one")
        two = site.node("two", FORTEPIANO_RULES__PRESET="net")
        (line,) = lines(two, "nodes differ")
        assert str(line["difference"]).startswith("rules.preset, ")
        assert str(line["difference"]).endswith("other than at the node one")


class TestStore:
    def test_a_server_alone_is_refused_beside_nodes(self, site: Site) -> None:
        site.node("one")
        server = Server(FORTEPIANO_STORE__URL=site.store.url)
        assert "a cluster of servers uses the prefix fortepiano" in server.refusal()
        server.close()

    def test_a_node_is_refused_beside_a_server_alone(self, site: Site) -> None:
        with run_server(FORTEPIANO_STORE__URL=site.store.url) as alone:
            assert site.refusal("one").split(": ", 1)[1].startswith(f"process {alone.pid} on ")

    def test_a_restore_is_refused_beside_nodes(self, site: Site) -> None:
        one = site.node("one")
        with one.command_of("backup", "b") as backup:
            assert backup.wait(SOON) == 0
        one.stop()
        site.node("two")
        with one.command_of("restore", "--force", "b") as restore:
            told, _ = restore.communicate(timeout=SOON)
        assert restore.returncode == 2
        assert "a cluster of servers uses the prefix fortepiano" in told


class TestBrokers:
    """Brokers that a node cannot use."""

    async def test_one_that_comes_later(self, site: Site) -> None:
        site.broker.kill()
        node = site.node("one")
        assert "cannot be reached" in str(cluster_of(node)["why_alone"])
        async with Clients(node) as clients:
            room = new_room()
            ann = await clients.enter(room, address=new_address())
            site.broker.start()
            await until(lambda: cluster_of(node)["why_alone"] is None, SOON)
            two = site.node("two")
            async with Clients(two) as others:
                bea = await others.enter(room, address=new_address())
                assert (await ann.expect("p"))["_id"] == bea.id
        assert len(lines(node, ALONE)) == 1

    @pytest.mark.parametrize(
        ("acl", "told"),
        [
            ("on >right ~* &* +@all", "has another user or password than the URL"),
            ("on >wrong ~* resetchannels +@all", "lets this user use no such channels"),
            ("on >wrong ~* &* +@all -evalsha -eval", "gives this user too few rights"),
        ],
    )
    def test_one_that_refuses_this_user(self, site: Site, acl: str, told: str) -> None:
        with redis.Redis(port=site.broker.port) as client:
            client.execute_command("ACL", "SETUSER", "piano", *acl.split())
        url = f"redis://piano:wrong@127.0.0.1:{site.broker.port}/0"
        line = site.refusal("one", FORTEPIANO_CLUSTER__URL=url)
        assert line.startswith("cluster.url: the broker redis://127.0.0.1:")
        assert told in line
        assert "wrong@" not in line

    @pytest.mark.parametrize("url", ["redis://a:secret:x", "redis+sentinel://a", "rediss://[a"])
    def test_a_url_of_no_broker_is_refused_in_one_line(self, site: Site, url: str) -> None:
        line = site.refusal("one", FORTEPIANO_CLUSTER__URL=url)
        assert line.startswith("cluster.url: ")

    def test_one_with_the_rights_that_the_documents_name(self, site: Site) -> None:
        acl = "on >right ~{fortepiano}:* resetchannels &{fortepiano}:* +@all -@dangerous"
        with redis.Redis(port=site.broker.port) as client:
            client.execute_command("ACL", "SETUSER", "piano", *acl.split())
        assert acl.partition("~")[2] in DOCUMENT.read_text("utf-8").replace("\n  ", " ")
        url = f"redis://piano:right@127.0.0.1:{site.broker.port}/0"
        node = site.node("one", FORTEPIANO_CLUSTER__URL=url)
        assert cluster_of(node)["why_alone"] is None

    async def test_one_that_is_a_replica_and_becomes_the_master(self, site: Site) -> None:
        with site.broker.client() as client:
            client.execute_command("REPLICAOF", "127.0.0.1", str(site.store.port))
            node = site.node("one")
            assert "is a replica" in str(cluster_of(node)["why_alone"])
            client.execute_command("REPLICAOF", "NO", "ONE")
            await until(lambda: cluster_of(node)["why_alone"] is None, SOON)
        assert len(lines(node, ALONE)) == 1

    async def test_one_that_goes_and_comes_back(self, site: Site) -> None:
        node = site.node("one")
        site.broker.kill()
        await until(lambda: cluster_of(node)["why_alone"] is not None, SOON)
        site.broker.start()
        await until(lambda: cluster_of(node)["why_alone"] is None, SOON)


def test_servers_without_a_broker_are_as_before(redis_store: RedisServer) -> None:
    with run_server(FORTEPIANO_STORE__URL=redis_store.url, scopes=["read"]) as server:
        assert cluster_of(server) is None
        with redis_store.client() as client:
            assert not [key for key in client.keys() if ":c:" in str(key)]


@pytest.fixture
def redis_store() -> Iterator[RedisServer]:
    with run_redis() as running:
        yield running
