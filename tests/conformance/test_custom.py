"""`+custom`, `-custom`, `custom`: data between scripts (docs/protocol.md 1.2, 1.3)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.websocket_clients import Client, Clients, Message, new_address, new_room

SUBSCRIBED = {"mode": "subscribed"}
BUDGET = 16_384
"""Bytes of data that a user may send in ten seconds."""


def custom(data: Any, target: Any = SUBSCRIBED) -> Message:
    return {"m": "custom", "data": data, "target": target}


async def subscribe(*people: Client) -> None:
    for client in people:
        await client.send({"m": "+custom"})
        await client.assert_silent()


async def trio(clients: Clients) -> list[Client]:
    """Return three people in a room who are subscribed; the test's sender is the first."""
    people = await clients.group(3)
    await subscribe(*people)
    return people


DATA = [
    None,
    0,
    1.5,
    True,
    "text",
    "\u20ac \U0001f3b9 \n\t\x1b",
    [],
    {},
    {"xyz": "abc", "jkl": ["mno", 123, None, {"deep": [[[]]]}]},
    {"m": "a", "p": "somebody else", "__proto__": 1},
]


@pytest.mark.parametrize("data", DATA, ids=lambda data: json.dumps(data)[:30])
async def test_it_goes_to_all_who_subscribed(clients: Clients, data: Any) -> None:
    sender, one, two = await trio(clients)
    deaf = await clients.enter(sender.room)
    stranger = await clients.enter(new_room())
    await subscribe(stranger)
    for client in (sender, one, two):
        await client.received()
    await sender.send(custom(data))
    # Never to the sender.
    await sender.assert_silent()
    for client in (one, two):
        (heard,) = await client.received()
        assert heard["m"] == "custom"
        assert heard["data"] == data
        assert heard["p"] == sender.id
        assert heard["u"].items() >= sender.user.items()
    await deaf.assert_silent()
    await stranger.assert_silent()


async def test_data_that_is_left_out_is_null(clients: Clients) -> None:
    sender, other, _ = await trio(clients)
    await sender.send({"m": "custom", "target": SUBSCRIBED})
    assert (await other.expect("custom"))["data"] is None


async def test_silence_after_minus_custom(clients: Clients) -> None:
    sender, one, two = await trio(clients)
    await one.send({"m": "-custom"})
    await one.assert_silent()
    await sender.send(custom("hi"))
    await sender.assert_silent()
    await one.assert_silent()
    assert (await two.expect("custom"))["data"] == "hi"
    # A second subscription brings nothing twice.
    await subscribe(one, one)
    await sender.send(custom("again"))
    await sender.assert_silent()
    assert [m["data"] for m in await one.received()] == ["again"]


async def test_the_subscription_outlives_a_change_of_rooms(clients: Clients) -> None:
    sender, one, two = await trio(clients)
    room = new_room()
    for client in (sender, one):
        await client.join(room)
    await sender.received()
    await sender.send(custom("hi"))
    assert (await one.expect("custom"))["data"] == "hi"
    await two.assert_silent("custom")


async def test_one_user(clients: Clients) -> None:
    sender, one, two = await trio(clients)
    stranger = await clients.enter(new_room())
    await subscribe(stranger)
    await sender.send(custom("hi", {"mode": "id", "id": one.id}))
    await sender.send(custom("not you", {"mode": "id", "id": stranger.id}))
    await sender.send(custom("nor me", {"mode": "id", "id": sender.id}))
    await sender.assert_silent()
    assert [m["data"] for m in await one.received()] == ["hi"]
    await two.assert_silent()
    await stranger.assert_silent()


async def test_several_users(clients: Clients) -> None:
    sender, one, two = await trio(clients)
    third = await clients.enter(sender.room)
    await subscribe(third)
    for client in (sender, one, two):
        await client.received()
    ids = [one.id, third.id, sender.id, one.id, "nobody"]
    await sender.send(custom("hi", {"mode": "ids", "ids": ids}))
    await sender.assert_silent()
    for client in (one, third):
        assert [m["data"] for m in await client.received()] == ["hi"]
    await two.assert_silent()


