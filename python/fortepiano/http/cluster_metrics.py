"""The metrics of a node in a cluster: of its connection to the broker, and of its hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from fortepiano.http.metric_families import counter, counters_by, gauge, summary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client.core import Metric

__all__ = ["BusCounters", "cluster_metrics"]


class BusCounters(Protocol):
    """The counters of a connection to the broker; see `fortepiano.net.bus.BrokerBus`."""

    def stats(self) -> dict[str, int]:
        """Return all counters by name."""
        ...


def cluster_metrics(bus: Mapping[str, int], relay: Mapping[str, int]) -> Iterator[Metric]:
    """Return the metrics that only a node of a cluster has.

    Args:
        bus: The counters of the connection to the broker.
        relay: The counters of the hub; see `Hub.relay_stats`.
    """
    yield from _connection(bus)
    yield from _messages(bus)
    yield from _rooms(relay)
    yield from _faults(relay)


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


def _rooms(relay: Mapping[str, int]) -> Iterator[Metric]:
    yield gauge(
        "cluster_remote_sessions",
        "Sessions in rooms of this node whose connections are on other nodes.",
        relay["remotes"],
    )
    yield gauge(
        "cluster_replicas", "Rooms of other nodes with people of this one.", relay["replicas"]
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


def _faults(relay: Mapping[str, int]) -> Iterator[Metric]:
    yield counters_by(
        "cluster_faults",
        "Gaps and repetitions in what a node receives, messages for stays or rooms that are gone, "
        "and messages for unknown nodes.",
        "kind",
        {name: relay[name] for name in ("gaps", "repeated", "stale", "homeless")},
    )
