"""A cluster whose nodes and broker a test may kill, freeze and bring back."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from support.cluster import Cluster
from support.presets import LOUD, UNHURRIED
from support.redis import RedisServer, run_redis
from support.server import Server
from support.toxic_proxy import ToxicProxy, run_toxic_proxy

__all__ = ["Fallible", "fallible_cluster"]

_GRACE_SECONDS = 10.5
"""How long after its start a node buries nobody."""


class Fallible:
    """A cluster of three nodes with a broker of its own.

    Attributes:
        cluster: The cluster.
        broker: The broker.
        nodes: The nodes.
        links: The proxy between each node and the broker, unless all nodes have the same URL.
    """

    def __init__(
        self, cluster: Cluster, broker: RedisServer, links: Sequence[ToxicProxy] = ()
    ) -> None:
        self.cluster = cluster
        self.links = links
        self.broker = broker
        self.nodes = cluster.nodes
        self._since = time.monotonic()

    def mend(self) -> None:
        """Let the broker, the links and all nodes that run be as at first."""
        if not self.broker.is_running:
            self.broker.start()
            self.touched()
        self.broker.thaw()
        for link in self.links:
            link.heal()
        self.thaw_all()

    def ready(self) -> None:
        """Wait until all nodes run, and bury whoever dies."""
        self.mend()
        for node in self.nodes:
            if node.process is None or node.process.poll() is not None:
                Server.start(node)  # `Cluster.start` starts all
                self._since = time.monotonic()
        time.sleep(max(0.0, self._since + _GRACE_SECONDS - time.monotonic()))

    def touched(self) -> None:
        """Note that nodes have lost their broker, so that nobody buries anybody for a while."""
        self._since = time.monotonic()

    @staticmethod
    def freeze(node: Server) -> None:
        """Stop a node (SIGSTOP)."""
        assert node.process is not None
        node.process.send_signal(signal.SIGSTOP)

    @staticmethod
    def thaw(node: Server) -> None:
        """Let a node go on (SIGCONT)."""
        assert node.process is not None
        node.process.send_signal(signal.SIGCONT)

    def thaw_all(self) -> None:
        """Let all nodes that run go on."""
        for node in self.nodes:
            if node.process is not None and node.process.poll() is None:
                self.thaw(node)

    def left_behind(self) -> dict[str, set[str]]:
        """Return what the broker keeps of nodes that do not live, by kind."""
        kind = f"{{{self.cluster.prefix}}}:c:"
        with self.broker.client() as client:
            names: dict[str, str] = client.hgetall(f"{kind}nodes")  # type: ignore[assignment]
            nids: dict[str, str] = client.hgetall(f"{kind}nids")  # type: ignore[assignment]
            leases: list[str] = client.zrange(f"{kind}leases", 0, -1)  # type: ignore[assignment]
            homes: dict[str, str] = client.hgetall(f"{kind}homes")  # type: ignore[assignment]
            keys: list[str] = client.keys()  # type: ignore[assignment]
        alive = {value.split()[0] for value in names.values()}
        found = {
            "nodes": set(names) - {f"node-{number}" for number in range(len(self.nodes))},
            "nids": set(nids) - alive,
            "leases": set(leases) - alive,
            "homes": {room for room, value in homes.items() if value.split()[1] not in alive},
            "keys": {key for key in keys if not key.startswith(kind)},
        }
        return {what: which for what, which in found.items() if which}

    def keys(self, broker: RedisServer | None = None) -> set[str]:
        """Return the rooms that have a home, as the broker, or another one, knows them."""
        with (broker or self.broker).client() as client:
            found = client.hkeys(f"{{{self.cluster.prefix}}}:c:homes")
        return set(found)  # type: ignore[arg-type]  # redis-py's stubs know no synchronous client


@contextmanager
def fallible_cluster(
    count: int = 3,
    *,
    has_links: bool = False,
    broker: RedisServer | None = None,
    broker_url: str = "",
    **settings: str,
) -> Iterator[Fallible]:
    """Run such a cluster during a `with` block.

    Args:
        count: How many nodes.
        has_links: Whether each node has a proxy of its own before the broker.
        broker: The broker, if the caller runs it.
        broker_url: The URL of the broker, if not its own.
        settings: Environment variables of all nodes.
    """
    with ExitStack() as stack, run_redis("--appendonly", "no") as store:
        broker = broker or stack.enter_context(run_redis("--appendonly", "no"))
        url = broker_url or broker.url
        shared = UNHURRIED | LOUD | {"FORTEPIANO_CLUSTER__URL": url} | settings
        cluster = Cluster(store, count, **shared)
        links: list[ToxicProxy] = []
        for node in cluster.nodes if has_links else ():
            link = stack.enter_context(run_toxic_proxy(broker.port))
            node.configure(FORTEPIANO_CLUSTER__URL=f"redis://127.0.0.1:{link.port}/0")
            links.append(link)
        made = Fallible(cluster, broker, links)
        try:
            cluster.start()
            yield made
        finally:
            made.thaw_all()
            for link in links:
                link.heal()
            cluster.close()
