"""`/metrics` for Prometheus: reads the counters of the hub and of Python at each request."""

from __future__ import annotations

import platform
from math import inf
from typing import TYPE_CHECKING, cast

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from fortepiano import __version__
from fortepiano.http.cluster_metrics import OfNode, cluster_metrics
from fortepiano.http.metric_families import counter, counters_by, gauge, histogram
from fortepiano.native import profile
from fortepiano.observe.logs import dropped_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fortepiano.config.live import Live
    from fortepiano.http.cluster_metrics import CountedNode
    from fortepiano.model.directory import Directory
    from fortepiano.native import Hub
    from fortepiano.net.forwarded import UntrustedProxies
    from fortepiano.net.hidden_people import HiddenPeople
    from fortepiano.net.stalled import StalledConnections
    from fortepiano.observe.counters import Counters
    from fortepiano.observe.loop_lag import LoopLag
    from fortepiano.store.base import Store

__all__ = ["Metrics"]


class Metrics(Collector):
    """All metrics of the server, under names that begin with `fortepiano_`.

    Names and units follow the conventions of Prometheus. This class holds no counters: the hub
    counts hot messages itself, so that metrics slow down no notes.

    Args:
        hub: The hub.
        directory: All users and rooms.
        counters: The counters of Python.
        store: The store.
        lag: The lag of the event loop.
        refused: Connections that were refused, by reason.
        live: The settings in force.
        stalled: Connections whose peers take no answer.
        untrusted: Proxies that the settings do not name.
        hidden: People who share the address of a proxy.

    Attributes:
        registry: The registry that `/metrics` shows.
        lag: The lag of the event loop.
        node: The server as a node of a cluster, of which all samples have the name as a label;
            None for a server alone, whose samples have none.
    """

    node: CountedNode | None = None

    def __init__(
        self,
        hub: Hub,
        directory: Directory,
        counters: Counters,
        store: Store,
        lag: LoopLag,
        refused: Mapping[str, int],
        live: Live,
        stalled: StalledConnections,
        untrusted: UntrustedProxies,
        hidden: HiddenPeople,
    ) -> None:
        self._hub = hub
        self._directory = directory
        self._counters = counters
        self._store = store
        self.lag = lag
        self._refused = refused
        self._live = live
        self._stalled = stalled
        self._untrusted = untrusted
        self._hidden = hidden
        self.registry = CollectorRegistry()
        self.registry.register(self)
        ProcessCollector(registry=self.registry)

    def exposed(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics and their media type.

        Args:
            accept: The `Accept` header of the request.
        """
        encode, media_type = choose_encoder(accept)
        if self.node is None:
            return encode(self.registry), media_type
        # Encoders ask a registry for nothing but its metrics.
        labelled = cast("CollectorRegistry", OfNode(self.registry, self.node.name))
        return encode(labelled), media_type

    def describe(self) -> Iterable[Metric]:
        """Return nothing: no other collector of the registry could use the same names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Read all counters and gauges."""
        yield from self._state()
        yield from self._connections()
        yield from self._messages()
        yield from self._sending()
        yield from self._storing()
        if self.node is not None:
            yield from cluster_metrics(self.node, self._hub.relay_stats())

    def _state(self) -> Iterator[Metric]:
        gauges = self._hub.gauges()
        build = {"version": __version__, "profile": profile(), "python": platform.python_version()}
        info = GaugeMetricFamily(
            "fortepiano_build_info", "What is running; always 1.", labels=list(build)
        )
        info.add_metric(list(build.values()), 1)
        yield info
        yield gauge("clients", "Open sockets that have said hi.", gauges["clients"])
        yield gauge(
            "sockets",
            "All sockets, those that have not said hi and those that are closing included.",
            gauges["connections"],
        )
        yield gauge("rooms", "Rooms, empty special ones included.", len(self._directory.rooms))
        # The hub of a node also has the people in rooms of other nodes.
        people = gauges["people"] if self.node is None else self._directory.people
        yield gauge("participants", "People in rooms, once for each room.", people)
        yield gauge(
            "users",
            "Users in memory: who is connected, or was within the last minute.",
            len(self._directory.users),
        )
        yield gauge("blocked_clients", "Sockets that are full at the moment.", gauges["blocked"])
        yield gauge("queue_bytes", "Bytes that wait for all clients.", gauges["queue_bytes"])
        yield gauge(
            "longest_queue_bytes",
            "Bytes that wait for the client for whom most bytes wait.",
            gauges["longest_queue_bytes"],
        )

    def _connections(self) -> Iterator[Metric]:
        stats = self._hub.stats()
        yield counter("connections", "WebSocket connections that were let in.", stats["attached"])
        yield counters_by(
            "disconnects",
            "Ended connections by close code; 1006 stands for an end without a close frame.",
            "code",
            {"other" if code is None else str(code): n for code, n in self._hub.closes()},
        )
        yield counter(
            "slow_disconnects",
            "Connections that were closed for reading too slowly.",
            stats["slow"],
        )
        yield counters_by(
            "refused_connections", "Connections that were not let in.", "reason", self._refused
        )
        yield counter(
            "stalled_responses",
            "HTTP connections that were closed because their peers took no response.",
            self._stalled.aborted,
        )
        yield counter(
            "untrusted_forwarded",
            "Requests of proxies that report a client but are not in proxy.trusted.",
            self._untrusted.count,
        )
        yield gauge(
            "hidden_sockets",
            "Sockets that share an address of Cloudflare, or with many others a private one.",
            self._hidden.sockets,
        )
        yield counter(
            "file_shortages",
            "How often, asked once a second, no open file was left.",
            self._counters.file_shortages,
        )
        yield counters_by(
            "bans_enforced",
            "How often somebody who is banned was kept out by a handler.",
            "scope",
            {
                scope: self._counters.bans_enforced[scope]
                for scope in ("room", "site", "network", "chat")
            },
        )
        yield counter(
            "near_bans",
            "How often somebody came from the same /24, or /48 of IPv6, as one who is banned.",
            self._counters.near_bans,
        )
        yield counters_by(
            "bytes",
            "Bytes of clients that were read, and bytes that their sockets took.",
            "direction",
            {"received": stats["bytes_in"], "sent": stats["bytes_out"]},
        )

    def _messages(self) -> Iterator[Metric]:
        stats, counters = self._hub.stats(), self._counters
        refused = {
            "solo": stats["refused_solo"],
            "muted": stats["refused_muted"],
            "bad_notes": stats["refused_notes"],
        }
        floods = {reason: stats[f"refused_{reason}"] for reason in ("bytes", "messages")}
        too_fast = stats["refused_t"] + counters.too_fast.total()
        hot = {
            "n": stats["notes"] + stats["refused_quota"] + sum(refused.values()),
            "m": stats["moves"],
            "t": stats["times"] + stats["refused_t"],
        }
        yield counters_by(
            "messages_received",
            "Messages of clients by kind, refused ones included.",
            "type",
            hot | counters.received,
        )
        yield counters_by(
            "messages_sent",
            "Messages to a whole room, and frames to one client.",
            "to",
            {"room": stats["said"], "client": stats["told"]},
        )
        yield counter(
            "deliveries",
            "Messages to rooms, counted once for each client that is to get them.",
            stats["deliveries"],
        )
        yield counter(
            "conflated_moves",
            "Pointer positions that a newer one replaced before they went out.",
            stats["conflated"],
        )
        yield counter(
            "skipped_moves",
            "Deliveries of pointer positions that slow readers were spared.",
            stats["spared"],
        )
        yield counter("quota_denied", "Messages of notes over their quota.", stats["refused_quota"])
        yield counters_by(
            "refused_messages",
            "Messages that were refused for another reason than the note quota.",
            "reason",
            refused | {"rate": too_fast} | floods,
        )
        yield counter(
            "messages_waited",
            "Messages that waited because their address made the server send too much.",
            counters.waited,
        )
        yield counter(
            "handler_failures", "Messages that were lost to a fault of ours.", counters.failures
        )

    def _sending(self) -> Iterator[Metric]:
        stats = self._hub.stats()
        yield counter("frames_received", "WebSocket frames of clients.", stats["frames_in"])
        yield counter("sends", "System calls that wrote to sockets.", stats["sends"])
        yield histogram(
            "fanout_seconds",
            "How long it took to write what a room was owed to all in it; the rate of the sum is "
            "the share of the loop's time.",
            self._hub.flush_times(),
            stats["flush_microseconds"] / 1e6,
        )
        yield gauge(
            "fanout_duty_limit_ratio",
            "The share of its time that a room may spend writing; the setting flush.duty.",
            self._live.settings.flush.duty,
        )
        yield histogram(
            "loop_lag_seconds",
            "How late the event loop was, asked twice a second.",
            list(zip((*self.lag.BOUNDS, inf), self.lag.counts, strict=True)),
            self.lag.total,
        )

    def _storing(self) -> Iterator[Metric]:
        store = self._store
        yield gauge(
            "store_healthy", "Whether the last write of the store succeeded.", int(store.healthy)
        )
        yield gauge("store_queue", "Changes that are not written yet.", store.pending)
        yield counter("store_errors", "Writes of the store that failed.", store.failures)
        yield counter(
            "log_lines_dropped",
            "Lines of the log that were dropped, since nobody read them or the disk was full.",
            dropped_lines(),
        )
