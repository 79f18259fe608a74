"""`fortepiano status`: the status of a running server."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from fortepiano.cli.metrics_client import Metrics, Url, check_alive, internal_url, read
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

    With --alive nothing is shown, and the exit status is 0 for a server that runs, ready or not.
    """
    where = internal_url(url, config)
    if alive:
        check_alive(where)
        return
    metrics = read(where)
    if as_json:
        typer.echo(json.dumps(_document(metrics), indent=2))
    else:
        _show(metrics)
    if metrics.why_not_ready:
        raise typer.Exit(ExitStatus.NOT_READY)


def _document(metrics: Metrics) -> dict[str, object]:
    return {
        "version": metrics.version,
        "ready": not metrics.why_not_ready,
        "why_not_ready": metrics.why_not_ready or None,
        "numbers": dict(metrics.values),
        "by_label": {name: dict(found) for name, found in metrics.by_label.items()},
    }


def _show(metrics: Metrics) -> None:
    state = f"not ready: {metrics.why_not_ready}" if metrics.why_not_ready else "ready"
    typer.echo(f"fortepiano {metrics.version}, {state}")
    width = max(map(len, _ROWS))
    for title, name in _ROWS.items():
        typer.echo(f"{title:<{width}}  {metrics.values.get(name, 0.0):>15,.0f}")
