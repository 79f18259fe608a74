"""Bridges between chats: each line has the name of its author in the other chat."""

from __future__ import annotations

import pytest

from support.websocket_clients import Client, ClientsFactory, Message

OWN = {"name": "Bridgemaster", "color": "#00ff99"}

FREELY = {f"RATE_{kind}__BURST": "1000" for kind in ("CHAT", "CHAT_HOLDER")}
"""Rules by which nothing but the names is counted."""


def relayed(number: int) -> list[Message]:
    """Return the frame that a bridge sends for a line."""
    name = f"[irc] u{number}"
    return [
        {"m": "userset", "set": {"name": name, "color": "#12ab34"}},
        {"m": "a", "message": f"\u034fline {number}"},
        {"m": "userset", "set": OWN},
    ]


def lines(client: Client) -> list[tuple[str, str]]:
    """Return all lines that a client has received, with the names of their authors."""
    return [(a["p"]["name"], a["a"]) for a in client.log if a["m"] == "a"]


async def test_ten_lines_at_once(clients_with: ClientsFactory) -> None:
    bridge, other = await clients_with().pair()
    await bridge.send({"m": "userset", "set": OWN})
    for number in range(10):
        await bridge.send(*relayed(number))
    await bridge.assert_silent("notification")
    heard = [message for message in await other.received() if message["m"] != "p"]
    assert len(heard) == 10
    assert lines(other) == [(f"[irc] u{number}", f"\u034fline {number}") for number in range(10)]
    assert [p["name"] for p in other.log if p["m"] == "p"][-1] == "Bridgemaster"


async def test_fifteen_lines_are_free_and_the_next_is_told_why_not(
    clients_with: ClientsFactory,
) -> None:
    bridge, other = await clients_with(**FREELY, RATE_USERSET__PER_SECOND="0.001").pair()
    for number in range(16):
        await bridge.send(*relayed(number))
    await bridge.received()
    await other.received()
    assert lines(other)[:15] == [
        (f"[irc] u{number}", f"\u034fline {number}") for number in range(15)
    ]
    # Its own name was the last that counted.
    assert lines(other)[15] == ("Bridgemaster", "\u034fline 15")
    notices = [message["code"] for message in bridge.log if message["m"] == "notification"]
    assert notices == ["too_fast"]


@pytest.mark.parametrize("origin", ["irc", "discord", "mppnet/✧lobby✧", "日本"])
async def test_names_from_elsewhere(clients_with: ClientsFactory, origin: str) -> None:
    bridge, other = await clients_with().pair()
    name = f"[{origin}] \U0001d4d3ev"
    frame = relayed(0)
    frame[0]["set"]["name"] = name
    await bridge.send(*frame)
    assert (await other.expect("a"))["p"]["name"] == name
    assert (await other.expect("p"))["name"] == "Bridgemaster"
