"""`inviteOnly` and `invite`: rooms that only those enter whom their owner wants."""

from __future__ import annotations

import pytest

from support.websocket_clients import Company, Message, Person, new_address


def inviting(person: Person, *, on: bool = True) -> Message:
    """Return the message that invites somebody, or takes it back."""
    return {"m": "invite", "_id": person.id, "on": on}


async def gets_in(person: Person, room: str) -> bool:
    """Ask for a room; whether it was given. If not, the asker is told nothing but why not."""
    await person.send({"m": "ch", "_id": room})
    heard = await person.hears()
    rooms = [message["ch"]["_id"] for message in heard if message["m"] == "ch"]
    if rooms == [room]:
        return True
    assert [message["m"] for message in heard] == ["notification"]
    return False


async def test_off_by_default(guests: Company) -> None:
    holder, _ = await guests.pair()
    assert await gets_in(await guests.enter("lobby"), holder.room)


async def test_strangers_stay_where_they_are(guests: Company) -> None:
    holder, other = await guests.pair({"inviteOnly": True})
    stranger, neighbour = await guests.pair()
    await stranger.send({"m": "ch", "_id": holder.room})
    assert await stranger.refused() == "That room is for invited people only."
    for person in (holder, other, neighbour):
        await person.nothing()
    assert (await stranger.join(stranger.room))["ch"]["count"] == 2


async def test_who_is_nowhere_is_put_somewhere(guests: Company) -> None:
    holder, _ = await guests.pair({"inviteOnly": True})
    stranger = await guests.enter()
    await stranger.send({"m": "ch", "_id": holder.room})
    await stranger.expect("notification")
    assert (await stranger.welcomed())["ch"]["_id"] == "test/awkward"
    await holder.nothing()


async def test_who_is_invited_is_told_and_gets_in(guests: Company) -> None:
    holder, other = await guests.pair({"inviteOnly": True})
    guest, neighbour = await guests.pair()
    await holder.send(inviting(guest))
    await holder.nothing()
    assert await guest.refused() == f'You are invited to "{holder.room}".'
    for person in (holder, other, neighbour):
        await person.nothing()
    assert await gets_in(guest, holder.room)
    await neighbour.hears()
    assert not await gets_in(neighbour, holder.room)


async def test_it_is_taken_back(guests: Company) -> None:
    holder, _ = await guests.pair({"inviteOnly": True})
    guest = await guests.enter("lobby")
    await holder.send(inviting(guest), inviting(guest, on=False))
    await holder.nothing()
    await guest.hears()
    assert not await gets_in(guest, holder.room)


async def test_nobody_is_turned_out(guests: Company) -> None:
    holder, other = await guests.pair()
    await holder.send({"m": "chset", "set": {"inviteOnly": True}})
    for person in (holder, other):
        (ch,) = await person.hears()
        assert ch["ch"]["count"] == 2
    assert not await gets_in(await guests.enter("lobby"), holder.room)
    await holder.send({"m": "chset", "set": {"inviteOnly": False}})
    await holder.expect("ch")
    assert await gets_in(await guests.enter("lobby"), holder.room)


async def test_second_tabs_and_returning_guests_pass(family: Company, room: str) -> None:
    holder = await family.enter(room, {"inviteOnly": True}, address=new_address())
    guest = await family.enter("lobby", address=new_address())
    await holder.send(inviting(guest))
    await guest.expect("notification")
    await guest.join(room)
    tab = await family.tab(guest, room)
    assert tab.room == room
    assert (await family.tab(holder, room)).room == room
    await guest.leave()
    await tab.leave()
    await holder.expect("bye")
    assert (await family.tab(guest, room)).room == room


async def test_an_invitation_opens_one_room(guests: Company) -> None:
    holder, _ = await guests.pair({"inviteOnly": True})
    other, _ = await guests.pair({"inviteOnly": True})
    guest = await guests.enter("lobby")
    await holder.send(inviting(guest))
    await guest.expect("notification")
    assert not await gets_in(guest, other.room)


async def test_it_is_no_way_around_a_ban(guests: Company) -> None:
    holder, other = await guests.pair({"inviteOnly": True})
    await holder.send({"m": "kickban", "_id": other.id, "ms": 60_000}, inviting(other))
    await other.expect("notification", where=lambda notice: "invited" in notice["text"])
    await other.hears()
    await other.send({"m": "ch", "_id": holder.room})
    heard = await other.hears()
    assert {m["ch"]["_id"] for m in heard if m["m"] == "ch"} == {"test/awkward"}


async def test_others_invite_nobody(guests: Company) -> None:
    holder, other = await guests.pair({"inviteOnly": True})
    stranger = await guests.enter("lobby")
    await other.send(inviting(stranger))
    await other.refused()
    await holder.nothing()
    await stranger.hears()
    assert not await gets_in(stranger, holder.room)


@pytest.mark.parametrize("value", ["", "x", "0" * 25, "A" * 24, None, 5, ["0" * 24]])
async def test_what_is_no_user_is_not_invited(guests: Company, value: object) -> None:
    holder, other = await guests.pair({"inviteOnly": True})
    await holder.send({"m": "invite", "_id": value})
    assert await holder.told() == ["bad_id"]
    await other.nothing()


@pytest.mark.parametrize("special", ["lobby", "test/invite"])
async def test_special_rooms_are_for_all(guests: Company, special: str) -> None:
    person = await guests.enter(special, {"inviteOnly": True})
    await person.hears()
    await person.send(inviting(person), {"m": "chset", "set": {"inviteOnly": True}})
    await person.hears()
    assert (await guests.enter(special)).room == special
