"""The registry's scripts in a real Redis, against a model in plain Python."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, NamedTuple, TypeVar

import msgspec
import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from fortepiano.cluster.description import Description
from fortepiano.cluster.redis_registry import RedisRegistry
from fortepiano.cluster.registry import (
    ForgottenError,
    Home,
    HomeClaimed,
    HomeReleased,
    Node,
    NodeGone,
    NodeJoined,
    TakenError,
    event_of,
)
from support.redis import RedisServer, run_redis
from support.reference.registry import ReferenceRegistry

pytestmark = [pytest.mark.needs("redis-server"), pytest.mark.timeout(240)]

T = TypeVar("T")

HEADER = b"\x01\x64" + bytes(6)
"""Version 1, kind 100, no sender, no sequence."""

LEASE_MS = 3_600_000
"""Longer than any test: the tests end leases themselves."""

AWKWARD_NAMES = [
    "",
    "lobby",
    "\0",
    "a\nb\r\n",
    "'\"\\` ; $x",
    "1 2 3",
    "é" * 256,
    "x" * 512,
    "\u202e\ufeff\U0001f3b9\U0010ffff",
    "{fortepiano}:c:homes",
    "*",
    "\x7f\x80\xa0",
]

rooms = st.sampled_from(AWKWARD_NAMES) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=20
)


class Started(NamedTuple):
    """One start of a node."""

    name: str
    registry: RedisRegistry

    @property
    def incarnation(self) -> str:
        return self.registry.incarnation


def done(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("the coroutine waits")


class Cluster:
    """Nodes on a Redis, which the test asks and changes."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        client.flushall()
        self.numbers = itertools.count(1)
        self.everybody = client.pubsub()
        self.everybody.subscribe("{t}:a")
        self.inboxes = client.pubsub()
        self.inboxes.subscribe("{t}:settled")
        self.events()

    def start(self, name: str) -> Started:
        async def execute(*words: Any) -> Any:
            return self.client.execute_command(*words)

        def incarnation() -> str:
            return f"start{next(self.numbers)}"

        return Started(name, RedisRegistry(execute, "t", name, incarnation, LEASE_MS))

    def end_lease(self, nid: int) -> None:
        self.client.zadd("{t}:c:leases", {str(nid): 1})

    def hear(self, nid: int) -> None:
        self.inboxes.subscribe(f"{{t}}:n:{nid}")
        self._settle()

    def lose_counter(self) -> None:
        """Lose the last epoch, as a replica that takes over does: not within a millisecond."""
        self.client.delete("{t}:c:epoch")
        time.sleep(0.002)

    def stop_hearing(self, nid: int) -> None:
        self.inboxes.unsubscribe(f"{{t}}:n:{nid}")
        self._settle()

    def _settle(self) -> None:
        """Wait until Redis has seen what was subscribed."""
        self.client.publish("{t}:settled", "settled")
        while True:
            message = self.inboxes.get_message(timeout=5)
            if message is not None and message["data"] == b"settled":
                return

    def events(self) -> list[Any]:
        """Return what has been published since the last call."""
        self.client.publish("{t}:a", "end")
        found: list[Any] = []
        while True:
            message = self.everybody.get_message(timeout=5)
            assert message is not None
            if message["type"] == "message":
                if message["data"] == b"end":
                    return found
                assert message["data"][:8] == HEADER
                found.append(event_of(message["data"][8:]))

    def close(self) -> None:
        self.everybody.close()
        self.inboxes.close()


def told(event: Any) -> tuple[Any, ...]:
    """An event as the model lists it."""
    match event:
        case NodeJoined():
            return ("joined", event.node, event.nid, event.incarnation)
        case NodeGone():
            return ("gone", event.node, event.nid, event.incarnation, event.why)
        case HomeClaimed():
            return ("claimed", event.room, event.epoch, event.nid, event.node)
        case HomeReleased():
            return ("released", event.room, event.epoch)
    raise AssertionError(event)


@pytest.fixture(scope="module")
def broker() -> Iterator[RedisServer]:
    """A Redis that writes nothing to disk, as one for a cluster alone need not."""
    with run_redis("--appendonly", "no") as running:
        yield running


