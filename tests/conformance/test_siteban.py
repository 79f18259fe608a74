"""`siteban`: out of the whole site (docs/protocol.md 1.1, 1.3)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from support.server import Server
from support.websocket_clients import (
    Client,
    Clients,
    ClientsFactory,
    Message,
    new_address,
    new_room,
)

DAY = 86_400_000


async def staff_and(clients_by_address: Clients, size: int) -> list[Client]:
    """Return a client of staff, and others in one room, each at its own address."""
    room, token = new_room(), clients_by_address.server.tokens["admin"]
    staff = await clients_by_address.enter(address=new_address(), token=token)
    people = [await clients_by_address.enter(room, address=new_address()) for _ in range(size)]
    for client in people:
        await client.received()
    return [staff, *people]


async def shown_out(client: Client) -> Message:
    """Assert that `client` gets a notification and is closed with 4008; return the former."""
    notice = await client.expect("notification")
    assert await client.closed() == 4008
    return notice


async def turned_away(clients_by_address: Clients, client: Client) -> None:
    """Assert that the handshake from the address of `client` is refused."""
    if await client.server.barrier():
        await asyncio.sleep(0.3)  # until all nodes have read it
    with pytest.raises(InvalidStatus) as refused:
        await clients_by_address.open(address=client.address)
    assert refused.value.response.status_code == 403


async def test_all_tabs_are_told_and_closed(clients_with: ClientsFactory) -> None:
    clients_by_address = clients_with(NODE_ENV="production")
    staff, banned, other = await staff_and(clients_by_address, 2)
    tab = await clients_by_address.tab(banned, new_room())
    await staff.send(
        {"m": "siteban", "id": banned.id, "duration": 5 * 60_000, "reason": "spam", "note": "hush"}
    )
    for socket in (banned, tab):
        notice = await shown_out(socket)
        assert "spam" in notice["text"]
        assert "5 minutes" in notice["text"]
        assert "hush" not in str(socket.log)
    # The others get one `ch`, as for any holder who leaves.
    heard = await other.received()
    assert [m["m"] for m in heard if m["m"] != "nq"] == ["ch"], heard
    await turned_away(clients_by_address, banned)
    await other.assert_silent()


async def test_a_time_as_a_text(clients_with: ClientsFactory) -> None:
    clients_by_address = clients_with(NODE_ENV="production")
    staff, banned = await staff_and(clients_by_address, 1)
    await staff.send({"m": "siteban", "id": banned.id, "duration": "3e5", "reason": "spam"})
    assert "5 minutes" in (await shown_out(banned))["text"]
    assert (await staff.expect("notification"))["code"] == "done"


async def test_for_ever(clients_with: ClientsFactory) -> None:
    clients_by_address = clients_with(NODE_ENV="production")
    staff, banned = await staff_and(clients_by_address, 1)
    await staff.send({"m": "siteban", "id": banned.id, "permanent": True, "reason": "spam"})
    notice = await shown_out(banned)
    assert "minutes" not in notice["text"]
    await turned_away(clients_by_address, banned)


async def test_the_ban_ends(clients_with: ClientsFactory) -> None:
    clients_by_address = clients_with(NODE_ENV="production")
    staff, banned = await staff_and(clients_by_address, 1)
    await staff.send({"m": "siteban", "id": banned.id, "duration": 1500, "reason": ""})
    await shown_out(banned)
    await turned_away(clients_by_address, banned)
    await asyncio.sleep(1.6)
    assert (await clients_by_address.enter(address=banned.address)).id == banned.id


async def test_it_outlives_a_restart(restartable_server: Server) -> None:
    async with Clients(restartable_server) as clients_by_address:
        staff, banned, other = await staff_and(clients_by_address, 2)
        await staff.send({"m": "siteban", "id": banned.id, "duration": DAY, "reason": "spam"})
        await shown_out(banned)
    restartable_server.restart()
    async with Clients(restartable_server) as clients_by_address:
        await turned_away(clients_by_address, banned)
        await clients_by_address.enter(address=other.address)


async def test_somebody_who_is_not_there(clients_with: ClientsFactory) -> None:
    clients_by_address = clients_with(NODE_ENV="production")
    staff, banned = await staff_and(clients_by_address, 1)
    await banned.leave()
    await staff.send({"m": "siteban", "id": banned.id, "duration": DAY, "reason": "spam"})
    await staff.received()
    await turned_away(clients_by_address, banned)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"duration": -1},
        {"duration": "soon"},
        {"duration": ""},
        {"duration": "-1"},
        {"duration": None},
        {"duration": True},
        {"permanent": "yes"},
        {"permanent": False},
        {"duration": 60_000, "reason": 5},
        {"duration": 60_000, "id": None},
        {"duration": 60_000, "id": ["{id}"]},
    ],
)
async def test_what_is_malformed_bans_nobody(
    clients_with: ClientsFactory, fields: dict[str, Any]
) -> None:
    clients_by_address = clients_with(NODE_ENV="production")
    staff, other = await staff_and(clients_by_address, 1)
    await staff.send({"m": "siteban", "id": other.id, "reason": "x"} | fields)
    (code,) = await staff.refusal_codes()
    assert code in {"bad_time", "bad_settings", "bad_message", "bad_id"}
    await other.assert_silent()
