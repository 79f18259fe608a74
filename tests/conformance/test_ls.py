"""`+ls` and `-ls`: the list of rooms (docs/protocol.md 1.3, 1.4)."""

from __future__ import annotations

import pytest

from support.people import Company, Message, Person, new_room


async def subscribe(person: Person) -> dict[str, Message]:
    """Ask for the list and return its rooms by name."""
    await person.send({"m": "+ls"})
    reply = await person.expect("ls", where=lambda ls: ls["c"] is True)
    rooms = {room["_id"]: room for room in reply["u"]}
    assert len(rooms) == len(reply["u"])
    return rooms


async def entry(person: Person, room: str, count: int) -> Message:
    """Wait for a partial list that gives `room` this count; return its entry."""

    def entries(ls: Message) -> list[Message]:
        return [r for r in ls["u"] if r["_id"] == room and r["count"] == count]

    reply = await person.expect("ls", where=lambda ls: bool(entries(ls)))
    assert reply["c"] is False
    (found,) = entries(reply)
    return found


async def test_case_71_the_whole_list_first(guests: Company, room: str) -> None:
    person = await guests.enter(room)
    settings = (await person.join(room))["ch"]["settings"]
    watcher = await guests.enter()
    rooms = await subscribe(watcher)
    for name, info in rooms.items():
        assert info["id"] == name
        assert isinstance(info["count"], int)
        assert info["settings"]["visible"] is True
        assert ("crown" in info) is not bool(info["settings"].get("lobby"))
        assert not info.get("banned")
    assert rooms[room]["count"] == 1
    assert rooms[room]["settings"] == settings
    assert rooms[room]["crown"]["participantId"] == person.id
    # These two are always there.
    assert {"lobby", "test/awkward"} <= rooms.keys()


async def test_case_71_then_the_changes(guests: Company, room: str) -> None:
    watcher = await guests.enter()
    await subscribe(watcher)
    person = await guests.enter(room)
    info = await entry(watcher, room, 1)
    assert info["id"] == room
    assert info["settings"]["color"] == "#3b5054"
    assert info["crown"]["participantId"] == person.id
    other = await guests.enter(room)
    await entry(watcher, room, 2)
    await person.leave()
    info = await entry(watcher, room, 1)
    assert info["crown"]["participantId"] == other.id


async def test_case_71_a_switch_changes_both_rooms(guests: Company, room: str) -> None:
    elsewhere = new_room()
    stays, person = await guests.enter(room), await guests.enter(room)
    watcher = await guests.enter()
    assert (await subscribe(watcher))[room]["count"] == 2
    await person.join(elsewhere)
    await stays.hears()
    # They may come together or one after the other.
    counts: dict[str, int] = {}
    while counts.get(room) != 1 or counts.get(elsewhere) != 1:
        reply = await watcher.expect("ls", where=lambda ls: ls["c"] is False)
        counts |= {r["_id"]: r["count"] for r in reply["u"]}


async def test_case_71_who_watches_also_hears_of_himself(guests: Company, room: str) -> None:
    watcher = await guests.enter()
    await subscribe(watcher)
    await watcher.join(room)
    await entry(watcher, room, 1)


async def test_case_71_silence_after_minus_ls(guests: Company, room: str) -> None:
    watcher, leaver = await guests.enter(), await guests.enter()
    await subscribe(watcher)
    await subscribe(leaver)
    await leaver.send({"m": "-ls"})
    await leaver.hears()
    await guests.enter(room)
    await entry(watcher, room, 1)
    await leaver.nothing()


async def test_case_71_each_plus_ls_is_a_whole_list(guests: Company, room: str) -> None:
    await guests.enter(room)
    watcher = await guests.enter()
    assert room in await subscribe(watcher)
    assert room in await subscribe(watcher)
    await watcher.send({"m": "-ls"}, {"m": "-ls"})
    assert room in await subscribe(watcher)
    # Twice subscribed is not told twice.
    elsewhere = new_room()
    await guests.enter(elsewhere)
    await entry(watcher, elsewhere, 1)
    again = [m for m in await watcher.hears() if m["m"] == "ls"]
    assert not [r for ls in again for r in ls["u"] if r["_id"] == elsewhere]


async def test_case_71_hidden_rooms_are_never_listed(guests: Company, room: str) -> None:
    watcher = await guests.enter()
    await subscribe(watcher)
    await guests.enter(room, {"visible": False})
    last = new_room()
    await guests.enter(last)
    await entry(watcher, last, 1)
    assert room not in await subscribe(watcher)
    listed = [r["_id"] for m in watcher.log if m["m"] == "ls" for r in m["u"]]
    assert room not in listed


@pytest.mark.parametrize("how", ["close", "reset", "switch"])
async def test_case_72_an_empty_room_is_told_with_count_0(
    guests: Company, room: str, how: str
) -> None:
    person, watcher = await guests.enter(room), await guests.enter()
    await subscribe(watcher)
    match how:
        case "close":
            await person.leave()
        case "reset":
            await person.vanish()
        case _:
            await person.join(new_room())
    await entry(watcher, room, 0)
    assert room not in await subscribe(watcher)