@pytest.fixture
def client(broker: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis(port=broker.port) as client:
        yield client


@pytest.fixture
def cluster(client: redis.Redis) -> Iterator[Cluster]:
    cluster = Cluster(client)
    yield cluster
    cluster.close()


def joined(cluster: Cluster, name: str, *, is_heard: bool = True) -> Started:
    started = cluster.start(name)
    done(started.registry.join(Description(version=name)))
    if is_heard:
        cluster.hear(started.registry.nid)
    return started


def of(cluster: Cluster, started: Started) -> Node:
    """The registry's entry of a node."""
    nodes = done(started.registry.renew()).nodes
    return next(node for node in nodes if node.incarnation == started.incarnation)


class TestNodes:
    def test_a_node_hears_who_is_there(self, cluster: Cluster) -> None:
        joined(cluster, "one")
        two = cluster.start("two")
        answer = done(two.registry.join(Description(version="x")))
        assert (answer.nid, answer.incarnation) == (two.registry.nid, two.incarnation)
        assert {node.name: node.heard for node in answer.nodes} == {"one": 1, "two": 0}
        assert {node.name: node.description.version for node in answer.nodes} == {
            "one": "one",
            "two": "x",
        }
        assert all(0 < node.remaining_ms <= LEASE_MS for node in answer.nodes)
        assert [type(event) for event in cluster.events()] == [NodeJoined, NodeJoined]

    def test_a_second_node_of_a_name_waits_for_the_end_of_the_lease(self, cluster: Cluster) -> None:
        one, two = joined(cluster, "piano"), cluster.start("piano")
        with pytest.raises(TakenError) as taken:
            done(two.registry.join(Description()))
        node = taken.value.node
        assert (node.name, node.nid) == ("piano", one.registry.nid)
        assert node.description.version == "piano"
        cluster.end_lease(one.registry.nid)
        done(two.registry.join(Description()))
        with pytest.raises(ForgottenError):
            done(one.registry.renew())
        assert [told(event)[0] for event in cluster.events()] == ["joined", "gone", "joined"]

    def test_a_lost_answer_may_be_asked_for_again(self, cluster: Cluster) -> None:
        one = joined(cluster, "one")
        again = done(one.registry.join(Description()))
        assert again.nid == one.registry.nid
        assert len(again.nodes) == 1

    def test_a_forgotten_node_begins_anew(self, cluster: Cluster) -> None:
        one = joined(cluster, "one")
        nid, incarnation = one.registry.nid, one.incarnation
        cluster.client.flushall()
        for ask in (one.registry.renew, lambda: one.registry.claim("room")):
            with pytest.raises(ForgottenError):
                done(ask())
        assert one.registry.nid == 0
        done(one.registry.join(Description()))
        assert (one.registry.nid, one.incarnation) != (nid, incarnation)

    def test_numbers_begin_anew_and_pass_over_those_in_use(self, cluster: Cluster) -> None:
        cluster.client.set("{t}:c:nid", 65_534)
        names = ["one", "two", "three"]
        assert [joined(cluster, name).registry.nid for name in names] == [65_535, 1, 2]
        cluster.client.set("{t}:c:nid", 65_534)
        assert joined(cluster, "four").registry.nid == 3

    def test_descriptions_of_other_versions_are_empty(self, cluster: Cluster) -> None:
        one = joined(cluster, "one")
        held = f"{one.registry.nid} {one.incarnation} {{1}}"
        cluster.client.hset("{t}:c:nodes", "one", held)
        assert of(cluster, one).description == Description()

    def test_a_broker_that_has_forgotten_the_script_gets_it_again(self, cluster: Cluster) -> None:
        one = joined(cluster, "one")
        cluster.client.script_flush()
        assert len(done(one.registry.renew()).nodes) == 1

    def test_the_living_are_not_buried(self, cluster: Cluster) -> None:
        one, two = joined(cluster, "one"), joined(cluster, "two")
        node = of(cluster, two)
        assert not done(one.registry.bury(node))
        cluster.stop_hearing(two.registry.nid)
        assert done(one.registry.bury(node))
        assert not done(one.registry.bury(node, is_certain=True))


class TestHomes:
    @pytest.mark.parametrize("room", AWKWARD_NAMES, ids=ascii)
    def test_names_of_every_kind(self, cluster: Cluster, room: str) -> None:
        one, two = joined(cluster, "one"), joined(cluster, "two")
        cluster.events()
        home = done(one.registry.claim(room))
        assert done(two.registry.claim(room)) == home
        assert (home.nid, home.node) == (one.registry.nid, "one")
        assert cluster.events() == [HomeClaimed(room, home.epoch, home.nid, "one")]
        assert cluster.client.hkeys("{t}:c:homes") == [room.encode()]
        assert done(one.registry.release(room, home.epoch))
        assert cluster.events() == [HomeReleased(room, home.epoch)]
        assert not cluster.client.exists("{t}:c:homes")

    def test_a_home_outlives_a_step_of_the_brokers_clock(self, cluster: Cluster) -> None:
        one, two = joined(cluster, "one"), joined(cluster, "two")
        home = done(one.registry.claim("room"))
        cluster.end_lease(one.registry.nid)
        assert done(two.registry.claim("room")) == home
        cluster.stop_hearing(one.registry.nid)
        taken = done(two.registry.claim("room"))
        assert taken.node == "two"
        assert taken.epoch > home.epoch
        assert not done(one.registry.release("room", home.epoch))

    def test_homes_are_looked_up_without_a_claim(self, cluster: Cluster) -> None:
        one, two = joined(cluster, "one"), joined(cluster, "two")
        for number, room in enumerate(AWKWARD_NAMES):
            done((one, two)[number % 2].registry.claim(room))
        cluster.events()
        asked = [*AWKWARD_NAMES, "nobody's", *map(str, range(2500))]
        expected = {room: ("one", "two")[at % 2] for at, room in enumerate(AWKWARD_NAMES)}
        assert done(one.registry.homes(asked)) == expected
        assert done(one.registry.homes([])) == {}
        assert cluster.events() == []

    def test_a_node_that_is_gone_is_nobodys_home(self, cluster: Cluster) -> None:
        one, two = joined(cluster, "one"), joined(cluster, "two")
        done(two.registry.claim("room"))
        done(two.registry.leave())
        cluster.client.hset("{t}:c:homes", "late", f"9 {two.registry.nid} {two.incarnation}")
        assert done(one.registry.homes(["room", "late"])) == {}

    def test_epochs_grow_whatever_the_broker_has_lost(self, cluster: Cluster) -> None:
        one = joined(cluster, "one")
        first = done(one.registry.claim("a"))
        cluster.lose_counter()
        second = done(one.registry.claim("b"))
        cluster.client.set("{t}:c:epoch", second.epoch + 10**9)  # the clock was set back
        third = done(one.registry.claim("c"))
        assert first.epoch < second.epoch < third.epoch == second.epoch + 10**9 + 1

    def test_all_orders_of_two_claimants(self, cluster: Cluster) -> None:
        one, two = joined(cluster, "one"), joined(cluster, "two")
        program = ["claim", "release", "claim", "leave"]
        for order in set(itertools.permutations([one] * 4 + [two] * 4)):
            self.run_in(cluster, order, {one: list(program), two: list(program)})
            for node in (one, two):
                done(node.registry.join(Description()))
                cluster.hear(node.registry.nid)

    def run_in(
        self, cluster: Cluster, order: tuple[Started, ...], programs: dict[Started, list[str]]
    ) -> None:
        held: dict[Started, Home] = {}
        home: Home | None = None
        last = 0
        for node in order:
            step, nid = programs[node].pop(0), node.registry.nid
            if step == "claim":
                held[node] = answer = done(node.registry.claim("room"))
                if home is None:
                    assert (answer.nid, answer.epoch > last) == (nid, True)
                    last = answer.epoch
                else:
                    assert answer == home
                home = answer
            elif step == "release":
                is_own = home is not None and (home.nid, home.epoch) == (nid, held[node].epoch)
                assert done(node.registry.release("room", held[node].epoch)) == is_own
                home = None if is_own else home
            else:
                done(node.registry.leave())
                home = None if home is not None and home.nid == nid else home


class Registry(RuleBasedStateMachine):
    """Random transitions, in a real Redis and in the model."""

    nodes = Bundle("nodes")
    client: redis.Redis

    @initialize()
    def begin(self) -> None:
        self.cluster = Cluster(self.client)
        self.model = ReferenceRegistry()
        self.known: list[Node] = []

    @rule(target=nodes, name=st.sampled_from(["one", "two", "three"]))
    def start(self, name: str) -> Started:
        started = self.cluster.start(name)
        self.join(started)
        return started

    @rule(node=nodes)
    def join(self, node: Started) -> None:
        is_free = self.model.may_join(node.name, node.incarnation)
        try:
            answer = done(node.registry.join(Description()))
        except TakenError as error:
            assert not is_free
            assert self.model.nodes[node.name] == (error.node.nid, error.node.incarnation)
        else:
            assert is_free
            self.model.join(node.name, node.incarnation, answer.nid)
            self.check_nodes(answer.nodes)

    @rule(node=nodes)
    def renew(self, node: Started) -> None:
        self.expect_node(
            self.model.renew(node.registry.nid, node.incarnation),
            lambda: self.check_nodes(done(node.registry.renew()).nodes),
        )

    def check_nodes(self, nodes: list[Node]) -> None:
        self.known = [*nodes, *self.known][:8]
        assert {node.name: (node.nid, node.incarnation) for node in nodes} == self.model.nodes
        lasting = {node.nid for node in nodes if node.remaining_ms}
        assert lasting == self.model.lasting
        heard = {node.nid for node in nodes if node.heard}
        assert heard == {nid for nid, _ in self.model.nodes.values()} & self.model.heard

    def expect_node(self, is_node: bool, ask: Callable[[], object]) -> None:
        if is_node:
            ask()
        else:
            with pytest.raises(ForgottenError):
                ask()

    @rule(node=nodes, room=rooms)
    def claim(self, node: Started, room: str) -> None:
        nid = node.registry.nid
        is_node = self.model.name_of(nid, node.incarnation) is not None

        def ask() -> None:
            home = done(node.registry.claim(room))
            there = self.model.home_of(nid, room)
            if there is None:
                self.model.claim(nid, node.incarnation, room, home.epoch)
                there = home.epoch, nid
            assert (home.epoch, home.nid) == there
            assert self.model.nodes[home.node][0] == home.nid

        self.expect_node(is_node, ask)

    @rule(node=nodes, data=st.data())
    def release(self, node: Started, data: st.DataObject) -> None:
        room = data.draw(st.sampled_from(sorted(self.model.homes)) if self.model.homes else rooms)
        epoch = self.model.homes.get(room, (7,))[0] + data.draw(st.sampled_from([0, 0, 0, 1]))
        expected = self.model.release(node.registry.nid, node.incarnation, room, epoch)
        assert done(node.registry.release(room, epoch)) == expected

    @rule(node=nodes, data=st.data(), is_certain=st.booleans())
    def bury(self, node: Started, data: st.DataObject, is_certain: bool) -> None:
        if self.known:
            other = data.draw(st.sampled_from(self.known))
            expected = self.model.bury(other.nid, other.incarnation, is_certain=is_certain)
            assert done(node.registry.bury(other, is_certain=is_certain)) == expected

    @rule(node=nodes)
    def leave(self, node: Started) -> None:
        self.model.forget(node.registry.nid, node.incarnation, "left")
        done(node.registry.leave())

    @rule(node=nodes)
    def lease_ends(self, node: Started) -> None:
        if self.model.name_of(node.registry.nid, node.incarnation) is not None:
            self.model.lasting.discard(node.registry.nid)
            self.cluster.end_lease(node.registry.nid)

    @rule(node=nodes, is_heard=st.booleans())
    def inbox(self, node: Started, is_heard: bool) -> None:
        nid = node.registry.nid
        (self.cluster.hear if is_heard else self.cluster.stop_hearing)(nid)
        (self.model.heard.add if is_heard else self.model.heard.discard)(nid)

    @rule()
    def counter_is_lost(self) -> None:
        self.cluster.lose_counter()

    @rule()
    def broker_is_new(self) -> None:
        self.cluster.client.flushall()
        self.cluster.client.script_flush()
        self.model = ReferenceRegistry(heard=self.model.heard, events=self.model.events)

    @invariant()
    def nothing_else_is_there_and_nothing_expires(self) -> None:
        client = self.cluster.client
        homes = {
            room.decode(): tuple(value.decode().split(" "))
            for room, value in client.hgetall("{t}:c:homes").items()
        }
        model = {
            room: (str(epoch), str(nid), incarnation)
            for room, (epoch, nid, incarnation) in self.model.homes.items()
        }
        assert homes == model
        nids = {int(nid) for nid, _ in client.zrange("{t}:c:leases", 0, -1, withscores=True)}
        assert nids == {nid for nid, _ in self.model.nodes.values()}
        known = {f"{{t}}:c:{key}" for key in ("epoch", "nid", "nodes", "nids", "leases", "homes")}
        keys = [key.decode() for key in client.keys()]
        assert set(keys) <= known
        assert all(client.pttl(key) == -1 for key in keys)

    @invariant()
    def all_nodes_are_told(self) -> None:
        assert [told(event) for event in self.cluster.events()] == self.model.events
        self.model.events = []

    def teardown(self) -> None:
        self.cluster.close()


def test_every_transition_is_the_models(client: redis.Redis) -> None:
    machine = type("Machine", (Registry,), {"client": client})
    run_state_machine_as_test(
        machine,
        settings=settings(
            deadline=None,
            max_examples=600 if os.environ.get("FORTEPIANO_HYPOTHESIS") == "slow" else 60,
            stateful_step_count=40,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize(
    "payload",
    [b"", b"{}", b"\xff\xfe", b'{"kind":"claimed"}', b'{"kind":"x"}', b"[]", b'{"kind":"gone"'],
)
def test_what_a_stranger_publishes_is_nothing(payload: bytes) -> None:
    assert event_of(payload) is None


def test_events_of_a_newer_version_may_say_more() -> None:
    event = HomeClaimed("room", 7, 2, "two")
    more = msgspec.json.decode(msgspec.json.encode(event)) | {"new": 1}
    assert event_of(msgspec.json.encode(more)) == event
