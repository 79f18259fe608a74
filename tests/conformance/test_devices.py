"""`devices`: accepted and not answered (docs/protocol.md 1.3)."""

from __future__ import annotations

import pytest

from support.websocket_clients import Clients, Message

LIST = [{"type": "input", "manufacturer": "x", "name": "keys", "version": "1", "volume": 1}]


@pytest.mark.parametrize(
    "message",
    [
        {"m": "devices", "list": []},
        {"m": "devices", "list": LIST * 20},
        {"m": "devices", "list": None},
        {"m": "devices"},
    ],
)
@pytest.mark.case(17)
async def test_devices_gets_no_reply_before_hi_or_after_it(
    clients: Clients, room: str, message: Message
) -> None:
    other = await clients.enter(room)
    client = await clients.open()
    # Browsers send it at once, before or behind their `hi`.
    await client.send(message)
    await client.assert_silent_until_hi()
    await client.send(message, {"m": "hi"}, message)
    await client.expect_hi()
    await client.assert_silent()
    await client.join(room)
    await other.received()
    await client.send(message)
    await client.assert_silent()
    await other.assert_silent()
