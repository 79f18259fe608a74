"""`+custom`, `-custom`, `custom`: data between scripts (docs/protocol.md 1.2, 1.3)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.websocket_clients import Company, Message, Person, new_address, new_room

SUBSCRIBED = {"mode": "subscribed"}
BUDGET = 16_384
"""Bytes of data that a user may send in ten seconds."""


def custom(data: Any, target: Any = SUBSCRIBED) -> Message:
    return {"m": "custom", "data": data, "target": target}


async def subscribe(*people: Person) -> None:
    for person in people:
        await person.send({"m": "+custom"})
        await person.nothing()


async def trio(company: Company) -> list[Person]:
    """Return three people in a room who are subscribed; the test's sender is the first."""
    people = await company.group(3)
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
async def test_it_goes_to_all_who_subscribed(guests: Company, data: Any) -> None:
    sender, one, two = await trio(guests)
    deaf = await guests.enter(sender.room)
    stranger = await guests.enter(new_room())
    await subscribe(stranger)
    for person in (sender, one, two):
        await person.hears()
    await sender.send(custom(data))
    # Never to the sender.
    await sender.nothing()
    for person in (one, two):
        (heard,) = await person.hears()
        assert heard["m"] == "custom"
        assert heard["data"] == data
        assert heard["p"] == sender.id
        assert heard["u"].items() >= sender.user.items()
    await deaf.nothing()
    await stranger.nothing()


async def test_data_that_is_left_out_is_null(guests: Company) -> None:
    sender, other, _ = await trio(guests)
    await sender.send({"m": "custom", "target": SUBSCRIBED})
    assert (await other.expect("custom"))["data"] is None


async def test_silence_after_minus_custom(guests: Company) -> None:
    sender, one, two = await trio(guests)
    await one.send({"m": "-custom"})
    await one.nothing()
    await sender.send(custom("hi"))
    await sender.nothing()
    await one.nothing()
    assert (await two.expect("custom"))["data"] == "hi"
    # Twice subscribed is not told twice.
    await subscribe(one, one)
    await sender.send(custom("again"))
    await sender.nothing()
    assert [m["data"] for m in await one.hears()] == ["again"]


async def test_the_subscription_outlives_a_change_of_rooms(guests: Company) -> None:
    sender, one, two = await trio(guests)
    room = new_room()
    for person in (sender, one):
        await person.join(room)
    await sender.hears()
    await sender.send(custom("hi"))
    assert (await one.expect("custom"))["data"] == "hi"
    await two.nothing("custom")


async def test_one_user(guests: Company) -> None:
    sender, one, two = await trio(guests)
    stranger = await guests.enter(new_room())
    await subscribe(stranger)
    await sender.send(custom("hi", {"mode": "id", "id": one.id}))
    await sender.send(custom("not you", {"mode": "id", "id": stranger.id}))
    await sender.send(custom("nor me", {"mode": "id", "id": sender.id}))
    await sender.nothing()
    assert [m["data"] for m in await one.hears()] == ["hi"]
    await two.nothing()
    await stranger.nothing()


async def test_several_users(guests: Company) -> None:
    sender, one, two = await trio(guests)
    third = await guests.enter(sender.room)
    await subscribe(third)
    for person in (sender, one, two):
        await person.hears()
    ids = [one.id, third.id, sender.id, one.id, "nobody"]
    await sender.send(custom("hi", {"mode": "ids", "ids": ids}))
    await sender.nothing()
    for person in (one, third):
        assert [m["data"] for m in await person.hears()] == ["hi"]
    await two.nothing()


async def test_at_most_32_of_them(guests: Company) -> None:
    sender, one, _ = await trio(guests)
    others = [f"{number:024x}" for number in range(32)]
    await sender.send(custom("too many", {"mode": "ids", "ids": [one.id, *others]}))
    await sender.unheard()
    await one.nothing()
    await sender.send(custom("hi", {"mode": "ids", "ids": [one.id, *others[1:]]}))
    assert (await one.expect("custom"))["data"] == "hi"


async def test_beyond_the_room(guests: Company) -> None:
    sender, one, two = await trio(guests)
    stranger, deaf = [await guests.enter(new_room()) for _ in range(2)]
    await subscribe(stranger)
    await sender.send(custom("all", SUBSCRIBED | {"global": True}))
    await sender.send(custom("you", {"mode": "id", "id": stranger.id, "global": True}))
    await sender.send(custom("both", {"mode": "ids", "ids": [one.id, stranger.id], "global": True}))
    await sender.nothing()
    assert [m["data"] for m in await stranger.hears()] == ["all", "you", "both"]
    assert [m["data"] for m in await one.hears()] == ["all", "both"]
    assert [m["data"] for m in await two.hears()] == ["all"]
    await deaf.nothing()


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
async def test_bad_targets(guests: Company, target: Any) -> None:
    sender, one, _ = await trio(guests)
    filled = json.loads(json.dumps(target).replace("{one}", one.id))
    await sender.send(custom("hi", filled), {"m": "custom", "data": "hi"})
    await sender.nothing()
    await one.nothing()


async def test_nobody_hears_somebody_in_no_room(guests: Company) -> None:
    _, one, _ = await trio(guests)
    sender = await guests.enter()
    await sender.send(custom("hi"), custom("you", {"mode": "id", "id": one.id}))
    await sender.unheard()
    await one.nothing()


async def test_so_many_bytes_in_ten_seconds(guests: Company) -> None:
    sender, one, _ = await trio(guests)
    # The quotes count: what is measured is the data as JSON.
    await sender.send(custom("x" * (BUDGET // 2 - 2)), custom("y" * (BUDGET // 2 - 2)))
    await sender.nothing()
    assert [m["data"][0] for m in await one.hears()] == ["x", "y"]
    await sender.send(custom(1), custom(2))
    await sender.refused()
    await one.nothing()


async def test_one_message_over_the_budget_costs_nothing(guests: Company) -> None:
    sender, one, _ = await trio(guests)
    await sender.send(custom("x" * (BUDGET - 1)))
    await sender.refused()
    await sender.send(custom("y" * (BUDGET - 2)))
    await sender.nothing()
    assert [m["data"][0] for m in await one.hears()] == ["y"]


async def test_characters_are_measured_in_bytes(guests: Company) -> None:
    sender, one, _ = await trio(guests)
    await sender.send(custom("\u20ac" * (BUDGET // 3)))
    await sender.refused()
    await one.nothing()


async def test_one_budget_for_all_tabs(family: Company, room: str) -> None:
    one = await family.enter(room, address=new_address())
    sender = await family.enter(room, address=new_address())
    tab = await family.tab(sender, room)
    await one.hears()
    await subscribe(one, tab)
    await sender.send(custom("x" * (BUDGET - 2)))
    await one.expect("custom")
    await tab.hears()
    await tab.send(custom(1))
    await tab.refused()
    await one.nothing()
