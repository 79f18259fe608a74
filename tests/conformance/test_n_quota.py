"""`n` and `nq`: how much one may play (docs/protocol.md 2.1)."""

from __future__ import annotations

import asyncio
import time

from support.presets import STILL, Preset, Quota, only
from support.websocket_clients import Company, House, Message, Person, events, new_address, new_room

LARGEST = 24_000
"""Notes in the largest message: as many as the quota of `quick` allows."""

SMALL = Quota(40, 120)
BRISK = {
    "QUOTA_TICK_MS": "200",
    "QUOTA_NORMAL__ALLOWANCE": str(SMALL.allowance),
    "QUOTA_NORMAL__MAX": str(SMALL.max),
    "QUOTA_HOLDER__MAX": "1000",
}
"""Rules by which ticks come often, and are small enough to count."""

STRICT = {"QUOTA_FORGIVEN_TICKS": "0"}
"""No tick is lent: a class that is larger than the points would be lent one at once."""


def chord(size: int) -> Message:
    return {"m": "n", "t": 1795300001000, "n": [{"n": "c3"}] * size}


async def play(person: Person, count: int) -> None:
    """Play `count` notes in as few messages as hold them."""
    while count > 0:
        await person.send(chord(min(count, LARGEST)))
        count -= LARGEST
    await person.hears()


async def heard(listener: Person) -> int:
    """Return how many notes `listener` has heard since he was last asked."""
    return sum(1 for _ in events([m for m in await listener.hears() if m["m"] == "n"]))


def told_off(person: Person) -> list[str]:
    return [m["text"] for m in person.log if m["m"] == "notification"]


async def test_case_55_a_guest_may_play_the_maximum_at_once(house: House, preset: Preset) -> None:
    listener, guest = await house(**STILL).pair()
    await play(guest, preset.normal.max)
    assert await heard(listener) == preset.normal.max
    assert not told_off(guest)
    await guest.send(chord(1), chord(1))
    await guest.hears()
    assert await heard(listener) == 0
    # Once in five seconds, however often.
    assert told_off(guest) == ["You're playing too fast! Slow down."]


async def test_case_56_the_holder_of_the_crown(house: House, preset: Preset) -> None:
    holder, listener = await house(**STILL, **STRICT).pair()
    # A new user has all that any class allows, and keeps of it what the first one does.
    await play(holder, preset.holder.max)
    assert await heard(listener) == preset.holder.max
    await play(holder, 1)
    assert await heard(listener) == 0


async def test_case_56_a_special_room(house: House, preset: Preset) -> None:
    company, room = house(**STILL), f"test/{new_room()}"
    listener, guest = [await company.enter(room, address=new_address()) for _ in range(2)]
    await listener.hears()
    await play(guest, preset.lobby.max)
    assert await heard(listener) == preset.lobby.max
    await play(guest, 1)
    assert await heard(listener) == 0


async def test_case_56_another_class_fills_nothing(house: House) -> None:
    company = house(**STILL, **STRICT)
    holder, guest = await company.pair()
    await play(guest, 100)
    await heard(holder)
    points = guest.preset.normal.max - 100
    await holder.send({"m": "chown", "id": guest.id})
    await guest.expect("ch")
    await holder.hears()
    await play(guest, points)
    assert await heard(holder) == points
    await play(guest, 1)
    assert await heard(holder) == 0


@only("net")
async def test_case_56_a_walk_through_rooms_fills_nothing(house: House, preset: Preset) -> None:
    company = house(**STILL, **STRICT)
    listener, guest = await company.pair()
    await play(guest, preset.normal.max - 50)
    await heard(listener)
    for room in ("lobby", new_room(), listener.room):
        await guest.join(room)
    assert guest.log[-1] == preset.normal.nq | {"tick": 60_000}
    await listener.hears()
    await play(guest, 50)
    assert await heard(listener) == 50
    await play(guest, 1)
    assert await heard(listener) == 0


@only("net")
async def test_case_56_a_larger_class_rises_by_ticks(house: House) -> None:
    company = house(**BRISK)
    holder, listener = await company.pair()
    await play(holder, SMALL.max)
    await heard(listener)
    # Eight ticks and a half bring eight allowances, to a maximum that a guest has not.
    await asyncio.sleep(1.7)
    await play(holder, SMALL.max + SMALL.allowance)
    assert await heard(listener) == SMALL.max + SMALL.allowance


async def test_case_56_another_room_of_the_same_class_brings_nothing(
    house: House, preset: Preset
) -> None:
    company = house(**STILL)
    (_, guest), (listener, _) = await company.pair(), await company.pair()
    await play(guest, preset.normal.max)
    await guest.join(listener.room)
    await listener.hears()
    await play(guest, 1)
    assert await heard(listener) == 0


