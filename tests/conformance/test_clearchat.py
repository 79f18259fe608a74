"""`clearchat`: staff clear the chat of a room (docs/protocol.md 1.3)."""

from __future__ import annotations

from support.websocket_clients import ClientsFactory, new_room


async def test_everybody_in_the_room_forgets_it(clients_with: ClientsFactory) -> None:
    clients = clients_with()
    one, two = await clients.pair()
    elsewhere = await clients.enter(new_room())
    for client in (one, two, elsewhere):
        await client.send({"m": "a", "message": "hello"})
        await client.expect("a")
    staff = await clients.enter(one.room, token=clients.server.tokens["admin"])
    for client in (one, two, staff):
        await client.received()
    await staff.send({"m": "clearchat"})
    for client in (staff, one, two):
        assert await client.received() == [{"m": "c", "c": []}]
    await elsewhere.assert_silent()
    newcomer = await clients.enter(one.room)
    assert newcomer.frames[-1][1] == {"m": "c", "c": []}
    again = await clients.enter(elsewhere.room)
    assert [line["a"] for line in again.frames[-1][1]["c"]] == ["hello"]


async def test_in_no_room_there_is_nothing_to_clear(clients_with: ClientsFactory) -> None:
    clients = clients_with()
    staff = await clients.enter(token=clients.server.tokens["admin"])
    await staff.send({"m": "clearchat"})
    await staff.assert_silent()
