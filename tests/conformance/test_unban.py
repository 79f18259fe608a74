"""`unban`: back into one room (docs/protocol.md 1.3, 2.4)."""

from __future__ import annotations

import pytest

from support.websocket_clients import Company, Person, new_address, new_room


async def banned_from(family: Company) -> tuple[Person, Person, Person]:
    """Return a holder, somebody else in his room, and somebody banned from it."""
    room = new_room()
    holder, other, banned = [await family.enter(room, address=new_address()) for _ in range(3)]
    await holder.send({"m": "kickban", "_id": banned.id, "ms": 300_000})
    assert (await banned.welcomed())["ch"]["_id"] == "test/awkward"
    for person in (holder, other):
        await person.announced()
    await banned.hears()
    return holder, other, banned


async def test_case_76_whoever_is_unbanned_may_come_back(family: Company) -> None:
    holder, other, banned = await banned_from(family)
    await holder.send({"m": "unban", "_id": banned.id})
    # It is not announced.
    for person in (holder, other, banned):
        await person.nothing()
    assert (await banned.join(holder.room))["ch"]["_id"] == holder.room


async def test_case_77_others_lift_no_ban(family: Company) -> None:
    holder, other, banned = await banned_from(family)
    await other.send({"m": "unban", "_id": banned.id})
    await other.refused()
    await banned.send({"m": "unban", "_id": banned.id})
    await banned.unheard()
    await holder.nothing()
    assert (await banned.join(holder.room))["ch"]["_id"] == "test/awkward"


@pytest.mark.parametrize("who", [None, 5, True, [], {}, "", "nonexistent", "0" * 24])
async def test_case_76_nobody_to_unban(family: Company, who: object) -> None:
    holder, other, banned = await banned_from(family)
    await holder.send({"m": "unban", "_id": who}, {"m": "unban"})
    assert await holder.told() == ["bad_id"]
    await other.nothing()
    assert (await banned.join(holder.room))["ch"]["_id"] == "test/awkward"
