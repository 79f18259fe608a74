"""`hi`: who one is, what does not work before it, and what is kept (docs/protocol.md 1.3, 2.6)."""

from __future__ import annotations

import hashlib
import re
import time

import pytest

from support.presets import Preset
from support.server import Server, run_server
from support.websocket_clients import Company, Message, new_address, new_room

NOTE = {"m": "n", "t": 1, "n": [{"n": "c3", "v": 1}]}


async def test_case_13_hi_is_answered_with_the_user(guests: Company, preset: Preset) -> None:
    person = await guests.open()
    reply = await person.hello()
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
    assert person.frames[-1][1:] == quotas
    await person.nothing()


@pytest.mark.parametrize(
    "hi",
    [
        {"m": "hi", "code": True},
        {"m": "hi", "code": "broken", "token": "x" * 100},
        {"m": "hi", "code": {"a": []}, "token": None, "login": 5, "\U0001f408": 3},
    ],
)
async def test_case_13_hi_with_what_clients_add(guests: Company, hi: Message) -> None:
    person = await guests.open()
    await person.send(hi)
    reply = await person.greeted()
    assert reply["u"]["name"] == "Anonymous"
    assert "token" not in reply


async def test_case_13_development_makes_a_new_user_of_each_connection(guests: Company) -> None:
    ids = {(await guests.enter()).id for _ in range(5)}
    assert len(ids) == 5


async def test_case_13_each_address_is_a_user(family: Company) -> None:
    ids = {(await family.enter(address=new_address())).id for _ in range(5)}
    assert len(ids) == 5


async def test_case_14_two_tabs_are_one_user_and_work_independently(family: Company) -> None:
    person = await family.enter(address=new_address())
    tab = await family.tab(person)
    assert tab.user == person.user
    await person.send({"m": "t", "e": 1})
    await tab.send({"m": "t", "e": 2})
    assert [message["e"] for message in await person.hears()] == [1]
    assert [message["e"] for message in await tab.hears()] == [2]


async def test_case_15_a_second_hi_is_answered_and_changes_nothing(
    guests: Company, room: str
) -> None:
    person = await guests.enter(room)
    other = await guests.enter(room)
    await person.send({"m": "userset", "set": {"name": "Clara", "color": "#123456"}})
    await person.send({"m": "m", "x": 12, "y": 34})
    await other.expect("p", where=lambda p: p["name"] == "Clara")
    await other.expect("m")
    await person.hears()

    again = await person.hello()

    assert again["u"] == {
        "_id": person.id,
        "id": person.id,
        "name": "Clara",
        "color": "#123456",
    }
    await person.nothing()
    await other.nothing()
    everything = await (await guests.enter()).join(room)
    (clara,) = (p for p in everything["ppl"] if p["_id"] == person.id)
    assert (clara["name"], clara["color"], clara["x"], clara["y"]) == ("Clara", "#123456", 12, 34)
    assert everything["ch"]["crown"]["participantId"] == person.id


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
async def test_case_16_nothing_works_before_hi(
    guests: Company, room: str, message: Message
) -> None:
    other = await guests.enter(room)
    filled = {
        key: value.format(room=room, user=other.id) if isinstance(value, str) else value
        for key, value in message.items()
    }
    person = await guests.open()
    await person.send(filled)
    await person.hello_after_nothing()
    assert person.user["name"] == "Anonymous"
    await person.nothing()
    await other.nothing()


@pytest.mark.parametrize(
    "message", [{"m": "a", "message": "hello"}, NOTE, {"m": "m", "x": 1, "y": 2}, {"m": "chown"}]
)
async def test_case_16_in_no_room_there_is_nobody_to_talk_to(
    guests: Company, message: Message
) -> None:
    person = await guests.enter()
    await person.send(message)
    await person.nothing()


async def test_case_16_t_is_answered_before_hi(guests: Company) -> None:
    person = await guests.open()
    await person.send({"m": "t", "e": 1})
    assert (await person.expect("t"))["e"] == 1


async def test_case_18_name_and_colour_outlive_a_reconnect_and_a_restart(mortal: Server) -> None:
    address = new_address()
    async with Company(mortal) as company:
        person = await company.enter(new_room(), address=address)
        await person.send({"m": "userset", "set": {"name": "Clara", "color": "#12ab34"}})
        await person.expect("p")
        await person.leave()
        again = await company.enter(address=address)
        assert again.id == person.id
        assert (again.user["name"], again.user["color"]) == ("Clara", "#12ab34")
    mortal.restart()
    async with Company(mortal) as company:
        again = await company.enter(address=address)
        assert again.id == person.id
        assert (again.user["name"], again.user["color"]) == ("Clara", "#12ab34")


async def test_production_ids_are_the_salted_hash_of_the_address() -> None:
    address = new_address()
    with run_server(NODE_ENV="production", SALT1="fleur de sel", SALT2="poivre") as server:
        async with Company(server) as company:
            person = await company.enter(address=address)
    digest = hashlib.sha256(f"fleur de sel{address}poivre".encode()).hexdigest()
    assert person.id == digest[:24]


async def test_production_ids_without_salts_are_not_the_plain_hash(home: Server) -> None:
    address = new_address()
    async with Company(home) as company:
        person = await company.enter(address=address)
    assert person.id != hashlib.sha256(address.encode()).hexdigest()[:24]
