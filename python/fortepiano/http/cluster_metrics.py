"""The metrics of a node in a cluster: of its connection to the broker, and of its hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from fortepiano.http.metric_families import counter, counters_by, gauge, gauges_by, summary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric

__all__ = ["CountedNode", "OfNode", "cluster_metrics"]


class _Bus(Protocol):
    """The connection to the broker; see `fortepiano.net.bus.BrokerBus`."""

    def stats(self) -> dict[str, int]:
        """Return all counters by name."""
        ...


class _Followers(Protocol):
    """The rooms on several nodes; see `fortepiano.cluster.elsewhere.Cluster`."""

    def counts(self) -> dict[str, int]:
        """Return the rooms of which this is the home (`homes`), and counters by name."""
        ...


class CountedNode(Protocol):
    """The server as a node of a cluster, as far as metrics show it."""

    @property
    def name(self) -> str:
        """The name of this node."""
        ...

    @property
    def bus(self) -> _Bus:
        """The connection to the broker."""
        ...

    @property
    def followers(self) -> _Followers:
        """The rooms on several nodes."""
        ...

    @property
    def others(self) -> Sequence[str]:
        """The names of the other nodes."""
        ...

    @property
    def trouble(self) -> str:
        """Why this node is alone; empty while it is in the cluster."""
        ...

    @property
    def differences(self) -> Sequence[str]:
        """In what this node differs from others, a line each."""
        ...


class OfNode:
    """All metrics of a registry, with the name of a node as a label of each sample.

    Args:
        registry: The registry.
        node: The name of the node.
    """

    def __init__(self, registry: CollectorRegistry, node: str) -> None:
        self._registry = registry
        self._node = node

    def collect(self) -> Iterator[Metric]:
        """Read all metrics."""
        for metric in self._registry.collect():
            metric.samples = [
                sample._replace(labels={**sample.labels, "node": self._node})
                for sample in metric.samples
            ]
            yield metric


def cluster_metrics(node: CountedNode, relay: Mapping[str, int]) -> Iterator[Metric]:
    """Return the metrics that only a node of a cluster has.

    Args:
        node: The node.
        relay: The counters of the hub; see `Hub.relay_stats`.
    """
    bus, counts = node.bus.stats(), node.followers.counts()
    yield from _membership(node)
    yield from _connection(bus)
    yield from _messages(bus)
    yield from _rooms(relay, counts)
    yield from _faults(relay, counts)


def _membership(node: CountedNode) -> Iterator[Metric]:
    yield gauge(
        "cluster_up",
        "Whether this node is in the cluster; else it serves alone.",
        int(not node.trouble),
    )
    yield gauge(
        "cluster_nodes", "Nodes that this one knows, itself included.", 1 + len(node.others)
    )
    yield gauge(
        "cluster_differences",
        "Settings and versions in which other nodes differ from this one, a line of the log each.",
        len(node.differences),
    )


def _connection(bus: Mapping[str, int]) -> Iterator[Metric]:
    yield gauge("cluster_connected", "Whether the broker is connected.", bus["is_up"])
    yield counter(
        "cluster_reconnects", "Connections to the broker after the first one.", bus["reconnects"]
    )
    yield gauge(
        "cluster_beat_seconds",
        "How long the last beat was under way, to the broker and back.",
        bus["beat_microseconds"] / 1e6,
    )


def _messages(bus: Mapping[str, int]) -> Iterator[Metric]:
    yield counters_by(
        "cluster_messages",
        "Messages between nodes that went to the broker, and that came from there.",
        "direction",
        {"received": bus["received"], "sent": bus["published"]},
    )
    yield counters_by(
        "cluster_bytes",
        "Bytes of these messages.",
        "direction",
        {"received": bus["received_bytes"], "sent": bus["published_bytes"]},
    )
    yield counters_by(
        "cluster_lost_messages",
        "Messages that were dropped without a broker, that no node heard, or that none can read.",
        "reason",
        {name: bus[name] for name in ("dropped", "unheard", "garbage")},
    )


def _rooms(relay: Mapping[str, int], counts: Mapping[str, int]) -> Iterator[Metric]:
    yield gauge(
        "cluster_remote_sessions",
        "Sessions in rooms of this node whose connections are on other nodes.",
        relay["remotes"],
    )
    yield gauges_by(
        "cluster_rooms",
        "Rooms of which this node is the home, and rooms of others with people of this one.",
        "role",
        {"home": counts["homes"], "replica": relay["replicas"]},
    )
    yield counters_by(
        "cluster_claims",
        "Claims of homes: this node became it, another one was it, or the registry was silent.",
        "outcome",
        {name: counts[name] for name in ("granted", "refused", "failed")},
    )
    yield gauge("cluster_stays", "Sessions of this node in rooms of other nodes.", relay["stays"])
    yield counters_by(
        "cluster_room_items",
        "Messages to rooms, and changes of rooms, that went to or came from other nodes.",
        "direction",
        {"received": relay["items_in"], "sent": relay["items_out"]},
    )
    yield counters_by(
        "cluster_upstream",
        "Notes and pointer positions for rooms of other nodes, and from other nodes.",
        "direction",
        {"received": relay["up_in"], "sent": relay["up_out"], "refused": relay["up_dropped"]},
    )
    yield counter(
        "cluster_snapshots", "Whole rooms that were sent to other nodes.", relay["snapshots"]
    )
    yield summary(
        "cluster_hop_seconds",
        "How long messages of rooms were under way between nodes, by the clocks of both.",
        relay["hops"],
        relay["hop_microseconds"] / 1e6,
    )


def _faults(relay: Mapping[str, int], counts: Mapping[str, int]) -> Iterator[Metric]:
    yield counters_by(
        "cluster_faults",
        "Gaps and repetitions in what a node receives, messages for stays or rooms that are gone, "
        "and messages for unknown nodes.",
        "kind",
        {name: relay[name] for name in ("gaps", "repeated", "stale", "homeless")},
    )
    yield counter(
        "cluster_resyncs",
        "Rooms that were asked for again, since something of them was missing here.",
        counts["resyncs"],
    )
