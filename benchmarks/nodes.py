"""Measure what a second node costs: time for each delivery, joins, latency, and the broker's part.

`make bench-nodes` runs it, on an otherwise idle machine: servers on one core, the load generator on
the other. One node and two are measured in turn, in one sitting.
"""

import itertools
import json
import os
import statistics
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from support.cluster import Cluster, run_cluster
from support.presets import LOUD, UNHURRIED
from support.raw_person import RawPerson, delays, draining, joins_per_second, play_together
from support.redis import run_redis
from support.server import Server, run_server
from support.spy import publications, spying

GENERATOR = Path(__file__).resolve().parents[1] / "rust" / "target" / "release" / "fortepiano-load"

SERVER_CORE, LOAD_CORE = 0, 1

ROUNDS = 3
FANOUT = ("play", "--clients", "1000", "--players", "10", "--rate", "5", "--seconds", "5")
JOINS = 1000
NOTES, NOTE_GAP_SECONDS = 1000, 0.01
RATES = (10, 1000, 20_000)
RATE_SECONDS = 3.0


@contextmanager
def pinned(nodes: list[Server]) -> Iterator[None]:
    """Keep servers on their core, and this process on the other one, while the block runs."""
    before = os.sched_getaffinity(0)
    for node in nodes:
        for thread in os.listdir(f"/proc/{node.pid}/task"):
            os.sched_setaffinity(int(thread), {SERVER_CORE})
    os.sched_setaffinity(0, {LOAD_CORE})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
        for node in nodes:
            os.sched_setaffinity(node.pid, before)


def fanout(nodes: list[Server]) -> float:
    """Return the processor time of all nodes for each delivery in a room of 1000; µs."""
    ports = ",".join(str(node.port) for node in nodes)
    pids = ",".join(str(node.pid) for node in nodes)
    command = [str(GENERATOR), *FANOUT, "--json", "--port", ports, "--server-pid", pids]
    with pinned(nodes):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert not found["lost"], found
    return float(found["server_us_per_delivery"])


def joins(home: Server, node: Server, number: int) -> float:
    """Return joins a second of people at a node into a room of another."""
    room = f"joins {number}"
    with closing(RawPerson(home, room)):
        return joins_per_second(node, room, JOINS)


def compare_nodes(alone: Server, cluster: Cluster) -> None:
    """Print both sides of what one node and two do, and the ratio."""
    first, second = cluster.nodes
    pairs = {
        "CPU µs per delivery, 1000 people": [
            (fanout([alone]), fanout(cluster.nodes)) for _ in range(ROUNDS)
        ],
        "joins/s of 1000 people, at home and from the other node": [
            (joins(first, first, 2 * n), joins(first, second, 2 * n + 1)) for n in range(ROUNDS)
        ],
    }
    print("\n| | one node | two nodes | ratio |\n| --- | --- | --- | --- |")
    for name, found in pairs.items():
        one, two = (statistics.median(side) for side in zip(*found, strict=True))
        print(f"| {name} | {one:.2f} | {two:.2f} | {two / one:.2f} |")


def show_latency(cluster: Cluster) -> None:
    """Print how long notes take from each node to each, in a room of the first node."""
    print("\n| notes from, to (home: 0) | p50 ms | p99 ms |\n| --- | --- | --- |")
    for start, end in itertools.product((0, 1), repeat=2):
        room = f"latency {start} {end}"
        with (
            closing(RawPerson(cluster.nodes[0], room)),
            closing(RawPerson(cluster.nodes[start], room)) as player,
            closing(RawPerson(cluster.nodes[end], room)) as listener,
        ):
            found = delays(player, listener, count=NOTES, gap=NOTE_GAP_SECONDS)
        p99 = found[int(NOTES * 0.99)]
        print(f"| {start}, {end} | {1e3 * statistics.median(found):.2f} | {1e3 * p99:.2f} |")


def show_broker(cluster: Cluster) -> None:
    """Print how many messages a second the broker has while two people play, and a join's bytes."""
    print("\n| notes/s in a room of two nodes | messages/s at the broker |\n| --- | --- |")
    people = [RawPerson(node, "broker") for node in cluster.nodes]
    with draining(people):
        for rate in RATES:
            before = publications(cluster.redis)
            play_together(people, rate, RATE_SECONDS)
            each = (publications(cluster.redis) - before) / RATE_SECONDS
            print(f"| {rate} | {each:.0f} |")
        newcomer = RawPerson(cluster.nodes[1])
        with spying(cluster.redis, cluster.prefix) as spy:
            newcomer.join("broker")
    print(f"\nA join from another node: {spy.size()} bytes at the broker.")
    for person in [*people, newcomer]:
        person.close()


def main() -> None:
    """Run all measurements, and print their tables."""
    settings = LOUD | UNHURRIED
    with (
        run_redis("--appendonly", "no") as redis,
        run_server(**Cluster.store(redis, "alone"), **settings) as alone,
        run_cluster(2, **settings) as cluster,
    ):
        show_latency(cluster)
        show_broker(cluster)
        compare_nodes(alone, cluster)


if __name__ == "__main__":
    main()
