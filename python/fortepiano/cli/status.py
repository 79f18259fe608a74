"""`fortepiano status`: the status of a running server."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from fortepiano.cli.metrics_client import (
    Cluster,
    Metrics,
    Url,
    check_alive,
    internal_url,
    read,
    read_cluster,
)
from fortepiano.cli.options import ConfigFile
from fortepiano.errors import ExitStatus

__all__ = ["status"]

_ROWS = {
    "Clients": "clients",
    "Sockets": "sockets",
    "Rooms": "rooms",
    "People in rooms": "participants",
    "Connections since the start": "connections_total",
    "Messages received": "messages_received_total",
    "Deliveries": "deliveries_total",
    "Notes over the quota": "quota_denied_total",
    "Closed for reading too slowly": "slow_disconnects_total",
    "Refused connections": "refused_connections_total",
    "Requests of proxies not trusted": "untrusted_forwarded_total",
    "Sockets behind addresses of proxies": "hidden_sockets",
    "Bytes waiting": "queue_bytes",
    "Changes not written yet": "store_queue",
    "Failed writes of the store": "store_errors_total",
    "Resident memory, bytes": "process_resident_memory_bytes",
}


def status(
    url: Url = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Show all numbers as one JSON object.")
    ] = False,
    alive: Annotated[
        bool, typer.Option("--alive", help="Ask only whether it runs, for health checks.")
    ] = False,
    config: ConfigFile = None,
) -> None:
    """Show the status of a running server; the exit status is 0 if it is ready, 3 if it is not.

    Of a cluster, all nodes are shown; the exit status is that of the one that was asked.

    With --alive nothing is shown, and the exit status is 0 for a server that runs, ready or not.
    """
    where = internal_url(url, config)
    if alive:
        check_alive(where)
        return
    metrics = read(where)
    cluster = read_cluster(where, metrics)
    if as_json:
        typer.echo(json.dumps(_document(metrics, cluster), indent=2))
    else:
        _show(metrics, cluster)
    if metrics.why_not_ready:
        raise typer.Exit(ExitStatus.NOT_READY)


def _document(metrics: Metrics, cluster: Cluster | None) -> dict[str, object]:
    document = _state(metrics) | {
        "numbers": dict(metrics.values),
        "by_label": {name: dict(found) for name, found in metrics.by_label.items()},
    }
    if cluster is None:
        return document
    total = cluster.total().values
    return document | {
        "cluster": {
            "node": cluster.node,
            "why_alone": cluster.why_alone or None,
            "missing_nodes": list(cluster.missing_nodes),
            "nodes": {
                name: _state(node) | {"numbers": dict(node.values)}
                for name, node in cluster.nodes.items()
            },
            "numbers": {name: total.get(name, 0.0) for name in _ROWS.values()},
        }
    }


def _state(metrics: Metrics) -> dict[str, object]:
    return {
        "version": metrics.version,
        "ready": not metrics.why_not_ready,
        "why_not_ready": metrics.why_not_ready or None,
    }


def _show(metrics: Metrics, cluster: Cluster | None) -> None:
    state = f"not ready: {metrics.why_not_ready}" if metrics.why_not_ready else "ready"
    node = "" if cluster is None else f", node {cluster.node}"
    typer.echo(f"fortepiano {metrics.version}{node}, {state}")
    columns = [metrics]
    width = max(map(len, _ROWS))
    if cluster is not None:
        _show_nodes(cluster)
        columns.append(cluster.total())
        typer.echo(f"\n{'':<{width}}  {'this node':>15}  {'all nodes':>15}")
    for title, name in _ROWS.items():
        values = (f"{column.values.get(name, 0.0):>15,.0f}" for column in columns)
        typer.echo(f"{title:<{width}}  {'  '.join(values)}")


def _show_nodes(cluster: Cluster) -> None:
    """Show each node in a line."""
    if cluster.why_alone:
        typer.echo(f"This node is alone: {cluster.why_alone}")
    names = [*cluster.nodes, *cluster.missing_nodes]
    width = max(map(len, ("Node", *names)))
    typer.echo(f"\n{'Node':<{width}}  {'Clients':>9}  {'Rooms':>9}  State")
    for name, node in cluster.nodes.items():
        clients, homes = node.values["clients"], node.by_label["cluster_rooms"]["home"]
        state = f"not ready: {node.why_not_ready}" if node.why_not_ready else "ready"
        typer.echo(f"{name:<{width}}  {clients:>9,.0f}  {homes:>9,.0f}  {state}, {node.version}")
    for name in cluster.missing_nodes:
        typer.echo(f"{name:<{width}}  {'':>9}  {'':>9}  does not answer")
