"""A room whose members play numbered notes in turn, and count which of them each one hears."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import time
from collections import Counter
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from fortepiano.wall_clock import now_ms
from support.server import Server

__all__ = ["Canary", "Member"]

_KEY = "a-1"
"""The key that only canary notes have."""

_PATIENCE = 15.0
_SMALL_BUFFER = 4096
_AWAY_SECONDS = 1.5


class Member:
    """One connection that counts the canary notes that it hears.

    Attributes:
        heard: How often each number was heard.
        longest_wait: The longest time from sending a note until this member had heard it; seconds.
    """

    def __init__(self, connection: ClientConnection, *, reads_slowly: bool) -> None:
        self.heard: Counter[int] = Counter()
        self.longest_wait = 0.0
        self.reads_slowly = reads_slowly
        self._connection = connection
        self._has_news = asyncio.Condition()
        self._room = ""
        self._tasks = [asyncio.create_task(self._read())]
        if reads_slowly:
            self._tasks.append(asyncio.create_task(self._read_slowly()))

    @classmethod
    async def enter(
        cls, server: Server, address: str, room: str, *, reads_slowly: bool = False
    ) -> Member:
        """Connect from an address, and join a room."""
        connection = await connect(
            server.ws_url,
            compression=None,
            proxy=None,
            ping_interval=None,
            max_size=None,
            max_queue=None,
            local_addr=(address, 0),
        )
        if reads_slowly:
            end = connection.transport.get_extra_info("socket")
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
        member = cls(connection, reads_slowly=reads_slowly)
        await member.send({"m": "hi"})
        await member.join(room)
        return member

    async def send(self, *messages: dict[str, Any]) -> None:
        """Send messages in one frame."""
        await self._connection.send(json.dumps(messages))

    async def join(self, room: str) -> None:
        """Join a room, and return when the server has answered."""
        await self.send({"m": "ch", "_id": room})
        async with asyncio.timeout(_PATIENCE), self._has_news:
            await self._has_news.wait_for(lambda: self._room == room)

    async def play(self, number: int) -> None:
        """Play the canary note of this number."""
        note = {"n": _KEY, "v": round(number / 10_000, 4)}
        await self.send({"m": "n", "t": now_ms(), "n": [note]})

    async def hear(self, number: int) -> None:
        """Wait until a note has arrived.

        Raises:
            AssertionError: The note is lost.
        """
        began = time.monotonic()
        try:
            async with asyncio.timeout(_PATIENCE), self._has_news:
                await self._has_news.wait_for(lambda: self.heard[number])
        except TimeoutError:
            raise AssertionError(f"note {number} did not come in {_PATIENCE} s") from None
        self.longest_wait = max(self.longest_wait, time.monotonic() - began)

    async def close(self) -> None:
        """Leave, and raise what has ended the reading before."""
        reading, *others = self._tasks
        for task in others:
            task.cancel()
        failure = reading.exception() if reading.done() else None
        await self._connection.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if failure is not None:
            raise failure

    async def _read(self) -> None:
        async for text in self._connection:
            async with self._has_news:
                for message in json.loads(text):
                    self._take(message)
                self._has_news.notify_all()
        raise AssertionError(f"the server closed a member: {self._connection.close_code}")

    def _take(self, message: dict[str, Any]) -> None:
        if message["m"] == "n":
            notes = [note for note in message["n"] if note["n"] == _KEY]
            self.heard.update(round(note["v"] * 10_000) for note in notes)
        elif message["m"] == "ch" and "p" in message:
            self._room = message["ch"]["_id"]

    async def _read_slowly(self) -> None:
        transport = self._connection.transport
        while True:
            transport.pause_reading()
            await asyncio.sleep(_AWAY_SECONDS)
            transport.resume_reading()
            await asyncio.sleep(0.1)


class Canary:
    """Members of one room; each note must reach all but the connection that plays it, once.

    Attributes:
        members: All members, tabs of one user included.
        expected: The numbers that each member should have heard once.
    """

    def __init__(self, room: str, elsewhere: list[str], chance: random.Random) -> None:
        self.members: list[Member] = []
        self.expected: dict[Member, set[int]] = {}
        self._room = room
        self._elsewhere = elsewhere
        self._chance = chance
        self._number = 0

    def add(self, member: Member) -> None:
        """Take a member that is in the room."""
        self.members.append(member)
        self.expected[member] = set()

    async def play_one(self) -> None:
        """Let a few members change rooms and return, and one play; wait until all have heard it."""
        moving = self._chance.sample([one for one in self.members if not one.reads_slowly], 3)
        away, *returning = moving
        async with asyncio.TaskGroup() as group:
            for member in moving:
                group.create_task(member.join(self._chance.choice(self._elsewhere)))
        async with asyncio.TaskGroup() as group:
            for member in returning:
                group.create_task(member.join(self._room))
        present = [member for member in self.members if member is not away]
        player = present[self._number % len(present)]
        self._number += 1
        await player.play(self._number)
        async with asyncio.TaskGroup() as group:
            for member in present:
                if member is not player:
                    self.expected[member].add(self._number)
                    group.create_task(member.hear(self._number))
        await away.join(self._room)

    @property
    def count(self) -> int:
        """How many notes were played."""
        return self._number

    @property
    def longest_wait(self) -> float:
        """The longest that a member who reads at once waited for a note; seconds."""
        return max(one.longest_wait for one in self.members if not one.reads_slowly)

    def assert_heard_once(self) -> None:
        """Assert that each note was heard once by each who was there, and by nobody else."""
        for number, member in enumerate(self.members):
            wrong = {note: times for note, times in member.heard.items() if times > 1}
            assert not wrong, f"member {number} heard {wrong}"
            assert set(member.heard) == self.expected[member], f"member {number}"

    async def close(self) -> None:
        """Let all leave; raise what has ended a connection before."""
        async with asyncio.TaskGroup() as group:
            for member in self.members:
                group.create_task(member.close())
