"""`setname` and `setcolor`: staff change others (docs/protocol.md 1.3)."""

from __future__ import annotations

import pytest

from support.websocket_clients import House, Message, new_address, new_room

CHANGES = pytest.mark.parametrize(
    ("message", "key", "value"),
    [
        ({"m": "setname", "name": "Clara"}, "name", "Clara"),
        ({"m": "setcolor", "color": "#12ab34"}, "color", "#12ab34"),
    ],
    ids=["setname", "setcolor"],
)


@CHANGES
async def test_all_rooms_of_the_user_hear_it(
    house: House, message: Message, key: str, value: str
) -> None:
    family = house(NODE_ENV="production")
    user = await family.enter(new_room(), address=new_address())
    tab = await family.tab(user, new_room())
    here = await family.enter(user.room, address=new_address())
    staff = await family.enter(address=new_address(), token=family.server.tokens["admin"])
    for person in (user, tab):
        await person.hears()
    await staff.send(message | {"_id": user.id})
    await staff.hears()
    for person in (user, tab, here):
        (p,) = await person.hears()
        assert (p["m"], p["_id"], p[key]) == ("p", user.id, value)
    # It is kept like a change of his own.
    again = await family.tab(user)
    assert again.user == user.user | {key: value}


@pytest.mark.parametrize(
    "message",
    [
        {"m": "setname", "name": "x" * 41},
        {"m": "setname", "name": "a\u202eb"},
        {"m": "setname", "name": ""},
        {"m": "setname", "name": None},
        {"m": "setname"},
        {"m": "setcolor", "color": "red"},
        {"m": "setcolor", "color": 5},
        {"m": "setcolor"},
    ],
)
async def test_the_rules_for_values_hold_for_staff_too(house: House, message: Message) -> None:
    guests = house()
    user, other = await guests.pair()
    staff = await guests.enter(token=guests.server.tokens["admin"])
    await staff.send(message | {"_id": user.id})
    assert await staff.told() == ["bad_name" if message["m"] == "setname" else "bad_color"]
    await user.nothing()
    await other.nothing()


@CHANGES
@pytest.mark.parametrize("who", [None, 5, [], "", "nobody", "0" * 24])
async def test_nobody_to_change(
    house: House, message: Message, key: str, value: str, who: object
) -> None:
    guests = house()
    staff = await guests.enter(new_room(), token=guests.server.tokens["admin"])
    await staff.send(message | {"_id": who}, message)
    codes = ["not_found", "bad_id"] if isinstance(who, str) else ["bad_id"]
    assert await staff.told() == codes
    assert (await staff.hello())["u"][key] != value


async def test_a_name_that_staff_give_has_one_form_too(house: House) -> None:
    family = house(NODE_ENV="production")
    person = await family.enter(new_room(), address=new_address())
    staff = await family.enter(address=new_address(), token=family.server.tokens["admin"])
    await staff.send({"m": "setname", "_id": person.id, "name": " Zoe\u0308\u200b "})
    assert (await person.expect("p"))["name"] == "Zo\u00eb"
