"""`slowMode`: how many seconds anybody waits between two lines of chat.

That the time runs out is tested with a clock that stands (tests/unit/net/test_admission.py).
"""

from __future__ import annotations

import pytest

from support.websocket_clients import Client, Clients, new_address

PATIENT = 3600
"""A pause in seconds, longer than any test."""


async def chat(client: Client, text: str) -> bool:
    """Send a line; return whether the room received it, rather than at most a notification."""
    await client.send({"m": "a", "message": text})
    heard = [message["m"] for message in await client.received()]
    assert heard in (["a"], ["notification"], [])
    return heard == ["a"]


async def test_off_by_default(clients: Clients) -> None:
    _, other = await clients.pair()
    assert [await chat(other, f"line {number}") for number in range(3)] == [True] * 3


async def test_one_line_and_then_a_pause(clients: Clients) -> None:
    holder, other, third = await clients.group(3, {"slowMode": PATIENT})
    assert await chat(other, "one")
    await third.received()
    await other.send({"m": "a", "message": "two"}, {"m": "a", "message": "three"})
    assert await other.refusal() == "Slow mode is on: one line in 3600 s."
    await third.assert_silent()
    # Each participant has a pause of their own.
    assert await chat(third, "one")
    assert not await chat(third, "two")
    assert [message["a"] for message in await holder.received()] == ["one", "one"]


async def test_who_rules_the_room_need_not_wait(clients: Clients) -> None:
    holder, partner = await clients.pair({"slowMode": PATIENT})
    assert [await chat(holder, f"line {number}") for number in range(3)] == [True] * 3
    await holder.send({"m": "coowner", "_id": partner.id})
    await holder.received()
    await partner.received()
    assert [await chat(partner, f"line {number}") for number in range(3)] == [True] * 3


async def test_private_lines_count(clients: Clients) -> None:
    holder, other = await clients.pair({"slowMode": PATIENT})
    await other.send({"m": "dm", "_id": holder.id, "message": "psst"})
    await holder.expect("dm")
    await other.received()
    assert not await chat(other, "two")
    await holder.assert_silent()


async def test_a_second_tab_is_no_way_around(clients_by_address: Clients, room: str) -> None:
    await clients_by_address.enter(room, {"slowMode": PATIENT}, address=new_address())
    other = await clients_by_address.enter(room, address=new_address())
    tab = await clients_by_address.tab(other, room)
    assert await chat(other, "one")
    await tab.received()
    assert not await chat(tab, "two")


async def test_it_is_taken_away(clients: Clients) -> None:
    holder, other = await clients.pair({"slowMode": PATIENT})
    assert await chat(other, "one")
    await holder.send({"m": "chset", "set": {"slowMode": 0}})
    await other.expect("ch")
    assert await chat(other, "two")
    assert await chat(other, "three")


async def test_notes_are_free(clients: Clients) -> None:
    holder, other = await clients.pair({"slowMode": PATIENT})
    for _ in range(3):
        await other.send({"m": "n", "t": 1_795_300_001_000, "n": [{"n": "c4", "v": 0.5}]})
    await other.assert_silent()
    assert sum(len(message["n"]) for message in await holder.received()) == 3


@pytest.mark.parametrize("value", [-1, 0.5, 3601, "slow", " ", True, [5]])
async def test_what_is_no_time_is_dropped(clients: Clients, value: object) -> None:
    holder, other = await clients.pair()
    await holder.send({"m": "chset", "set": {"slowMode": value}})
    assert await holder.refusal_codes() == ["bad_settings"]
    await other.assert_silent()


async def test_others_may_not(clients: Clients) -> None:
    holder, other = await clients.pair()
    await other.send({"m": "chset", "set": {"slowMode": 5}})
    await other.refusal()
    await holder.assert_silent()


async def test_the_lobby_has_none(clients: Clients) -> None:
    client = await clients.enter("lobby", {"slowMode": PATIENT})
    assert [await chat(client, f"line {number}") for number in range(3)] == [True] * 3
