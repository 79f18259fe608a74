"""A thousand people of one node join a room of another at the same time."""

from __future__ import annotations

from contextlib import closing

import pytest

from support.cluster import Cluster
from support.crowd import many_files
from support.raw_person import RawPerson, joins_per_second
from support.websocket_clients import new_room

LEAST_SHARE = 0.2
"""Of one node's rate; loose, since the test is the third who wants two cores."""


@pytest.mark.cluster
@pytest.mark.timeout(120)
def test_a_thousand_join_from_another_node(pair: Cluster) -> None:
    many_files(3000)
    rates: list[float] = []
    for node in pair.nodes:
        room = new_room()
        with closing(RawPerson(pair.nodes[0], room)):
            rates.append(joins_per_second(node, room, 1000))
    print(f"\n| joins/s at home, from another node | {rates[0]:.0f} | {rates[1]:.0f} |")
    assert rates[1] > LEAST_SHARE * rates[0]


def test_fifty_join_from_another_node(pair: Cluster) -> None:
    room = new_room()
    with closing(RawPerson(pair.nodes[0], room)):
        assert joins_per_second(pair.nodes[1], room, 50) > 50
