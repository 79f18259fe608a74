"""Visitors that come in waves: they join, play, talk, change rooms, open tabs, and leave."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

from support.attacker import Attacker, Attackers
from support.raw_peer import CLOSE, frame
from support.server import Server

__all__ = ["Visitors"]

_Message = dict[str, Any]

_CHORD: _Message = {"m": "n", "t": 1, "n": [{"n": "c3", "v": 0.5}] * 2400}
"""Sixty kilobytes, a tenth of the notes that a newcomer may play at once."""


class Visitors:
    """People who come and go, always from the same addresses, so that no new users appear.

    Args:
        server: The server that they visit.
        rooms: The rooms that they choose from.
        addresses: Their addresses; two with the same address are tabs of one user.
        chance: Source of all random choices.
    """

    def __init__(
        self, server: Server, rooms: list[str], addresses: list[str], chance: random.Random
    ) -> None:
        self._server = server
        self._rooms = rooms
        self._addresses = addresses
        self._chance = chance
        self.count = 0

    async def come_and_go(self, seconds: float, per_second: float) -> None:
        """Let visitors come for a time, and return when the last of them has left."""
        loop = asyncio.get_running_loop()
        began, visits = loop.time(), 0
        async with Attackers(self._server) as wave, asyncio.TaskGroup() as group:
            while (now := loop.time() - began) < seconds:
                # Those whose moment has come: a machine that was busy owes several.
                while visits < now * per_second:
                    group.create_task(self._visit(wave))
                    visits += 1
                await asyncio.sleep(1 / per_second)
        self.count += visits

    async def play_loudly(self, address: str, room: str, chords: int = 8) -> None:
        """Play as many notes at once as the quota of a newcomer allows, and leave."""
        async with Attackers(self._server) as wave:
            player = await self._enter(wave, address, room)
            for _ in range(chords):
                player.send(_CHORD)
                await asyncio.sleep(0.1)

    async def _visit(self, wave: Attackers) -> None:
        address = self._chance.choice(self._addresses)
        visitor = await self._enter(wave, address, self._chance.choice(self._rooms))
        for _ in range(self._chance.randrange(1, 5)):
            await asyncio.sleep(self._chance.uniform(0.1, 0.7))
            if self._chance.random() < 0.1:
                tab = await self._enter(wave, address, self._chance.choice(self._rooms))
                tab.send(self._act())
            visitor.send(self._act())
        self._leave(visitor)

    async def _enter(self, wave: Attackers, address: str, room: str) -> Attacker:
        return await wave.connect(address, {"m": "hi"}, {"m": "ch", "_id": room})

    def _act(self) -> _Message:
        acts: list[_Message] = [
            {"m": "n", "t": 1, "n": [{"n": "c3", "v": 0.5}, {"n": "c3", "s": 1, "d": 90}]},
            {"m": "m", "x": self._chance.uniform(0, 100), "y": 50},
            {"m": "a", "message": f"line {self._chance.random()}"},
            {"m": "userset", "set": {"name": f"visitor {self._chance.randrange(1000)}"}},
            {"m": "ch", "_id": self._chance.choice(self._rooms)},
            {"m": "chset", "set": {"color": f"#{self._chance.randrange(1 << 24):06x}"}},
            {"m": self._chance.choice(["+ls", "-ls", "+custom", "devices"])},
        ]
        return self._chance.choice(acts)

    def _leave(self, visitor: Attacker) -> None:
        ways: list[Callable[[], None]] = [
            visitor.close,
            lambda: visitor.send({"m": "bye"}),
            lambda: visitor.write(frame(CLOSE, b"\x03\xe8")),
            lambda: visitor.write(frame(CLOSE)[:1]),  # half a frame; the end of the wave aborts it
        ]
        self._chance.choice(ways)()
