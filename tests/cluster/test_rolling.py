"""A node is upgraded, or stops for good, while people of all nodes play, speak, come and go."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from support.fallible import Fallible, fallible_cluster
from support.scrape import scrape
from support.server import STOP_SECONDS, Server
from support.supervised import patched
from support.websocket_clients import Clients, new_address, new_room
from support.witness import Witness, Witnesses, longest_silence

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]

PAUSE_SECONDS = 3.0
"""The longest silence in an upgrade, on a machine whose cores other processes take as well."""

GAP_SECONDS = 0.8
"""The longest silence of others when a home stops: 0.3 s, and the same allowance."""


class Walkers:
    """People who go from room to room all the while, each on one of the nodes.

    Attributes:
        entered: How often one of them has entered a room.
        longest: The longest time that an answer took; seconds.
    """

    def __init__(self, clients: Clients, nodes: Sequence[Server]) -> None:
        self._clients = clients
        self._nodes = nodes
        self._rooms = [new_room() for _ in range(4)]
        self._over = asyncio.Event()
        self.entered = 0
        self.longest = 0.0

    async def walk(self, number: int) -> None:
        """Go to another room, again and again."""
        chance = random.Random(number)
        node = self._nodes[number % len(self._nodes)]
        client = await self._clients.enter(address=new_address(), node=node)
        for count in itertools.count():
            if self._over.is_set():
                return
            name = self._rooms[chance.randrange(len(self._rooms))]
            began = time.monotonic()
            await client.send({"m": "ch", "_id": name}, {"m": "a", "message": f"{number} {count}"})
            await client.expect("ch", where=lambda it, name=name: it["ch"]["_id"] == name)
            text = f"{number} {count}"
            await client.expect("a", where=lambda it, text=text: it["a"] == text)
            self.longest = max(self.longest, time.monotonic() - began)
            self.entered += 1
            await asyncio.sleep(0.2 * chance.random())

    @asynccontextmanager
    async def walking(self, count: int) -> AsyncIterator[None]:
        """Let so many walk while the block runs."""
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                group.create_task(self.walk(number))
            try:
                yield
            finally:
                self._over.set()


def assert_unnoticed(people: Sequence[Witness], since: float) -> None:
    """Assert that everybody has heard everything once, and of nothing else."""
    for listener, player in itertools.permutations(people, 2):
        numbers = [number for _, number in listener.notes_of(player, since)]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    for listener in people:
        kinds = {message["m"] for at, message in list(listener.heard) if at >= since}
        assert not kinds & {"ch", "bye", "p", "c"}, kinds


def missing(node: Server) -> list[str]:
    """Return the metrics that say that a node has missed something of others."""
    names = "cluster_resyncs_total", 'cluster_faults_total{kind="gaps"'
    return [key for key, value in scrape(node).items() if value and key.startswith(names)]


async def ended(node: Server) -> None:
    """Wait for the end of a node that was told to stop."""
    assert node.process is not None
    assert await asyncio.to_thread(node.process.wait, STOP_SECONDS) == 0


def silences(people: Sequence[Witness], since: float) -> float:
    """Return the longest silence between any two."""
    return max(
        longest_silence(one, other, since) for one, other in itertools.permutations(people, 2)
    )


async def test_all_nodes_are_upgraded_in_turn(three: Fallible) -> None:
    home, edge, other = three.nodes
    async with Witnesses(new_room()) as room, Clients(three.cluster) as clients:
        people = [await room.enter(node) for node in (home, home, edge, edge, other)]
        await room.together(people, 5)
        walkers = Walkers(clients, three.nodes)
        async with walkers.walking(6):
            await asyncio.sleep(0.5)
            since = time.monotonic()
            for node in three.nodes:
                began = walkers.entered
                pause = await asyncio.to_thread(node.upgrade)
                await people[0].speak(f"after {pause}")
                await asyncio.sleep(0.5)
                print(f"upgraded: {pause:.0f} ms, {walkers.entered - began} joins meanwhile")
            silence = silences(people, since)
            assert_unnoticed(people, since)
        print(f"upgrades: longest silence {silence:.2f} s, longest join {walkers.longest:.2f} s")
        assert silence < PAUSE_SECONDS
        for witness in people:
            assert len([line for line in witness.lines if line["a"].startswith("after")]) == 3
        assert not any(missing(node) for node in three.nodes)
        await room.together(people, 5)


async def test_another_process_goes_on_with_all_that_a_room_is(three: Fallible) -> None:
    home, edge, other = three.nodes
    async with Clients(three.cluster) as clients:
        room = new_room()
        holder = await clients.enter(room, address=new_address(), node=home)
        address = new_address()
        friend = await clients.enter(room, address=address, node=edge)
        far = await clients.enter(room, address=new_address(), node=other)
        await holder.send({"m": "coowner", "_id": friend.id, "on": True})
        await holder.send({"m": "mute", "_id": far.id, "notes": True, "chat": True})
        await holder.send({"m": "chset", "set": {"color": "#123456"}})
        await friend.expect("ch", where=lambda ch: ch["ch"]["settings"]["color"] == "#123456")
        for node in (edge, home, other):
            await asyncio.to_thread(node.upgrade)
        for client in (holder, friend, far):
            await client.received()
        await far.send({"m": "a", "message": "x"})
        await far.expect("notification")
        await friend.send({"m": "chset", "set": {"color": "#654321"}})
        for client in (holder, friend, far):
            told = await client.expect("ch")
            assert told["ch"]["settings"]["color"] == "#654321"
            assert told["ch"]["count"] == 3
        again = await clients.enter(room, address=address, node=home)
        assert again.id == friend.id
        for client in (holder, far):
            await client.assert_silent()
        await holder.send({"m": "kickban", "_id": friend.id, "ms": 1000})
        await friend.expect("ch", where=lambda ch: ch["ch"]["_id"] == "test/awkward")


async def test_a_new_process_that_fails_late_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    code = (
        "import os, sys\n"
        "if '--take-over' in sys.argv and os.path.exists(os.environ['FAILS']):\n"
        "    import fortepiano.upgrade.new_process as new_process\n"
        "    real = new_process.restore\n"
        "    def restore(*all):\n"
        "        real(*all)\n"
        "        raise RuntimeError('it fails')\n"
        "    new_process.restore = restore\n"
    )
    folder = tmp_path_factory.mktemp("code")
    switch = folder / "fails"
    variables = patched(folder, code) | {"FAILS": str(switch)}
    with fallible_cluster(2, **variables) as pair:
        home, edge = pair.nodes
        async with Witnesses(new_room()) as room:
            people = [await room.enter(node) for node in (home, edge, edge)]
            await room.together(people, 5)
            since = time.monotonic()
            switch.touch()
            for node in (home, edge):
                with pytest.raises(RuntimeError, match="it fails"):
                    await asyncio.to_thread(node.upgrade)
                node.excuse()
            await asyncio.sleep(0.5)
            switch.unlink()
            for node in (edge, home):
                await asyncio.to_thread(node.upgrade)
            await asyncio.sleep(0.5)
            assert_unnoticed(people, since)


class TestANodeStops:
    async def test_the_home_of_a_room(self, three: Fallible) -> None:
        home, edge, other = three.nodes
        async with Witnesses(new_room()) as room:
            gone = [await room.enter(home), await room.enter(home)]
            stay = [await room.enter(node) for node in (edge, other, other)]
            await gone[0].client.send({"m": "chset", "set": {"color": "#123456"}})
            await gone[0].client.send({"m": "chown", "id": stay[0].id})
            await stay[2].until(
                lambda: stay[2].channel["crown"].get("participantId") == stay[0].id, 3
            )
            await room.together([*gone, *stay], 5)
            await gone[1].speak("said before")
            since = time.monotonic()
            Server.begin_stop(home)  # `Cluster.begin_stop` stops all
            await asyncio.sleep(0.05)
            await stay[1].speak("said meanwhile")
            await stay[0].until(lambda: not any(it.id in stay[0].people for it in gone), 10)
            for witness in stay:
                await witness.until(lambda it=witness: len(it.lines) == 2, 3)
            await asyncio.sleep(1)
            silence = silences(stay, since)
            print(f"a home stops: longest silence of others {silence:.2f} s")
            assert silence < GAP_SECONDS
            for witness in stay:
                assert [witness.gone(it.id, since) for it in gone] == [1, 1]
                assert [witness.gone(it.id, since) for it in stay] == [0, 0, 0]
                assert [line["a"] for line in witness.lines] == ["said before", "said meanwhile"]
            assert all(it.is_closed for it in gone)
            late = await room.enter(edge)
            assert [line["a"] for line in late.lines] == ["said before", "said meanwhile"]
            assert late.channel["settings"]["color"] == "#123456"
            assert late.channel["crown"]["participantId"] == stay[0].id
            await ended(home)

    async def test_the_holder_of_a_crown_finds_it_again(self, three: Fallible) -> None:
        home, edge, _ = three.nodes
        address = new_address()
        async with Witnesses(new_room()) as room:
            holder = await room.enter(home, address)
            guest = await room.enter(edge)
            await room.together([holder, guest], 5)
            Server.begin_stop(home)  # `Cluster.begin_stop` stops all
            await guest.until(lambda: holder.id not in guest.people, 10)
            assert "participantId" not in guest.channel["crown"]
            back = await room.enter(edge, address)
            await guest.until(lambda: guest.channel["crown"].get("participantId") == back.id, 3)
            await ended(home)

    async def test_an_edge(self, three: Fallible) -> None:
        home, edge, other = three.nodes
        async with Witnesses(new_room()) as room:
            stay = [await room.enter(home), await room.enter(other)]
            gone = await room.enter(edge)
            await room.together([*stay, gone], 5)
            since = time.monotonic()
            Server.begin_stop(edge)
            await stay[1].until(lambda: gone.id not in stay[1].people, 10)
            await asyncio.sleep(0.5)
            assert [witness.gone(gone.id, since) for witness in stay] == [1, 1]
            assert silences(stay, since) < GAP_SECONDS
            await ended(edge)

    async def test_all_at_once(self, three: Fallible) -> None:
        """Nobody hands anything to a node that stops too; what a room is waits in the store."""
        address = new_address()
        async with Witnesses(new_room()) as room:
            holder = await room.enter(three.nodes[0], address)
            others = [await room.enter(node) for node in three.nodes]
            await holder.client.send({"m": "chset", "set": {"color": "#123456"}})
            await room.together([holder, *others], 5)
            for node in three.nodes:
                Server.begin_stop(node)
            for node in three.nodes:
                await ended(node)
            await asyncio.to_thread(three.ready)
            back = await room.enter(three.nodes[1], address)
            assert back.channel["settings"]["color"] == "#123456"
            assert back.channel["crown"]["participantId"] == back.id
