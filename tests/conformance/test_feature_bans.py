"""`bans`: who may not come into a room, for who rules it."""

from __future__ import annotations

import pytest

from support.presets import Preset
from support.websocket_clients import Client, Clients, new_address

MINUTE = 60_000


async def listed(client: Client) -> dict[str, int]:
    """Return the bans of the room that a client moderates: users and the times of their end."""
    await client.send({"m": "bans"})
    (answer,) = await client.received()
    assert answer.keys() == {"m", "_id", "bans"}
    assert (answer["m"], answer["_id"]) == ("bans", client.room)
    assert all(ban.keys() == {"_id", "name", "until"} for ban in answer["bans"])
    return {ban["_id"]: ban["until"] for ban in answer["bans"]}


async def ban(holder: Client, other: Client, ms: float = MINUTE) -> None:
    """Ban a client, and receive the messages about it."""
    await holder.send({"m": "kickban", "_id": other.id, "ms": ms})
    await holder.received_until_notice()


async def test_nobody_is_banned_by_default(clients: Clients) -> None:
    holder, other = await clients.pair()
    assert await listed(holder) == {}
    await other.assert_silent()


async def test_names_and_times(clients: Clients) -> None:
    holder, bea, cem, other = await clients.group(4)
    await bea.send({"m": "userset", "set": {"name": "Bea"}})
    for client in (bea, holder, other):
        await client.received()
    now = (await other.hello())["t"]
    await ban(holder, bea)
    await ban(holder, cem, 2 * MINUTE)
    later = (await other.hello())["t"]
    await holder.send({"m": "bans"})
    bans = {entry["_id"]: entry for entry in (await holder.expect("bans"))["bans"]}
    assert {entry["_id"]: entry["name"] for entry in bans.values()} == {
        bea.id: "Bea",
        cem.id: "Anonymous",
    }
    assert now <= bans[bea.id]["until"] - MINUTE <= later
    assert now <= bans[cem.id]["until"] - 2 * MINUTE <= later
    # The answer is for who asked.
    assert "bans" not in {message["m"] for message in await other.received()}


async def test_the_name_of_who_is_gone(clients_by_address: Clients, room: str) -> None:
    holder = await clients_by_address.enter(room, address=new_address())
    other = await clients_by_address.enter(room, address=new_address())
    await other.send({"m": "userset", "set": {"name": "Bea"}})
    await other.received()
    await ban(holder, other)
    await other.leave()
    await holder.send({"m": "bans"})
    assert [entry["name"] for entry in (await holder.expect("bans"))["bans"]] == ["Bea"]


async def test_a_ban_that_is_lifted_is_gone(clients: Clients) -> None:
    holder, bea, cem = await clients.group(3)
    await ban(holder, bea)
    await ban(holder, cem)
    await holder.send({"m": "unban", "_id": bea.id})
    assert (await listed(holder)).keys() == {cem.id}


async def test_a_ban_that_has_ended_is_gone(clients: Clients) -> None:
    holder, other = await clients.pair()
    await ban(holder, other, 1)
    # A clock of milliseconds: this asks once or twice. Ten at once are not too fast.
    for _ in range(8):
        if not await listed(holder):
            break
    else:
        pytest.fail("a millisecond did not pass")


async def test_throwing_out_is_no_ban(clients: Clients) -> None:
    holder, other = await clients.pair()
    await ban(holder, other, 0)
    assert await listed(holder) == {}


async def test_the_last_ban_counts(clients: Clients, preset: Preset) -> None:
    holder, other = await clients.pair()
    await ban(holder, other)
    first = (await listed(holder))[other.id]
    await ban(holder, other, preset.ceiling_ms * 2)
    second = (await listed(holder))[other.id]
    assert preset.ceiling_ms - MINUTE <= second - first < preset.ceiling_ms


async def test_each_room_has_its_own(clients: Clients) -> None:
    holder, other = await clients.pair()
    neighbour, _ = await clients.pair()
    await ban(holder, other)
    assert await listed(neighbour) == {}


async def test_others_do_not_see_them(clients: Clients) -> None:
    holder, other, third = await clients.group(3)
    await ban(holder, third)
    await other.received()
    await other.send({"m": "bans"}, {"m": "bans"})
    await other.refusal()
    await holder.assert_silent()


@pytest.mark.parametrize("special", ["lobby", "test/bans"])
async def test_special_rooms_have_none(clients: Clients, special: str) -> None:
    client = await clients.enter(special)
    await client.received()
    await client.send({"m": "bans"})
    await client.assert_ignored()


async def test_nobody_asks_from_nowhere(clients: Clients) -> None:
    client = await clients.enter()
    await client.send({"m": "bans"})
    await client.assert_silent()
