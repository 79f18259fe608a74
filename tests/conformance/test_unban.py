"""`unban`: back into one room (docs/protocol.md 1.3, 2.4)."""

from __future__ import annotations

import pytest

from support.websocket_clients import Client, Clients, new_address, new_room


async def banned_from(clients_by_address: Clients) -> tuple[Client, Client, Client]:
    """Return the holder of a room, another participant, and a user banned from it."""
    room = new_room()
    holder, other, banned = [
        await clients_by_address.enter(room, address=new_address()) for _ in range(3)
    ]
    await holder.send({"m": "kickban", "_id": banned.id, "ms": 300_000})
    assert (await banned.joined())["ch"]["_id"] == "test/awkward"
    for client in (holder, other):
        await client.received_until_notice()
    await banned.received()
    return holder, other, banned


@pytest.mark.case(76)
async def test_an_unbanned_user_may_come_back(clients_by_address: Clients) -> None:
    holder, other, banned = await banned_from(clients_by_address)
    await holder.send({"m": "unban", "_id": banned.id})
    # No client gets a message about it.
    for client in (holder, other, banned):
        await client.assert_silent()
    assert (await banned.join(holder.room))["ch"]["_id"] == holder.room


@pytest.mark.case(77)
async def test_participants_without_the_crown_lift_no_ban(clients_by_address: Clients) -> None:
    holder, other, banned = await banned_from(clients_by_address)
    await other.send({"m": "unban", "_id": banned.id})
    await other.refusal()
    await banned.send({"m": "unban", "_id": banned.id})
    await banned.assert_ignored()
    await holder.assert_silent()
    assert (await banned.join(holder.room))["ch"]["_id"] == "test/awkward"


@pytest.mark.parametrize("who", [None, 5, True, [], {}, "", "nonexistent", "0" * 24])
@pytest.mark.case(76)
async def test_an_unban_of_an_unknown_user_does_nothing(
    clients_by_address: Clients, who: object
) -> None:
    holder, other, banned = await banned_from(clients_by_address)
    await holder.send({"m": "unban", "_id": who}, {"m": "unban"})
    assert await holder.refusal_codes() == ["bad_id"]
    await other.assert_silent()
    assert (await banned.join(holder.room))["ch"]["_id"] == "test/awkward"
