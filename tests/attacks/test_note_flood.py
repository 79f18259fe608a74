"""One address plays all the time in all tabs, for a room of its own; some tabs never read.

Limits: the defaults, which hold for this machine too.
"""

from __future__ import annotations

import asyncio
import json
from itertools import cycle

import pytest

from support.attacker import Attacker, Attackers
from support.bystanders import untroubled
from support.raw_peer import TEXT, frame
from support.server import Server

pytestmark = [pytest.mark.timeout(120)]

SECONDS = 5
HELLO = {"m": "hi"}
ENTER = {"m": "ch", "_id": "loud"}
NOTES = {"m": "n", "t": 0, "n": [{"n": f"c{octave}", "v": 0.5} for octave in range(7)]}
FRAMES = [
    frame(TEXT, json.dumps([{"m": "chset", "set": {"noteQuota": quota}}, *[NOTES] * 100]).encode())
    for quota in (598, 599)
]
"""Notes by the hundred, and another quota each time; as much as a connection may send, nearly."""


async def play(tabs: list[Attacker]) -> None:
    """Play in all tabs, and change the room's quota again and again, which must not fill it."""
    clock = asyncio.get_running_loop().time
    end, quotas = clock() + SECONDS, cycle(FRAMES)
    while clock() < end:
        data = next(quotas)
        for tab in tabs:
            tab.write(data)
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
