"""`clearchat`: staff clear the chat of a room (docs/protocol.md 1.3)."""

from __future__ import annotations

from support.websocket_clients import House, new_room


async def test_everybody_in_the_room_forgets_it(house: House) -> None:
    guests = house()
    one, two = await guests.pair()
    elsewhere = await guests.enter(new_room())
    for person in (one, two, elsewhere):
        await person.send({"m": "a", "message": "hello"})
        await person.expect("a")
    staff = await guests.enter(one.room, token=guests.server.tokens["admin"])
    for person in (one, two, staff):
        await person.hears()
    await staff.send({"m": "clearchat"})
    for person in (staff, one, two):
        assert await person.hears() == [{"m": "c", "c": []}]
    await elsewhere.nothing()
    newcomer = await guests.enter(one.room)
    assert newcomer.frames[-1][1] == {"m": "c", "c": []}
    again = await guests.enter(elsewhere.room)
    assert [line["a"] for line in again.frames[-1][1]["c"]] == ["hello"]


async def test_in_no_room_there_is_nothing_to_clear(house: House) -> None:
    guests = house()
    staff = await guests.enter(token=guests.server.tokens["admin"])
    await staff.send({"m": "clearchat"})
    await staff.nothing()
