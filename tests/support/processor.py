"""The processor time of a process, and what a server spends during a block."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from support.server import Server

__all__ = ["Spending", "load", "processor_seconds", "spending"]


def processor_seconds(pid: int) -> float:
    """Return how long a process has kept processors busy since its start; seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Spending:
    """The time and the processor time of a block.

    Attributes:
        seconds: How long the block ran.
        cpu_seconds: The processor time of the server.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.cpu_seconds = 0.0


@contextmanager
def spending(server: Server) -> Iterator[Spending]:
    """Measure what a server spends while the block runs."""
    spent = Spending()
    began, used = monotonic(), processor_seconds(server.pid)
    yield spent
    spent.seconds = monotonic() - began
    spent.cpu_seconds = processor_seconds(server.pid) - used


def load() -> float:
    """Return how many processes want each core, at least one."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
