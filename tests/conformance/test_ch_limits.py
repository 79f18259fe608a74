"""`ch` to rooms that do not take everybody: `limit`, `minOnlineTime`, `allowBots` (1.2, 1.3)."""

from __future__ import annotations

import asyncio

import pytest

from support.websocket_clients import Client, Clients, ClientsFactory, new_address


async def turned_away(client: Client, room: str) -> None:
    """Assert that a join of `room` is refused with a notification."""
    await client.send({"m": "ch", "_id": room})
    heard = await client.received()
    notices = [message for message in heard if message["m"] == "notification"]
    assert len(notices) == 1, heard
    assert notices[0]["text"]
    # A client that was in no room lands in the awkward room.
    assert {message["ch"]["_id"] for message in heard if message["m"] == "ch"} <= {"test/awkward"}


@pytest.mark.case(38)
async def test_a_full_room_takes_nobody_else(clients: Clients, room: str) -> None:
    holder = await clients.enter(room, {"limit": 1})
    other = await clients.enter("test/awkward")
    await turned_away(other, room)
    await holder.assert_silent()
    assert (await holder.join(room))["ch"]["count"] == 1


@pytest.mark.case(38)
async def test_the_last_place_can_be_taken(clients: Clients, room: str) -> None:
    holder = await clients.enter(room, {"limit": 3})
    people = [await clients.enter(room) for _ in range(2)]
    await turned_away(await clients.enter(), room)
    await people[0].leave()
    await holder.expect("bye")
    assert (await (await clients.enter()).join(room))["ch"]["count"] == 3


@pytest.mark.case(38)
async def test_second_tabs_enter_a_full_room(clients_by_address: Clients, room: str) -> None:
    holder = await clients_by_address.enter(room, {"limit": 2}, address=new_address())
    other = await clients_by_address.enter(room, address=new_address())
    for client in (holder, other):
        ch = await (await clients_by_address.tab(client)).join(room)
        assert (ch["ch"]["_id"], ch["ch"]["count"]) == (room, 2)
    await turned_away(await clients_by_address.enter(address=new_address()), room)


@pytest.mark.case(38)
async def test_the_holder_enters_a_full_room(clients_by_address: Clients, room: str) -> None:
    holder = await clients_by_address.enter(room, {"limit": 1}, address=new_address())
    other = await clients_by_address.enter(address=new_address())
    await holder.send({"m": "chset", "set": {"limit": 2}})
    await holder.received()
    await other.join(room)
    await holder.send({"m": "chset", "set": {"limit": 0}})
    # Lowering it turns nobody out.
    await other.expect("ch", where=lambda ch: ch["ch"]["settings"].get("limit") == 0)
    assert (await holder.join(room))["ch"]["count"] == 2
    await turned_away(await clients_by_address.enter(address=new_address()), room)
    if holder.preset.crown_falls:
        await holder.leave()
        await other.expect("ch")
        again = await clients_by_address.enter(address=holder.address)
        assert (await again.join(room))["ch"]["count"] == 2


async def test_a_room_for_those_who_have_been_online_for_a_while(
    clients: Clients, room: str
) -> None:
    await clients.enter(room, {"minOnlineTime": 500})
    newcomer = await clients.enter()
    await turned_away(newcomer, room)
    await asyncio.sleep(0.6)
    assert (await newcomer.join(room))["ch"]["count"] == 2


async def test_online_time_is_no_matter_for_the_holder(
    clients_by_address: Clients, room: str
) -> None:
    holder = await clients_by_address.enter(
        room, {"minOnlineTime": 86_400_000}, address=new_address()
    )
    assert (await holder.join(room))["ch"]["_id"] == room
    assert (await (await clients_by_address.tab(holder)).join(room))["ch"]["_id"] == room


BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
BOT = "Python/3.11 websockets/16.0"


async def test_a_room_without_bots_takes_people_with_browsers(clients: Clients, room: str) -> None:
    holder = await clients.enter(room, {"allowBots": False}, agent=BROWSER)
    settings = (await holder.join(room))["ch"]["settings"]
    assert settings["allowBots"] is False
    bot = await clients.enter(agent=BOT)
    await turned_away(bot, room)
    await holder.assert_silent()
    assert (await (await clients.enter(agent=BROWSER)).join(room))["ch"]["count"] == 2
    await holder.send({"m": "chset", "set": {"allowBots": True}})
    await holder.expect("ch")
    assert (await bot.join(room))["ch"]["count"] == 3


HEADLESS = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "HeadlessChrome/141.0.0.0 Safari/537.36"
)


@pytest.mark.parametrize("agent", [HEADLESS, "Mozilla/5.0 jsdom/26.1.0", "node", "okhttp/4.12.0"])
async def test_a_room_without_bots_knows_what_calls_itself_a_browser(
    clients: Clients, room: str, agent: str
) -> None:
    await clients.enter(room, {"allowBots": False}, agent=BROWSER)
    await turned_away(await clients.enter(agent=agent), room)


async def test_a_bot_with_a_token_of_the_operators_passes(
    clients_with: ClientsFactory, room: str
) -> None:
    clients = clients_with()
    await clients.enter(room, {"allowBots": False}, agent=BROWSER)
    bot = await clients.enter(agent=BOT, token=clients.server.tokens["bot"])
    assert (await bot.join(room))["ch"]["_id"] == room
    stranger = await clients.open(agent=BOT)
    await stranger.hello(token=clients.server.tokens["moderate"])
    assert (await stranger.join(room))["ch"]["_id"] == room, "staff may as ever"
    await turned_away(await clients.enter(agent=BOT), room)


async def test_so_does_a_bot_that_made_the_room_or_holds_its_crown(
    clients_by_address: Clients, room: str
) -> None:
    maker = await clients_by_address.enter(
        room, {"allowBots": False}, address=new_address(), agent=BOT
    )
    heir = await clients_by_address.enter(room, address=new_address(), agent=BROWSER)
    await maker.send({"m": "chown", "id": heir.id})
    await heir.expect("ch")
    await maker.join("test/awkward")
    assert (await maker.join(room))["ch"]["_id"] == room
    await maker.join("test/awkward")
    await heir.send({"m": "chown"})
    await heir.received()
    await heir.join("test/awkward")
    if heir.preset.rooms_linger:
        # The room is empty, and still there: who held its crown comes with a program.
        program = await clients_by_address.enter(address=heir.address, agent=BOT)
        assert (await program.join(room))["ch"]["_id"] == room
        await turned_away(await clients_by_address.enter(address=new_address(), agent=BOT), room)


async def test_noindex_is_a_request_and_no_lock(clients: Clients, room: str) -> None:
    holder = await clients.enter(room, {"noindex": True})
    assert (await holder.join(room))["ch"]["settings"]["noindex"] is True
    assert (await (await clients.enter()).join(room))["ch"]["count"] == 2
