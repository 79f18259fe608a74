"""`inviteOnly` and `invite`: rooms that only invited users may enter."""

from __future__ import annotations

import pytest

from support.websocket_clients import Client, Clients, Message, new_address


def inviting(client: Client, *, on: bool = True) -> Message:
    """Return the message that invites a client, or withdraws that."""
    return {"m": "invite", "_id": client.id, "on": on}


async def gets_in(client: Client, room: str) -> bool:
    """Try to join a room; return whether that worked. A refusal must be one notification."""
    await client.send({"m": "ch", "_id": room})
    heard = await client.received()
    rooms = [message["ch"]["_id"] for message in heard if message["m"] == "ch"]
    if rooms == [room]:
        return True
    assert [message["m"] for message in heard] == ["notification"]
    return False


async def test_off_by_default(clients: Clients) -> None:
    holder, _ = await clients.pair()
    assert await gets_in(await clients.enter("lobby"), holder.room)


async def test_strangers_stay_where_they_are(clients: Clients) -> None:
    holder, other = await clients.pair({"inviteOnly": True})
    stranger, neighbour = await clients.pair()
    await stranger.send({"m": "ch", "_id": holder.room})
    assert await stranger.refusal() == "That room is for invited people only."
    for client in (holder, other, neighbour):
        await client.assert_silent()
    assert (await stranger.join(stranger.room))["ch"]["count"] == 2


async def test_who_is_nowhere_is_put_somewhere(clients: Clients) -> None:
    holder, _ = await clients.pair({"inviteOnly": True})
    stranger = await clients.enter()
    await stranger.send({"m": "ch", "_id": holder.room})
    await stranger.expect("notification")
    assert (await stranger.joined())["ch"]["_id"] == "test/awkward"
    await holder.assert_silent()


async def test_who_is_invited_is_told_and_gets_in(clients: Clients) -> None:
    holder, other = await clients.pair({"inviteOnly": True})
    guest, neighbour = await clients.pair()
    await holder.send(inviting(guest))
    await holder.assert_silent()
    assert await guest.refusal() == f'You are invited to "{holder.room}".'
    for client in (holder, other, neighbour):
        await client.assert_silent()
    assert await gets_in(guest, holder.room)
    await neighbour.received()
    assert not await gets_in(neighbour, holder.room)


async def test_it_is_taken_back(clients: Clients) -> None:
    holder, _ = await clients.pair({"inviteOnly": True})
    guest = await clients.enter("lobby")
    await holder.send(inviting(guest), inviting(guest, on=False))
    await holder.assert_silent()
    await guest.received()
    assert not await gets_in(guest, holder.room)


async def test_nobody_is_turned_out(clients: Clients) -> None:
    holder, other = await clients.pair()
    await holder.send({"m": "chset", "set": {"inviteOnly": True}})
    for client in (holder, other):
        (ch,) = await client.received()
        assert ch["ch"]["count"] == 2
    assert not await gets_in(await clients.enter("lobby"), holder.room)
    await holder.send({"m": "chset", "set": {"inviteOnly": False}})
    await holder.expect("ch")
    assert await gets_in(await clients.enter("lobby"), holder.room)


async def test_second_tabs_and_returning_guests_pass(
    clients_by_address: Clients, room: str
) -> None:
    holder = await clients_by_address.enter(room, {"inviteOnly": True}, address=new_address())
    guest = await clients_by_address.enter("lobby", address=new_address())
    await holder.send(inviting(guest))
    await guest.expect("notification")
    await guest.join(room)
    tab = await clients_by_address.tab(guest, room)
    assert tab.room == room
    assert (await clients_by_address.tab(holder, room)).room == room
    await guest.leave()
    await tab.leave()
    await holder.expect("bye")
    assert (await clients_by_address.tab(guest, room)).room == room


async def test_an_invitation_opens_one_room(clients: Clients) -> None:
    holder, _ = await clients.pair({"inviteOnly": True})
    other, _ = await clients.pair({"inviteOnly": True})
    guest = await clients.enter("lobby")
    await holder.send(inviting(guest))
    await guest.expect("notification")
    assert not await gets_in(guest, other.room)


async def test_it_is_no_way_around_a_ban(clients: Clients) -> None:
    holder, other = await clients.pair({"inviteOnly": True})
    await holder.send({"m": "kickban", "_id": other.id, "ms": 60_000}, inviting(other))
    await other.expect("notification", where=lambda notice: "invited" in notice["text"])
    await other.received()
    await other.send({"m": "ch", "_id": holder.room})
    heard = await other.received()
    assert {m["ch"]["_id"] for m in heard if m["m"] == "ch"} == {"test/awkward"}


async def test_others_invite_nobody(clients: Clients) -> None:
    holder, other = await clients.pair({"inviteOnly": True})
    stranger = await clients.enter("lobby")
    await other.send(inviting(stranger))
    await other.refusal()
    await holder.assert_silent()
    await stranger.received()
    assert not await gets_in(stranger, holder.room)


@pytest.mark.parametrize("value", ["", "x", "0" * 25, "A" * 24, None, 5, ["0" * 24]])
async def test_what_is_no_user_is_not_invited(clients: Clients, value: object) -> None:
    holder, other = await clients.pair({"inviteOnly": True})
    await holder.send({"m": "invite", "_id": value})
    assert await holder.refusal_codes() == ["bad_id"]
    await other.assert_silent()


@pytest.mark.parametrize("special", ["lobby", "test/invite"])
async def test_special_rooms_are_for_all(clients: Clients, special: str) -> None:
    client = await clients.enter(special, {"inviteOnly": True})
    await client.received()
    await client.send(inviting(client), {"m": "chset", "set": {"inviteOnly": True}})
    await client.received()
    assert (await clients.enter(special)).room == special
