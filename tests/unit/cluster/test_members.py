"""The other nodes of a cluster, as one of them sees them."""

from __future__ import annotations

import pytest

from fortepiano.cluster.description import Description
from fortepiano.cluster.members import GRACE_SECONDS, Members
from fortepiano.cluster.registry import HomeReleased, Node, NodeGone, NodeJoined

ALIVE = {"remaining_ms": 4000, "heard": 1}
SILENT = {"remaining_ms": 4000, "heard": 0}
LATE = {"remaining_ms": 0, "heard": 1}

LATER = 100 + GRACE_SECONDS


def node(nid: int, *, incarnation: str = "", remaining_ms: int = 4000, heard: int = 1) -> Node:
    return Node(f"n{nid}", nid, incarnation or f"i{nid}", remaining_ms, heard, Description())


class Watch:
    """Members of a cluster whose node 1 looks, and what it was told."""

    def __init__(self, *there: int) -> None:
        self.told: list[tuple[str, int]] = []
        self.members = Members(
            lambda nid, name: self.told.append((name, nid)),
            lambda nid, why: self.told.append((why, nid)),
        )
        self.members.joined(1, [node(nid) for nid in (1, *there)], 100)

    def poll(self, *nodes: Node, at: float = LATER) -> list[int]:
        """Ask and get an answer; return the numbers of those to be buried."""
        return [one.nid for one in self.members.polled(self.members.polling(), nodes, at)]

    def news(self) -> list[tuple[str, int]]:
        told, self.told = self.told, []
        return told


def test_nodes_are_met_once() -> None:
    watch = Watch(2, 3)
    assert watch.news() == [("n2", 2), ("n3", 3)]
    assert watch.poll(node(1), node(2), node(3), node(4)) == []
    watch.members.follow(NodeJoined("n4", 4, "i4", "{}"))
    watch.members.follow(HomeReleased("room", 7))
    assert watch.news() == [("n4", 4)]


def test_a_node_that_leaves_is_gone_once() -> None:
    watch = Watch(2, 3)
    watch.news()
    watch.members.follow(NodeGone("n2", 2, "i2", "left"))
    watch.members.follow(NodeGone("n2", 2, "i2", "buried"))
    watch.members.follow(NodeGone("n3", 3, "another start", "buried"))
    assert watch.news() == [("left", 2)]


@pytest.mark.parametrize("state", [SILENT, LATE, {"remaining_ms": 0, "heard": 0}])
def test_the_dead_are_buried_at_the_second_poll(state: dict[str, int]) -> None:
    watch = Watch(2)
    assert watch.poll(node(2, **state)) == []
    assert watch.poll(node(2, **state)) == [2]
    watch.news()
    watch.members.buried(node(2))
    assert watch.news() == [("buried", 2)]


def test_a_node_that_only_paused_stays() -> None:
    watch = Watch(2)
    for _ in range(5):
        assert watch.poll(node(2, **SILENT)) == []
        assert watch.poll(node(2, **ALIVE)) == []


def test_nobody_is_buried_soon_after_the_own_connection() -> None:
    watch = Watch(2)
    for second in range(0, int(GRACE_SECONDS), 2):
        assert watch.poll(node(2, **LATE), at=100 + second) == []
    watch.members.connected(109)
    assert watch.poll(node(2, **LATE), at=110) == []
    assert watch.poll(node(2, **LATE), at=112) == []
    assert watch.poll(node(2, **LATE), at=119) == [2]


def test_an_empty_registry_ends_nobody_at_once() -> None:
    """All nodes come back, each in its time, after the broker has lost everything."""
    watch = Watch(2)
    watch.news()
    watch.members.joined(1, [node(1)], 200)
    assert watch.poll(node(1), at=202) == []
    watch.members.follow(NodeJoined("n2", 2, "i2", "{}"))
    assert watch.poll(node(1), node(2), at=212) == []
    assert watch.news() == []
    assert watch.poll(node(1), at=214) == []
    assert watch.poll(node(1), at=216) == []
    assert watch.news() == [("missing", 2)]


class TestOldAnswers:
    """An answer comes after news of what happened later."""

    def test_a_node_that_joined_meanwhile_is_not_missed(self) -> None:
        watch = Watch()
        for nid in (5, 6, 7):
            poll = watch.members.polling()
            watch.members.follow(NodeJoined(f"n{nid}", nid, f"i{nid}", "{}"))
            there = [node(known) for known in (1, *range(5, nid))]
            assert watch.members.polled(poll, there, LATER) == []
        assert watch.news() == [("n5", 5), ("n6", 6), ("n7", 7)]

    def test_a_node_that_left_meanwhile_does_not_come_back(self) -> None:
        watch = Watch(2)
        watch.news()
        poll = watch.members.polling()
        watch.members.follow(NodeGone("n2", 2, "i2", "left"))
        watch.members.polled(poll, [node(1), node(2)], LATER)
        assert watch.news() == [("left", 2)]
        assert watch.poll(node(1)) == []
        assert watch.news() == []

    def test_a_number_that_is_given_again_is_another_node(self) -> None:
        watch = Watch(2)
        watch.news()
        watch.poll(node(2, incarnation="again"))
        assert watch.news() == [("missing", 2), ("n2", 2)]
        watch.members.follow(NodeGone("n2", 2, "i2", "buried"))
        assert watch.news() == []
