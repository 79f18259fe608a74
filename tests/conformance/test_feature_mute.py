"""`mute`: silencing one person in a room, his notes, his chat, or both."""

from __future__ import annotations

import itertools

import pytest

from support.websocket_clients import Company, Message, Person, new_address

PLAYED = {"m": "n", "t": 1_795_300_001_000, "n": [{"n": "c4", "v": 0.5}]}

_lines = itertools.count()


def muting(person: Person, **what: bool) -> Message:
    """Return the message that mutes somebody."""
    return {"m": "mute", "_id": person.id} | what


async def heard_of(speaker: Person, listener: Person) -> set[str]:
    """Return what of somebody's playing and talking reaches another."""
    await listener.hears()
    await speaker.send(PLAYED, {"m": "a", "message": f"line {next(_lines)}"})
    own = {message["m"] for message in await speaker.hears()}
    assert own <= {"a", "notification", "nq"}
    return {message["m"] for message in await listener.hears()}


async def test_off_by_default(guests: Company) -> None:
    holder, other = await guests.pair()
    assert await heard_of(other, holder) == {"n", "a"}


@pytest.mark.parametrize(
    ("what", "left"),
    [
        ({"notes": True}, {"a"}),
        ({"chat": True}, {"n"}),
        ({"notes": True, "chat": True}, set()),
    ],
)
async def test_what_is_muted(guests: Company, what: dict[str, bool], left: set[str]) -> None:
    holder, other, third = await guests.group(3)
    await holder.send(muting(other, **what))
    await holder.nothing()
    assert await other.refused() == "You have been muted in this room."
    await holder.nothing()
    await third.nothing()
    assert await heard_of(other, third) == left
    # He is told why nobody hears him.
    refused = [message["text"] for message in other.log if message["m"] == "notification"]
    # Notes and chat have one code for it, which comes once in a while.
    assert refused[1:] == ["You are muted in this room."]
    assert await heard_of(third, holder) == {"n", "a"}


async def test_a_later_one_replaces_it(guests: Company) -> None:
    holder, other = await guests.pair()
    await holder.send(muting(other, notes=True))
    await holder.nothing()
    await other.refused()
    await holder.send(muting(other, chat=True))
    await holder.nothing()
    await other.refused()
    assert await heard_of(other, holder) == {"n"}


async def test_it_is_lifted(guests: Company) -> None:
    holder, other = await guests.pair()
    await holder.send(muting(other, notes=True, chat=True))
    await holder.nothing()
    await other.refused()
    await holder.send(muting(other))
    await holder.nothing()
    assert await other.refused() == "You are muted no more."
    assert await heard_of(other, holder) == {"n", "a"}
    await holder.send(muting(other))
    await holder.nothing()
    await other.nothing()


async def test_private_lines_are_chat(guests: Company) -> None:
    holder, other, third = await guests.group(3)
    await holder.send(muting(other, chat=True))
    await holder.nothing()
    await other.refused()
    await other.send({"m": "dm", "_id": third.id, "message": "psst"})
    await other.refused()
    await third.nothing()


async def test_others_mute_nobody(guests: Company) -> None:
    holder, other, third = await guests.group(3)
    await other.send(muting(third, notes=True, chat=True))
    await other.refused()
    await third.nothing()
    assert await heard_of(third, holder) == {"n", "a"}


async def test_nobody_mutes_the_holder(guests: Company) -> None:
    holder, other = await guests.pair()
    await holder.send(muting(holder, notes=True, chat=True))
    await holder.nothing()
    assert await heard_of(holder, other) == {"n", "a"}


async def test_co_owners_can_be_muted(guests: Company) -> None:
    holder, partner = await guests.pair()
    await holder.send({"m": "coowner", "_id": partner.id}, muting(partner, notes=True, chat=True))
    await holder.hears()
    await partner.hears()
    assert await heard_of(partner, holder) == set()


async def test_the_crown_ends_it(guests: Company) -> None:
    holder, other = await guests.pair()
    await holder.send(muting(other, notes=True, chat=True))
    await holder.nothing()
    await other.refused()
    await holder.send({"m": "chown", "id": other.id})
    await other.expect("ch")
    assert await heard_of(other, holder) == {"n", "a"}
    await other.send({"m": "chown", "id": holder.id})
    for person in (holder, other):
        await person.expect("ch")
    assert await heard_of(other, holder) == {"n", "a"}


async def test_it_waits_for_who_leaves(family: Company, room: str) -> None:
    holder = await family.enter(room, address=new_address())
    other = await family.enter(room, address=new_address())
    await holder.send(muting(other, notes=True, chat=True))
    await holder.hears()
    await other.refused()
    await other.leave()
    await holder.expect("bye")
    again = await family.tab(other, room)
    assert await heard_of(again, holder) == set()
    # It is this room's alone.
    neighbour = await family.enter(f"{room} next door", address=new_address())
    await again.join(neighbour.room)
    assert await heard_of(again, neighbour) == {"n", "a"}


@pytest.mark.parametrize("special", ["lobby", "test/mute"])
async def test_nobody_is_muted_in_special_rooms(guests: Company, special: str) -> None:
    people = [await guests.enter(special) for _ in range(2)]
    await people[0].hears()
    await people[0].send(muting(people[1], notes=True, chat=True))
    await people[0].unheard()
    assert await heard_of(people[1], people[0]) == {"n", "a"}
