"""The measurements of each server, by runs of the load generator."""

import json
import math
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contestants import LOAD_CORE, BenchError, Contestant, Running, pinned

__all__ = ["FULL", "QUICK", "Effort", "Figures", "Result", "climb", "is_carried", "measure"]

Figures = dict[str, Any]
"""The report of one run of the generator."""

GENERATOR = Path(__file__).resolve().parents[2] / "rust" / "target" / "release" / "fortepiano-load"

PEOPLE = 100
"""People in the room in which deliveries are counted; all of them play."""

MAX_P99_US = 100_000
"""A load with a higher p99 counts as not carried."""

GATHER_FROM = 200_000
"""Deliveries/s from which on the generator reads its sockets only once in a millisecond.

Otherwise the generator would be the limit with servers that send each message by itself.
"""

RUN_SECONDS = 120
"""The longest run of the generator; a longer one is stuck."""


@dataclass(frozen=True, slots=True)
class Effort:
    """The extent of the measurements.

    Attributes:
        rungs: Deliveries/s to try, in order, until a rate is not carried.
        refines: Whether one more rate is tried between the last two rungs.
        seconds: How long people play at each rate.
        crowds: Numbers of clients for which memory is measured.
        storm: The number of people who join one room at once.
    """

    rungs: Sequence[int]
    refines: bool
    seconds: float
    crowds: Sequence[int]
    storm: int


FULL = Effort(
    rungs=(25_000, 50_000, 100_000, 200_000, 400_000, 800_000, 1_600_000, 3_200_000, 6_400_000),
    refines=True,
    seconds=2,
    crowds=(500, 2000, 5000),
    storm=500,
)

QUICK = Effort(
    rungs=(50_000, 200_000, 800_000, 3_200_000),
    refines=False,
    seconds=1,
    crowds=(500,),
    storm=200,
)


@dataclass(slots=True)
class Result:
    """All results of one server.

    Attributes:
        name: The server.
        versions: The versions of its parts.
        climb: The runs of `play`, in the order of their rates.
        crowds: The runs of `connect`, with growing numbers of clients.
        storm: The run of `join-storm`.
    """

    name: str
    versions: str = ""
    climb: list[Figures] = field(default_factory=list[Figures])
    crowds: list[Figures] = field(default_factory=list[Figures])
    storm: Figures = field(default_factory=dict[str, Any])

    @property
    def best(self) -> Figures | None:
        """The run with most deliveries/s among those that were carried."""
        carried = [run for run in self.climb if is_carried(run)]
        return max(carried, key=lambda run: run["deliveries_per_s"], default=None)


def is_carried(run: Figures) -> bool:
    """Tell whether a server carried the offered load: all messages, and in time."""
    is_late = run["p99_us"] is None or run["p99_us"] > MAX_P99_US
    is_less = run["deliveries_per_s"] < 0.95 * run["offered"]
    return not (run["lost"] or run["closed"] or is_late or is_less)


def climb(play: Callable[[int], Figures], rungs: Sequence[int], *, refines: bool) -> list[Figures]:
    """Raise the rate until it is not carried.

    Args:
        play: Runs the generator at a rate; deliveries/s.
        rungs: The rates.
        refines: Whether to try one more rate, between the last carried and the first not carried.

    Returns:
        All runs, by rate.
    """
    runs: list[Figures] = []
    last = 0
    for rung in rungs:
        runs.append(play(rung))
        if not is_carried(runs[-1]):
            if refines and last:
                runs.insert(-1, play(round(math.sqrt(last * rung))))
            break
        last = rung
    return runs


def load(server: Running, *arguments: str) -> Figures:
    """Run the generator on its core.

    Raises:
        BenchError: The generator failed or did not end.
    """
    target = ["--port", str(server.port), "--server-pid", str(server.pid), "--json"]
    command = pinned(LOAD_CORE, [str(GENERATOR), *arguments, *target])
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=RUN_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"`{' '.join(arguments)}` has no end") from None
    if done.returncode:
        raise BenchError(done.stderr.strip())
    figures: Figures = json.loads(done.stdout)
    return figures


def measure(contestant: Contestant, effort: Effort) -> Result:
    """Measure one server.

    Raises:
        BenchError: The server could not be measured.
    """
    result = Result(contestant.name, contestant.versions())
    with contestant.run() as server:

        def play(deliveries: int) -> Figures:
            rate = deliveries / (PEOPLE - 1) / PEOPLE
            people = ["--clients", str(PEOPLE), "--players", str(PEOPLE), "--rate", f"{rate:.4f}"]
            gather = ["--gather", "1" if deliveries >= GATHER_FROM else "0"]
            run = load(server, "play", *people, "--seconds", str(effort.seconds), *gather)
            run["offered"] = deliveries
            print(f"  {deliveries:>9} deliveries/s: p99 {run['p99_us']} µs", flush=True)
            return run

        result.climb = climb(play, effort.rungs, refines=effort.refines)
    for clients in effort.crowds:
        # A fresh server for each number: memory once allocated is seldom given back.
        with contestant.run() as server:
            run = load(server, "connect", "--clients", str(clients), "--seconds", "1")
            result.crowds.append(run)
            print(f"  {clients:>9} clients: {run['server_rss_bytes'] >> 20} MiB", flush=True)
    with contestant.run() as server:
        result.storm = load(server, "join-storm", "--clients", str(effort.storm))
        print(f"  {effort.storm:>9} into one room: {result.storm['joins_per_s']}/s", flush=True)
    return result
