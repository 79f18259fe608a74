"""One address plays all the time in all tabs, for a room of its own; some tabs never read.

Limits: the defaults, which hold for this machine too.
"""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from support.attacker import Attacker, Attackers
from support.bystanders import untroubled
from support.server import Server

pytestmark = [pytest.mark.timeout(120)]

SECONDS = 5
HELLO = {"m": "hi"}
ENTER = {"m": "ch", "_id": "loud"}
NOTES = {"m": "n", "t": 0, "n": [{"n": f"c{octave}", "v": 0.5} for octave in range(7)]}


async def play(tabs: list[Attacker]) -> None:
    """Play in all tabs, and change the room's quota again and again, which must not fill it."""
    clock, numbers = asyncio.get_running_loop().time, count()
    end = clock() + SECONDS
    while clock() < end:
        quota = {"m": "chset", "set": {"noteQuota": 598 + next(numbers) % 2}}
        for tab in tabs:
            tab.send(quota, *[NOTES] * 100)
        await asyncio.sleep(0.05)


async def test_sixteen_tabs_that_play_delay_nobody(server: Server) -> None:
    with untroubled(server, "16 tabs play and change their quota"):
        async with Attackers(server) as attackers:
            tabs = [await attackers.connect("127.11.0.1", HELLO, ENTER) for _ in range(16)]
            await play(tabs)


async def test_readers_that_never_read_cost_little(server: Server) -> None:
    with untroubled(server, "14 tabs never read what two play"):
        async with Attackers(server) as attackers:
            tabs = [await attackers.connect(f"127.11.0.{i + 2}", HELLO, ENTER) for i in range(2)]
            for _ in range(14):
                deaf = await attackers.connect("127.11.0.4", HELLO, ENTER)
                deaf.stop_reading()
            await play(tabs)
            assert all(tab.is_open for tab in tabs)
