"""Measure a crowd on several processes: the memory of each, and the latency of a hundred who play.

`make bench-crowd` runs it, on an otherwise idle machine: 50 000 people in rooms of twenty, from
an address each. Most of them are silent. Once they are all in, 2000 more come, and a hundred of
these play, one in each room. Rooms are spread over all processes, so each note is heard at all.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.crowd import many_files
from support.processes import Processes, run_processes
from support.processor import processor_seconds

GENERATOR = Path(__file__).resolve().parents[1] / "rust" / "target" / "release" / "fortepiano-load"

PEOPLE = 20
LISTENERS, PLAYERS = 2000, 100
EACH_GENERATOR = 10_000
"""The most clients of one generator: each has one core at most."""

RATE, SECONDS = 5, 20
PATIENCE_SECONDS = 600.0
STAYS = "86400"


def generator(scenario: str, server: Processes, first: int, *arguments: str) -> list[str]:
    """Return the command of a generator whose clients have the addresses from a number on."""
    target = ["--port", str(server.port), "--first", str(first)]
    return [str(GENERATOR), scenario, *target, "--people", str(PEOPLE), "--json", *arguments]


@contextmanager
def silent(server: Processes, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Let so many people be in rooms while the block runs."""
    generators: list[subprocess.Popen[bytes]] = []
    try:
        for first in range(0, count, EACH_GENERATOR):
            size = min(EACH_GENERATOR, count - first)
            arguments = ("--clients", str(size), "--seconds", STAYS)
            command = generator("connect", server, first, *arguments)
            generators.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
        yield generators
    finally:
        for one in generators:
            one.kill()
        for one in generators:
            one.wait()


def wait_for(server: Processes, count: int, generators: Sequence[subprocess.Popen[bytes]]) -> float:
    """Wait until so many people are in rooms; return how many came in a second."""
    began = time.monotonic()
    while (there := sum(server.gauges("participants"))) < count:
        ended = [one.args for one in generators if one.poll() is not None]
        assert not ended, f"a generator has ended: {ended}"
        assert time.monotonic() - began < PATIENCE_SECONDS, f"{there} of {count} are there"
        time.sleep(0.5)
    return count / (time.monotonic() - began)


def megabytes(pid: int) -> float:
    """Return the resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def played(server: Processes, first: int) -> dict[str, float]:
    """Let people play in rooms of the last ones who come; return what their generator reports."""
    arguments = ("--clients", str(LISTENERS), "--players", str(PLAYERS))
    rates = ("--rate", str(RATE), "--seconds", str(SECONDS))
    command = generator("rooms", server, first, *arguments, *rates)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, float] = json.loads(done.stdout)
    return found


class Costs:
    """The memory of each process over time, and its share of a core.

    Args:
        server: The server.
    """

    def __init__(self, server: Processes) -> None:
        self._server = server
        self._pids = [*server.pids, server.redis.pid]
        self._people: list[int] = []
        self._columns: list[list[str]] = []

    def note_memory(self) -> None:
        """Note how much each process has now, the broker last."""
        self._people = max(self._people, [*self._server.sockets(), 0], key=sum)
        self._columns.append([f"{megabytes(pid):.1f}" for pid in self._pids])

    @contextmanager
    def noting_cores(self) -> Iterator[None]:
        """Note the share of a core that each process takes while the block runs."""
        began, before = time.monotonic(), [processor_seconds(pid) for pid in self._pids]
        yield
        seconds, after = time.monotonic() - began, [processor_seconds(pid) for pid in self._pids]
        used = [now - then for now, then in zip(after, before, strict=True)]
        self._columns.append([f"{100 * one / seconds:.0f} %" for one in used])

    def show(self) -> None:
        """Print all that was noted, in the order of `main`."""
        print("\n| process | people | idle, MB | a core while some play | with all people, MB |")
        print("| --- | --- | --- | --- | --- |")
        names = [*map(str, range(self._server.count)), "broker"]
        for name, people, *row in zip(names, self._people, *self._columns, strict=True):
            print(f"| {name} | {people} | {' | '.join(row)} |")


def main() -> None:
    """Run the measurement, and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=50_000, help="people in all")
    parser.add_argument("--processes", type=int, default=4, help="processes of the server")
    options = parser.parse_args()
    many_files(EACH_GENERATOR)
    crowd = max(0, options.clients - LISTENERS)
    with run_processes(options.processes) as server:
        costs = Costs(server)
        costs.note_memory()
        with silent(server, crowd) as generators:
            pace = wait_for(server, crowd, generators)
            with costs.noting_cores():
                found = played(server, crowd)
            costs.note_memory()
        costs.show()
    print(f"\n{crowd} people came, {pace:.0f} a second. Then {PLAYERS} played {RATE} a second:")
    names = {"p50_us": "p50", "p95_us": "p95", "p99_us": "p99", "max_us": "longest"}
    print(", ".join(f"{text} {found[name] / 1e3:.1f} ms" for name, text in names.items()))
    print(f"deliveries {found['deliveries']}, lost {found['lost']}, closed {found['closed']}")


if __name__ == "__main__":
    main()
