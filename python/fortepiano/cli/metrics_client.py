"""A client for the metrics of a running server, on its internal port; needs no token."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias
from urllib.parse import urlsplit

import typer

from fortepiano.config.section import UNIX
from fortepiano.errors import UnreachableError
from fortepiano.net.unix_http import UnixConnection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Cluster", "Metrics", "Url", "check_alive", "internal_url", "read", "read_cluster"]

_TIMEOUT_SECONDS = 5.0

_SOMETHING_ELSE = "what answers there is something else"

_LOOPBACKS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing listens there
"""Addresses to call a server that listens on all addresses."""

Url: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="The internal port of the server.", show_default="as in the settings", metavar="URL"
    ),
]


@dataclass(frozen=True, slots=True)
class Metrics:
    """The metrics of a server at one moment.

    Attributes:
        at: The time; monotonic seconds.
        why_not_ready: Why no traffic should come now; empty if all is well.
        version: The server's version.
        values: All metrics, by name without `fortepiano_`; summed over their labels.
        by_label: Metrics with a label, by name and label.
    """

    at: float
    why_not_ready: str
    version: str
    values: Mapping[str, float]
    by_label: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, dict[str, float]])

    def rate(self, before: Metrics, name: str) -> float:
        """Return how fast a counter has grown since an earlier reading; per second."""
        seconds = max(self.at - before.at, 1e-9)
        return max(self.values.get(name, 0.0) - before.values.get(name, 0.0), 0.0) / seconds


@dataclass(frozen=True, slots=True)
class Cluster:
    """The metrics of all nodes of a cluster at one moment.

    Attributes:
        node: The name of the node that was asked.
        why_alone: Why that node is not in the cluster now; empty if it is.
        nodes: The metrics of the nodes, by name; that node comes first.
        missing_nodes: The names of the nodes that have not answered.
    """

    node: str
    why_alone: str
    nodes: Mapping[str, Metrics]
    missing_nodes: Sequence[str]

    def total(self) -> Metrics:
        """Return the sums over all nodes; rooms are those that have a home."""
        values: Counter[str] = Counter()
        by_label: dict[str, Counter[str]] = {}
        for metrics in self.nodes.values():
            values.update(metrics.values)
            for name, found in metrics.by_label.items():
                by_label.setdefault(name, Counter()).update(found)
        values["rooms"] = by_label["cluster_rooms"]["home"]
        own = self.nodes[self.node]
        return Metrics(own.at, own.why_not_ready, own.version, values, by_label)


def internal_url(url: str | None, config: Path | None) -> str:
    """Return the URL of the internal port.

    Args:
        url: The URL given by the user; None for that of the settings.
        config: The settings file.

    Raises:
        ConfigError: The settings are wrong.
    """
    if url is not None:
        return url.rstrip("/")
    from fortepiano import config as configuration

    settings = configuration.load(config, {})
    host = settings.internal_host
    if host.startswith(UNIX):
        return host
    host = _LOOPBACKS.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.internal_port}"


def check_alive(url: str) -> None:
    """Ask a server whether it runs, be it ready or not.

    Args:
        url: The URL of its internal port.

    Raises:
        UnreachableError: The server does not answer, or another program does.
    """
    try:
        _ = json.loads(_get(url, "/healthz"))
    except ValueError:
        raise UnreachableError(url, _SOMETHING_ELSE) from None


def read(url: str) -> Metrics:
    """Read the metrics of a server.

    Args:
        url: The URL of its internal port.

    Raises:
        UnreachableError: The server does not answer, or another program does.
    """
    at = time.monotonic()
    text = _get(url, "/metrics")
    why_not_ready = ""
    try:
        why_not_ready = json.loads(_get(url, "/readyz")).get("reason", "")
        return _metrics_of(text, at, why_not_ready)
    except ValueError as error:
        raise UnreachableError(url, _SOMETHING_ELSE) from error


def read_cluster(url: str, own: Metrics) -> Cluster | None:
    """Read the metrics of all nodes of a server's cluster; return None for a server alone.

    Args:
        url: The URL of the internal port of one node.
        own: The metrics of this node.

    Raises:
        UnreachableError: The node does not answer.
    """
    if "cluster_up" not in own.values:
        return None
    at = time.monotonic()
    try:
        found: dict[str, Any] = json.loads(_get(url, "/clusterz"))
        nodes = {
            node["node"]: _metrics_of(node["metrics"], at, node["why_not_ready"])
            for node in found["nodes"]
        }
        return Cluster(found["node"], found["why_alone"], nodes, found["missing_nodes"])
    except (ValueError, KeyError) as error:
        raise UnreachableError(url, _SOMETHING_ELSE) from error


def _metrics_of(text: str, at: float, why_not_ready: str) -> Metrics:
    """Return the metrics in a text.

    Raises:
        ValueError: The text is none of a server.
    """
    from prometheus_client.parser import text_string_to_metric_families

    values: dict[str, float] = {}
    by_label: dict[str, dict[str, float]] = {}
    version = ""
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = sample.name.removeprefix("fortepiano_")
            if name == "build_info":
                version = sample.labels["version"]
            elif not name.endswith("_bucket"):
                values[name] = values.get(name, 0.0) + sample.value
                for key, label in sample.labels.items():
                    if key != "node":
                        by_label.setdefault(name, {})[label] = sample.value
    if not version:
        raise ValueError
    return Metrics(at, why_not_ready, version, values, by_label)


def _get(url: str, path: str) -> str:
    """Return the body of a response.

    Raises:
        UnreachableError: There is no response, or it has another status than 200 and 503.
    """
    try:
        with contextlib.closing(_connection(url)) as connection:
            connection.request("GET", urlsplit(url).path + path if "://" in url else path)
            response = connection.getresponse()
            body = response.read().decode()
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise UnreachableError(url, reason) from error
    if response.status not in (200, 503):
        raise UnreachableError(url, f"HTTP status {response.status}")
    return body


def _connection(url: str) -> http.client.HTTPConnection:
    if url.startswith(UNIX):
        return UnixConnection(url.removeprefix(UNIX), _TIMEOUT_SECONDS)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise UnreachableError(url, "an http:// address is needed")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=_TIMEOUT_SECONDS)
