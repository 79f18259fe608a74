"""Fifty sockets ask for a long list of rooms as often as they may: it is made once for all."""

from __future__ import annotations

import asyncio

import pytest

from support.attacker import Attackers
from support.processor import spending
from support.server import Server

ROOMS = 2000
ENTRY_BYTES = 100
"""The least that a room takes in the list."""

ASK = {"m": "+ls"}

pytestmark = [pytest.mark.timeout(120)]


async def test_a_flood_of_lists_costs_a_tenth_of_a_core(
    server: Server, attackers: Attackers
) -> None:
    hello = {"m": "hi"}
    for i in range(ROOMS):
        enter = {"m": "ch", "_id": f"room {i}"}
        await attackers.connect(f"127.1.{i // 250}.{i % 250 + 1}", hello, enter)
    flood = [await attackers.connect(f"127.2.0.{i + 1}", hello, ASK) for i in range(50)]
    for attacker in flood:
        attacker.send(*[ASK] * 10)  # as many as may come at once
    await asyncio.sleep(5)  # for the arrivals, and the first lists
    assert all(attacker.received > ENTRY_BYTES * ROOMS for attacker in flood)
    before = attackers.received
    with spending(server) as spent:
        for _ in range(20):  # twice as often as they may
            for attacker in flood:
                attacker.send(ASK)
            await asyncio.sleep(0.25)
    assert attackers.received - before > 100 * ENTRY_BYTES * ROOMS
    assert spent.cpu_seconds <= 0.1 * spent.seconds
    assert all(attacker.is_open for attacker in flood)
