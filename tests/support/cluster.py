"""Several servers that act as one: nodes over one Redis server."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from support.barrier import Barrier
from support.redis import RedisServer, run_redis
from support.server import STOP_SECONDS, Server

__all__ = ["Cluster", "run_cluster"]

_prefixes = itertools.count(1)


class Cluster(Server):
    """The first of several nodes, and the others; a test takes the whole for one server.

    Each connection goes to the next node. Ports, folder and process are those of the first node.

    Attributes:
        nodes: All nodes, this one first.
        redis: The Redis server that is their store and their broker.
        prefix: The prefix of their keys and channels.
    """

    def __init__(self, redis: RedisServer, count: int, **settings: str) -> None:
        """Prepare, but do not start.

        Args:
            redis: A running Redis server.
            count: How many nodes.
            settings: Environment variables of all nodes.
        """
        self.redis = redis
        self.prefix = f"cluster-{next(_prefixes)}"
        shared = self.store(redis, self.prefix) | {"FORTEPIANO_CLUSTER__URL": redis.url} | settings
        super().__init__(**shared, FORTEPIANO_CLUSTER__NODE="node-0")
        others = [
            Server(**shared, FORTEPIANO_CLUSTER__NODE=f"node-{number}")
            for number in range(1, count)
        ]
        self.nodes: list[Server] = [self, *others]
        self._next = itertools.cycle(self.nodes)
        self._barrier = Barrier(self.nodes)

    @staticmethod
    def store(redis: RedisServer, prefix: str) -> dict[str, str]:
        """Return the settings of a store in this Redis server."""
        return {"FORTEPIANO_STORE__URL": redis.url, "FORTEPIANO_STORE__PREFIX": prefix}

    def copy_store(self, prefix: str) -> None:
        """Begin with what is stored under another prefix of the same Redis server."""
        with self.redis.client() as client:
            for key in client.keys(f"{{{prefix}}}:*"):
                client.copy(key, key.replace(prefix, self.prefix, 1))

    def next_node(self) -> Server:
        """Return the node that the next connection goes to."""
        return next(self._next)

    async def barrier(self, *, for_lists: bool = False) -> bool:
        """Wait until what any node was sent has reached all others."""
        if len(self.nodes) == 1:
            return False
        await asyncio.to_thread(self._barrier.wait, for_lists=for_lists)
        return True

    def start(self) -> None:
        """Start all nodes, one after the other."""
        super().start()
        for node in self.nodes[1:]:
            node.start()

    def begin_stop(self) -> None:
        """Send SIGTERM to all nodes that run."""
        self._barrier.close()
        super().begin_stop()
        for node in self.nodes[1:]:
            node.begin_stop()

    def restart(self) -> None:
        """Stop all nodes, then start all again."""
        self.begin_stop()
        for node in self.nodes:
            assert node.process is not None, "the node was never started"
            node.process.wait(STOP_SECONDS)
        self.start()

    def close(self) -> None:
        """Stop the nodes that run, check their logs, and remove their files."""
        self.begin_stop()
        with ExitStack() as stack:
            stack.callback(super().close)
            for node in self.nodes[1:]:
                stack.callback(node.close)


@contextmanager
def run_cluster(
    count: int, prepare: Callable[[Cluster], None] | None = None, **settings: str
) -> Iterator[Cluster]:
    """Run a cluster with a Redis server of its own during a `with` block.

    Args:
        count: How many nodes.
        prepare: Called before the start.
        settings: Environment variables of all nodes.
    """
    with run_redis("--appendonly", "no") as redis:
        cluster = Cluster(redis, count, **settings)
        try:
            if prepare is not None:
                prepare(cluster)
            cluster.start()
            yield cluster
        finally:
            cluster.close()
