"""The metrics of a running server."""

from __future__ import annotations

import httpx

from support.server import Server

__all__ = ["metric", "scrape"]


def scrape(server: Server, *, timeout: float = 5) -> dict[str, float]:
    """Return the metrics of a server by name and labels, without the prefix `fortepiano_`.

    Args:
        server: The server.
        timeout: Seconds that an answer may take.
    """
    lines = httpx.get(f"{server.internal_url}/metrics", timeout=timeout).text.splitlines()
    samples = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name.removeprefix("fortepiano_"): float(value) for name, value in samples}


def metric(server: Server, name: str) -> float:
    """Return the value of a metric, such as `clients` or `refused_connections_total{…}`.

    Only one with labels may be missing: that is 0, since nothing has been counted there yet.
    """
    values = scrape(server)
    return values.get(name, 0.0) if "{" in name else values[name]
