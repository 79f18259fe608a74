"""Benchmarks of a note's way between two nodes: without the broker, and without the sockets."""

from collections import deque
from collections.abc import Callable, Iterator

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from room_of_sockets import RoomOfSockets, masked

NOTES = masked(b'[{"m":"n","t":1,"n":[{"n":"c4","v":0.5},{"n":"c4","s":1,"d":120}]}]')
HOME, EDGE, EPOCH, STAY = 1, 2, 7, 5
ROUNDS, NOTES_EACH = 400, 100


class Nodes:
    """The home of a room with one client, and an edge with one client in its replica.

    Attributes:
        home: The home and its client.
        edge: The edge and its client.
    """

    def __init__(self, make: Callable[[int], RoomOfSockets]) -> None:
        self.home, self.edge = make(1), make(1)
        for made, nid in [(self.home, HOME), (self.edge, EDGE)]:
            made.hub.join_cluster(nid, b"n:%d" % nid, b"a", b"r:", 0)
        self.home.hub.add_node(EDGE, b"n:2")
        self.edge.hub.add_node(HOME, b"n:1")
        self.home.hub.set_epoch(self.home.room, EPOCH)
        self.edge.hub.begin_stay(self.edge.links[0].client, STAY)
        self.replica = self.edge.hub.open_replica(HOME, EPOCH)
        remote = self.home.hub.attach_remote(EDGE, STAY)
        self.home.hub.start_session(remote, self.home.hub.add_quota(1_000_000, 10_000_000))
        who = self.home.hub.add_participant(self.home.room, b'"r"', b'{"id":"r"', b"1", b"1")
        self.home.hub.enter(remote, self.home.room, who)
        self.carry(self.home, self.edge)
        assert self.edge.hub.enter_replica(STAY, self.replica, who) is not None
        self.drain()

    def carry(self, sender: RoomOfSockets, receiver: RoomOfSockets) -> None:
        """Let one node receive all that the other one has published."""
        for publication in sender.hub.take_publications():
            receiver.hub.receive_publication(*publication)

    def played(self, made: RoomOfSockets, count: int) -> deque[tuple[bytes, bytes]]:
        """Return the publications of so many notes of a node's client, each in one of its own."""
        made.hub.take_publications()
        for _ in range(count):
            made.send(made.links[0], NOTES)
            made.loop.settle()
        publications = made.hub.take_publications()
        assert len(publications) == count
        return deque(publications)

    def drain(self) -> None:
        """Let both clients read what is there for them."""
        for made in (self.home, self.edge):
            made.loop.settle()
            made.loop.wake()
            made.loop.settle()
            made.drain()


@pytest.fixture
def nodes(room_with: Callable[[int], RoomOfSockets]) -> Iterator[Nodes]:
    """The home of a room, and an edge with a client in it."""
    return Nodes(room_with)


def time_receiving(
    benchmark: BenchmarkFixture, nodes: Nodes, sender: RoomOfSockets, receiver: RoomOfSockets
) -> None:
    """Measure what a node does with a publication of the other one that holds one note."""
    waiting: deque[tuple[bytes, bytes]] = deque()
    receive = receiver.hub.receive_publication

    def set_up() -> None:
        nodes.drain()
        waiting.extend(nodes.played(sender, NOTES_EACH))

    def run() -> None:
        for _ in range(NOTES_EACH):
            assert receive(*waiting.popleft()) is None

    benchmark.pedantic(run, setup=set_up, rounds=ROUNDS)


def time_publishing(benchmark: BenchmarkFixture, made: RoomOfSockets) -> None:
    """Measure what a node does with the notes of its client, up to one publication."""

    def play() -> None:
        for _ in range(NOTES_EACH):
            made.send(made.links[0], NOTES)
        made.loop.settle()

    def set_up() -> None:
        made.hub.take_publications()

    benchmark.pedantic(play, setup=set_up, rounds=ROUNDS)
    assert len(made.hub.take_publications()) == 1


def test_publish_at_home(benchmark: BenchmarkFixture, nodes: Nodes) -> None:
    """Measure a hundred notes of a client of the home, from its bytes to one publication."""
    time_publishing(benchmark, nodes.home)


def test_apply_at_edge(benchmark: BenchmarkFixture, nodes: Nodes) -> None:
    """Measure a hundred publications of a home, each with one note, into the log of a replica."""
    time_receiving(benchmark, nodes, nodes.home, nodes.edge)
    assert nodes.edge.hub.relay_stats()["items_in"] >= NOTES_EACH


def test_play_to_home(benchmark: BenchmarkFixture, nodes: Nodes) -> None:
    """Measure a hundred notes of a client of the edge, from its bytes to one publication."""
    time_publishing(benchmark, nodes.edge)


def test_apply_at_home(benchmark: BenchmarkFixture, nodes: Nodes) -> None:
    """Measure a hundred publications of an edge, each with one note, into log and stream."""
    time_receiving(benchmark, nodes, nodes.edge, nodes.home)
    assert nodes.home.hub.relay_stats()["up_in"] >= NOTES_EACH
