"""One connection sends thousands of messages for Python at once: the others go on playing."""

from __future__ import annotations

import asyncio

from support.attacker import Attacker, Attackers

HELLO = {"m": "hi"}
UNKNOWN = {"m": "x"}
TIME = {"m": "t", "e": 1}


async def answered(client: Attacker, within: float) -> float:
    """Ask for the time; return how long the answer took."""
    clock = asyncio.get_running_loop().time
    before, began = client.received, clock()
    client.send(TIME)
    while client.received == before:
        assert clock() < began + within
        await asyncio.sleep(0)
    return clock() - began


async def test_a_burst_of_cold_messages_is_handled_in_pieces(attackers: Attackers) -> None:
    bystander = await attackers.connect("127.7.0.1", HELLO)
    attacker = await attackers.connect("127.7.0.2", HELLO)
    await asyncio.sleep(0.1)
    # As many as may come at once, in one frame; a further frame waits behind it.
    attacker.send(*[UNKNOWN] * 24_000, TIME)
    attacker.send(*[UNKNOWN] * 500)
    await answered(bystander, within=1)
    await answered(attacker, within=10)
    assert attacker.is_open
