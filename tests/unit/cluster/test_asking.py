"""Questions of an operator to other nodes: answers, late ones, and nodes that are missing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fortepiano.cluster.asking import Answers, Asking
from support.nodes import Fabric, Node

Deferred = list[Callable[[bytes], None]]


def asking_of(node: Node) -> Asking:
    assert node.cluster is not None
    return node.cluster.asking


def others(node: Node) -> dict[int, str]:
    """The nodes that a node asks, with their names."""
    return {one.nid: f"node-{one.nid}" for one in node.fabric.nodes if one is not node}


def ask(node: Node, question: bytes = b"?") -> list[Answers]:
    """Ask all others; the answers are in the list once they are complete."""
    told: list[Answers] = []
    asking_of(node).ask(others(node), question, told.append)
    node.turn()
    return told


def echo(node: Node) -> None:
    """Let a node answer at once, with its number and the question."""
    asking_of(node).answer = lambda asked, call: call(b"%d: %b" % (node.nid, asked))


def defer(node: Node) -> Deferred:
    """Let a node answer when the test says so, by a call of what is in the list."""
    waiting: Deferred = []
    asking_of(node).answer = lambda _asked, call: waiting.append(call)
    return waiting


@pytest.fixture
def trio(clusters: Callable[..., Fabric]) -> Fabric:
    fabric = clusters(3)
    for node in fabric.nodes:
        echo(node)
    return fabric


def test_all_others_answer(trio: Fabric) -> None:
    told = ask(trio.nodes[0], b"who?")
    trio.pump()
    (answers,) = told
    assert answers == ({"node-2": b"2: who?", "node-3": b"3: who?"}, [])


def test_questions_at_the_same_time_are_told_apart(trio: Fabric) -> None:
    first, second, other = ask(trio.nodes[0], b"1"), ask(trio.nodes[0], b"2"), ask(trio.nodes[1])
    trio.pump()
    assert [told[0].by_node["node-3"] for told in (first, second, other)] == [
        b"3: 1",
        b"3: 2",
        b"3: ?",
    ]


def test_who_asks_nobody_is_answered_at_once(trio: Fabric) -> None:
    told: list[Answers] = []
    asking_of(trio.nodes[0]).ask({}, b"?", told.append)
    assert told == [({}, [])]


def test_after_a_second_a_silent_node_is_missing(trio: Fabric) -> None:
    trio.nodes[2].is_alive = False
    told = ask(trio.nodes[0])
    trio.pump()
    trio.advance(0.9)
    assert told == []
    trio.advance(0.2)
    assert told == [({"node-2": b"2: ?"}, ["node-3"])]


def test_an_answer_that_comes_too_late_is_dropped(trio: Fabric) -> None:
    told = ask(trio.nodes[0])
    trio.advance(1.1)
    assert told[0].missing_nodes == ["node-2", "node-3"]
    trio.pump()
    assert len(told) == 1
    assert told[0].by_node == {}


def test_a_node_whose_answer_takes_longer_is_not_missing(trio: Fabric) -> None:
    waiting = defer(trio.nodes[2])
    told = ask(trio.nodes[0])
    for _ in range(50):
        trio.pump()
        trio.advance(0.1)
    assert told == []
    waiting[0](b"at last")
    trio.nodes[2].turn()
    trio.pump()
    assert told == [({"node-2": b"2: ?", "node-3": b"at last"}, [])]


def test_no_question_waits_for_ever(trio: Fabric) -> None:
    defer(trio.nodes[2])
    told = ask(trio.nodes[0])
    for _ in range(210):
        trio.pump()
        trio.advance(0.1)
    assert told == [({"node-2": b"2: ?"}, ["node-3"])]


def test_a_node_that_goes_is_not_waited_for(trio: Fabric) -> None:
    told = ask(trio.nodes[0])
    trio.kill(trio.nodes[2])
    trio.pump()
    assert told == [({"node-2": b"2: ?"}, ["node-3"])]


def test_an_answer_to_no_question_is_dropped(trio: Fabric) -> None:
    waiting = defer(trio.nodes[1])
    told = ask(trio.nodes[0])
    trio.pump()
    for answer in (b"once", b"twice"):
        waiting[0](answer)
        trio.nodes[1].turn()
        trio.pump()
    assert told[0].by_node["node-2"] == b"once"
