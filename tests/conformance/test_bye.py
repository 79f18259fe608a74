"""`bye`: leaving politely (docs/protocol.md 1.3)."""

from __future__ import annotations

from support.websocket_clients import Clients, new_address, new_room


async def test_bye_closes_the_connection(clients: Clients, room: str) -> None:
    other, client = await clients.enter(room), await clients.enter(room)
    await other.received()
    await client.send({"m": "bye"})
    assert await client.closed() == 1000
    assert await other.expect("bye") == {"m": "bye", "p": client.id}
    await other.assert_silent()


async def test_nothing_after_it_in_the_frame_is_handled(clients: Clients, room: str) -> None:
    other, client = await clients.enter(room), await clients.enter(room)
    await other.received()
    await client.send(
        {"m": "a", "message": "last words"},
        {"m": "bye"},
        {"m": "a", "message": "a ghost"},
        {"m": "n", "t": 1, "n": [{"n": "c3"}]},
        {"m": "ch", "_id": new_room()},
    )
    assert await client.closed() == 1000
    await other.expect("bye")
    await other.assert_silent()
    said = [message["a"] for message in other.log if message["m"] == "a"]
    assert said == ["last words"]
    assert [message["m"] for message in client.log if message["m"] != "t"][-1] == "a"


async def test_the_other_tab_stays(clients_by_address: Clients, room: str) -> None:
    other = await clients_by_address.enter(room, address=new_address())
    client = await clients_by_address.enter(room, address=new_address())
    tab = await clients_by_address.tab(client, room)
    await other.received()
    await client.send({"m": "bye"})
    assert await client.closed() == 1000
    await tab.assert_silent()
    await other.assert_silent()
