"""`chown`: giving, dropping and picking up the crown (docs/protocol.md 2.3)."""

from __future__ import annotations

import asyncio
import time

import pytest

from support.presets import HURRIED, only
from support.websocket_clients import (
    Client,
    Clients,
    ClientsFactory,
    Message,
    new_address,
    new_room,
)


async def crown(client: Client) -> Message:
    """Return the crown of the room `person` is in."""
    found: Message = (await client.join(client.room))["ch"]["crown"]
    return found


async def drop(holder: Client, *others: Client) -> Message:
    """Let `holder` drop the crown; return it, after all have heard of it."""
    await holder.send({"m": "chown"})
    for client in (holder, *others):
        ch = await client.expect("ch")
        await client.received()
    found: Message = ch["ch"]["crown"]
    assert "participantId" not in found
    assert found["rest"] in (15_000, int(HURRIED["CROWN_IDLE_MS"]))
    return found


async def test_case_44_giving_it_to_somebody(clients: Clients) -> None:
    holder, other, third = await clients.group(3)
    await holder.send({"m": "chown", "id": other.id})
    for client in (holder, other, third):
        heard = await client.received()
        # Who is in another class of the quota now is told that too.
        assert [m["m"] for m in heard if m["m"] != "nq"] == ["ch"], heard
        (ch,) = (m for m in heard if m["m"] == "ch")
        assert ch.get("p", client.id) == client.id
        assert ch["ch"]["crown"]["participantId"] == ch["ch"]["crown"]["userId"] == other.id
        assert len(ch["ppl"]) == ch["ch"]["count"] == 3
    # Now it is his to give, and no longer the giver's.
    await holder.send({"m": "chown", "id": holder.id})
    await holder.assert_ignored()
    await other.assert_silent()
    await other.send({"m": "chown", "id": third.id})
    assert (await third.expect("ch"))["ch"]["crown"]["participantId"] == third.id


async def test_case_44_giving_it_to_the_holder_changes_nothing(clients: Clients) -> None:
    holder, other = await clients.pair()
    before = await crown(holder)
    await holder.send({"m": "chown", "id": holder.id})
    await holder.received()
    await other.received()
    assert (await crown(holder))["participantId"] == before["participantId"]


async def test_case_45_dropping_it(clients: Clients) -> None:
    holder, other = await clients.pair()
    await holder.send({"m": "m", "x": "30.50", "y": 40}, {"m": "chown"})
    for client in (holder, other):
        (ch,) = (m for m in await client.received() if m["m"] == "ch")
        dropped = ch["ch"]["crown"]
        assert "participantId" not in dropped or dropped["participantId"] is None
        assert dropped["userId"] == holder.id
        assert abs(dropped["time"] - time.time() * 1000) < 2000
        # It falls from the holder's cursor to a place in view.
        assert (float(dropped["startPos"]["x"]), float(dropped["startPos"]["y"])) == (30.5, 40)
        assert 0 <= float(dropped["endPos"]["x"]) <= 100
        assert 0 <= float(dropped["endPos"]["y"]) <= 100
        assert ch["ch"]["count"] == len(ch["ppl"]) == 2
    await drop_again(holder, other)


async def drop_again(holder: Client, other: Client) -> None:
    """Assert that what lies on the floor cannot be dropped, by anybody."""
    for client in (holder, other):
        await client.send({"m": "chown"})
        await client.assert_ignored()
    await holder.assert_silent()


async def test_case_46_others_wait(clients: Clients) -> None:
    holder, other, third = await clients.group(3)
    await drop(holder, other, third)
    await other.send({"m": "chown", "id": other.id})
    await other.assert_ignored()
    # Nor may he give it to a friend, or drop it anew.
    await other.send({"m": "chown", "id": third.id}, {"m": "chown", "id": "nobody"})
    await other.assert_ignored()
    await third.assert_silent()
    await holder.assert_silent()
    assert "participantId" not in await crown(third)


async def test_case_46_and_may_take_it_after_a_while(clients_with: ClientsFactory) -> None:
    holder, other, third = await clients_with(**HURRIED).group(3)
    dropped = await drop(holder, other, third)
    await asyncio.sleep(0.5)
    await other.send({"m": "chown", "id": other.id})
    for client in (holder, other, third):
        taken = (await client.expect("ch"))["ch"]["crown"]
        assert taken["participantId"] == taken["userId"] == other.id
        assert taken["time"] >= dropped["time"]


async def test_case_46_whoever_may_take_it_may_give_it(clients_with: ClientsFactory) -> None:
    holder, other, third = await clients_with(**HURRIED).group(3)
    await drop(holder, other, third)
    await asyncio.sleep(0.5)
    await other.send({"m": "chown", "id": third.id})
    assert (await holder.expect("ch"))["ch"]["crown"]["participantId"] == third.id


async def test_case_46_a_newcomer_waits_too(clients_with: ClientsFactory) -> None:
    clients = clients_with(**HURRIED)
    holder, other = await clients.pair()
    await drop(holder, other)
    newcomer = await clients.enter()
    found = (await newcomer.join(holder.room))["ch"]["crown"]
    assert found["userId"] == holder.id
    assert "participantId" not in found
    await newcomer.send({"m": "chown", "id": newcomer.id})
    await newcomer.assert_ignored()
    await holder.assert_silent("ch")
    await asyncio.sleep(0.5)
    await newcomer.send({"m": "chown", "id": newcomer.id})
    assert (await holder.expect("ch"))["ch"]["crown"]["participantId"] == newcomer.id


