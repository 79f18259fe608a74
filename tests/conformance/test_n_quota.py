"""`n` and `nq`: how much one may play (docs/protocol.md 2.1)."""

from __future__ import annotations

import asyncio
import time

import pytest

from support.presets import STILL, Preset, Quota, only
from support.websocket_clients import (
    Client,
    Clients,
    ClientsFactory,
    Message,
    events,
    new_address,
    new_room,
)

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


async def play(client: Client, count: int) -> None:
    """Play `count` notes in as few messages as hold them."""
    while count > 0:
        await client.send(chord(min(count, LARGEST)))
        count -= LARGEST
    await client.received()


async def received_notes(listener: Client) -> int:
    """Return how many notes `listener` has received since the last call."""
    return sum(1 for _ in events([m for m in await listener.received() if m["m"] == "n"]))


def notices(client: Client) -> list[str]:
    return [m["text"] for m in client.log if m["m"] == "notification"]


@pytest.mark.case(55)
async def test_a_guest_may_play_the_maximum_at_once(
    clients_with: ClientsFactory, preset: Preset
) -> None:
    listener, guest = await clients_with(**STILL).pair()
    await play(guest, preset.normal.max)
    assert await received_notes(listener) == preset.normal.max
    assert not notices(guest)
    await guest.send(chord(1), chord(1))
    await guest.received()
    assert await received_notes(listener) == 0
    # Once in five seconds, however often.
    assert notices(guest) == ["You're playing too fast! Slow down."]


@pytest.mark.case(56)
async def test_the_holder_has_the_holders_quota(
    clients_with: ClientsFactory, preset: Preset
) -> None:
    holder, listener = await clients_with(**STILL, **STRICT).pair()
    # A new user has all that any class allows, and keeps of it what the first one does.
    await play(holder, preset.holder.max)
    assert await received_notes(listener) == preset.holder.max
    await play(holder, 1)
    assert await received_notes(listener) == 0


@pytest.mark.case(56)
async def test_special_rooms_have_their_own_quota(
    clients_with: ClientsFactory, preset: Preset
) -> None:
    clients, room = clients_with(**STILL), f"test/{new_room()}"
    listener, guest = [await clients.enter(room, address=new_address()) for _ in range(2)]
    await listener.received()
    await play(guest, preset.lobby.max)
    assert await received_notes(listener) == preset.lobby.max
    await play(guest, 1)
    assert await received_notes(listener) == 0


@pytest.mark.case(56)
async def test_another_class_refills_no_points(clients_with: ClientsFactory) -> None:
    clients = clients_with(**STILL, **STRICT)
    holder, guest = await clients.pair()
    await play(guest, 100)
    await received_notes(holder)
    points = guest.preset.normal.max - 100
    await holder.send({"m": "chown", "id": guest.id})
    await guest.expect("ch")
    await holder.received()
    await play(guest, points)
    assert await received_notes(holder) == points
    await play(guest, 1)
    assert await received_notes(holder) == 0


@only("net")
@pytest.mark.case(56)
async def test_changing_rooms_refills_no_points(
    clients_with: ClientsFactory, preset: Preset
) -> None:
    clients = clients_with(**STILL, **STRICT)
    listener, guest = await clients.pair()
    await play(guest, preset.normal.max - 50)
    await received_notes(listener)
    for room in ("lobby", new_room(), listener.room):
        await guest.join(room)
    assert guest.log[-1] == preset.normal.nq | {"tick": 60_000}
    await listener.received()
    await play(guest, 50)
    assert await received_notes(listener) == 50
    await play(guest, 1)
    assert await received_notes(listener) == 0


@only("net")
@pytest.mark.case(56)
async def test_a_larger_class_rises_by_ticks(clients_with: ClientsFactory) -> None:
    clients = clients_with(**BRISK)
    holder, listener = await clients.pair()
    await play(holder, SMALL.max)
    await received_notes(listener)
    # Eight ticks and a half add eight allowances, up to a maximum that only the holder has.
    await asyncio.sleep(1.7)
    await play(holder, SMALL.max + SMALL.allowance)
    assert await received_notes(listener) == SMALL.max + SMALL.allowance


@pytest.mark.case(56)
async def test_another_room_of_the_same_class_refills_no_points(
    clients_with: ClientsFactory, preset: Preset
) -> None:
    clients = clients_with(**STILL)
    (_, guest), (listener, _) = await clients.pair(), await clients.pair()
    await play(guest, preset.normal.max)
    await guest.join(listener.room)
    await listener.received()
    await play(guest, 1)
    assert await received_notes(listener) == 0


@pytest.mark.one_node("each process keeps a quota for its own sockets; rooms apart share none")
@pytest.mark.case(55)
async def test_all_tabs_of_a_user_share_one_quota(
    clients_with: ClientsFactory, preset: Preset
) -> None:
    clients = clients_with(**STILL)
    rooms = [new_room(), new_room(), new_room()]
    listeners = [await clients.enter(room, address=new_address()) for room in rooms]
    guest = await clients.enter(rooms[0], address=new_address())
    tab = await clients.tab(guest, rooms[1])
    await play(guest, preset.normal.max)
    assert await received_notes(listeners[0]) == preset.normal.max
    await play(tab, 1)
    assert await received_notes(listeners[1]) == 0
    await guest.leave()
    await tab.leave()
    again = await clients.enter(rooms[2], address=guest.address)
    assert again.id == guest.id
    await play(again, 1)
    assert await received_notes(listeners[2]) == 0


