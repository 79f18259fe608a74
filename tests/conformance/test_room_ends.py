"""Rooms that end while somebody enters or leaves: the list and the people in it (1.4, 1.5)."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from support.websocket_clients import Client, ClientsFactory, Message, new_address, new_room


def rows(heard: list[Message], room: str) -> list[Message]:
    """Return the entries of one room in the list and its changes."""
    return [row for m in heard if m["m"] == "ls" for row in m["u"] if row["_id"] == room]


async def reader_of_the_list(clients_with: ClientsFactory) -> Client:
    reader = await clients_with().enter()
    await reader.send({"m": "+ls"})
    await reader.expect("ls")
    return reader


async def until_told(reader: Client, room: str, count: int) -> list[Message]:
    """Return the entries of a room in the list, up to the one with this count."""
    start = len(reader.log)
    await reader.expect(
        "ls", where=lambda m: any(one["count"] == count for one in rows([m], room)), within=20
    )
    return rows(reader.log[start:], room)


async def test_a_room_that_ends_is_told_once_with_nobody_in_it(
    clients_with: ClientsFactory,
) -> None:
    clients_by_address, reader, room = (
        clients_with(),
        await reader_of_the_list(clients_with),
        new_room(),
    )
    ann = await clients_by_address.enter(room)
    await until_told(reader, room, 1)
    await ann.leave()
    told = await until_told(reader, room, 0)
    assert [one["count"] for one in told] == [0]
    # No entry may follow: clients would show the room again.
    other = await clients_by_address.enter(new_room())
    await until_told(reader, other.room, 1)
    await other.join(new_room())
    await until_told(reader, other.room, 1)
    assert rows(await reader.received(), room) == []
    newcomer = await reader_of_the_list(clients_with)
    # In preset net it is still there for a moment, and seen to be empty.
    assert [one["count"] for one in rows(newcomer.log, room)] in ([], [0])


async def test_whoever_enters_as_a_room_ends_is_in_it_alone(clients_with: ClientsFactory) -> None:
    clients_by_address, reader = clients_with(), await reader_of_the_list(clients_with)
    for _ in range(5):
        room = new_room()
        ann, bea = (
            await clients_by_address.enter(room),
            await clients_by_address.enter(address=new_address()),
        )
        _, joined = await asyncio.gather(ann.vanish(), bea.join(room))
        # In either order the second client is there in the end, and nobody else.
        if joined["ch"]["count"] == 2:
            await bea.expect("ch" if joined["ch"]["crown"]["userId"] == ann.id else "bye")
        told = await clients_by_address.enter()
        await told.send({"m": "+ls"})
        listed = (await told.expect("ls"))["u"]
        assert [one["count"] for one in listed if one["_id"] == room] == [1]
        seen = await told.join(room)
        assert {one["_id"] for one in seen["ppl"]} == {bea.id, told.id}
        await told.leave()
        await bea.leave()
        await until_told(reader, room, 0)
    assert rows(await reader.received(), room) == []


async def test_rooms_that_come_and_go_leave_no_ghosts(clients_with: ClientsFactory) -> None:
    """The changes of the list add up to the whole list, in whatever order they come."""
    clients_by_address, reader = clients_with(), await reader_of_the_list(clients_with)
    names = [new_room() for _ in range(4)]
    people = [await clients_by_address.enter() for _ in range(6)]
    for turn in range(8):
        await asyncio.gather(
            *(
                client.join(names[(turn * (number + 1) + number) % len(names)])
                for number, client in enumerate(people)
            )
        )
    stays, *goes = people
    await asyncio.gather(*(client.vanish() for client in goes))
    end = new_room()
    await stays.join(end)
    await until_told(reader, end, 1)
    if await reader.server.barrier():
        await asyncio.sleep(0.5)  # homes tell of their rooms each by itself
        await reader.received()
    counts: dict[str, int] = defaultdict(int)
    for message in reader.log:
        if message["m"] == "ls":
            counts |= {row["_id"]: row["count"] for row in message["u"]}
    assert {name: counts[name] for name in names} == dict.fromkeys(names, 0)
    fresh = await reader_of_the_list(clients_with)
    listed = {row["_id"]: row["count"] for m in fresh.log if m["m"] == "ls" for row in m["u"]}
    assert {name for name in [*names, end] if listed.get(name)} == {end}
    assert listed[end] == counts[end] == 1


async def test_whoever_is_cut_off_with_keys_down_is_gone_for_the_others(
    clients_with: ClientsFactory,
) -> None:
    """A page ends the notes of who leaves: so they must leave, and nothing of theirs come after."""
    clients_by_address, room = clients_with(), new_room()
    ann = await clients_by_address.enter(room)
    bea = await clients_by_address.enter(room, address=new_address())
    await ann.received()
    now = (await bea.received(), bea.log[-1]["t"])[1]
    held = [{"n": "c3", "v": 0.5}, {"n": "e3", "v": 0.5}, {"n": "g3", "v": 0.5}]
    await bea.send({"m": "n", "t": now, "n": held})
    await ann.expect("n", where=lambda m: m["p"] == bea.id)
    await bea.vanish()
    await ann.expect("bye", where=lambda m: m["p"] == bea.id)
    late = await clients_by_address.enter(room)
    assert bea.id not in {one["_id"] for one in (await late.join(room))["ppl"]}
    assert not [m for m in await ann.received() if m["m"] in ("n", "bye") and m["p"] == bea.id]


async def test_whoever_leaves_for_a_moment_with_keys_down_comes_back_without(
    clients_with: ClientsFactory,
) -> None:
    clients_by_address, room = clients_with(), new_room()
    ann, bea = (
        await clients_by_address.enter(room),
        await clients_by_address.enter(room, address=new_address()),
    )
    now = (await bea.received(), bea.log[-1]["t"])[1]
    await bea.send({"m": "n", "t": now, "n": [{"n": "c3", "v": 0.5}]})
    await ann.expect("n", where=lambda m: m["p"] == bea.id)
    await bea.join(new_room())
    await ann.expect("bye", where=lambda m: m["p"] == bea.id)
    await bea.join(room)
    await ann.expect("p", where=lambda m: m["id"] == bea.id)
    # Pending messages neither reach a newcomer nor come twice: notes are of the moment.
    late = await clients_by_address.enter(room)
    heard = [*await late.received(), *await ann.received(), *await bea.received()]
    assert not [m for m in heard if m["m"] == "n"]
