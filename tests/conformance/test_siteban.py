"""`siteban`: out of the whole site (docs/protocol.md 1.1, 1.3)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from support.server import Server
from support.websocket_clients import Company, House, Message, Person, new_address, new_room

DAY = 86_400_000


async def staff_and(family: Company, size: int) -> list[Person]:
    """Return somebody of the staff, and others in one room, all with addresses of their own."""
    room, token = new_room(), family.server.tokens["admin"]
    staff = await family.enter(address=new_address(), token=token)
    people = [await family.enter(room, address=new_address()) for _ in range(size)]
    for person in people:
        await person.hears()
    return [staff, *people]


async def shown_out(person: Person) -> Message:
    """Assert that `person` is told why and closed with 4008; return the notification."""
    notice = await person.expect("notification")
    assert await person.closed() == 4008
    return notice


async def turned_away(family: Company, person: Person) -> None:
    """Assert that the address of `person` is refused before the upgrade."""
    with pytest.raises(InvalidStatus) as refused:
        await family.open(address=person.address)
    assert refused.value.response.status_code == 403


async def test_all_tabs_are_told_and_closed(house: House) -> None:
    family = house(NODE_ENV="production")
    staff, banned, other = await staff_and(family, 2)
    tab = await family.tab(banned, new_room())
    await staff.send(
        {"m": "siteban", "id": banned.id, "duration": 5 * 60_000, "reason": "spam", "note": "hush"}
    )
    for socket in (banned, tab):
        notice = await shown_out(socket)
        assert "spam" in notice["text"]
        assert "5 minutes" in notice["text"]
        assert "hush" not in str(socket.log)
    # The others hear that he is gone, and no more: he had the crown.
    heard = await other.hears()
    assert [m["m"] for m in heard if m["m"] != "nq"] == ["ch"], heard
    await turned_away(family, banned)
    await other.nothing()


async def test_a_time_as_a_text(house: House) -> None:
    family = house(NODE_ENV="production")
    staff, banned = await staff_and(family, 1)
    await staff.send({"m": "siteban", "id": banned.id, "duration": "3e5", "reason": "spam"})
    assert "5 minutes" in (await shown_out(banned))["text"]
    assert (await staff.expect("notification"))["code"] == "done"


async def test_for_ever(house: House) -> None:
    family = house(NODE_ENV="production")
    staff, banned = await staff_and(family, 1)
    await staff.send({"m": "siteban", "id": banned.id, "permanent": True, "reason": "spam"})
    notice = await shown_out(banned)
    assert "minutes" not in notice["text"]
    await turned_away(family, banned)


async def test_the_ban_ends(house: House) -> None:
    family = house(NODE_ENV="production")
    staff, banned = await staff_and(family, 1)
    await staff.send({"m": "siteban", "id": banned.id, "duration": 400, "reason": ""})
    await shown_out(banned)
    await turned_away(family, banned)
    await asyncio.sleep(0.5)
    assert (await family.enter(address=banned.address)).id == banned.id


async def test_it_outlives_a_restart(mortal: Server) -> None:
    async with Company(mortal) as family:
        staff, banned, other = await staff_and(family, 2)
        await staff.send({"m": "siteban", "id": banned.id, "duration": DAY, "reason": "spam"})
        await shown_out(banned)
    mortal.restart()
    async with Company(mortal) as family:
        await turned_away(family, banned)
        await family.enter(address=other.address)


async def test_somebody_who_is_not_there(house: House) -> None:
    family = house(NODE_ENV="production")
    staff, banned = await staff_and(family, 1)
    await banned.leave()
    await staff.send({"m": "siteban", "id": banned.id, "duration": DAY, "reason": "spam"})
    await staff.hears()
    await turned_away(family, banned)


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
async def test_what_is_malformed_bans_nobody(house: House, fields: dict[str, Any]) -> None:
    family = house(NODE_ENV="production")
    staff, other = await staff_and(family, 1)
    await staff.send({"m": "siteban", "id": other.id, "reason": "x"} | fields)
    (code,) = await staff.told()
    assert code in {"bad_time", "bad_settings", "bad_message", "bad_id"}
    await other.nothing()
