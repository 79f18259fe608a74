"""`slowMode`: how many seconds anybody waits between two lines of chat.

That the time runs out is tested with a clock that stands (tests/unit/test_admission.py).
"""

from __future__ import annotations

import pytest

from support.websocket_clients import Company, Person, new_address

PATIENT = 3600
"""Seconds that no test lasts."""


async def say(person: Person, text: str) -> bool:
    """Say something; whether the room heard it, else the speaker is told why not, or nothing."""
    await person.send({"m": "a", "message": text})
    heard = [message["m"] for message in await person.hears()]
    assert heard in (["a"], ["notification"], [])
    return heard == ["a"]


async def test_off_by_default(guests: Company) -> None:
    _, other = await guests.pair()
    assert [await say(other, f"line {number}") for number in range(3)] == [True] * 3


async def test_one_line_and_then_a_pause(guests: Company) -> None:
    holder, other, third = await guests.group(3, {"slowMode": PATIENT})
    assert await say(other, "one")
    await third.hears()
    await other.send({"m": "a", "message": "two"}, {"m": "a", "message": "three"})
    assert await other.refused() == "Slow mode is on: one line in 3600 s."
    await third.nothing()
    # Everybody has a pause of his own.
    assert await say(third, "one")
    assert not await say(third, "two")
    assert [message["a"] for message in await holder.hears()] == ["one", "one"]


async def test_who_rules_the_room_need_not_wait(guests: Company) -> None:
    holder, partner = await guests.pair({"slowMode": PATIENT})
    assert [await say(holder, f"line {number}") for number in range(3)] == [True] * 3
    await holder.send({"m": "coowner", "_id": partner.id})
    await holder.hears()
    await partner.hears()
    assert [await say(partner, f"line {number}") for number in range(3)] == [True] * 3


async def test_private_lines_count(guests: Company) -> None:
    holder, other = await guests.pair({"slowMode": PATIENT})
    await other.send({"m": "dm", "_id": holder.id, "message": "psst"})
    await holder.expect("dm")
    await other.hears()
    assert not await say(other, "two")
    await holder.nothing()


async def test_a_second_tab_is_no_way_around(family: Company, room: str) -> None:
    await family.enter(room, {"slowMode": PATIENT}, address=new_address())
    other = await family.enter(room, address=new_address())
    tab = await family.tab(other, room)
    assert await say(other, "one")
    await tab.hears()
    assert not await say(tab, "two")


async def test_it_is_taken_away(guests: Company) -> None:
    holder, other = await guests.pair({"slowMode": PATIENT})
    assert await say(other, "one")
    await holder.send({"m": "chset", "set": {"slowMode": 0}})
    await other.expect("ch")
    assert await say(other, "two")
    assert await say(other, "three")


async def test_notes_are_free(guests: Company) -> None:
    holder, other = await guests.pair({"slowMode": PATIENT})
    for _ in range(3):
        await other.send({"m": "n", "t": 1_795_300_001_000, "n": [{"n": "c4", "v": 0.5}]})
    await other.nothing()
    assert sum(len(message["n"]) for message in await holder.hears()) == 3


@pytest.mark.parametrize("value", [-1, 0.5, 3601, "slow", " ", True, [5]])
async def test_what_is_no_time_is_dropped(guests: Company, value: object) -> None:
    holder, other = await guests.pair()
    await holder.send({"m": "chset", "set": {"slowMode": value}})
    assert await holder.told() == ["bad_settings"]
    await other.nothing()


async def test_others_may_not(guests: Company) -> None:
    holder, other = await guests.pair()
    await other.send({"m": "chset", "set": {"slowMode": 5}})
    await other.refused()
    await holder.nothing()


async def test_the_lobby_has_none(guests: Company) -> None:
    person = await guests.enter("lobby", {"slowMode": PATIENT})
    assert [await say(person, f"line {number}") for number in range(3)] == [True] * 3
