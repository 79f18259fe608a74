"""`hi`: identity, what does not work before it, and what is stored (docs/protocol.md 1.3, 2.6)."""

from __future__ import annotations

import hashlib
import re
import time

import pytest

from support.presets import Preset
from support.server import Server, run_server
from support.websocket_clients import Clients, Message, new_address, new_room

NOTE = {"m": "n", "t": 1, "n": [{"n": "c3", "v": 1}]}


@pytest.mark.case(13)
async def test_hi_is_answered_with_the_user(clients: Clients, preset: Preset) -> None:
    client = await clients.open()
    reply = await client.hello()
    assert abs(reply["t"] - time.time() * 1000) < 2000
    user = reply["u"]
    assert re.fullmatch("[0-9a-f]{24}", user["_id"])
    assert user["id"] == user["_id"]
    assert user["name"] == "Anonymous"
    assert re.fullmatch("#[0-9a-f]{6}", user["color"])
    assert set(user) == {"_id", "id", "name", "color"}
    assert isinstance(reply["motd"], str)
    assert reply["permissions"] == {}
    # Where the quota depends on the room, it comes with the room.
    quotas = [preset.normal.nq] if preset.greets_with_quota else []
    assert client.frames[-1][1:] == quotas
    await client.assert_silent()


@pytest.mark.parametrize(
    "hi",
    [
        {"m": "hi", "code": True},
        {"m": "hi", "code": "broken", "token": "x" * 100},
        {"m": "hi", "code": {"a": []}, "token": None, "login": 5, "\U0001f408": 3},
    ],
)
@pytest.mark.case(13)
async def test_hi_may_have_the_fields_that_clients_add(clients: Clients, hi: Message) -> None:
    client = await clients.open()
    await client.send(hi)
    reply = await client.expect_hi()
    assert reply["u"]["name"] == "Anonymous"
    assert "token" not in reply


@pytest.mark.case(13)
async def test_development_makes_a_new_user_of_each_connection(clients: Clients) -> None:
    ids = {(await clients.enter()).id for _ in range(5)}
    assert len(ids) == 5


@pytest.mark.case(13)
async def test_each_address_is_one_user(clients_by_address: Clients) -> None:
    ids = {(await clients_by_address.enter(address=new_address())).id for _ in range(5)}
    assert len(ids) == 5


@pytest.mark.case(14)
async def test_two_tabs_are_one_user_and_work_independently(
    clients_by_address: Clients,
) -> None:
    client = await clients_by_address.enter(address=new_address())
    tab = await clients_by_address.tab(client)
    assert tab.user == client.user
    await client.send({"m": "t", "e": 1})
    await tab.send({"m": "t", "e": 2})
    assert [message["e"] for message in await client.received()] == [1]
    assert [message["e"] for message in await tab.received()] == [2]


@pytest.mark.case(15)
async def test_a_second_hi_is_answered_and_changes_nothing(clients: Clients, room: str) -> None:
    client = await clients.enter(room)
    other = await clients.enter(room)
    await client.send({"m": "userset", "set": {"name": "Clara", "color": "#123456"}})
    await client.send({"m": "m", "x": 12, "y": 34})
    await other.expect("p", where=lambda p: p["name"] == "Clara")
    await other.expect("m")
    await client.received()

    again = await client.hello()

    assert again["u"] == {
        "_id": client.id,
        "id": client.id,
        "name": "Clara",
        "color": "#123456",
    }
    await client.assert_silent()
    await other.assert_silent()
    everything = await (await clients.enter()).join(room)
    (clara,) = (p for p in everything["ppl"] if p["_id"] == client.id)
    assert (clara["name"], clara["color"], clara["x"], clara["y"]) == ("Clara", "#123456", 12, 34)
    assert everything["ch"]["crown"]["participantId"] == client.id


@pytest.mark.parametrize(
    "message",
    [
        {"m": "ch", "_id": "{room}"},
        {"m": "a", "message": "hello"},
        NOTE,
        {"m": "m", "x": 1, "y": 2},
        {"m": "userset", "set": {"name": "Clara"}},
        {"m": "+ls"},
        {"m": "-ls"},
        {"m": "kickban", "_id": "{user}", "ms": 1000},
        {"m": "unban", "_id": "{user}"},
        {"m": "chown", "id": "{user}"},
        {"m": "chset", "set": {"visible": False}},
    ],
    ids=lambda message: message["m"],
)
@pytest.mark.case(16)
async def test_nothing_works_before_hi(clients: Clients, room: str, message: Message) -> None:
    other = await clients.enter(room)
    filled = {
        key: value.format(room=room, user=other.id) if isinstance(value, str) else value
        for key, value in message.items()
    }
    client = await clients.open()
    await client.send(filled)
    await client.assert_silent_until_hi()
    assert client.user["name"] == "Anonymous"
    await client.assert_silent()
    await other.assert_silent()


@pytest.mark.parametrize(
    "message", [{"m": "a", "message": "hello"}, NOTE, {"m": "m", "x": 1, "y": 2}, {"m": "chown"}]
)
@pytest.mark.case(16)
async def test_outside_of_rooms_messages_to_a_room_do_nothing(
    clients: Clients, message: Message
) -> None:
    client = await clients.enter()
    await client.send(message)
    await client.assert_silent()


@pytest.mark.case(16)
async def test_t_is_answered_before_hi(clients: Clients) -> None:
    client = await clients.open()
    await client.send({"m": "t", "e": 1})
    assert (await client.expect("t"))["e"] == 1


@pytest.mark.case(18)
async def test_name_and_colour_outlive_a_reconnect_and_a_restart(
    restartable_server: Server,
) -> None:
    address = new_address()
    async with Clients(restartable_server) as clients:
        client = await clients.enter(new_room(), address=address)
        await client.send({"m": "userset", "set": {"name": "Clara", "color": "#12ab34"}})
        await client.expect("p")
        await client.leave()
        again = await clients.enter(address=address)
        assert again.id == client.id
        assert (again.user["name"], again.user["color"]) == ("Clara", "#12ab34")
    restartable_server.restart()
    async with Clients(restartable_server) as clients:
        again = await clients.enter(address=address)
        assert again.id == client.id
        assert (again.user["name"], again.user["color"]) == ("Clara", "#12ab34")


async def test_production_ids_are_the_salted_hash_of_the_address() -> None:
    address = new_address()
    with run_server(NODE_ENV="production", SALT1="fleur de sel", SALT2="poivre") as server:
        async with Clients(server) as clients:
            client = await clients.enter(address=address)
    digest = hashlib.sha256(f"fleur de sel{address}poivre".encode()).hexdigest()
    assert client.id == digest[:24]


async def test_production_ids_without_salts_are_not_the_plain_hash(
    server_by_address: Server,
) -> None:
    address = new_address()
    async with Clients(server_by_address) as clients:
        client = await clients.enter(address=address)
    assert client.id != hashlib.sha256(address.encode()).hexdigest()[:24]
