"""`ch` to lobbies and test rooms, which nobody rules (docs/protocol.md 2.7)."""

from __future__ import annotations

import pytest

from support.presets import HURRIED, Preset, only
from support.websocket_clients import Company, House, Message, new_address, new_room

SPECIAL = ["lobby", "test/awkward", "test/abc", "lobby2", "lobby99", "lobbyNaN"]


@pytest.mark.parametrize("name", SPECIAL)
async def test_case_35_36_special_rooms_have_no_crown(
    guests: Company, preset: Preset, name: str
) -> None:
    person = await guests.enter()
    if name not in preset.lobbies and not name.startswith("test/"):
        ch = await person.join(name)
        assert ch["ch"]["crown"]["participantId"] == person.id
        assert "lobby" not in ch["ch"]["settings"]
        return
    ch = await person.join(name, {"visible": False, "chat": False, "color": "#112233"})
    assert ch["p"] == person.id
    assert ch["ch"]["_id"] == ch["ch"]["id"] == name
    assert "crown" not in ch["ch"]
    settings = ch["ch"]["settings"]
    assert settings["lobby"] is settings["visible"] is settings["chat"] is True
    assert settings["crownsolo"] is False
    assert (settings["color"], settings["color2"]) == ("#73b3cc", "#273546")


@pytest.mark.parametrize("name", ["lobby", "test/awkward", "test/abc"])
@pytest.mark.parametrize(
    "message",
    [
        {"m": "chset", "set": {"visible": False, "color": "#112233"}},
        {"m": "chown", "id": "{user}"},
        {"m": "chown", "id": "{other}"},
        {"m": "chown"},
        {"m": "kickban", "_id": "{other}", "ms": 60000},
        {"m": "kickban", "_id": "{user}", "ms": 60000},
        {"m": "unban", "_id": "{other}"},
    ],
    ids=lambda message: message["m"],
)
async def test_case_35_36_nobody_rules_there(guests: Company, name: str, message: Message) -> None:
    other, person = await guests.enter(name), await guests.enter(name)
    await other.hears()
    before = (await person.join(name))["ch"]
    filled = {
        key: value.format(user=person.id, other=other.id) if isinstance(value, str) else value
        for key, value in message.items()
    }
    await person.send(filled)
    await person.unheard()
    await other.nothing()
    assert (await person.join(name))["ch"] == before


async def test_case_36_nobody_is_turned_away_from_a_test_room(guests: Company) -> None:
    name = f"test/{new_room()}"
    people = [await guests.enter(name) for _ in range(25)]
    ch = await people[-1].join(name)
    assert ch["ch"]["_id"] == name
    assert ch["ch"]["count"] == 25


async def test_case_36_leaving_a_special_room_is_one_bye(guests: Company) -> None:
    name = f"test/{new_room()}"
    first, second = await guests.enter(name), await guests.enter(name)
    await first.join(new_room())
    await first.hears()
    assert await second.hears() == [{"m": "bye", "p": first.id}]


async def test_case_36_an_empty_test_room_keeps_its_history(guests: Company) -> None:
    name = f"test/{new_room()}"
    person = await guests.enter(name)
    await person.send({"m": "a", "message": "hello"})
    await person.expect("a")
    await person.join(new_room())
    await person.send({"m": "ch", "_id": name})
    _, history, _ = await person.frame("ch", "c", "nq")
    assert [line["a"] for line in history["c"]] == ["hello"]


@only("net")
async def test_case_34_a_full_lobby_overflows_into_the_next(house: House) -> None:
    guests = house(**HURRIED)
    people = [await guests.enter() for _ in range(8)]
    lobbies = [(await person.join("lobby"))["ch"] for person in people]
    assert [lobby["_id"] for lobby in lobbies] == ["lobby"] * 3 + ["lobby2"] * 3 + ["lobby3"] * 2
    assert [lobby["count"] for lobby in lobbies] == [1, 2, 3, 1, 2, 3, 1, 2]
    for lobby in lobbies:
        assert lobby["settings"]["lobby"] is True
        assert lobby["settings"].get("limit", 3) == 3
        assert "crown" not in lobby
    # Whoever is in a full lobby is not sent on.
    assert (await people[0].join("lobby"))["ch"]["_id"] == "lobby"
    # A place that was left is free again.
    await people[1].join(new_room())
    await people[0].expect("bye")
    assert (await people[7].join("lobby"))["ch"]["_id"] == "lobby"
    # Asked for by its own name a full lobby overflows as well.
    assert (await people[1].join("lobby2"))["ch"]["_id"] == "lobby3"


@only("net")
async def test_case_34_a_lobby_has_twenty_places(guests: Company) -> None:
    found: Message = {"_id": "lobby"}
    while found["_id"] == "lobby":
        last = found
        found = (await (await guests.enter()).join("lobby"))["ch"]
    assert last["count"] == 20
    assert found["_id"] == "lobby2"


@only("net")
async def test_case_34_a_second_tab_needs_no_place(house: House) -> None:
    guests = house(**HURRIED, NODE_ENV="production")
    people = [await guests.enter("lobby", address=new_address()) for _ in range(3)]
    tab = await guests.tab(people[1])
    ch = await tab.join("lobby")
    assert (ch["ch"]["_id"], ch["ch"]["count"]) == ("lobby", 3)


@only("quick")
async def test_case_34_the_lobby_takes_everybody(guests: Company) -> None:
    people = [await guests.enter("lobby") for _ in range(25)]
    ch = await people[-1].join("lobby")
    assert (ch["ch"]["_id"], ch["ch"]["count"]) == ("lobby", 25)


@only("net")
async def test_case_37_the_back_door_leads_into_a_full_lobby(house: House) -> None:
    guests = house(**HURRIED)
    for _ in range(3):
        await guests.enter("lobby")
    ch = await (await guests.enter()).join("lolwutsecretlobbybackdoor")
    assert (ch["ch"]["_id"], ch["ch"]["count"]) == ("lobby", 4)


@only("quick")
async def test_case_37_the_back_door_is_a_room_like_others(guests: Company) -> None:
    person = await guests.enter()
    ch = await person.join("lolwutsecretlobbybackdoor")
    assert ch["ch"]["_id"] == "lolwutsecretlobbybackdoor"
    assert ch["ch"]["crown"]["participantId"] == person.id


async def test_case_36_of_the_empty_test_rooms_the_last_ones_are_kept(house: House) -> None:
    guests = house(**HURRIED)
    rooms = [f"test/{new_room()}" for _ in range(3)]
    for room in rooms:
        person = await guests.enter(room)
        await person.send({"m": "a", "message": "hello"})
        await person.expect("a")
        await person.leave()
    # Somewhere else one hears when the rooms have been left.
    watcher = await guests.enter()
    await watcher.send({"m": "+ls"})
    listed = (await watcher.expect("ls", where=lambda ls: ls["c"]))["u"]
    assert [room for room in rooms if room in {r["_id"] for r in listed}] == rooms[1:]
