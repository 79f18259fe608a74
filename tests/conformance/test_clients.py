"""What existing clients do from beginning to end, message by message (docs/protocol.md 1.3).

The clients themselves play in tests/e2e and tests/browser; these are their habits alone, over both
presets.
"""

from __future__ import annotations

import asyncio
import random
from urllib.request import urlopen

from websockets.asyncio.client import connect

from support.client_model import Classic
from support.server import Server
from support.websocket_clients import Company, Message, Person, new_address, new_room

EVERYBODY_BACK_SECONDS = 15


def books(person: Person) -> Classic:
    """Return what a classic client has made of all it was told; it throws where that one would."""
    classic = Classic()
    for message in person.log:
        classic.hear(message)
    return classic


async def arrive(company: Company, room: str, settings: Message, address: str) -> Person:
    """Let somebody in as the page of the original site does."""
    person = await company.open(address=address)
    await person.send({"m": "hi", "🐈": 1})
    await person.send({"m": "devices", "list": [{"type": "input", "name": "piano"}]})
    await person.greeted()
    await person.join(room, settings)
    return person


async def test_case_82_an_evening_of_classic_clients(home: Server, family: Company) -> None:
    page = await asyncio.to_thread(lambda: urlopen(home.url + "/some%20room").read())  # noqa: S310
    assert b"<html" in page.lower()
    room = new_room()
    ann = await arrive(family, room, {"visible": True, "chat": True}, new_address())
    bea = await arrive(family, room, {"visible": True, "chat": True}, new_address())
    await ann.send({"m": "userset", "set": {"name": "Ann", "color": "#102030"}})
    await ann.send({"m": "m", "x": "12.34", "y": "56.78"})
    await bea.expect("m")
    await ann.send({"m": "a", "message": "hello"})
    await ann.expect("a")
    await ann.send({"m": "n", "t": 1, "n": [{"n": "c3", "v": 0.5}, {"n": "c3", "s": 1, "d": 100}]})
    await bea.expect("n")
    # The whole of what one knows goes back with each change.
    known = books(ann).channel["settings"]
    await ann.send({"m": "chset", "set": known | {"chat": True, "color": "#405060"}})
    await bea.expect("ch", where=lambda ch: ch["ch"]["settings"]["color"] == "#405060")
    await bea.send({"m": "+ls"})
    listed = await bea.expect("ls")
    assert all(isinstance(one["settings"], dict) for one in listed["u"])
    await bea.send({"m": "-ls"})
    # The prompt asks for minutes, which may be a fraction.
    await ann.send({"m": "kickban", "_id": bea.id, "ms": 0.5 * 60 * 1000})
    assert (await bea.welcomed())["ch"]["_id"] == "test/awkward"
    await ann.announced()
    private = new_room()
    await ann.send({"m": "ch", "_id": private, "set": {"visible": False}})
    assert (await ann.welcomed())["ch"]["settings"]["visible"] is False
    assert books(ann).ppl.keys() == {ann.id}
    assert books(bea).channel["_id"] == "test/awkward"
    assert bea.id in books(bea).ppl


async def test_case_83_who_says_hi_before_it_hears_anything(home: Server) -> None:
    async with connect(home.ws_url, proxy=None, compression=None) as connection:
        person = Person(connection, None, home.preset)
        await person.send({"m": "hi", "token": None, "login": None})
        await person.greeted()
        assert (await person.join("test/awkward"))["ch"]["_id"] == "test/awkward"


async def test_case_84_who_says_hi_only_when_asked(family: Company) -> None:
    person = await family.open(path="/")
    (asked,) = person.log
    assert asked["m"] == "b"
    assert isinstance(asked["code"], str)
    await person.send({"m": "hi", "token": "", "code": None})
    await person.greeted()
    assert (await person.join("test/awkward"))["ch"]["_id"] == "test/awkward"


async def test_case_85_what_the_other_sites_page_relies_on(family: Company) -> None:
    room = new_room()
    person = await family.open(path="/?c=room")
    await person.send({"m": "hi", "x": 1, "y": 1, "token": "none", "code": "ok"})
    reply = await person.greeted()
    assert reply["permissions"] == {}
    assert isinstance(reply["motd"], str)
    # Its form sends the limit as a text.
    ch = await person.join(room, {"limit": "50", "minOnlineTime": "0", "color": "#123456"})
    assert ch["ch"]["settings"]["limit"] == 50
    await person.send({"m": "+ls"})
    rooms = {entry["id"]: entry for entry in (await person.expect("ls"))["u"]}
    assert rooms[room]["_id"] == room
    await person.send({"m": "a", "message": "hello", "_id": person.id})
    line = await person.expect("a")
    await person.send({"m": "a", "message": "again", "reply_to": line["id"], "_id": person.id})
    assert (await person.expect("a"))["r"] == line["id"]
    await person.send({"m": "+custom"})
    await person.send({"m": "custom", "data": {"x": 1}, "target": {"mode": "subscribed"}})
    await person.nothing("custom")


async def test_case_86_all_are_back_after_a_restart(mortal: Server) -> None:
    rooms = {new_room(): f"#1122{number:02x}" for number in range(4)}
    async with Company(mortal) as family:
        people: list[Person] = []
        for room, color in rooms.items():
            people += [
                await arrive(family, room, {"color": color, "visible": False}, new_address())
                for _ in range(5)
            ]
        owners = {person.room: person.id for person in people[::5]}
        seen: dict[str, tuple[str, Message]] = {}
        for person in people:
            assert person.address is not None
            await person.hears()
            seen[person.address] = person.room, books(person).channel["settings"]
        await asyncio.to_thread(mortal.restart)
    async with asyncio.timeout(EVERYBODY_BACK_SECONDS), Company(mortal) as family:
        # They come in any order, with the settings they last saw.
        returning = list(seen.items())
        random.Random(86).shuffle(returning)
        back = [
            await arrive(family, room, settings, address) for address, (room, settings) in returning
        ]
        for person in back:
            await person.hears()
            channel = books(person).channel
            assert channel["settings"]["color"] == rooms[person.room]
            assert channel["settings"]["visible"] is False
            assert len(books(person).ppl) == 5
            assert channel["crown"]["participantId"] == owners[person.room]
