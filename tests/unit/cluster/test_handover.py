"""Nodes whose process changes, and nodes that stop, while others go on."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from fortepiano.upgrade import State, capture, decode, encode
from support.handed_over import change_process, stop
from support.interleaved import Interleaved
from support.nodes import Fabric, Node


class Rolling(Interleaved):
    """A cluster whose nodes are upgraded, or stop, at any moment."""

    has_stopped = False

    @rule(node=st.integers(0, 2))
    def upgrade(self, node: int) -> None:
        nodes = self.alive()
        one = nodes[node % len(nodes)]
        self.remark(f"node {one.nid} is upgraded")
        change_process(one)

    @precondition(lambda self: len(self.alive()) > 2 and not self.has_stopped)
    @rule(node=st.integers(0, 2))
    def stop(self, node: int) -> None:
        victim = self.alive()[node]
        self.remark(f"node {victim.nid} stops")
        self.is_quiet, self.has_stopped = False, True
        stop(self.fabric, victim)

    @rule()
    def agree(self) -> None:
        self.fabric.wait(1.5)  # until nodes that stop have ended
        super().agree()


TestRolling = Rolling.TestCase
TestRolling.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)


@pytest.fixture
def fabric(clusters: Callable[..., Fabric]) -> Fabric:
    return clusters(3)


MOMENTS: list[Callable[[Fabric], object]] = [
    lambda fabric: None,
    lambda fabric: [node.step_tasks() for node in fabric.nodes],
    lambda fabric: (fabric.pump(), fabric.advance(0.001)),
    lambda fabric: [fabric.broker.deliver(pair) for pair in fabric.broker.pending()],
]
"""The moments of a join at which a node is upgraded."""


@pytest.mark.parametrize("moment", range(4))
@pytest.mark.parametrize("upgraded", ["home", "edge", "both"])
def test_a_join_under_way_ends_once(fabric: Fabric, moment: int, upgraded: str) -> None:
    home, edge, _ = fabric.nodes
    host = home.enter("a" * 24, "room")
    guest = edge.enter("b" * 24)
    fabric.nodes[0].settle()
    for client in (host, guest):
        client.taken()
    guest.send({"m": "ch", "_id": "room"}, {"m": "a", "message": "hello"})
    for _ in range(3):
        MOMENTS[moment](fabric)
    for node, name in ((home, "home"), (edge, "edge")):
        if upgraded in (name, "both"):
            change_process(node)
    assert [each["m"] for each in host.received()] == ["p", "a"]
    kinds = [each["m"] for each in guest.received()]
    assert kinds.count("ch") == kinds.count("a") == 1
    host.send({"m": "n", "t": 1, "n": [{"n": "a1"}]})
    assert guest.kinds() == ["n"]


def test_a_newcomer_after_an_upgrade_puts_nobody_out(fabric: Fabric) -> None:
    home, edge, _ = fabric.nodes
    watcher = home.enter("a" * 24, "room")
    edge.enter("b" * 24, "room")
    change_process(edge)
    watcher.received()
    edge.enter("c" * 24, "room")
    assert [message["m"] for message in watcher.received()] == ["p"]
    assert set(home.context.directory.rooms["room"].participants) == {
        letter * 24 for letter in "abc"
    }


def test_nobody_notices_another_process(fabric: Fabric) -> None:
    people = [
        node.enter(letter * 24, "room") for node, letter in zip(fabric.nodes, "abc", strict=True)
    ]
    tab = fabric.nodes[1].enter("a" * 24, "room")
    people[0].send({"m": "chset", "set": {"color": "#123456"}})
    fabric.nodes[0].settle()
    for client in (*people, tab):
        client.taken()
    for _ in range(2):
        for node in fabric.nodes:
            change_process(node)
            for client in (*people, tab):
                assert client.received() == []
            people[1].send(
                {"m": "a", "message": str(node.nid)}, {"m": "n", "t": 1, "n": [{"n": "a1"}]}
            )
            assert people[0].kinds() == tab.kinds() == people[2].kinds() == ["a", "n"]
            assert people[1].kinds() == ["a"]
    stats = [node.hub.relay_stats() for node in fabric.nodes]
    assert [each["gaps"] for each in stats] == [0, 0, 0]
    people[0].vanish()
    assert "bye" not in people[1].kinds()
    tab.vanish()
    assert people[1].kinds() in (["ch"], ["bye"])


def test_a_state_of_a_server_alone_has_no_node(clusters: Callable[..., Fabric]) -> None:
    """Of a version that knew nothing of nodes: it hands over none of their sessions."""
    alone = clusters(1)
    client = alone.nodes[0].enter("a" * 24, "room")
    links = alone.nodes[0].engine.connections()
    state, descriptor = capture(alone.nodes[0].context, links, with_store=False)
    plain = msgspec.msgpack.decode(encode(state))
    del plain["node"], plain["has_bus"]
    for room in plain["rooms"]:
        for participant in room["participants"]:
            del participant["number"]
    older: State = decode(msgspec.msgpack.encode(plain))
    assert (older.node, older.has_bus, descriptor) == (b"", False, -1)
    assert client.session.participant is not None


def test_a_room_is_handed_to_the_node_with_most_of_its_people(fabric: Fabric) -> None:
    home, edge, other = fabric.nodes
    host = home.enter("a" * 24, "room")
    one = edge.enter("b" * 24, "room")
    two, three = other.enter("c" * 24, "room"), other.enter("d" * 24, "room")
    host.send({"m": "chset", "set": {"color": "#123456"}})
    host.send({"m": "a", "message": "before"})
    home.settle()
    for client in (host, one, two, three):
        client.taken()
    assert home.cluster is not None
    done: list[Node] = []
    home.cluster.leaving.start(lambda: done.append(home))
    fabric.wait(0.5)
    assert done
    assert fabric.homes["room"].nid == other.nid
    for client in (host, one, two, three):
        assert not {"bye", "p"} & {each["m"] for each in client.received()}
    one.send({"m": "a", "message": "after"})
    for client in (host, one, two, three):
        assert "after" in [each.get("a") for each in client.received()]
    room = other.context.directory.rooms["room"]
    assert room.settings["color"] == "#123456"
    assert [line["a"] for line in room.history] == ["before", "after"]
    assert room.holder is not None and room.holder.id == "a" * 24
    stop(fabric, home)
    fabric.wait(2.0)
    kinds = one.kinds()
    assert kinds.count("ch") == 1
    assert "bye" not in kinds
    assert room.holder is None and room.crown is not None and room.crown.user_id == "a" * 24
