"""Sessions of existing clients from beginning to end, message by message (docs/protocol.md 1.3).

The clients themselves run in tests/clients and tests/browser; these tests send the same messages
under both presets.
"""

from __future__ import annotations

import asyncio
import random
from urllib.request import urlopen

import pytest
from websockets.asyncio.client import connect

from support.client_model import ClientModel
from support.server import Server
from support.websocket_clients import Client, Clients, Message, new_address, new_room

EVERYBODY_BACK_SECONDS = 15


def books(client: Client) -> ClientModel:
    """Return the state of a classic client after all messages; raises where that client throws."""
    classic = ClientModel()
    for message in client.log:
        classic.apply(message)
    return classic


async def arrive(clients: Clients, room: str, settings: Message, address: str) -> Client:
    """Connect like the page of the original site."""
    client = await clients.open(address=address)
    await client.send({"m": "hi", "🐈": 1})
    await client.send({"m": "devices", "list": [{"type": "input", "name": "piano"}]})
    await client.expect_hi()
    await client.join(room, settings)
    return client


@pytest.mark.case(82)
async def test_an_evening_of_classic_clients(
    server_by_address: Server, clients_by_address: Clients
) -> None:
    page = await asyncio.to_thread(lambda: urlopen(server_by_address.url + "/some%20room").read())  # noqa: S310
    assert b"<html" in page.lower()
    room = new_room()
    ann = await arrive(clients_by_address, room, {"visible": True, "chat": True}, new_address())
    bea = await arrive(clients_by_address, room, {"visible": True, "chat": True}, new_address())
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
    assert (await bea.joined())["ch"]["_id"] == "test/awkward"
    await ann.received_until_notice()
    private = new_room()
    await ann.send({"m": "ch", "_id": private, "set": {"visible": False}})
    assert (await ann.joined())["ch"]["settings"]["visible"] is False
    assert books(ann).ppl.keys() == {ann.id}
    assert books(bea).channel["_id"] == "test/awkward"
    assert bea.id in books(bea).ppl


@pytest.mark.case(83)
async def test_clients_may_send_hi_before_anything_arrives(server_by_address: Server) -> None:
    async with connect(server_by_address.ws_url, proxy=None, compression=None) as connection:
        client = Client(connection, None, server_by_address, server_by_address)
        await client.send({"m": "hi", "token": None, "login": None})
        await client.expect_hi()
        assert (await client.join("test/awkward"))["ch"]["_id"] == "test/awkward"


@pytest.mark.case(84)
async def test_clients_may_send_hi_only_after_b(clients_by_address: Clients) -> None:
    client = await clients_by_address.open(path="/")
    (asked,) = client.log
    assert asked["m"] == "b"
    assert isinstance(asked["code"], str)
    await client.send({"m": "hi", "token": "", "code": None})
    await client.expect_hi()
    assert (await client.join("test/awkward"))["ch"]["_id"] == "test/awkward"


@pytest.mark.case(85)
async def test_the_page_of_the_other_site_finds_what_it_relies_on(
    clients_by_address: Clients,
) -> None:
    room = new_room()
    client = await clients_by_address.open(path="/?c=room")
    await client.send({"m": "hi", "x": 1, "y": 1, "token": "none", "code": "ok"})
    reply = await client.expect_hi()
    assert reply["permissions"] == {}
    assert isinstance(reply["motd"], str)
    # Its form sends the limit as a text.
    ch = await client.join(room, {"limit": "50", "minOnlineTime": "0", "color": "#123456"})
    assert ch["ch"]["settings"]["limit"] == 50
    await client.send({"m": "+ls"})
    rooms = {entry["id"]: entry for entry in (await client.expect("ls"))["u"]}
    assert rooms[room]["_id"] == room
    await client.send({"m": "a", "message": "hello", "_id": client.id})
    line = await client.expect("a")
    await client.send({"m": "a", "message": "again", "reply_to": line["id"], "_id": client.id})
    assert (await client.expect("a"))["r"] == line["id"]
    await client.send({"m": "+custom"})
    await client.send({"m": "custom", "data": {"x": 1}, "target": {"mode": "subscribed"}})
    await client.assert_silent("custom")


@pytest.mark.case(86)
async def test_all_clients_are_back_after_a_restart(restartable_server: Server) -> None:
    rooms = {new_room(): f"#1122{number:02x}" for number in range(4)}
    async with Clients(restartable_server) as clients_by_address:
        people: list[Client] = []
        for room, color in rooms.items():
            people += [
                await arrive(
                    clients_by_address, room, {"color": color, "visible": False}, new_address()
                )
                for _ in range(5)
            ]
        owners = {client.room: client.id for client in people[::5]}
        seen: dict[str, tuple[str, Message]] = {}
        for client in people:
            assert client.address is not None
            await client.received()
            seen[client.address] = client.room, books(client).channel["settings"]
        await asyncio.to_thread(restartable_server.restart)
    async with (
        asyncio.timeout(EVERYBODY_BACK_SECONDS),
        Clients(restartable_server) as clients_by_address,
    ):
        # Clients return in any order, with the settings that they saw last.
        returning = list(seen.items())
        random.Random(86).shuffle(returning)
        back = [
            await arrive(clients_by_address, room, settings, address)
            for address, (room, settings) in returning
        ]
        for client in back:
            await client.received()
            channel = books(client).channel
            assert channel["settings"]["color"] == rooms[client.room]
            assert channel["settings"]["visible"] is False
            assert len(books(client).ppl) == 5
            assert channel["crown"]["participantId"] == owners[client.room]
