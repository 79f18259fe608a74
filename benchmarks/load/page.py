"""The table of servers, and its place in benchmarks/README.md."""

import os
import platform
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from measurements import Figures, Result

__all__ = ["BEGIN", "END", "machine", "replaced", "table"]

BEGIN = "<!-- written by `make bench-load` -->"
END = "<!-- end of what `make bench-load` writes -->"

UNKNOWN = "-"
"""The text for a value that was not measured."""

BUSY = 0.9
"""Share of a core above which the generator was the limit."""

CALM = 50_000
"""Deliveries/s at which all servers are compared: a load that each of them can carry."""


def grouped(number: float | None) -> str:
    """Return a number with spaces between its thousands."""
    return UNKNOWN if number is None else f"{number:,.0f}".replace(",", " ")


def machine() -> str:
    """Return the machine and the date of the measurement."""
    info = Path("/proc/cpuinfo").read_text()
    found = re.search(r"^model name\s*:\s*(.+)$", info, re.MULTILINE)
    model = " ".join(found[1].split()) if found else platform.machine()
    release = ".".join(platform.release().split(".")[:2])
    today = date.today().isoformat()
    python = platform.python_version()
    return f"{os.cpu_count()} cores ({model}), kernel {release}, Python {python}, {today}"


def _calm(result: Result) -> Figures | None:
    return next((run for run in result.climb if run["offered"] == CALM), None)


def _carried(result: Result) -> str:
    best = result.best
    if best is None:
        return UNKNOWN
    # If the generator was the limit, the server might have carried more.
    is_bound = any(run["generator_busy"] > BUSY for run in result.climb)
    return ("≥ " if is_bound else "") + grouped(best["deliveries_per_s"])


def _row(result: Result) -> list[str]:
    best, calm = result.best, _calm(result)
    crowd = result.crowds[-1] if result.crowds else None
    return [
        result.name,
        _carried(result),
        UNKNOWN if best is None else f"{best['server_us_per_delivery']:.2f}",
        UNKNOWN if calm is None else f"{calm['server_us_per_delivery']:.2f}",
        UNKNOWN if calm is None else f"{calm['p50_us'] / 1000:.2f} / {calm['p99_us'] / 1000:.2f}",
        grouped(crowd["connects_per_s"] if crowd else None),
        UNKNOWN if crowd is None else f"{crowd['rss_per_client_bytes'] / 1000:.1f}",
        grouped(result.storm.get("joins_per_s")),
    ]


def table(results: Sequence[Result]) -> str:
    """Return the table as Markdown, with the versions of the servers' parts below."""
    people = results[0].storm.get("clients")
    clients = results[0].crowds[-1]["clients"] if results[0].crowds else 0
    head = [
        "server",
        "deliveries/s carried",
        "CPU µs per delivery there",
        f"at {grouped(CALM)}/s",
        f"p50 / p99 ms at {grouped(CALM)}/s",
        f"connects/s ({grouped(clients)})",
        "kB per client",
        f"joins/s ({people} into one room)",
    ]
    rows = [head, ["---"] * len(head), *map(_row, results)]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    versions = [f"{result.name}: {result.versions}." for result in results if result.versions]
    return "\n".join([*lines, "", " ".join(versions)])


def replaced(page: str, section: str) -> str:
    """Return a page with the section between the two marks replaced.

    Raises:
        ValueError: The page does not have the marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no place for the table: {BEGIN} and {END} are missing")
    return f"{before}{begin}\n\n{section}\n\n{end}{after}"
