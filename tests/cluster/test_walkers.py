"""People who walk between rooms of different homes while notes are played in all of them.

With a `ch` somebody has all of the old room and nothing of the new one. So between two of them they
hear the notes of one player of that room without a gap, and of no other room.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from support.cluster import Cluster
from support.websocket_clients import Client, Clients, new_address, new_room

ROOMS = 5
WALKERS = 6
GAP_SECONDS = 0.01


class Evening:
    """Rooms with a player each, and walkers; player and walkers are spread over the nodes."""

    def __init__(self, clients: Clients) -> None:
        self.clients = clients
        self.rooms = [new_room() for _ in range(ROOMS)]
        self.players: list[Client] = []
        self.walkers: list[Client] = []
        self.lines: Counter[str] = Counter()
        self.is_over = False

    async def open(self) -> None:
        """Let all come; each player is the first in their room."""
        for room in self.rooms:
            self.players.append(await self.clients.enter(room, address=new_address()))
        for _ in range(WALKERS):
            self.walkers.append(await self.clients.enter(self.rooms[0], address=new_address()))

    async def play(self, number: int) -> None:
        """Play numbered notes."""
        count = 0
        while not self.is_over:
            count += 1
            note = {"n": "a1", "v": round((1 + number) / 10 + count / 1e6, 6)}
            await self.players[number].send({"m": "n", "t": 1, "n": [note]})
            await asyncio.sleep(GAP_SECONDS)

    async def walk(self, walker: Client, seed: int) -> None:
        """Go from room to room, sometimes at once to the next, and say in each where one is."""
        chance = random.Random(seed)
        now = self.rooms[0]
        while not self.is_over:
            frame: list[dict[str, str]] = []
            for _ in range(chance.choice((1, 1, 1, 2, 3))):
                now = chance.choice([room for room in self.rooms if room != now])
                frame += [{"m": "ch", "_id": now}, {"m": "a", "message": f"in {now}"}]
                self.lines[now] += 1
            await walker.send(*frame)
            await asyncio.sleep(chance.choice((0, 0.01, 0.1)))

    async def run(self, seconds: float) -> None:
        """Let all do so for a time, and wait until everything has arrived."""
        async with asyncio.TaskGroup() as group:
            for number in range(ROOMS):
                group.create_task(self.play(number))
            for seed, walker in enumerate(self.walkers):
                group.create_task(self.walk(walker, seed))
            await asyncio.sleep(seconds)
            self.is_over = True
        for _ in range(2):
            for person in [*self.walkers, *self.players]:
                await person.received()

    def assert_heard_in_place(self, walker: Client) -> int:
        """Assert that each note was heard in its room and in its place; return how many were."""
        room, last, heard = "", 0, 0
        for message in walker.log:
            match message:
                case {"m": "ch", "p": _, "ch": {"_id": name}}:
                    room, last = name, 0
                case {"m": "n", "n": [{"v": value}]}:
                    number, count = divmod(round(value * 1e6), 100_000)
                    assert self.rooms[number - 1] == room, (message, room)
                    assert count == last + 1 or not last, (message, last)
                    last, heard = count, heard + 1
        return heard

    def assert_lines(self) -> None:
        """Assert that each line was heard once, in the room that it names."""
        for room, player in zip(self.rooms, self.players, strict=True):
            heard = [message["a"] for message in player.log if message["m"] == "a"]
            assert set(heard) <= {f"in {room}"}
            assert len(heard) == self.lines[room], room


async def an_evening(cluster: Cluster, seconds: float) -> None:
    async with Clients(cluster) as clients:
        evening = Evening(clients)
        await evening.open()
        await evening.run(seconds)
        for walker in evening.walkers:
            assert evening.assert_heard_in_place(walker) > seconds / GAP_SECONDS / 10
        evening.assert_lines()


async def test_notes_stay_in_their_rooms(trio: Cluster) -> None:
    await an_evening(trio, seconds=3)


@pytest.mark.cluster
async def test_notes_stay_in_their_rooms_for_long(trio: Cluster) -> None:
    await an_evening(trio, seconds=20)
