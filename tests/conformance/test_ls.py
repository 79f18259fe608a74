"""`+ls` and `-ls`: the list of rooms (docs/protocol.md 1.3, 1.4)."""

from __future__ import annotations

import asyncio

import pytest

from support.presets import HURRIED, Preset
from support.websocket_clients import (
    Client,
    Clients,
    ClientsFactory,
    Message,
    new_address,
    new_room,
)


async def subscribe(client: Client) -> dict[str, Message]:
    """Ask for the list and return its rooms by name."""
    await client.send({"m": "+ls"})
    reply = await client.expect("ls", where=lambda ls: ls["c"] is True)
    rooms = {room["_id"]: room for room in reply["u"]}
    assert len(rooms) == len(reply["u"])
    return rooms


async def entry(client: Client, room: str, count: int) -> Message:
    """Wait for a partial list that gives `room` this count; return its entry."""

    def entries(ls: Message) -> list[Message]:
        return [r for r in ls["u"] if r["_id"] == room and r["count"] == count]

    reply = await client.expect("ls", where=lambda ls: bool(entries(ls)))
    assert reply["c"] is False
    (found,) = entries(reply)
    return found


@pytest.mark.case(71)
async def test_the_whole_list_comes_first(clients: Clients, room: str) -> None:
    client = await clients.enter(room)
    settings = (await client.join(room))["ch"]["settings"]
    watcher = await clients.enter()
    rooms = await subscribe(watcher)
    for name, info in rooms.items():
        assert info["id"] == name
        assert isinstance(info["count"], int)
        assert info["settings"]["visible"] is True
        assert ("crown" in info) is not bool(info["settings"].get("lobby"))
        assert not info.get("banned")
    assert rooms[room]["count"] == 1
    assert rooms[room]["settings"] == settings
    assert rooms[room]["crown"]["participantId"] == client.id
    # These two are always there.
    assert {"lobby", "test/awkward"} <= rooms.keys()


@pytest.mark.case(71)
async def test_changes_follow_the_whole_list(clients: Clients, room: str, preset: Preset) -> None:
    watcher = await clients.enter()
    await subscribe(watcher)
    client = await clients.enter(room)
    info = await entry(watcher, room, 1)
    assert info["id"] == room
    assert info["settings"]["color"] == "#3b5054"
    assert info["crown"]["participantId"] == client.id
    other = await clients.enter(room)
    await entry(watcher, room, 2)
    await client.leave()
    info = await entry(watcher, room, 1)
    assert info["crown"].get("participantId") == (None if preset.crown_falls else other.id)


@pytest.mark.case(71)
async def test_going_to_another_room_changes_both_entries(clients: Clients, room: str) -> None:
    elsewhere = new_room()
    stays, client = await clients.enter(room), await clients.enter(room)
    watcher = await clients.enter()
    assert (await subscribe(watcher))[room]["count"] == 2
    await client.join(elsewhere)
    await stays.received()
    # Both entries may come together or one after the other.
    counts: dict[str, int] = {}
    while counts.get(room) != 1 or counts.get(elsewhere) != 1:
        reply = await watcher.expect("ls", where=lambda ls: ls["c"] is False)
        counts |= {r["_id"]: r["count"] for r in reply["u"]}


@pytest.mark.case(71)
async def test_a_watcher_also_receives_the_changes_of_their_own_room(
    clients: Clients, room: str
) -> None:
    watcher = await clients.enter()
    await subscribe(watcher)
    await watcher.join(room)
    await entry(watcher, room, 1)


@pytest.mark.case(71)
async def test_no_changes_come_after_minus_ls(clients: Clients, room: str) -> None:
    watcher, leaver = await clients.enter(), await clients.enter()
    await subscribe(watcher)
    await subscribe(leaver)
    await leaver.send({"m": "-ls"})
    await leaver.received()
    await clients.enter(room)
    await entry(watcher, room, 1)
    await leaver.assert_silent()


@pytest.mark.case(71)
async def test_each_plus_ls_gets_a_whole_list(clients: Clients, room: str) -> None:
    await clients.enter(room)
    watcher = await clients.enter()
    assert room in await subscribe(watcher)
    assert room in await subscribe(watcher)
    await watcher.send({"m": "-ls"}, {"m": "-ls"})
    assert room in await subscribe(watcher)
    # A second subscription brings nothing twice.
    elsewhere = new_room()
    await clients.enter(elsewhere)
    await entry(watcher, elsewhere, 1)
    again = [m for m in await watcher.received() if m["m"] == "ls"]
    assert not [r for ls in again for r in ls["u"] if r["_id"] == elsewhere]


@pytest.mark.case(71)
async def test_hidden_rooms_are_never_listed(clients: Clients, room: str) -> None:
    watcher = await clients.enter()
    await subscribe(watcher)
    await clients.enter(room, {"visible": False})
    last = new_room()
    await clients.enter(last)
    await entry(watcher, last, 1)
    assert room not in await subscribe(watcher)
    listed = [r["_id"] for m in watcher.log if m["m"] == "ls" for r in m["u"]]
    assert room not in listed