async def test_at_most_32_of_them(clients: Clients) -> None:
    sender, one, _ = await trio(clients)
    others = [f"{number:024x}" for number in range(32)]
    await sender.send(custom("too many", {"mode": "ids", "ids": [one.id, *others]}))
    await sender.assert_ignored()
    await one.assert_silent()
    await sender.send(custom("hi", {"mode": "ids", "ids": [one.id, *others[1:]]}))
    assert (await one.expect("custom"))["data"] == "hi"


async def test_beyond_the_room(clients: Clients) -> None:
    sender, one, two = await trio(clients)
    stranger, deaf = [await clients.enter(new_room()) for _ in range(2)]
    await subscribe(stranger)
    await sender.send(custom("all", SUBSCRIBED | {"global": True}))
    await sender.send(custom("you", {"mode": "id", "id": stranger.id, "global": True}))
    await sender.send(custom("both", {"mode": "ids", "ids": [one.id, stranger.id], "global": True}))
    await sender.assert_silent()
    assert [m["data"] for m in await stranger.received()] == ["all", "you", "both"]
    assert [m["data"] for m in await one.received()] == ["all", "both"]
    assert [m["data"] for m in await two.received()] == ["all"]
    await deaf.assert_silent()


BAD_TARGETS = [
    None,
    5,
    "subscribed",
    [],
    {},
    {"mode": 5},
    {"mode": "everybody"},
    {"mode": "id"},
    {"mode": "id", "id": 5},
    {"mode": "id", "id": ["{one}"]},
    {"mode": "ids"},
    {"mode": "ids", "ids": "{one}"},
    {"mode": "ids", "ids": {"0": "{one}"}},
    {"mode": "ids", "ids": ["{one}", 5]},
    {"mode": "subscribed", "global": "yes"},
    {"mode": "__proto__"},
]


@pytest.mark.parametrize("target", BAD_TARGETS, ids=json.dumps)
async def test_bad_targets(clients: Clients, target: Any) -> None:
    sender, one, _ = await trio(clients)
    filled = json.loads(json.dumps(target).replace("{one}", one.id))
    await sender.send(custom("hi", filled), {"m": "custom", "data": "hi"})
    await sender.assert_silent()
    await one.assert_silent()


async def test_nobody_hears_somebody_in_no_room(clients: Clients) -> None:
    _, one, _ = await trio(clients)
    sender = await clients.enter()
    await sender.send(custom("hi"), custom("you", {"mode": "id", "id": one.id}))
    await sender.assert_ignored()
    await one.assert_silent()


async def test_so_many_bytes_in_ten_seconds(clients: Clients) -> None:
    sender, one, _ = await trio(clients)
    # The quotes count: what is measured is the data as JSON.
    await sender.send(custom("x" * (BUDGET // 2 - 2)), custom("y" * (BUDGET // 2 - 2)))
    await sender.assert_silent()
    assert [m["data"][0] for m in await one.received()] == ["x", "y"]
    await sender.send(custom(1), custom(2))
    await sender.refusal()
    await one.assert_silent()


async def test_one_message_over_the_budget_costs_nothing(clients: Clients) -> None:
    sender, one, _ = await trio(clients)
    await sender.send(custom("x" * (BUDGET - 1)))
    await sender.refusal()
    await sender.send(custom("y" * (BUDGET - 2)))
    await sender.assert_silent()
    assert [m["data"][0] for m in await one.received()] == ["y"]


async def test_characters_are_measured_in_bytes(clients: Clients) -> None:
    sender, one, _ = await trio(clients)
    await sender.send(custom("\u20ac" * (BUDGET // 3)))
    await sender.refusal()
    await one.assert_silent()


async def test_one_budget_for_all_tabs(clients_by_address: Clients, room: str) -> None:
    one = await clients_by_address.enter(room, address=new_address())
    sender = await clients_by_address.enter(room, address=new_address())
    tab = await clients_by_address.tab(sender, room)
    await one.received()
    await subscribe(one, tab)
    await sender.send(custom("x" * (BUDGET - 2)))
    await one.expect("custom")
    await tab.received()
    await tab.send(custom(1))
    await tab.refusal()
    await one.assert_silent()
