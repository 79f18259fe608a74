"""`fortepiano top`: a live view of a running server."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Annotated

import typer

from fortepiano.cli.metrics_client import Metrics, Url, internal_url, read
from fortepiano.cli.options import ConfigFile
from fortepiano.errors import UnreachableError

if TYPE_CHECKING:
    from collections import deque

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
    """Show a running server live, until Ctrl-C."""
    from rich.live import Live
    from rich.text import Text

    server_url = internal_url(url, config)
    before = read(server_url)  # before the screen: an unreachable server is one line of error
    history: dict[str, deque[float]] = {}
    readings = 0
    live = Live(Text("…"), auto_refresh=False, screen=count is None)
    with contextlib.suppress(KeyboardInterrupt), live:
        while count is None or readings < count:
            try:
                time.sleep(interval)
                metrics = read(server_url)
            except UnreachableError as error:
                live.update(Text(str(error), style="red"), refresh=True)
                continue
            _remember(history, before, metrics)
            live.update(_screen(server_url, before, metrics, history), refresh=True)
            before = metrics
            readings += 1


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
    url: str, before: Metrics, now: Metrics, history: dict[str, deque[float]]
) -> RenderableType:
    from rich.columns import Columns
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    state = now.why_not_ready or "ready"
    head = Text.assemble(
        (f"fortepiano {now.version}", "bold"),
        f"  {url}  ",
        (state, "red" if now.why_not_ready else "green"),
    )
    table = Table.grid(padding=(0, 2))
    for title, (value, unit) in _lines(before, now).items():
        shown = f"{value:,.1f}" if unit in ("%", "ms", "MiB") else f"{value:,.0f}"
        table.add_row(title, Text(f"{shown}{unit}", justify="right"), _bars(history[title]))
    by_label = [
        _labels(title, before, now, name, is_rate=title.endswith("/s"))
        for title, name in _LABELLED.items()
    ]
    return Group(head, Text(), table, Text(), Columns(by_label, padding=(0, 4)))


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
