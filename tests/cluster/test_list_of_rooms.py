"""A list of 5000 rooms over three nodes: how soon a client at any of them has it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from support.cluster import Cluster, run_cluster
from support.crowd import Crowd, many_files
from support.presets import UNHURRIED
from support.processor import load
from support.raw_peer import TEXT, RawPeer, frame

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

ROOMS = 5000
LIST_SECONDS = 0.1
"""Seconds within which the list is there, on a machine that is not busy."""

FILLED_SECONDS = 120.0
ROUNDS = 5


@pytest.fixture(scope="module")
def crowded() -> Iterator[Cluster]:
    """Three nodes, with one person in each of 5000 rooms."""
    many_files(ROOMS)
    with (
        run_cluster(3, **UNHURRIED, NODE_ENV="development") as cluster,
        closing(Crowd(cluster, people=1, rooms=ROOMS)) as crowd,
    ):
        for _ in range(ROOMS):
            crowd.come()
        yield cluster


class Reader:
    """A client that asks a node for its list of rooms."""

    def __init__(self, peer: RawPeer) -> None:
        self._peer = peer

    async def ask(self) -> tuple[float, int]:
        """Ask for the list; return in how many seconds it came, and how many rooms it has."""
        began = time.perf_counter()
        await self._peer.send(frame(TEXT, b'[{"m":"+ls"}]'))
        text = b""
        while b'"m":"ls","c":true' not in text:
            text = await self._peer.expect(TEXT)
        seconds = time.perf_counter() - began
        await self._peer.send(frame(TEXT, b'[{"m":"-ls"}]'))
        return seconds, sum(room["_id"].startswith("room ") for room in json.loads(text)[0]["u"])

    async def ask_until_complete(self) -> None:
        """Ask until the list has all rooms."""
        end = time.monotonic() + FILLED_SECONDS
        while (await self.ask())[1] < ROOMS:
            assert time.monotonic() < end, "the list never had all rooms"


@pytest.mark.parametrize("number", range(3))
async def test_the_list_comes_soon(crowded: Cluster, number: int) -> None:
    node = crowded.nodes[number]
    peer = await RawPeer.connect(node, port=node.port)
    await peer.handshake(frame(TEXT, b'[{"m":"hi"}]'))
    reader = Reader(peer)
    await reader.ask_until_complete()
    busy = load()
    found = [await reader.ask() for _ in range(ROUNDS)]
    print([f"{1e3 * seconds:.1f} ms" for seconds, _ in found])
    await peer.vanish()
    assert {rooms for _, rooms in found} == {ROOMS}
    assert sorted(seconds for seconds, _ in found)[ROUNDS // 2] < LIST_SECONDS * busy, found
