"""Benchmarks of the connection to the broker: a hundred messages in one read, and in one write."""

from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from fortepiano.native import BusLink, Engine
from support.hub_harness import Loop
from support.native_parts import make_test_hub

MESSAGES = 100
PAYLOAD = b"x" * 180
"""A note with what surrounds it on the way between nodes."""

EVERYBODY = b"{fortepiano}:a"


class Sink:
    """A transport that forgets what is written."""

    def write(self, data: bytes) -> None:
        pass

    def set_write_buffer_limits(self, high: int) -> None:
        pass


class Node:
    """A hub of a cluster, and a link whose bytes come from a test."""

    def __init__(self) -> None:
        self.hub = make_test_hub()
        loop: Any = Loop()
        self.engine = Engine(self.hub, loop, _ignore, _ignore)
        self.hub.join_cluster(1, b"{fortepiano}:n:1", EVERYBODY, b"{fortepiano}:r:", 2.0)
        self.hub.add_node(2, b"{fortepiano}:n:2")
        self.events: list[tuple[Any, ...]] = []
        self.link = BusLink(self.engine, self.events.append, _ignore, _ignore)
        transport: Any = Sink()
        self.link.connection_made(transport)
        self.link.publish()

    def publications(self) -> bytes:
        """Return messages of this node as a broker sends them back: the hub ignores these."""
        for _ in range(MESSAGES):
            self.hub.post_all(PAYLOAD)
        return b"".join(
            b">3\r\n$7\r\nmessage\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n"
            % (len(channel), channel, len(message), message)
            for channel, message in self.hub.take_publications()
        )


def _ignore(*_: object) -> None:
    pass


@pytest.fixture
def node() -> Node:
    return Node()


def test_receive_a_hundred_publications(benchmark: BenchmarkFixture, node: Node) -> None:
    data = node.publications()

    def receive() -> None:
        node.link.get_buffer(-1)[: len(data)] = data
        node.link.buffer_updated(len(data))

    benchmark(receive)
    assert not node.events
    assert node.link.stats()["received"] % MESSAGES == 0


def test_publish_a_hundred_posts(benchmark: BenchmarkFixture, node: Node) -> None:
    def publish() -> None:
        for _ in range(MESSAGES):
            node.hub.post(2, PAYLOAD)
        node.engine.flush()

    benchmark(publish)
    assert node.link.stats()["published"] % MESSAGES == 0


def test_post_a_hundred_times_without_a_broker(benchmark: BenchmarkFixture, node: Node) -> None:
    """The part of the benchmark before this one that is not of the connection."""
    transport: Any = None
    node.link.connection_lost(transport)

    def publish() -> None:
        for _ in range(MESSAGES):
            node.hub.post(2, PAYLOAD)
        node.engine.flush()

    benchmark(publish)
    assert node.link.stats()["dropped"] % MESSAGES == 0


def test_flush_of_a_lone_server(benchmark: BenchmarkFixture) -> None:
    """The cost of a flush without a cluster: one look at whether there is one."""
    loop: Any = Loop()
    engine = Engine(make_test_hub(), loop, _ignore, _ignore)
    benchmark(engine.flush)
