"""`fortepiano top`: a live view of a running server."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from fortepiano.cli.metrics_client import (
    Cluster,
    Metrics,
    Url,
    internal_url,
    read,
    read_cluster,
)
from fortepiano.cli.options import ConfigFile
from fortepiano.errors import UnreachableError

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Mapping

    from rich.console import RenderableType

__all__ = ["top"]

_BARS = " ▁▂▃▄▅▆▇█"
_POINTS = 60
_LABELLED = {
    "Received by kind, /s": "messages_received_total",
    "Disconnects by code": "disconnects_total",
    "Refused connections": "refused_connections_total",
}


def top(
    url: Url = None,
    interval: Annotated[
        float, typer.Option(help="Seconds between two readings.", min=0.1, max=60)
    ] = 1.0,
    count: Annotated[
        int | None, typer.Option(help="End after so many readings.", min=1, show_default="never")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Show a running server live, until Ctrl-C; of a cluster, all nodes and their sums."""
    from rich.live import Live
    from rich.text import Text

    server_url = internal_url(url, config)
    before = _read(server_url)  # before the screen: an unreachable server is one line of error
    history: dict[str, deque[float]] = {}
    readings = 0
    live = Live(Text("…"), auto_refresh=False, screen=count is None)
    with contextlib.suppress(KeyboardInterrupt), live:
        while count is None or readings < count:
            try:
                time.sleep(interval)
                now = _read(server_url)
            except UnreachableError as error:
                live.update(Text(str(error), style="red"), refresh=True)
                continue
            _remember(history, before.metrics, now.metrics)
            live.update(_screen(server_url, before, now, history), refresh=True)
            before = now
            readings += 1


class _Reading(NamedTuple):
    """The numbers at one moment.

    Attributes:
        metrics: Those of the server, or the sums over all nodes of its cluster.
        cluster: Those of each node; None for a server alone.
    """

    metrics: Metrics
    cluster: Cluster | None


def _read(url: str) -> _Reading:
    metrics = read(url)
    cluster = read_cluster(url, metrics)
    return _Reading(metrics if cluster is None else cluster.total(), cluster)


def _lines(before: Metrics, now: Metrics) -> dict[str, tuple[float, str]]:
    """Return the values to show, each with its unit, by title."""
    values, lags = now.values, now.rate(before, "loop_lag_seconds_count")
    lag = now.rate(before, "loop_lag_seconds_sum") / lags if lags else 0.0
    return {
        "clients": (values["clients"], ""),
        "rooms": (values["rooms"], ""),
        "people in rooms": (values["participants"], ""),
        "messages in": (now.rate(before, "messages_received_total"), "/s"),
        "deliveries": (now.rate(before, "deliveries_total"), "/s"),
        "bytes, both ways": (now.rate(before, "bytes_total"), "/s"),
        "time spent writing": (100 * now.rate(before, "fanout_seconds_sum"), "%"),
        "processor": (100 * now.rate(before, "process_cpu_seconds_total"), "%"),
        "loop lag, mean": (1000 * lag, "ms"),
        "bytes waiting": (values["queue_bytes"], ""),
        "notes over the quota": (now.rate(before, "quota_denied_total"), "/s"),
        "memory": (values.get("process_resident_memory_bytes", 0.0) / 2**20, "MiB"),
    }


def _remember(history: dict[str, deque[float]], before: Metrics, now: Metrics) -> None:
    from collections import deque

    for title, (value, _) in _lines(before, now).items():
        history.setdefault(title, deque(maxlen=_POINTS)).append(value)


def _screen(
    url: str, old: _Reading, new: _Reading, history: dict[str, deque[float]]
) -> RenderableType:
    from rich.columns import Columns
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    before, now = old.metrics, new.metrics
    state = now.why_not_ready or "ready"
    head = Text.assemble(
        (f"fortepiano {now.version}", "bold"),
        f"  {url}  ",
        (state, "red" if now.why_not_ready else "green"),
    )
    table = Table.grid(padding=(0, 2))
    for title, (value, unit) in _lines(before, now).items():
        table.add_row(title, Text(_shown(value, unit), justify="right"), _bars(history[title]))
    by_label = [
        _labels(title, before, now, name, is_rate=title.endswith("/s"))
        for title, name in _LABELLED.items()
    ]
    nodes = () if new.cluster is None else (_nodes(old.cluster, new.cluster), Text())
    return Group(head, Text(), *nodes, table, Text(), Columns(by_label, padding=(0, 4)))


_OF_NODES = (
    "clients",
    "messages in",
    "deliveries",
    "time spent writing",
    "processor",
    "loop lag, mean",
    "memory",
)
"""The values of `_lines` that are shown of each node."""


def _nodes(old: Cluster | None, new: Cluster) -> RenderableType:
    """Draw a table of the nodes; the other values on the screen are sums over them."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("node")
    for title in ("homes", *_OF_NODES):
        table.add_column(title, justify="right")
    before: Mapping[str, Metrics] = {} if old is None else old.nodes
    for name, now in new.nodes.items():
        lines = _lines(before.get(name, now), now)
        homes = f"{now.by_label['cluster_rooms']['home']:,.0f}"
        style = "yellow" if now.why_not_ready else ""
        table.add_row(
            Text(name), homes, *(_shown(*lines[title]) for title in _OF_NODES), style=style
        )
    for name in new.missing_nodes:
        table.add_row(Text(name), "does not answer", style="red")
    return table


def _shown(value: float, unit: str) -> str:
    return f"{value:,.1f}{unit}" if unit in ("%", "ms", "MiB") else f"{value:,.0f}{unit}"


def _labels(
    title: str, before: Metrics, now: Metrics, name: str, *, is_rate: bool
) -> RenderableType:
    """Draw a table of one metric's values by label, the highest first."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, box=None, show_header=False, title_justify="left")
    old, seconds = before.by_label.get(name, {}), max(now.at - before.at, 1e-9)
    for label, value in sorted(now.by_label.get(name, {}).items(), key=lambda pair: -pair[1]):
        if value:
            shown = (value - old.get(label, 0.0)) / seconds if is_rate else value
            table.add_row(Text(label), Text(f"{shown:,.0f}", justify="right"))
    return table


def _bars(values: deque[float]) -> str:
    """Draw values as bars of one character each; the highest value fills its character."""
    top = max(values)
    if top <= 0:
        return _BARS[0] * len(values)
    return "".join(_BARS[round(value / top * (len(_BARS) - 1))] for value in values)