async def test_case_47_the_last_holder_takes_it_back_at_once(clients: Clients) -> None:
    holder, other = await clients.pair()
    await drop(holder, other)
    await holder.send({"m": "chown", "id": holder.id})
    for client in (holder, other):
        assert (await client.expect("ch"))["ch"]["crown"]["participantId"] == holder.id


async def test_case_47_or_hands_it_on_from_the_floor(clients: Clients) -> None:
    holder, other = await clients.pair()
    await drop(holder, other)
    await holder.send({"m": "chown", "id": other.id})
    assert (await other.expect("ch"))["ch"]["crown"]["participantId"] == other.id


NOBODY = ["nonexistent", "0" * 24, "", None, 5, True, [], {}]


@pytest.mark.parametrize("who", NOBODY)
async def test_case_49_an_unknown_id_of_the_holder_drops_it(clients: Clients, who: object) -> None:
    holder, other = await clients.pair()
    await holder.send({"m": "chown", "id": who})
    for client in (holder, other):
        dropped = (await client.expect("ch"))["ch"]["crown"]
        assert "participantId" not in dropped
        assert dropped["userId"] == holder.id


@pytest.mark.parametrize("who", NOBODY)
async def test_case_49_of_a_stranger_it_does_nothing(clients: Clients, who: object) -> None:
    holder, other = await clients.pair()
    await other.send({"m": "chown", "id": who})
    assert await other.refusal_codes() == (
        [] if who is None or isinstance(who, str) else ["bad_id"]
    )
    await holder.assert_silent()
    assert (await crown(holder))["participantId"] == holder.id


async def test_case_49_what_is_no_id_costs_nothing(clients: Clients) -> None:
    _, other = await clients.pair()
    await other.send(*[{"m": "chown", "id": 5}] * 30)
    assert await other.refusal_codes() == ["bad_id"]
    await other.send(*[{"m": "chown", "id": other.id}] * 10)
    await other.assert_silent()


async def test_case_49_nor_may_a_stranger_take_or_give_it(clients: Clients) -> None:
    holder, other, third = await clients.group(3)
    for who in (other.id, third.id, holder.id):
        await other.send({"m": "chown", "id": who})
    await other.assert_ignored()
    await holder.assert_silent()
    await third.assert_silent()
    assert (await crown(holder))["participantId"] == holder.id


async def test_case_50_it_never_goes_to_another_room(clients: Clients) -> None:
    holder, other = await clients.pair()
    _, stranger = await clients.pair()
    # A stranger may not take the crown of a room he is not in.
    await stranger.send({"m": "chown", "id": stranger.id, "_id": holder.room})
    await stranger.assert_ignored()
    await holder.assert_silent()
    await holder.send({"m": "chown", "id": stranger.id})
    dropped = (await other.expect("ch"))["ch"]["crown"]
    assert "participantId" not in dropped
    assert dropped["userId"] == holder.id
    await stranger.assert_silent()


async def test_case_51_the_owner_takes_it_whenever_he_likes(clients_with: ClientsFactory) -> None:
    clients = clients_with()
    holder, owner, other = await clients.group(3)
    admin = await clients.enter(token=clients.server.tokens["admin"])
    await admin.send(
        {
            "m": "admin message",
            "msg": {"m": "ch_flag", "_id": holder.room, "key": "owner_id", "value": owner.id},
        }
    )
    ch = await holder.expect("ch")
    assert ch["ch"]["settings"]["owner_id"] == owner.id
    await other.send({"m": "chown", "id": other.id})
    await other.received()
    await owner.send({"m": "chown", "id": owner.id})
    assert (await holder.expect("ch"))["ch"]["crown"]["participantId"] == owner.id
    # Also in his hands the settings keep it, and nobody sets it by `chset`.
    await owner.send({"m": "chset", "set": {"owner_id": other.id, "color": "#112233"}})
    changed = await holder.expect("ch", where=lambda m: m["ch"]["settings"]["color"] == "#112233")
    assert changed["ch"]["settings"]["owner_id"] == owner.id


async def test_the_crown_belongs_to_the_user_not_to_the_tab(
    clients_by_address: Clients, room: str
) -> None:
    holder = await clients_by_address.enter(room, address=new_address())
    other = await clients_by_address.enter(room, address=new_address())
    tab = await clients_by_address.tab(holder, room)
    await tab.send({"m": "chown", "id": other.id})
    assert (await holder.expect("ch"))["ch"]["crown"]["participantId"] == other.id
    assert (await tab.expect("ch"))["ch"]["crown"]["participantId"] == other.id


@only("net")
async def test_case_48_the_crown_of_a_room_that_lingers_waits_too(clients: Clients) -> None:
    holder = await clients.enter(new_room())
    await holder.leave()
    newcomer = await clients.enter()
    found = (await newcomer.join(holder.room))["ch"]["crown"]
    assert found["userId"] == holder.id
    assert "participantId" not in found
