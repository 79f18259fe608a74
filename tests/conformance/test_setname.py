"""`setname` and `setcolor`: staff change others (docs/protocol.md 1.3)."""

from __future__ import annotations

import pytest

from support.websocket_clients import ClientsFactory, Message, new_address, new_room

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
    clients_with: ClientsFactory, message: Message, key: str, value: str
) -> None:
    clients_by_address = clients_with(NODE_ENV="production")
    user = await clients_by_address.enter(new_room(), address=new_address())
    tab = await clients_by_address.tab(user, new_room())
    here = await clients_by_address.enter(user.room, address=new_address())
    staff = await clients_by_address.enter(
        address=new_address(), token=clients_by_address.server.tokens["admin"]
    )
    for client in (user, tab):
        await client.received()
    await staff.send(message | {"_id": user.id})
    await staff.received()
    for client in (user, tab, here):
        (p,) = await client.received()
        assert (p["m"], p["_id"], p[key]) == ("p", user.id, value)
    # The name is stored like a change by the user.
    again = await clients_by_address.tab(user)
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
async def test_the_rules_for_values_hold_for_staff_too(
    clients_with: ClientsFactory, message: Message
) -> None:
    clients = clients_with()
    user, other = await clients.pair()
    staff = await clients.enter(token=clients.server.tokens["admin"])
    await staff.send(message | {"_id": user.id})
    assert await staff.refusal_codes() == ["bad_name" if message["m"] == "setname" else "bad_color"]
    await user.assert_silent()
    await other.assert_silent()


@CHANGES
@pytest.mark.parametrize("who", [None, 5, [], "", "nobody", "0" * 24])
async def test_nobody_to_change(
    clients_with: ClientsFactory, message: Message, key: str, value: str, who: object
) -> None:
    clients = clients_with()
    staff = await clients.enter(new_room(), token=clients.server.tokens["admin"])
    await staff.send(message | {"_id": who}, message)
    codes = ["not_found", "bad_id"] if isinstance(who, str) else ["bad_id"]
    assert await staff.refusal_codes() == codes
    assert (await staff.hello())["u"][key] != value


async def test_a_name_that_staff_give_has_one_form_too(clients_with: ClientsFactory) -> None:
    clients_by_address = clients_with(NODE_ENV="production")
    client = await clients_by_address.enter(new_room(), address=new_address())
    staff = await clients_by_address.enter(
        address=new_address(), token=clients_by_address.server.tokens["admin"]
    )
    await staff.send({"m": "setname", "_id": client.id, "name": " Zoe\u0308\u200b "})
    assert (await client.expect("p"))["name"] == "Zo\u00eb"