@pytest.mark.one_node("each process remembers the quotas of those who were connected to it")
@pytest.mark.case(55)
async def test_a_reconnect_refills_nothing(clients_with: ClientsFactory, preset: Preset) -> None:
    clients, room = clients_with(**STILL), new_room()
    listener = await clients.enter(room, address=new_address())
    guest = await clients.enter(room, address=new_address())
    await play(guest, preset.normal.max - 3)
    assert await received_notes(listener) == preset.normal.max - 3
    for _ in range(3):
        await guest.vanish()
        await listener.expect("bye")
        guest = await clients.enter(room, address=guest.address)
        await play(guest, 1)
        assert await received_notes(listener) == 1
    await play(guest, 1)
    assert await received_notes(listener) == 0


@pytest.mark.case(57)
async def test_more_notes_than_the_maximum_are_dropped_whole(
    clients_with: ClientsFactory,
) -> None:
    listener, guest = await clients_with(**BRISK).pair()
    await play(guest, SMALL.max + 1)
    assert await received_notes(listener) == 0
    assert len(notices(guest)) == 1
    # The refused message cost nothing.
    await play(guest, SMALL.max)
    assert await received_notes(listener) == SMALL.max


@pytest.mark.case(57)
async def test_senseless_notes_cost_as_much_as_others(
    clients_with: ClientsFactory, preset: Preset
) -> None:
    listener, guest = await clients_with(**STILL).pair()
    half = preset.normal.max // 2
    await guest.send({"m": "n", "t": 1, "n": [{"n": "c3"}] + [None] * (half - 1)})
    await guest.assert_silent()
    assert await received_notes(listener) == 1
    await play(guest, preset.normal.max - half)
    assert await received_notes(listener) == preset.normal.max - half
    await play(guest, 1)
    assert await received_notes(listener) == 0


@pytest.mark.case(57)
async def test_messages_that_are_refused_whole_cost_nothing(
    clients_with: ClientsFactory, preset: Preset
) -> None:
    listener, guest = await clients_with(**STILL).pair()
    for _ in range(20):
        await guest.send({"m": "n", "t": "now", "n": [{"n": "c3"}] * 3000}, {"m": "n", "t": 1})
    await guest.received()
    await play(guest, preset.normal.max)
    assert await received_notes(listener) == preset.normal.max


@pytest.mark.case(55)
async def test_points_come_back_with_ticks(clients_with: ClientsFactory) -> None:
    listener, guest = await clients_with(**BRISK).pair()
    await play(guest, SMALL.max)
    await received_notes(listener)
    await asyncio.sleep(0.25)
    await play(guest, SMALL.allowance)
    assert await received_notes(listener) == SMALL.allowance
    await asyncio.sleep(0.85)
    await play(guest, SMALL.max)
    assert await received_notes(listener) == SMALL.max


@only("net")
@pytest.mark.case(55)
async def test_playing_at_the_allowance_is_never_refused(
    clients_with: ClientsFactory,
) -> None:
    listener, guest = await clients_with(**BRISK).pair()
    begin, played = time.monotonic(), 0
    while (seconds := time.monotonic() - begin) < 1.2:
        due = int(seconds / 0.2 * SMALL.allowance) - played
        if due > 0:
            await guest.send(chord(due))
            played += due
        await asyncio.sleep(0.02)
    await guest.assert_silent()
    assert await received_notes(listener) == played


@only("net")
@pytest.mark.case(55)
async def test_a_player_who_never_pauses_pays_more(clients_with: ClientsFactory) -> None:
    listener, guest = await clients_with(**BRISK).pair()
    for _ in range(10):
        # The first second uses up all that is left; a pause of this machine gives points back.
        longest = await _play_without_pause(guest)
        await received_notes(listener)
        begin = time.monotonic()
        longest = max(longest, await _play_without_pause(guest))
        seconds = time.monotonic() - begin
        notes = await received_notes(listener)
        if longest < 0.2:
            # One note for each tick, where patience would get the whole allowance.
            assert 3 <= notes <= seconds / 0.2 + 2
            return
    pytest.fail("this machine pauses too often")


async def _play_without_pause(guest: Client) -> float:
    """Play for a second; return the longest pause between two messages."""
    begin = last = time.monotonic()
    longest = 0.0
    while last - begin < 1:
        await guest.send(*[chord(1)] * SMALL.allowance)
        await asyncio.sleep(0.03)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    return longest


@only("net")
@pytest.mark.case(55)
async def test_a_client_whose_clock_is_ahead_may_play_a_little_early(
    clients_with: ClientsFactory,
) -> None:
    """A client whose clock is ahead has its points a little before the server gives them."""
    listener, guest = await clients_with(**BRISK).pair()
    await play(guest, SMALL.max // 2)
    # Now a tick has come while points were missing.
    await asyncio.sleep(0.25)
    await received_notes(listener)
    await play(guest, SMALL.max)
    assert await received_notes(listener) == SMALL.max
    # At least the old points are left, and what the next tick adds.
    await guest.send(*[chord(1)] * (3 * SMALL.allowance))
    await guest.received()
    assert 0 < await received_notes(listener) <= 2 * SMALL.allowance


@pytest.mark.case(44)
async def test_nq_follows_the_crown(clients: Clients, preset: Preset) -> None:
    holder, other = await clients.pair()
    await holder.send({"m": "chown", "id": other.id})
    quotas = [
        [message for message in await client.received() if message["m"] == "nq"]
        for client in (holder, other)
    ]
    # `nq` comes only if the quota differs.
    differs = preset.holder != preset.normal
    assert quotas == ([[preset.normal.nq], [preset.holder.nq]] if differs else [[], []])
