"""The cost of a cluster to the broker: messages and bytes."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest

from support.cluster import Cluster
from support.raw_person import RawPerson, draining, play_together
from support.spy import publications, spying
from support.websocket_clients import new_room

SECONDS = 3.0

ROOM_PER_SECOND = 500
PAIR_PER_SECOND = 500
OTHERS_PER_SECOND = 20
"""Beats of nodes and what they know of each other."""

JOIN_BYTES = 1500
"""Of them 500 are the answer to the client, without the lines of chat that it has."""


def rate_of_publications(cluster: Cluster, players: list[RawPerson], rate: float) -> float:
    """Return how many publications a second the broker has while people play."""
    with draining(players):
        before, began = publications(cluster.redis), time.monotonic()
        if rate:
            assert play_together(players, rate, SECONDS) > rate * SECONDS * 0.8
        else:
            time.sleep(SECONDS)
        return (publications(cluster.redis) - before) / (time.monotonic() - began)


@pytest.mark.parametrize("rate", [10, 1000, 20_000])
def test_messages_do_not_grow_with_notes(pair: Cluster, rate: int) -> None:
    room = new_room()
    with ExitStack() as stack:
        people = [RawPerson(node, room) for node in pair.nodes]
        for person in people:
            stack.callback(person.close)
        found = rate_of_publications(pair, people, rate)
    # A note from afar is two messages: to the home, and from there.
    most = min(ROOM_PER_SECOND + PAIR_PER_SECOND, 2 * rate)
    print(f"\n| {rate} notes/s | {found:.0f} messages/s |")
    assert found <= most + OTHERS_PER_SECOND


def test_a_room_on_one_node_costs_nothing(pair: Cluster) -> None:
    room = new_room()
    with ExitStack() as stack:
        people = [RawPerson(pair.nodes[0], room) for _ in range(3)]
        for person in people:
            stack.callback(person.close)
        idle = rate_of_publications(pair, people, 0)
        with spying(pair.redis, pair.prefix) as spy:
            busy = rate_of_publications(pair, people, 500)
    assert spy.streams() == []
    assert busy <= idle + 1, (idle, busy)


def test_a_room_whose_people_afar_have_left_costs_nothing(pair: Cluster) -> None:
    room = new_room()
    with ExitStack() as stack:
        people = [RawPerson(pair.nodes[0], room) for _ in range(2)]
        for person in people:
            stack.callback(person.close)
        RawPerson(pair.nodes[1], room).close()
        people[0].wait(b'"m":"bye"')
        time.sleep(0.2)
        with spying(pair.redis, pair.prefix) as spy, draining(people):
            play_together(people, 500, 1)
    assert spy.streams() == []


@pytest.mark.parametrize("people", [3, 150])
def test_a_join_from_another_node_is_small(pair: Cluster, people: int) -> None:
    room = new_room()
    with ExitStack() as stack:
        there = [RawPerson(pair.nodes[number % 2], room) for number in range(people)]
        newcomer = RawPerson(pair.nodes[1])
        for person in [*there, newcomer]:
            stack.callback(person.close)
        with draining(there):
            time.sleep(0.2)
            with spying(pair.redis, pair.prefix) as spy:
                newcomer.join(room)
    print(f"\n| join into a room of {people} | {spy.size()} bytes |")
    assert 0 < spy.size() <= JOIN_BYTES, spy.messages
