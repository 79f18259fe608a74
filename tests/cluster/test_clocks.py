"""The times of all nodes mean the same, whatever the clocks of their machines say."""

from __future__ import annotations

import asyncio
import re
import statistics
import subprocess
import time
from contextlib import AsyncExitStack, closing

import pytest

from support.cluster import Cluster, run_cluster
from support.presets import LOUD, UNHURRIED
from support.raw_person import RawPerson
from support.server import Server
from support.websocket_clients import new_room
from support.witness import HEARD_SECONDS, Witnesses, longest_silence

MOST_MS = 2.0
SAMPLES = 100

LEASE_SECONDS = 10.0
"""How long a node lives that does not renew its lease."""


def lead_ms(node: Server) -> float:
    """Return how far a node's clock is ahead of this machine's, on average; milliseconds."""
    leads: list[float] = []
    with closing(RawPerson(node)) as person:
        for _ in range(SAMPLES):
            began = time.time()
            person.send({"m": "t", "e": 1})
            while not (found := re.search(rb'"m":"t","t":(\d+)', person.received)):
                person.read()
            person.received = b""
            # The node cuts its time off to whole milliseconds.
            leads.append(int(found[1]) + 0.5 - 500 * (began + time.time()))
            time.sleep(0.0071)
    return statistics.median(leads)


def test_clocks_of_one_machine(trio: Cluster) -> None:
    leads = [lead_ms(node) for node in trio.nodes]
    assert max(leads) - min(leads) < MOST_MS, leads


def faketime() -> str:
    """Return the path of libfaketime."""
    shown = subprocess.run(
        ["faketime", "-f", "+0", "env"], capture_output=True, text=True, timeout=10, check=True
    )
    found = re.search(r"^LD_PRELOAD=(\S+)", shown.stdout, re.MULTILINE)
    assert found, shown.stdout
    return found[1]


@pytest.mark.needs("faketime")
@pytest.mark.parametrize("offset", ["+0.040", "-0.300", "+7200"])
def test_a_machine_whose_clock_is_wrong(offset: str) -> None:
    def set_back(cluster: Cluster) -> None:
        cluster.nodes[1].configure(
            LD_PRELOAD=faketime(), FAKETIME=offset, FAKETIME_DONT_FAKE_MONOTONIC="1"
        )

    with run_cluster(2, set_back, **UNHURRIED) as cluster:
        leads = [lead_ms(node) for node in cluster.nodes]
    assert abs(leads[0] - leads[1]) < MOST_MS, leads


@pytest.mark.cluster
@pytest.mark.needs("faketime")
async def test_a_node_whose_clock_is_two_hours_off_stays_a_node() -> None:
    def set_ahead(cluster: Cluster) -> None:
        cluster.nodes[1].configure(
            LD_PRELOAD=faketime(), FAKETIME="+7200", FAKETIME_DONT_FAKE_MONOTONIC="1"
        )

    async with AsyncExitStack() as stack:
        cluster = stack.enter_context(run_cluster(3, set_ahead, **UNHURRIED, **LOUD))
        room = await stack.enter_async_context(Witnesses(new_room()))
        people = [await room.enter(node) for node in (*cluster.nodes, *cluster.nodes)]
        await room.together(people, 5)
        since = time.monotonic()
        await asyncio.sleep(LEASE_SECONDS + 2)
        await room.together(people, 1)
        for witness in people:
            assert not any(witness.gone(each.id, since) for each in people)
        others = [witness for witness in people if witness is not people[1]]
        silences = [longest_silence(witness, people[1], since) for witness in others]
        print("silences:", " ".join(f"{silence:.2f} s" for silence in silences))
        assert max(silences) < HEARD_SECONDS
