"""Rate limits: a burst, then a trickle, for each kind and user (docs/protocol.md 2.2).

The trickle is measured by a clock that stands, in tests/unit/handlers/test_time.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from support.presets import HURRIED
from support.websocket_clients import (
    Client,
    Clients,
    ClientsFactory,
    Message,
    new_address,
    new_room,
)

Flood = Callable[[Clients, int], Awaitable[tuple[Client, int]]]
"""Sends one kind of message many times in one frame; returns the client and how many passed."""


async def alone(clients: Clients) -> Client:
    """Return a client that is not the holder of its room, with another one that is."""
    _, guest = await clients.pair()
    return guest


def count(heard: list[Message], m: str) -> int:
    return sum(message["m"] == m for message in heard)


async def lines(clients: Clients, times: int) -> tuple[Client, int]:
    client = await alone(clients)
    await client.send(*({"m": "a", "message": "hi"} for _ in range(times)))
    return client, count(await client.received(), "a")


async def lines_of_the_holder(clients: Clients, times: int) -> tuple[Client, int]:
    client, _ = await clients.pair()
    await client.send(*({"m": "a", "message": "hi"} for _ in range(times)))
    return client, count(await client.received(), "a")


async def private_lines(clients: Clients, times: int) -> tuple[Client, int]:
    holder, client = await clients.pair()
    await client.send(*({"m": "dm", "_id": holder.id, "message": "hi"} for _ in range(times)))
    return client, count(await client.received(), "dm")


async def joins(clients: Clients, times: int) -> tuple[Client, int]:
    client = await clients.enter()
    await client.send(*({"m": "ch", "_id": "test/rates"} for _ in range(times)))
    return client, count(await client.received(), "ch")


async def settings(clients: Clients, times: int) -> tuple[Client, int]:
    client, _ = await clients.pair()
    await client.send(*({"m": "chset", "set": {"limit": 20 + n}} for n in range(times)))
    return client, count(await client.received(), "ch")


async def crowns(clients: Clients, times: int) -> tuple[Client, int]:
    client, _ = await clients.pair()
    ids = [None if n % 2 == 0 else client.id for n in range(times)]
    await client.send(*({"m": "chown", "id": who} for who in ids))
    return client, count(await client.received(), "ch")


async def bans(clients: Clients, times: int) -> tuple[Client, int]:
    client = await clients.enter(new_room())
    targets = [await clients.enter() for _ in range(times)]
    await client.send(*({"m": "kickban", "_id": t.id, "ms": 60_000} for t in targets))
    await client.received()
    rooms = [(await target.join(client.room))["ch"]["_id"] for target in targets]
    return client, rooms.count("test/awkward")


async def lists(clients: Clients, times: int) -> tuple[Client, int]:
    client = await clients.enter()
    await client.send(*({"m": "+ls"} for _ in range(times)))
    return client, sum(m["m"] == "ls" and m["c"] for m in await client.received())


async def profiles(clients: Clients, times: int) -> tuple[Client, int]:
    client = await alone(clients)
    await client.send(*({"m": "userset", "set": {"name": f"name {n}"}} for n in range(times)))
    return client, count(await client.received(), "p")


async def greetings(clients: Clients, times: int) -> tuple[Client, int]:
    client = await clients.open()
    await client.send(*({"m": "hi"} for _ in range(times)))
    return client, count(await client.received(), "hi")


async def times_asked(clients: Clients, times: int) -> tuple[Client, int]:
    client = await clients.enter()
    await client.send(*({"m": "t"} for _ in range(times)))
    # The `t` of `received` would be one too many.
    await client.send({"m": "ch", "_id": "test/rates"})
    await client.expect("ch")
    return client, count(client.log, "t")


BURSTS = [
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
@pytest.mark.case(62)
async def test_too_many_lines_are_dropped_with_one_notice(
    clients: Clients, flood: Flood, burst: int
) -> None:
    client, passed = await flood(clients, burst + 5)
    assert passed == burst
    # Bans are announced in the room; those name people.
    told = [
        m for m in client.log if m["m"] == "notification" and "Anonymous" not in m.get("text", "")
    ]
    assert len(told) == 1
    assert told[0]["text"]


async def test_unban_has_a_limit_too(clients: Clients) -> None:
    client, banned = await clients.enter(new_room()), await clients.enter()
    await client.send({"m": "kickban", "_id": banned.id, "ms": 60_000})
    await client.received()
    nobody = [{"m": "unban", "_id": "0" * 24}] * 10
    await client.send(*nobody, {"m": "unban", "_id": banned.id})
    await client.refusal()
    assert (await banned.join(client.room))["ch"]["_id"] == "test/awkward"


async def test_minus_ls_has_a_limit_too(clients: Clients, room: str) -> None:
    client = await clients.enter()
    await client.send(*[{"m": "-ls"}] * 10, {"m": "+ls"}, {"m": "-ls"})
    assert count(await client.received(), "notification") == 1
    # The last one was refused.
    await clients.enter(room)
    await client.expect("ls", where=lambda ls: room in {r["_id"] for r in ls["u"]})


async def test_devices_has_a_limit_too(clients: Clients) -> None:
    client = await clients.enter()
    await client.send(*[{"m": "devices", "list": []}] * 10)
    await client.assert_silent()
    await client.send({"m": "devices", "list": []})
    await client.refusal()


async def test_a_malformed_message_costs_nothing(clients: Clients) -> None:
    holder, client = await clients.pair()
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
        await client.send(*bad)
    # A client that floods gets one notification in five seconds for each kind of mistake.
    codes = ["bad_message", "bad_room", "bad_name", "bad_settings", "bad_time"]
    assert sorted(await client.refusal_codes()) == sorted(codes)
    await holder.assert_silent()
    await client.send(*[{"m": "a", "message": "hi"}] * 8)
    await client.send(*({"m": "userset", "set": {"name": f"{n}"}} for n in range(30)))
    # One `ch` was for coming here.
    await client.send(*[{"m": "ch", "_id": client.room}] * 9)
    heard = await client.received()
    assert (count(heard, "a"), count(heard, "p"), count(heard, "ch")) == (8, 30, 9)
    assert count(heard, "notification") == 0


async def test_each_kind_has_a_bucket_of_its_own(clients: Clients) -> None:
    client, _ = await lines(clients, 20)
    # One `ch` was for coming here.
    await client.send(*[{"m": "ch", "_id": client.room}] * 9)
    assert count(await client.received(), "ch") == 9
    await client.send(*({"m": "userset", "set": {"name": f"{n}"}} for n in range(10)))
    assert count(await client.received(), "p") == 10


async def test_each_code_is_told_once_in_five_seconds(clients: Clients) -> None:
    client, _ = await lines(clients, 20)
    assert [m["code"] for m in client.log if m["m"] == "notification"] == ["too_fast"]
    await client.send(*[{"m": "a", "message": "hi"}] * 20, *[{"m": "ch", "_id": client.room}] * 20)
    assert count(await client.received(), "notification") == 0
    # Another code has a notification of its own.
    await client.send(*[{"m": "unban", "_id": client.id}] * 5)
    assert [m["code"] for m in await client.received()] == ["only_owner"]


async def test_and_again_after_that(clients_with: ClientsFactory) -> None:
    client, _ = await lines(clients_with(**HURRIED), 20)
    assert count(client.log, "notification") == 1
    await asyncio.sleep(0.4)
    await client.send(*[{"m": "a", "message": "hi"}] * 20)
    assert count(await client.received(), "notification") == 1


@pytest.mark.one_node("each process has buckets for its own sockets, as for their addresses")
async def test_all_tabs_of_a_user_have_the_same_buckets(
    clients_by_address: Clients, room: str
) -> None:
    listener = await clients_by_address.enter(room, address=new_address())
    client = await clients_by_address.enter(room, address=new_address())
    tab = await clients_by_address.tab(client, room)
    await client.send(*[{"m": "a", "message": "one"}] * 5)
    await client.received()
    await tab.send(*[{"m": "a", "message": "two"}] * 20)
    assert count(await tab.received(), "a") >= 8
    assert [m["a"] for m in await listener.received() if m["m"] == "a"] == ["one"] * 5 + ["two"] * 3
    assert count(tab.log, "notification") == 1
    # A client at another address has its own limit.
    other = await clients_by_address.enter(room, address=new_address())
    await other.send(*[{"m": "a", "message": "three"}] * 20)
    assert count(await other.received(), "a") == 8


SLOW = {"RATE_CHAT__PER_SECOND": "0.01", "RATE_ROOM__PER_SECOND": "0.01", "NODE_ENV": "production"}


@pytest.mark.one_node("each process has buckets for its own sockets, as for their addresses")
@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_reconnect_refills_nothing(
    clients_with: ClientsFactory, room: str, how: str
) -> None:
    clients_by_address = clients_with(**SLOW)
    listener = await clients_by_address.enter(room, address=new_address())
    client = await clients_by_address.enter(room, address=new_address())
    await client.send(*[{"m": "a", "message": "one"}] * 6, *[{"m": "+ls"}] * 10)
    await client.received()
    await (client.leave() if how == "close" else client.vanish())
    await listener.expect("bye")
    again = await clients_by_address.enter(room, address=client.address)
    assert again.id == client.id
    await again.send(*[{"m": "a", "message": "two"}] * 6, {"m": "+ls"})
    heard = await again.received()
    assert (count(heard, "a"), count(heard, "ls")) == (2, 0)
    assert count(await listener.received(), "a") == 2


async def test_sixteen_tabs_that_come_back_are_all_welcome(
    clients_by_address: Clients, room: str
) -> None:
    address = new_address()
    tabs = [await clients_by_address.open(address=address) for _ in range(16)]
    for tab in tabs:
        await tab.send({"m": "hi"}, {"m": "devices", "list": []}, {"m": "ch", "_id": room})
    for tab in tabs:
        await tab.expect("hi")
        assert (await tab.joined())["ch"]["_id"] == room
    await clients_by_address.server.barrier()
    for tab in tabs:
        # One `t` each: sixteen tabs are one user.
        received = await tab.received(is_settled=True)
        assert "notification" not in {message["m"] for message in received}


async def test_the_others_hear_nothing_of_refusals(clients: Clients) -> None:
    holder, client = await clients.pair()
    await client.send(*[{"m": "a", "message": "hi"}] * 50)
    await client.received()
    assert [m["m"] for m in await holder.received()] == ["a"] * 8


async def test_staff_are_exempt(clients_with: ClientsFactory) -> None:
    clients = clients_with()
    holder, _ = await clients.pair()
    staff = await clients.enter(holder.room, token=clients.server.tokens["admin"])
    await staff.send(*[{"m": "a", "message": "hi"}] * 50)
    await staff.send(*[{"m": "ch", "_id": holder.room}] * 50, *[{"m": "t"}] * 50)
    heard = await staff.received()
    assert (count(heard, "a"), count(heard, "ch")) == (50, 50)
    assert count(heard, "notification") == 0
    assert count(heard, "t") == 50


async def test_every_number_can_be_set(clients_with: ClientsFactory) -> None:
    clients = clients_with(**HURRIED)
    client, passed = await lines(clients, 20)
    assert passed == 3
    assert count(client.log, "notification") == 1
