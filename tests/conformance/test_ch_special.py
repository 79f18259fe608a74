"""`ch` to lobbies and test rooms, which nobody rules (docs/protocol.md 2.7)."""

from __future__ import annotations

import pytest

from support.presets import HURRIED, Preset, only
from support.websocket_clients import Clients, ClientsFactory, Message, new_address, new_room

SPECIAL = ["lobby", "test/awkward", "test/abc", "lobby2", "lobby99", "lobbyNaN"]


@pytest.mark.parametrize("name", SPECIAL)
@pytest.mark.case(35, 36)
async def test_special_rooms_have_no_crown(clients: Clients, preset: Preset, name: str) -> None:
    client = await clients.enter()
    if name not in preset.lobbies and not name.startswith("test/"):
        ch = await client.join(name)
        assert ch["ch"]["crown"]["participantId"] == client.id
        assert "lobby" not in ch["ch"]["settings"]
        return
    ch = await client.join(name, {"visible": False, "chat": False, "color": "#112233"})
    assert ch["p"] == client.id
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
@pytest.mark.case(35, 36)
async def test_nobody_moderates_special_rooms(
    clients: Clients, name: str, message: Message
) -> None:
    other, client = await clients.enter(name), await clients.enter(name)
    await other.received()
    before = (await client.join(name))["ch"]
    filled = {
        key: value.format(user=client.id, other=other.id) if isinstance(value, str) else value
        for key, value in message.items()
    }
    await client.send(filled)
    await client.assert_ignored()
    await other.assert_silent()
    assert (await client.join(name))["ch"] == before


@pytest.mark.case(36)
async def test_nobody_is_turned_away_from_a_test_room(clients: Clients) -> None:
    name = f"test/{new_room()}"
    people = [await clients.enter(name) for _ in range(25)]
    ch = await people[-1].join(name)
    assert ch["ch"]["_id"] == name
    assert ch["ch"]["count"] == 25


@pytest.mark.case(36)
async def test_leaving_a_special_room_is_one_bye(clients: Clients) -> None:
    name = f"test/{new_room()}"
    first, second = await clients.enter(name), await clients.enter(name)
    await first.join(new_room())
    await first.received()
    assert await second.received() == [{"m": "bye", "p": first.id}]


@pytest.mark.case(36)
async def test_an_empty_test_room_keeps_its_history(clients: Clients) -> None:
    name = f"test/{new_room()}"
    client = await clients.enter(name)
    await client.send({"m": "a", "message": "hello"})
    await client.expect("a")
    await client.join(new_room())
    await client.send({"m": "ch", "_id": name})
    _, history, _ = await client.frame("ch", "c", "nq")
    assert [line["a"] for line in history["c"]] == ["hello"]


@only("net")
@pytest.mark.case(34)
async def test_a_full_lobby_overflows_into_the_next(clients_with: ClientsFactory) -> None:
    clients = clients_with(**HURRIED)
    people = [await clients.enter() for _ in range(8)]
    lobbies = [(await client.join("lobby"))["ch"] for client in people]
    assert [lobby["_id"] for lobby in lobbies] == ["lobby"] * 3 + ["lobby2"] * 3 + ["lobby3"] * 2
    assert [lobby["count"] for lobby in lobbies] == [1, 2, 3, 1, 2, 3, 1, 2]
    for lobby in lobbies:
        assert lobby["settings"]["lobby"] is True
        assert lobby["settings"].get("limit", 3) == 3
        assert "crown" not in lobby
    # A participant of a full lobby is not sent on.
    assert (await people[0].join("lobby"))["ch"]["_id"] == "lobby"
    # A place that was left is free again.
    await people[1].join(new_room())
    await people[0].expect("bye")
    assert (await people[7].join("lobby"))["ch"]["_id"] == "lobby"
    # Asked for by its own name a full lobby overflows as well.
    assert (await people[1].join("lobby2"))["ch"]["_id"] == "lobby3"


@only("net")
@pytest.mark.case(34)
async def test_a_lobby_takes_twenty_people(clients: Clients) -> None:
    found: Message = {"_id": "lobby"}
    while found["_id"] == "lobby":
        last = found
        found = (await (await clients.enter()).join("lobby"))["ch"]
    assert last["count"] == 20
    assert found["_id"] == "lobby2"


@only("net")
@pytest.mark.case(34)
async def test_a_second_tab_needs_no_place_in_a_full_lobby(clients_with: ClientsFactory) -> None:
    clients = clients_with(**HURRIED, NODE_ENV="production")
    people = [await clients.enter("lobby", address=new_address()) for _ in range(3)]
    tab = await clients.tab(people[1])
    ch = await tab.join("lobby")
    assert (ch["ch"]["_id"], ch["ch"]["count"]) == ("lobby", 3)


@only("quick")
@pytest.mark.case(34)
async def test_a_lobby_without_a_limit_takes_everybody(clients: Clients) -> None:
    people = [await clients.enter("lobby") for _ in range(25)]
    ch = await people[-1].join("lobby")
    assert (ch["ch"]["_id"], ch["ch"]["count"]) == ("lobby", 25)


@only("net")
@pytest.mark.case(37)
async def test_the_back_door_leads_into_a_full_lobby(clients_with: ClientsFactory) -> None:
    clients = clients_with(**HURRIED)
    for _ in range(3):
        await clients.enter("lobby")
    ch = await (await clients.enter()).join("lolwutsecretlobbybackdoor")
    assert (ch["ch"]["_id"], ch["ch"]["count"]) == ("lobby", 4)


@only("quick")
@pytest.mark.case(37)
async def test_the_back_door_is_an_ordinary_room(clients: Clients) -> None:
    client = await clients.enter()
    ch = await client.join("lolwutsecretlobbybackdoor")
    assert ch["ch"]["_id"] == "lolwutsecretlobbybackdoor"
    assert ch["ch"]["crown"]["participantId"] == client.id


@pytest.mark.one_node("each process keeps so many empty test rooms, lest they fill its memory")
@pytest.mark.case(36)
async def test_of_the_empty_test_rooms_the_latest_remain(
    clients_with: ClientsFactory,
) -> None:
    clients = clients_with(**HURRIED)
    rooms = [f"test/{new_room()}" for _ in range(3)]
    for room in rooms:
        client = await clients.enter(room)
        await client.send({"m": "a", "message": "hello"})
        await client.expect("a")
        await client.leave()
    # A client elsewhere sees that the rooms are empty.
    watcher = await clients.enter()
    await watcher.send({"m": "+ls"})
    listed = (await watcher.expect("ls", where=lambda ls: ls["c"]))["u"]
    assert [room for room in rooms if room in {r["_id"] for r in listed}] == rooms[1:]
