"""A room over two hubs on a real loop and a real broker: order, and nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from fortepiano.net.bus import BrokerBus
from support.bus_nodes import BusNode, until
from support.hub_harness import text, unframe
from support.redis import run_redis

pytestmark = [pytest.mark.needs("redis-server"), pytest.mark.timeout(60)]

EPOCH = 7


class Member:
    """A client of a node, on a socket pair whose one end the loop reads."""

    def __init__(self, node: BusNode) -> None:
        self.node = node
        self.end, self._server_end = socket.socketpair()
        for each in (self.end, self._server_end):
            each.setblocking(False)
        self.link = node.engine.open(cast("Any", self), b"")
        self.number = self.link.client
        node.hub.start_session(self.number, node.hub.add_quota(1_000_000, 1_000_000))
        self._bytes = bytearray()
        self.heard: list[Any] = []

    def get_extra_info(self, _name: str) -> socket.socket:
        return self._server_end

    def close(self) -> None:
        self.link.connection_lost(None)
        self.end.close()
        self._server_end.close()

    def play(self, at: int) -> None:
        self._feed(text({"m": "n", "t": at, "n": [{"n": "c4"}]}))

    def _feed(self, data: bytes) -> None:
        self.link.get_buffer(-1)[: len(data)] = data
        self.link.buffer_updated(len(data))

    def read(self) -> list[Any]:
        """Return all elements received until now."""
        with contextlib.suppress(BlockingIOError):
            while got := self.end.recv(1 << 16):
                self._bytes += got
        for _, payload in unframe(self._bytes):
            self.heard += json.loads(cast("bytes", payload))
        return self.heard

    def times(self) -> list[int]:
        """Return the times of the notes that were heard: each note has another one."""
        return [element["t"] for element in self.read() if element["m"] == "n"]


class Room:
    """A room whose home is the first of two nodes."""

    def __init__(self, url: str) -> None:
        self.home, self.edge = (BusNode(BrokerBus, url, nid) for nid in (1, 2))
        self.home_room = self.home.hub.open_room()
        self.home.hub.set_epoch(self.home_room, EPOCH)
        self.replica = self.edge.hub.open_replica(1, EPOCH)
        self.edge.bus.subscribe(b"{test}:r:%d" % EPOCH)
        self.edge.on_event = self._enter_replica
        self._stays = 0
        self.members: list[Member] = []

    def _add(self, name: str) -> int:
        id = json.dumps(name).encode()
        return self.home.hub.add_participant(self.home_room, id, b'{"id":' + id, b"1", b"2")

    def enter_home(self, name: str) -> Member:
        member = self._open(self.home)
        self.home.hub.enter(member.number, self.home_room, self._add(name))
        return member

    async def enter_edge(self, name: str) -> Member:
        member = self._open(self.edge)
        self._stays += 1
        self.edge.hub.begin_stay(member.number, self._stays)
        remote = self.home.hub.attach_remote(2, self._stays)
        self.home.hub.start_session(remote, self.home.hub.add_quota(1_000_000, 1_000_000))
        self.home.hub.enter(remote, self.home_room, self._add(name))
        await until(lambda: len(self.edge.events) == self._stays)
        return member

    def _open(self, node: BusNode) -> Member:
        self.members.append(Member(node))
        return self.members[-1]

    def _enter_replica(self, event: tuple[Any, ...]) -> None:
        name, _, stay, _, participant = event
        assert name == "entered"
        assert self.edge.hub.enter_replica(stay, self.replica, participant) is not None

    async def close(self) -> None:
        for member in self.members:
            member.close()
        for node in (self.home, self.edge):
            await node.close()


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    with run_redis("--appendonly", "no") as server:
        room = Room(server.url)
        await until(lambda: room.home.bus.is_up and room.edge.bus.is_up)
        yield room
        await room.close()


async def test_all_hear_one_order(room: Room) -> None:
    ann, bob = room.enter_home("ann"), room.enter_home("bob")
    cat, dan = await room.enter_edge("cat"), await room.enter_edge("dan")
    players = (ann, bob, cat, dan)
    for number in range(400):
        players[number % 4].play(number)
        if number % 7 == 0:
            await asyncio.sleep(0)
        if number % 50 == 0:
            await asyncio.sleep(0.01)
    await until(lambda: all(len(each.times()) == 300 for each in players))
    for one in players:
        for other in players:
            common = set(one.times()) & set(other.times())
            assert [t for t in one.times() if t in common] == [
                t for t in other.times() if t in common
            ]
    assert [t for t in ann.times() if t % 4 == 2] == list(range(2, 400, 4))


async def test_a_note_needs_no_second_one_to_get_through(room: Room) -> None:
    """Publications inside the gap between two leave by the hub's timer."""
    ann, cat = room.enter_home("ann"), await room.enter_edge("cat")
    for number in range(20):
        ann.play(2 * number)
        cat.play(2 * number + 1)
        await until(lambda number=number: len(ann.times()) == len(cat.times()) == number + 1, 2)
    await asyncio.sleep(0.01)
    assert not room.home.hub.take_publications()
    assert room.home.hub.relay_stats()["gaps"] == room.edge.hub.relay_stats()["gaps"] == 0


async def test_a_room_of_one_node_costs_the_broker_nothing(room: Room) -> None:
    ann, bob = room.enter_home("ann"), room.enter_home("bob")
    before = room.home.bus.stats()["published"]
    for number in range(50):
        ann.play(number)
    await until(lambda: len(bob.times()) == 50)
    await asyncio.sleep(0.01)
    assert room.home.bus.stats()["published"] == before
