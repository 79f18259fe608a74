"""Events of other nodes, for operators who watch one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.nodes import Fabric, Node

ANN, BEN = "a" * 24, "b" * 24

Seen = list[tuple[int, str]]


def note_kinds(seen: Seen) -> Callable[[int, dict[str, Any]], None]:
    """Return a watcher that notes the node and the kind of each event."""
    return lambda nid, event: seen.append((nid, event["kind"]))


def watch(node: Node) -> tuple[Seen, Callable[[int, dict[str, Any]], None]]:
    """Watch at a node; return what it sees of others, and the watcher."""
    assert node.cluster is not None
    seen: Seen = []
    watcher = note_kinds(seen)
    node.cluster.watching.watch(watcher)
    node.turn()
    node.fabric.pump()
    return seen, watcher


@pytest.fixture
def pair(clusters: Callable[..., Fabric]) -> Fabric:
    return clusters(2)


def test_what_happens_on_another_node_is_seen_once(fabric: Fabric) -> None:
    first, second, *_ = fabric.nodes
    seen, _ = watch(first)
    second.enter(ANN, "room")
    fabric.wait(0.5)
    assert sorted(seen) == [(second.nid, "arrived"), (second.nid, "entered")]


def test_who_enters_a_room_of_another_node_is_seen_once(pair: Fabric) -> None:
    first, second = pair.nodes
    first.enter(BEN, "room")
    seen, _ = watch(first)
    own: list[str] = []
    first.context.events.watch(lambda event: own.append(event["kind"]))
    second.enter(ANN, "room")
    pair.wait(0.5)
    assert (seen, own) == ([(second.nid, "arrived")], ["entered"])


def test_nothing_is_sent_while_nobody_watches(pair: Fabric) -> None:
    _, second = pair.nodes
    before = pair.broker.count
    second.context.events.publish("chat", text="hello")
    pair.wait(1)
    assert pair.broker.count == before


def test_a_node_watches_for_as_long_as_it_says_so(pair: Fabric) -> None:
    first, second = pair.nodes
    assert first.cluster is not None
    seen, watcher = watch(first)
    pair.wait(40)
    second.context.events.publish("chat")
    pair.wait(0.3)
    assert seen == [(second.nid, "chat")]
    first.cluster.watching.unwatch(watcher)
    pair.wait(25)
    before = pair.broker.count
    second.context.events.publish("chat")
    pair.wait(0.3)
    assert (len(seen), pair.broker.count) == (1, before)


def test_many_events_are_few_messages(pair: Fabric) -> None:
    first, second = pair.nodes
    seen, _ = watch(first)
    before = pair.broker.count
    for _ in range(500):
        second.context.events.publish("chat")
    pair.wait(0.3)
    assert len(seen) == 500
    assert pair.broker.count - before == 1


def test_a_node_that_is_gone_gets_no_events(pair: Fabric) -> None:
    first, second = pair.nodes
    watch(first)
    pair.kill(first)
    before = pair.broker.count
    second.context.events.publish("chat")
    pair.wait(0.3)
    assert pair.broker.count == before
