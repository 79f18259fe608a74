"""`devices`: heard and not answered (docs/protocol.md 1.3)."""

from __future__ import annotations

import pytest

from support.websocket_clients import Company, Message

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
async def test_case_17_no_reply_before_hi_and_after_it(
    guests: Company, room: str, message: Message
) -> None:
    other = await guests.enter(room)
    person = await guests.open()
    # Browsers send it at once, before or behind their `hi`.
    await person.send(message)
    await person.hello_after_nothing()
    await person.send(message, {"m": "hi"}, message)
    await person.greeted()
    await person.nothing()
    await person.join(room)
    await other.hears()
    await person.send(message)
    await person.nothing()
    await other.nothing()
