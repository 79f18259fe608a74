"""The crown of a holder who leaves: passed on (`quick`) or free (`net`) (docs/protocol.md 2.3)."""

from __future__ import annotations

import asyncio
import time

import pytest

from support.presets import HURRIED, only
from support.websocket_clients import Client, Clients, ClientsFactory, new_address, new_room

WAYS = pytest.mark.parametrize("how", ["close", "reset", "switch"])


async def go(client: Client, how: str) -> None:
    """Leave the room in one of several ways."""
    match how:
        case "close":
            await client.leave()
        case "reset":
            await client.vanish()
        case _:
            await client.join(new_room())


@only("quick")
@WAYS
@pytest.mark.case(48)
async def test_the_crown_passes_to_the_participant_with_the_longest_stay(
    clients: Clients, how: str
) -> None:
    first, second, third = await clients.group(3)
    await go(first, how)
    for left in (second, third):
        ch = await left.expect("ch")
        assert ch["ch"]["crown"]["participantId"] == ch["ch"]["crown"]["userId"] == second.id
        assert sorted(p["_id"] for p in ch["ppl"]) == sorted([second.id, third.id])
        await left.assert_silent()


@only("quick")
@pytest.mark.case(48)
async def test_the_longest_stay_counts_from_the_last_join(clients: Clients) -> None:
    first, second, third = await clients.group(3)
    room = first.room
    # The second's stay begins anew, so the third has been there longest.
    await second.join(new_room())
    await second.join(room)
    await third.received()
    await first.join(new_room())
    for left in (second, third):
        assert (await left.expect("ch"))["ch"]["crown"]["participantId"] == third.id
    # The first does not get it back by returning.
    assert (await first.join(room))["ch"]["crown"]["participantId"] == third.id


@only("quick")
@pytest.mark.case(48)
async def test_the_crown_passes_on_until_the_room_is_empty(clients: Clients) -> None:
    people = await clients.group(4)
    while len(people) > 1:
        await people.pop(0).leave()
        for left in people:
            ch = await left.expect("ch")
            assert ch["ch"]["crown"]["participantId"] == people[0].id
            assert ch["ch"]["count"] == len(people)


@only("quick")
@pytest.mark.case(48)
async def test_a_dropped_crown_stays_when_its_last_holder_leaves(clients: Clients) -> None:
    holder, other, third = await clients.group(3)
    await holder.send({"m": "chown"})
    for client in (other, third):
        await client.expect("ch")
    await holder.leave()
    # The last holder left without the crown: one `bye`.
    for left in (other, third):
        assert await left.expect("bye") == {"m": "bye", "p": holder.id}
        await left.assert_silent()
    assert "participantId" not in (await other.join(other.room))["ch"]["crown"]


@only("net")
@WAYS
@pytest.mark.case(48)
async def test_the_crown_is_free_when_the_holder_leaves(clients: Clients, how: str) -> None:
    first, second, third = await clients.group(3)
    await first.send({"m": "m", "x": 30, "y": 40})
    for left in (second, third):
        await left.expect("m")
    await go(first, how)
    for left in (second, third):
        ch = await left.expect("ch")
        dropped = ch["ch"]["crown"]
        assert "participantId" not in dropped
        assert dropped["userId"] == first.id
        assert abs(dropped["time"] - time.time() * 1000) < 2000
        assert (float(dropped["startPos"]["x"]), float(dropped["startPos"]["y"])) == (30, 40)
        assert sorted(p["_id"] for p in ch["ppl"]) == sorted([second.id, third.id])
        await left.assert_silent()
    await second.send({"m": "chown", "id": second.id})
    await second.assert_ignored()
    await third.assert_silent()


@only("net")
@pytest.mark.case(48)
async def test_a_holder_who_returns_in_time_has_the_crown_again(
    clients_by_address: Clients, room: str
) -> None:
    holder, other = [await clients_by_address.enter(room, address=new_address()) for _ in range(2)]
    await holder.leave()
    assert "participantId" not in (await other.expect("ch"))["ch"]["crown"]
    again = await clients_by_address.enter(address=holder.address)
    ch = await again.join(room)
    assert ch["ch"]["crown"]["participantId"] == holder.id
    # The others receive both messages.
    heard = await other.received()
    crowns = [m["ch"]["crown"].get("participantId") for m in heard if m["m"] == "ch"]
    assert crowns[-1:] == [holder.id]
    assert again.frames[-1][2] == again.preset.holder.nq


@only("net")
@pytest.mark.case(48)
async def test_the_crown_waits_in_an_empty_room_that_remains(
    clients_by_address: Clients, room: str
) -> None:
    holder = await clients_by_address.enter(room, {"color": "#112233"}, address=new_address())
    await holder.leave()
    ch = await (await clients_by_address.enter(address=holder.address)).join(room)
    assert ch["ch"]["settings"]["color"] == "#112233"
    assert ch["ch"]["crown"]["participantId"] == holder.id


@only("net")
@pytest.mark.case(48)
async def test_others_may_take_a_crown_that_is_free_after_a_while(
    clients_with: ClientsFactory,
) -> None:
    holder, other = await clients_with(**HURRIED).pair()
    await holder.leave()
    await other.expect("ch")
    await asyncio.sleep(0.5)
    await other.send({"m": "chown", "id": other.id})
    assert (await other.expect("ch"))["ch"]["crown"]["participantId"] == other.id


@only("net")
@pytest.mark.case(48)
async def test_a_crown_that_another_took_does_not_return(
    clients_with: ClientsFactory, room: str
) -> None:
    clients_by_address = clients_with(**HURRIED, NODE_ENV="production")
    holder, other = [await clients_by_address.enter(room, address=new_address()) for _ in range(2)]
    await holder.leave()
    await other.expect("ch")
    await asyncio.sleep(0.5)
    await other.send({"m": "chown", "id": other.id})
    await other.expect("ch")
    again = await clients_by_address.enter(address=holder.address)
    assert (await again.join(room))["ch"]["crown"]["participantId"] == other.id


@pytest.mark.case(48)
async def test_a_holder_with_another_tab_keeps_the_crown(
    clients_by_address: Clients, room: str
) -> None:
    holder, other = [await clients_by_address.enter(room, address=new_address()) for _ in range(2)]
    tab = await clients_by_address.tab(holder, room)
    await holder.leave()
    await tab.received()
    await other.assert_silent()
    assert (await other.join(room))["ch"]["crown"]["participantId"] == holder.id
