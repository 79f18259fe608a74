"""`bye`: leaving politely (docs/protocol.md 1.3)."""

from __future__ import annotations

from support.websocket_clients import Company, new_address, new_room


async def test_bye_closes_the_connection(guests: Company, room: str) -> None:
    other, person = await guests.enter(room), await guests.enter(room)
    await other.hears()
    await person.send({"m": "bye"})
    assert await person.closed() == 1000
    assert await other.expect("bye") == {"m": "bye", "p": person.id}
    await other.nothing()


async def test_nothing_after_it_in_the_frame_is_handled(guests: Company, room: str) -> None:
    other, person = await guests.enter(room), await guests.enter(room)
    await other.hears()
    await person.send(
        {"m": "a", "message": "last words"},
        {"m": "bye"},
        {"m": "a", "message": "a ghost"},
        {"m": "n", "t": 1, "n": [{"n": "c3"}]},
        {"m": "ch", "_id": new_room()},
    )
    assert await person.closed() == 1000
    await other.expect("bye")
    await other.nothing()
    said = [message["a"] for message in other.log if message["m"] == "a"]
    assert said == ["last words"]
    assert [message["m"] for message in person.log if message["m"] != "t"][-1] == "a"


async def test_the_other_tab_stays(family: Company, room: str) -> None:
    other = await family.enter(room, address=new_address())
    person = await family.enter(room, address=new_address())
    tab = await family.tab(person, room)
    await other.hears()
    await person.send({"m": "bye"})
    assert await person.closed() == 1000
    await tab.nothing()
    await other.nothing()
