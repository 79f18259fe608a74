"""Rate limits: a burst, then a trickle, for each kind and user (docs/protocol.md 2.2).

The trickle is measured by a clock that stands, in tests/unit/test_time.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from support.presets import HURRIED
from support.websocket_clients import Company, House, Message, Person, new_address, new_room

Flood = Callable[[Company, int], Awaitable[tuple[Person, int]]]
"""Lets somebody send a kind of message so many times, in one frame; returns him and how many of
them came through."""


async def alone(guests: Company) -> Person:
    """Return somebody with a room to himself, as whose guest he may not do everything."""
    _, guest = await guests.pair()
    return guest


def count(heard: list[Message], m: str) -> int:
    return sum(message["m"] == m for message in heard)


async def lines(guests: Company, times: int) -> tuple[Person, int]:
    person = await alone(guests)
    await person.send(*({"m": "a", "message": "hi"} for _ in range(times)))
    return person, count(await person.hears(), "a")


async def lines_of_the_holder(guests: Company, times: int) -> tuple[Person, int]:
    person, _ = await guests.pair()
    await person.send(*({"m": "a", "message": "hi"} for _ in range(times)))
    return person, count(await person.hears(), "a")


async def private_lines(guests: Company, times: int) -> tuple[Person, int]:
    holder, person = await guests.pair()
    await person.send(*({"m": "dm", "_id": holder.id, "message": "hi"} for _ in range(times)))
    return person, count(await person.hears(), "dm")


async def joins(guests: Company, times: int) -> tuple[Person, int]:
    person = await guests.enter()
    await person.send(*({"m": "ch", "_id": "test/rates"} for _ in range(times)))
    return person, count(await person.hears(), "ch")


async def settings(guests: Company, times: int) -> tuple[Person, int]:
    person, _ = await guests.pair()
    await person.send(*({"m": "chset", "set": {"limit": 20 + n}} for n in range(times)))
    return person, count(await person.hears(), "ch")


async def crowns(guests: Company, times: int) -> tuple[Person, int]:
    person, _ = await guests.pair()
    ids = [None if n % 2 == 0 else person.id for n in range(times)]
    await person.send(*({"m": "chown", "id": who} for who in ids))
    return person, count(await person.hears(), "ch")


async def bans(guests: Company, times: int) -> tuple[Person, int]:
    person = await guests.enter(new_room())
    targets = [await guests.enter() for _ in range(times)]
    await person.send(*({"m": "kickban", "_id": t.id, "ms": 60_000} for t in targets))
    await person.hears()
    rooms = [(await target.join(person.room))["ch"]["_id"] for target in targets]
    return person, rooms.count("test/awkward")


async def lists(guests: Company, times: int) -> tuple[Person, int]:
    person = await guests.enter()
    await person.send(*({"m": "+ls"} for _ in range(times)))
    return person, sum(m["m"] == "ls" and m["c"] for m in await person.hears())


async def profiles(guests: Company, times: int) -> tuple[Person, int]:
    person = await alone(guests)
    await person.send(*({"m": "userset", "set": {"name": f"name {n}"}} for n in range(times)))
    return person, count(await person.hears(), "p")


async def greetings(guests: Company, times: int) -> tuple[Person, int]:
    person = await guests.open()
    await person.send(*({"m": "hi"} for _ in range(times)))
    return person, count(await person.hears(), "hi")


async def times_asked(guests: Company, times: int) -> tuple[Person, int]:
    person = await guests.enter()
    await person.send(*({"m": "t"} for _ in range(times)))
    # A `t` of `hears` would be one too many.
    await person.send({"m": "ch", "_id": "test/rates"})
    await person.expect("ch")
    return person, count(person.log, "t")


BURSTS: list[tuple[Flood, int]] = [
    (lines, 8),
    (lines_of_the_holder, 10),
    (private_lines, 8),
    (joins, 10),
    (settings, 10),
    (crowns, 10),
    (bans, 10),
    (lists, 10),
    (profiles, 30),
    (greetings, 10),
    (times_asked, 30),
]


@pytest.mark.parametrize(("flood", "burst"), BURSTS, ids=lambda it: getattr(it, "__name__", it))
async def test_case_62_a_burst_is_cut_and_told_once(
    guests: Company, flood: Flood, burst: int
) -> None:
    person, passed = await flood(guests, burst + 5)
    assert passed == burst
    # Bans are announced in the room; those name people.
    told = [
        m for m in person.log if m["m"] == "notification" and "Anonymous" not in m.get("text", "")
    ]
    assert len(told) == 1
    assert told[0]["text"]


async def test_unban_has_a_limit_too(guests: Company) -> None:
    person, banned = await guests.enter(new_room()), await guests.enter()
    await person.send({"m": "kickban", "_id": banned.id, "ms": 60_000})
    await person.hears()
    nobody = [{"m": "unban", "_id": "0" * 24}] * 10
    await person.send(*nobody, {"m": "unban", "_id": banned.id})
    await person.refused()
    assert (await banned.join(person.room))["ch"]["_id"] == "test/awkward"


async def test_minus_ls_has_a_limit_too(guests: Company, room: str) -> None:
    person = await guests.enter()
    await person.send(*[{"m": "-ls"}] * 10, {"m": "+ls"}, {"m": "-ls"})
    assert count(await person.hears(), "notification") == 1
    # The last one was not heard.
    await guests.enter(room)
    await person.expect("ls", where=lambda ls: room in {r["_id"] for r in ls["u"]})


async def test_devices_has_a_limit_too(guests: Company) -> None:
    person = await guests.enter()
    await person.send(*[{"m": "devices", "list": []}] * 10)
    await person.nothing()
    await person.send({"m": "devices", "list": []})
    await person.refused()


async def test_a_malformed_message_costs_nothing(guests: Company) -> None:
    holder, person = await guests.pair()
    bad: list[Message] = [
        {"m": "a", "message": 5},
        {"m": "a", "message": "\n"},
        {"m": "a"},
        {"m": "ch", "_id": ""},
        {"m": "ch"},
        {"m": "userset", "set": {"name": "x" * 41}},
        {"m": "userset", "set": 5},
        {"m": "dm", "_id": holder.id, "message": ""},
        {"m": "kickban", "_id": holder.id, "ms": -1},
        {"m": "custom", "target": {"mode": "everybody"}, "data": "x" * 1000},
    ]
    for _ in range(20):
        await person.send(*bad)
    # Whoever floods hears of each thing that is wrong once in five seconds.
    codes = ["bad_message", "bad_room", "bad_name", "bad_settings", "bad_time"]
    assert sorted(await person.told()) == sorted(codes)
    await holder.nothing()
    await person.send(*[{"m": "a", "message": "hi"}] * 8)
    await person.send(*({"m": "userset", "set": {"name": f"{n}"}} for n in range(30)))
    # One `ch` was for coming here.
    await person.send(*[{"m": "ch", "_id": person.room}] * 9)
    heard = await person.hears()
    assert (count(heard, "a"), count(heard, "p"), count(heard, "ch")) == (8, 30, 9)
    assert count(heard, "notification") == 0


async def test_each_kind_has_a_bucket_of_its_own(guests: Company) -> None:
    person, _ = await lines(guests, 20)
    # One `ch` was for coming here.
    await person.send(*[{"m": "ch", "_id": person.room}] * 9)
    assert count(await person.hears(), "ch") == 9
    await person.send(*({"m": "userset", "set": {"name": f"{n}"}} for n in range(10)))
    assert count(await person.hears(), "p") == 10


async def test_each_code_is_told_once_in_five_seconds(guests: Company) -> None:
    person, _ = await lines(guests, 20)
    assert [m["code"] for m in person.log if m["m"] == "notification"] == ["too_fast"]
    await person.send(*[{"m": "a", "message": "hi"}] * 20, *[{"m": "ch", "_id": person.room}] * 20)
    assert count(await person.hears(), "notification") == 0
    # Another code is told of by itself.
    await person.send(*[{"m": "unban", "_id": person.id}] * 5)
    assert [m["code"] for m in await person.hears()] == ["only_owner"]


async def test_and_again_after_that(house: House) -> None:
    person, _ = await lines(house(**HURRIED), 20)
    assert count(person.log, "notification") == 1
    await asyncio.sleep(0.4)
    await person.send(*[{"m": "a", "message": "hi"}] * 20)
    assert count(await person.hears(), "notification") == 1


async def test_all_tabs_of_a_user_have_the_same_buckets(family: Company, room: str) -> None:
    listener = await family.enter(room, address=new_address())
    person = await family.enter(room, address=new_address())
    tab = await family.tab(person, room)
    await person.send(*[{"m": "a", "message": "one"}] * 5)
    await person.hears()
    await tab.send(*[{"m": "a", "message": "two"}] * 20)
    assert count(await tab.hears(), "a") >= 8
    assert [m["a"] for m in await listener.hears() if m["m"] == "a"] == ["one"] * 5 + ["two"] * 3
    assert count(tab.log, "notification") == 1
    # Somebody else at another address has theirs.
    other = await family.enter(room, address=new_address())
    await other.send(*[{"m": "a", "message": "three"}] * 20)
    assert count(await other.hears(), "a") == 8


SLOW = {"RATE_CHAT__PER_SECOND": "0.01", "RATE_ROOM__PER_SECOND": "0.01", "NODE_ENV": "production"}


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_reconnect_refills_nothing(house: House, room: str, how: str) -> None:
    family = house(**SLOW)
    listener = await family.enter(room, address=new_address())
    person = await family.enter(room, address=new_address())
    await person.send(*[{"m": "a", "message": "one"}] * 6, *[{"m": "+ls"}] * 10)
    await person.hears()
    await (person.leave() if how == "close" else person.vanish())
    await listener.expect("bye")
    again = await family.enter(room, address=person.address)
    assert again.id == person.id
    await again.send(*[{"m": "a", "message": "two"}] * 6, {"m": "+ls"})
    heard = await again.hears()
    assert (count(heard, "a"), count(heard, "ls")) == (2, 0)
    assert count(await listener.hears(), "a") == 2


async def test_sixteen_tabs_that_come_back_are_all_welcome(family: Company, room: str) -> None:
    address = new_address()
    tabs = [await family.open(address=address) for _ in range(16)]
    for tab in tabs:
        await tab.send({"m": "hi"}, {"m": "devices", "list": []}, {"m": "ch", "_id": room})
    for tab in tabs:
        await tab.expect("hi")
        assert (await tab.welcomed())["ch"]["_id"] == room
    for tab in tabs:
        await tab.nothing("notification")


async def test_the_others_hear_nothing_of_refusals(guests: Company) -> None:
    holder, person = await guests.pair()
    await person.send(*[{"m": "a", "message": "hi"}] * 50)
    await person.hears()
    assert [m["m"] for m in await holder.hears()] == ["a"] * 8


async def test_staff_are_exempt(house: House) -> None:
    guests = house()
    holder, _ = await guests.pair()
    staff = await guests.enter(holder.room, token=guests.server.tokens["admin"])
    await staff.send(*[{"m": "a", "message": "hi"}] * 50)
    await staff.send(*[{"m": "ch", "_id": holder.room}] * 50, *[{"m": "t"}] * 50)
    heard = await staff.hears()
    assert (count(heard, "a"), count(heard, "ch")) == (50, 50)
    assert count(heard, "notification") == 0
    assert count(heard, "t") == 50


async def test_every_number_can_be_set(house: House) -> None:
    guests = house(**HURRIED)
    person, passed = await lines(guests, 20)
    assert passed == 3
    assert count(person.log, "notification") == 1