@pytest.mark.parametrize("how", ["close", "reset", "switch"])
@pytest.mark.case(72)
async def test_an_empty_room_is_listed_with_count_0(
    clients: Clients, room: str, how: str, preset: Preset
) -> None:
    client, watcher = await clients.enter(room), await clients.enter()
    await subscribe(watcher)
    match how:
        case "close":
            await client.leave()
        case "reset":
            await client.vanish()
        case _:
            await client.join(new_room())
    await entry(watcher, room, 0)
    # Where it lives on for a moment it may be in the list, with nobody in it.
    rooms = await subscribe(watcher)
    assert room not in rooms or (preset.rooms_linger and rooms[room]["count"] == 0)


@pytest.mark.case(72)
async def test_a_room_that_is_gone_is_listed_only_once(
    clients_with: ClientsFactory, room: str
) -> None:
    clients = clients_with(**HURRIED)
    client, watcher = await clients.enter(room), await clients.enter()
    await subscribe(watcher)
    await client.leave()
    await entry(watcher, room, 0)
    # Something that comes after it is gone for good, and could be the second time.
    await asyncio.sleep(0.5)
    elsewhere = new_room()
    await clients.enter(elsewhere)
    await entry(watcher, elsewhere, 1)
    assert room not in await subscribe(watcher)
    told = [r for m in watcher.log if m["m"] == "ls" for r in m["u"] if r["_id"] == room]
    assert [r["count"] for r in told] == [1, 0]


@pytest.mark.case(71)
async def test_changes_of_the_room_list_are_collected(clients: Clients, room: str) -> None:
    watcher, holder = await clients.enter(), await clients.enter(room)
    await subscribe(watcher)
    for number in range(10):
        await holder.send({"m": "chset", "set": {"limit": 80 + number}})
    last = await watcher.expect(
        "ls", where=lambda ls: any(r["settings"].get("limit") == 89 for r in ls["u"])
    )
    partial = [m for m in watcher.log if m["m"] == "ls" and m["c"] is False]
    # One list in 250 ms, and the room once in it.
    assert len(partial) <= 3
    assert [r["_id"] for r in last["u"]].count(room) == 1


@pytest.mark.case(71)
async def test_a_room_that_hides_is_listed_as_gone(clients: Clients) -> None:
    watcher = await clients.enter()
    holder, _ = await clients.pair()
    await subscribe(watcher)
    await holder.send({"m": "chset", "set": {"visible": False}})
    await entry(watcher, holder.room, 0)
    await holder.send({"m": "chset", "set": {"visible": True}})
    await entry(watcher, holder.room, 2)


@pytest.mark.case(73)
async def test_only_banned_users_see_banned_in_the_list(
    clients_by_address: Clients, room: str
) -> None:
    holder = await clients_by_address.enter(room, address=new_address())
    banned, other = [await clients_by_address.enter(address=new_address()) for _ in range(2)]
    for client in (banned, other):
        await subscribe(client)
    await holder.send({"m": "kickban", "_id": banned.id, "ms": 60_000})
    await holder.expect("notification")
    if await holder.server.barrier():
        await asyncio.sleep(1)  # the time in which other nodes read bans
    for client, is_banned in ((banned, True), (other, False), (holder, False)):
        assert bool((await subscribe(client))[room].get("banned")) is is_banned
    # Also in what changes later.
    await holder.send({"m": "chset", "set": {"color": "#112233"}})
    for client, is_banned in ((banned, True), (other, False)):

        def changed(ls: Message) -> bool:
            return any(r["settings"]["color"] == "#112233" for r in ls["u"])

        reply = await client.expect("ls", where=changed)
        (info,) = (r for r in reply["u"] if r["_id"] == room)
        assert bool(info.get("banned")) is is_banned
    await holder.send({"m": "unban", "_id": banned.id})
    await holder.received()
    if await holder.server.barrier():
        await asyncio.sleep(1)  # the time in which other nodes read bans
    assert not (await subscribe(banned))[room].get("banned")


async def test_bots_with_a_token_see_who_is_where(clients_by_address: Clients, room: str) -> None:
    holder = await clients_by_address.enter(room, address=new_address())
    secret = await clients_by_address.enter(new_room(), {"noindex": True}, address=new_address())
    bot = await clients_by_address.enter(
        address=new_address(), token=clients_by_address.server.tokens["bot"]
    )
    listed = await subscribe(bot)
    assert [user["_id"] for user in listed[room]["ppl"]] == [holder.id]
    assert listed[secret.room]["count"] == 1
    assert "ppl" not in listed[secret.room]
    other = await clients_by_address.enter(room, address=new_address())
    told = await entry(bot, room, 2)
    assert [user["_id"] for user in told["ppl"]] == [holder.id, other.id]
    # Their owner may ask them not to look.
    await holder.send({"m": "chset", "set": {"noindex": True}})
    await other.leave()
    assert "ppl" not in await entry(bot, room, 1)
    # No other client gets the field.
    assert all("ppl" not in room for room in (await subscribe(holder)).values())
