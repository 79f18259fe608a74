"""One address sends thousands of messages for Python at once: the others go on playing.

Limits: the defaults, which hold for this machine too.
"""

from __future__ import annotations

import asyncio
import json

from support.attacker import Attackers
from support.bystanders import untroubled
from support.raw_peer import TEXT, frame
from support.server import Server
from support.websocket_clients import Clients

HELLO = {"m": "hi"}
UNKNOWN = {"m": "x"}
AT_ONCE = 24_000
"""As many messages as may come at once, nearly."""


async def test_a_burst_of_cold_messages_is_handled_in_pieces(clients: Clients) -> None:
    bystander = await clients.enter(address="127.7.0.1")
    attacker = await clients.enter(address="127.7.0.2")
    # A further frame waits behind the first.
    await attacker.send(*[UNKNOWN] * AT_ONCE)
    await attacker.send(*[UNKNOWN] * 500)
    burst = asyncio.create_task(attacker.received())
    async with asyncio.timeout(1):
        await bystander.received()
    assert not burst.done()
    await burst


async def test_bursts_of_sixteen_connections_delay_nobody(server: Server) -> None:
    burst = frame(TEXT, json.dumps([UNKNOWN] * AT_ONCE).encode())
    with untroubled(server, "bursts of 24 000 messages by 16 sockets"):
        for _ in range(3):
            async with Attackers(server) as attackers:
                for _ in range(16):
                    await attackers.connect("127.7.0.3", HELLO)
                for attacker in attackers.all:
                    attacker.write(burst)
                await asyncio.sleep(1)  # the time that is measured
