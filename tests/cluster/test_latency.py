"""How long a note takes from each node to each, with the broker between them."""

from __future__ import annotations

import itertools
import statistics
from contextlib import closing

import pytest

from support.cluster import Cluster
from support.processor import load
from support.raw_person import RawPerson, delays
from support.websocket_clients import new_room

COUNT = 300
GAP_SECONDS = 0.005

MEDIAN_SECONDS = 0.003
P99_SECONDS = 0.1
"""Loose, since tests share their machine; benchmarks/nodes.py measures."""


@pytest.mark.parametrize("way", list(itertools.product((0, 1), repeat=2)), ids=str)
def test_a_note_comes_soon(pair: Cluster, way: tuple[int, int]) -> None:
    room = new_room()
    busy = load()
    with (
        closing(RawPerson(pair.nodes[0], room)),
        closing(RawPerson(pair.nodes[way[0]], room)) as player,
        closing(RawPerson(pair.nodes[way[1]], room)) as listener,
    ):
        found = delays(player, listener, count=COUNT, gap=GAP_SECONDS)
    assert statistics.median(found) < MEDIAN_SECONDS * busy, found[-5:]
    assert found[int(COUNT * 0.99)] < P99_SECONDS * busy, found[-5:]
