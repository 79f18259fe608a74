"""`coowner`: people who rule a room beside the holder of its crown."""

from __future__ import annotations

import pytest

from support.websocket_clients import Company, House, Message, Person, new_address


def naming(person: Person, *, on: bool = True) -> Message:
    """Return the message that makes somebody a co-owner, or no more."""
    return {"m": "coowner", "_id": person.id, "on": on}


async def rules(person: Person) -> bool:
    """Whether somebody can change the settings of his room."""
    await person.send({"m": "chset", "set": {"visible": True}})
    heard = {message["m"] for message in await person.hears()}
    assert heard in ({"ch"}, {"notification"}, set())
    return heard == {"ch"}


async def couple(guests: Company) -> tuple[Person, Person, Person]:
    """Return the holder of a crown, a co-owner, and somebody else in one room."""
    holder, partner, other = await guests.group(3)
    await holder.send(naming(partner))
    assert [ruling(message) for message in await holder.hears()] == [[partner.id]]
    assert await told(partner) == ([partner.id], "You rule this room beside its owner.")
    assert [ruling(message) for message in await other.hears()] == [[partner.id]]
    return holder, partner, other


def ruling(ch: Message) -> list[str] | None:
    """Return the co-owners that a full `ch` names; None where it names none."""
    assert (ch["m"], len(ch["ppl"])) == ("ch", ch["ch"]["count"])
    named: list[str] | None = ch["ch"].get("coowners")
    return named


async def told(person: Person) -> tuple[list[str] | None, str]:
    """Return the co-owners that somebody was told of, and what the notice to himself says."""
    ch, notice = await person.hears()
    assert notice["m"] == "notification"
    return ruling(ch), notice["text"]


async def test_off_by_default(guests: Company) -> None:
    _, other = await guests.pair()
    assert not await rules(other)
    assert "coowners" not in (await other.join(other.room))["ch"]


async def test_all_are_told_who_may_rule(guests: Company) -> None:
    holder, partner, other = await couple(guests)
    assert await rules(partner)
    assert ruling(await other.expect("ch")) == [partner.id]
    assert not await rules(other)
    reader = await guests.enter(address=new_address())
    await reader.send({"m": "+ls"})
    for listed in (await reader.expect("ls"))["u"]:
        assert "coowners" not in listed
    newcomer = await guests.enter(address=new_address())
    assert ruling(await newcomer.join(holder.room)) == [partner.id]


async def test_what_changes_nothing_is_not_told(guests: Company) -> None:
    holder, partner, other = await couple(guests)
    await holder.send(naming(partner), naming(other, on=False), naming(other, on=False))
    for person in (holder, partner, other):
        await person.nothing()


async def test_all_are_named_in_one_order(guests: Company) -> None:
    holder, partner, other = await couple(guests)
    await holder.send(naming(other))
    both = sorted([partner.id, other.id])
    assert [ruling(ch) for ch in await holder.hears()] == [both]
    await partner.leave()
    await holder.expect("bye")
    # He rules again when he is back, and is named all the time.
    assert ruling(await other.join(holder.room)) == both


async def test_nobody_names_who_hides(house: House) -> None:
    guests = house()
    holder, other = await guests.pair()
    staff = await guests.enter(token=guests.server.tokens["admin"])
    await staff.send({"m": "v", "vanish": True})
    await staff.join(holder.room)
    await holder.send(naming(staff))
    for person in (holder, other, staff):
        await person.nothing()


async def test_a_co_owner_keeps_order(guests: Company) -> None:
    holder, partner, other = await couple(guests)
    await partner.send({"m": "mute", "_id": other.id, "chat": True})
    await partner.nothing()
    await other.refused()
    await partner.send({"m": "kickban", "_id": other.id, "ms": 60_000})
    await other.expect("ch", where=lambda ch: ch["ch"]["_id"] == "test/awkward")
    await holder.expect("bye")
    await holder.expect("notification")
    await partner.send({"m": "bans"})
    assert [ban["_id"] for ban in (await partner.expect("bans"))["bans"]] == [other.id]
    await partner.send({"m": "unban", "_id": other.id})
    await partner.hears()
    assert (await other.join(holder.room))["ch"]["count"] == 3


async def test_the_crown_is_not_his_to_give(guests: Company) -> None:
    holder, partner, other = await couple(guests)
    for heir in (partner, other):
        await partner.send({"m": "chown", "id": heir.id})
    await partner.send({"m": "chown"})
    await partner.unheard()
    await partner.send(naming(other))
    await partner.refused()
    assert not await rules(other)
    assert (await holder.join(holder.room))["ch"]["crown"]["participantId"] == holder.id


async def test_the_holder_is_above_him(guests: Company) -> None:
    holder, partner, other = await couple(guests)
    await partner.send({"m": "kickban", "_id": holder.id, "ms": 60_000})
    await partner.refused()
    await partner.send({"m": "mute", "_id": holder.id, "chat": True, "notes": True})
    await partner.unheard()
    await holder.send({"m": "a", "message": "still here"})
    await other.expect("a")
    ch = await holder.join(holder.room)
    assert (ch["ch"]["_id"], ch["ch"]["count"]) == (other.room, 3)


async def test_the_holder_takes_it_back(guests: Company) -> None:
    holder, partner, other = await couple(guests)
    await holder.send(naming(partner, on=False))
    assert [ruling(ch) for ch in await holder.hears()] == [None]
    assert await told(partner) == (None, "You rule this room no more.")
    assert not await rules(partner)
    assert [ruling(ch) for ch in await other.hears()] == [None]


async def test_others_name_nobody(guests: Company) -> None:
    holder, other, third = await guests.group(3)
    for friend in (other, third):
        await other.send(naming(friend))
    # Once in a while is often enough to say why not.
    await other.refused()
    await third.nothing()
    await holder.nothing()
    assert not await rules(third)


async def test_only_people_who_are_here_are_named(guests: Company) -> None:
    holder, _ = await guests.pair()
    stranger = await guests.enter("lobby")
    await holder.send(naming(stranger))
    await holder.nothing()
    await stranger.nothing("notification")
    await stranger.join(holder.room)
    assert not await rules(stranger)


async def test_he_comes_back_as_one(family: Company, room: str) -> None:
    holder = await family.enter(room, address=new_address())
    partner = await family.enter(room, address=new_address())
    await holder.send(naming(partner))
    await holder.hears()
    await told(partner)
    await partner.leave()
    await holder.expect("bye")
    again = await family.tab(partner, room)
    assert await rules(again)
    # A full room, too, has a place for him.
    await again.leave()
    await holder.expect("bye")
    await holder.send({"m": "chset", "set": {"limit": 1}})
    await holder.expect("ch")
    assert (await (await family.tab(partner)).join(room))["ch"]["_id"] == room


async def test_elsewhere_he_rules_nothing(guests: Company) -> None:
    _, partner, _ = await couple(guests)
    holder, _ = await guests.pair()
    await partner.join(holder.room)
    assert not await rules(partner)


@pytest.mark.parametrize("special", ["lobby", "test/coowner"])
async def test_nobody_rules_special_rooms(guests: Company, special: str) -> None:
    people = [await guests.enter(special) for _ in range(2)]
    await people[0].hears()
    await people[0].send(naming(people[1]))
    await people[0].unheard()
    await people[1].nothing()
    assert not await rules(people[1])