async def test_case_55_one_quota_for_all_tabs_and_connections(house: House, preset: Preset) -> None:
    company = house(**STILL)
    rooms = [new_room(), new_room(), new_room()]
    listeners = [await company.enter(room, address=new_address()) for room in rooms]
    guest = await company.enter(rooms[0], address=new_address())
    tab = await company.tab(guest, rooms[1])
    await play(guest, preset.normal.max)
    assert await heard(listeners[0]) == preset.normal.max
    await play(tab, 1)
    assert await heard(listeners[1]) == 0
    await guest.leave()
    await tab.leave()
    again = await company.enter(rooms[2], address=guest.address)
    assert again.id == guest.id
    await play(again, 1)
    assert await heard(listeners[2]) == 0


async def test_case_55_a_reconnect_refills_nothing(house: House, preset: Preset) -> None:
    company, room = house(**STILL), new_room()
    listener = await company.enter(room, address=new_address())
    guest = await company.enter(room, address=new_address())
    await play(guest, preset.normal.max - 3)
    assert await heard(listener) == preset.normal.max - 3
    for _ in range(3):
        await guest.vanish()
        await listener.expect("bye")
        guest = await company.enter(room, address=guest.address)
        await play(guest, 1)
        assert await heard(listener) == 1
    await play(guest, 1)
    assert await heard(listener) == 0


async def test_case_57_more_notes_than_the_maximum_are_dropped_whole(house: House) -> None:
    listener, guest = await house(**BRISK).pair()
    await play(guest, SMALL.max + 1)
    assert await heard(listener) == 0
    assert len(told_off(guest)) == 1
    # It cost nothing.
    await play(guest, SMALL.max)
    assert await heard(listener) == SMALL.max


async def test_case_57_senseless_notes_cost_as_much_as_any(house: House, preset: Preset) -> None:
    listener, guest = await house(**STILL).pair()
    half = preset.normal.max // 2
    await guest.send({"m": "n", "t": 1, "n": [{"n": "c3"}] + [None] * (half - 1)})
    await guest.nothing()
    assert await heard(listener) == 1
    await play(guest, preset.normal.max - half)
    assert await heard(listener) == preset.normal.max - half
    await play(guest, 1)
    assert await heard(listener) == 0


async def test_case_57_messages_that_are_bad_as_a_whole_cost_nothing(
    house: House, preset: Preset
) -> None:
    listener, guest = await house(**STILL).pair()
    for _ in range(20):
        await guest.send({"m": "n", "t": "now", "n": [{"n": "c3"}] * 3000}, {"m": "n", "t": 1})
    await guest.hears()
    await play(guest, preset.normal.max)
    assert await heard(listener) == preset.normal.max


async def test_case_55_points_come_back(house: House) -> None:
    listener, guest = await house(**BRISK).pair()
    await play(guest, SMALL.max)
    await heard(listener)
    await asyncio.sleep(0.25)
    await play(guest, SMALL.allowance)
    assert await heard(listener) == SMALL.allowance
    await asyncio.sleep(0.85)
    await play(guest, SMALL.max)
    assert await heard(listener) == SMALL.max


@only("net")
async def test_case_55_the_allowance_for_ever_is_never_refused(house: House) -> None:
    listener, guest = await house(**BRISK).pair()
    begin, played = time.monotonic(), 0
    while (seconds := time.monotonic() - begin) < 1.2:
        due = int(seconds / 0.2 * SMALL.allowance) - played
        if due > 0:
            await guest.send(chord(due))
            played += due
        await asyncio.sleep(0.02)
    await guest.nothing()
    assert await heard(listener) == played


@only("net")
async def test_case_55_who_never_pauses_pays_more(house: House) -> None:
    listener, guest = await house(**BRISK).pair()
    begin = time.monotonic()
    while time.monotonic() - begin < 1:
        await guest.send(*[chord(1)] * SMALL.allowance)
        await asyncio.sleep(0.03)
    await heard(listener)
    begin = time.monotonic()
    while (seconds := time.monotonic() - begin) < 1:
        await guest.send(*[chord(1)] * SMALL.allowance)
        await asyncio.sleep(0.03)
    # One note for each tick, where patience would get the whole allowance.
    assert 3 <= await heard(listener) <= seconds / 0.2 + 2


@only("net")
async def test_case_55_a_tick_that_comes_late_is_forgiven(house: House) -> None:
    """A client whose clock is ahead has its points a little before the server gives them."""
    listener, guest = await house(**BRISK).pair()
    await play(guest, SMALL.max // 2)
    # Now a tick has found him not full.
    await asyncio.sleep(0.25)
    await heard(listener)
    await play(guest, SMALL.max)
    assert await heard(listener) == SMALL.max
    # He has at least what he had, and what the next tick brings.
    await guest.send(*[chord(1)] * (3 * SMALL.allowance))
    await guest.hears()
    assert 0 < await heard(listener) <= 2 * SMALL.allowance


async def test_case_44_nq_follows_the_crown(guests: Company, preset: Preset) -> None:
    holder, other = await guests.pair()
    await holder.send({"m": "chown", "id": other.id})
    quotas = [
        [message for message in await person.hears() if message["m"] == "nq"]
        for person in (holder, other)
    ]
    # It is told where it differs.
    differs = preset.holder != preset.normal
    assert quotas == ([[preset.normal.nq], [preset.holder.nq]] if differs else [[], []])
