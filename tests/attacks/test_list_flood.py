"""Fifty sockets ask for a long list of rooms as often as they may: it is made once for all."""

from __future__ import annotations

import asyncio

import pytest

from support.attacker import Attackers
from support.bystanders import untroubled
from support.processor import spending
from support.recovery import until
from support.scrape import metric
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
    async with Attackers(server) as flood:
        for i in range(50):
            await flood.connect(f"127.2.0.{i + 1}", hello, ASK)
        for attacker in flood.all:
            attacker.send(*[ASK] * 10)  # as many as may come at once
        await until(lambda: _are_settled(server, flood), 30)
        before = flood.received
        with untroubled(server, "50 clients ask for a list of 2000 rooms"):
            with spending(server) as spent:
                for _ in range(20):  # twice as often as they may
                    for attacker in flood.all:
                        attacker.send(ASK)
                    await asyncio.sleep(0.25)
            assert all(attacker.is_open for attacker in flood.all)
        assert flood.received - before > 100 * ENTRY_BYTES * ROOMS
    assert spent.cpu_seconds <= 0.1 * spent.seconds


def _are_settled(server: Server, flood: Attackers) -> bool:
    """Return whether all rooms exist, and each attacker has the first lists."""
    return (
        metric(server, "rooms") > ROOMS
        and metric(server, "queue_bytes") == 0
        and all(attacker.received > ENTRY_BYTES * ROOMS for attacker in flood.all)
    )
