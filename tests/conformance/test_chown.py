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
    """Return the crown of the client's room."""
    found: Message = (await client.join(client.room))["ch"]["crown"]
    return found


async def drop(holder: Client, *others: Client) -> Message:
    """Let `holder` drop the crown; return it, after all have received the change."""
    await holder.send({"m": "chown"})
    for client in (holder, *others):
        ch = await client.expect("ch")
        await client.received()
    found: Message = ch["ch"]["crown"]
    assert "participantId" not in found
    assert found["rest"] in (15_000, int(HURRIED["CROWN_IDLE_MS"]))
    return found


@pytest.mark.case(44)
async def test_the_holder_gives_the_crown_to_a_participant(clients: Clients) -> None:
    holder, other, third = await clients.group(3)
    await holder.send({"m": "chown", "id": other.id})
    for client in (holder, other, third):
        heard = await client.received()
        # Participants whose class of the quota changes get `nq` too.
        assert [m["m"] for m in heard if m["m"] != "nq"] == ["ch"], heard
        (ch,) = (m for m in heard if m["m"] == "ch")
        assert ch.get("p", client.id) == client.id
        assert ch["ch"]["crown"]["participantId"] == ch["ch"]["crown"]["userId"] == other.id
        assert len(ch["ppl"]) == ch["ch"]["count"] == 3
    # Now the new holder may give the crown, and the old one may not.
    await holder.send({"m": "chown", "id": holder.id})
    await holder.assert_ignored()
    await other.assert_silent()
    await other.send({"m": "chown", "id": third.id})
    assert (await third.expect("ch"))["ch"]["crown"]["participantId"] == third.id


@pytest.mark.case(44)
async def test_giving_the_crown_to_the_holder_changes_nothing(clients: Clients) -> None:
    holder, other = await clients.pair()
    before = await crown(holder)
    await holder.send({"m": "chown", "id": holder.id})
    await holder.received()
    await other.received()
    assert (await crown(holder))["participantId"] == before["participantId"]


@pytest.mark.case(45)
async def test_the_holder_drops_the_crown(clients: Clients) -> None:
    holder, other = await clients.pair()
    await holder.send({"m": "m", "x": "30.50", "y": 40}, {"m": "chown"})
    for client in (holder, other):
        (ch,) = (m for m in await client.received() if m["m"] == "ch")
        dropped = ch["ch"]["crown"]
        assert "participantId" not in dropped or dropped["participantId"] is None
        assert dropped["userId"] == holder.id
        assert abs(dropped["time"] - time.time() * 1000) < 2000
        # The crown falls from the holder's pointer to a place in view.
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


@pytest.mark.case(46)
async def test_others_may_not_take_a_fresh_crown(clients: Clients) -> None:
    holder, other, third = await clients.group(3)
    await drop(holder, other, third)
    await other.send({"m": "chown", "id": other.id})
    await other.assert_ignored()
    # Others may neither give the crown away nor drop it again.
    await other.send({"m": "chown", "id": third.id}, {"m": "chown", "id": "nobody"})
    await other.assert_ignored()
    await third.assert_silent()
    await holder.assert_silent()
    assert "participantId" not in await crown(third)


@pytest.mark.case(46)
async def test_others_may_take_a_dropped_crown_after_a_while(clients_with: ClientsFactory) -> None:
    holder, other, third = await clients_with(**HURRIED).group(3)
    dropped = await drop(holder, other, third)
    await asyncio.sleep(0.5)
    await other.send({"m": "chown", "id": other.id})
    for client in (holder, other, third):
        taken = (await client.expect("ch"))["ch"]["crown"]
        assert taken["participantId"] == taken["userId"] == other.id
        assert taken["time"] >= dropped["time"]


@pytest.mark.case(46)
async def test_a_participant_who_may_take_the_crown_may_give_it_away(
    clients_with: ClientsFactory,
) -> None:
    holder, other, third = await clients_with(**HURRIED).group(3)
    await drop(holder, other, third)
    await asyncio.sleep(0.5)
    await other.send({"m": "chown", "id": third.id})
    assert (await holder.expect("ch"))["ch"]["crown"]["participantId"] == third.id


@pytest.mark.case(46)
async def test_a_newcomer_may_not_take_a_fresh_crown(clients_with: ClientsFactory) -> None:
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


@pytest.mark.case(47)
async def test_the_last_holder_takes_a_dropped_crown_back_at_once(clients: Clients) -> None:
    holder, other = await clients.pair()
    await drop(holder, other)
    await holder.send({"m": "chown", "id": holder.id})
    for client in (holder, other):
        assert (await client.expect("ch"))["ch"]["crown"]["participantId"] == holder.id


@pytest.mark.case(47)
async def test_the_last_holder_gives_a_dropped_crown_to_another(clients: Clients) -> None:
    holder, other = await clients.pair()
    await drop(holder, other)
    await holder.send({"m": "chown", "id": other.id})
    assert (await other.expect("ch"))["ch"]["crown"]["participantId"] == other.id


NOBODY = ["nonexistent", "0" * 24, "", None, 5, True, [], {}]


@pytest.mark.parametrize("who", NOBODY)
@pytest.mark.case(49)
async def test_the_holder_drops_the_crown_by_an_unknown_id(clients: Clients, who: object) -> None:
    holder, other = await clients.pair()
    await holder.send({"m": "chown", "id": who})
    for client in (holder, other):
        dropped = (await client.expect("ch"))["ch"]["crown"]
        assert "participantId" not in dropped
        assert dropped["userId"] == holder.id


@pytest.mark.parametrize("who", NOBODY)
@pytest.mark.case(49)
async def test_a_chown_of_a_participant_without_the_crown_does_nothing(
    clients: Clients, who: object
) -> None:
    holder, other = await clients.pair()
    await other.send({"m": "chown", "id": who})
    assert await other.refusal_codes() == (
        [] if who is None or isinstance(who, str) else ["bad_id"]
    )
    await holder.assert_silent()
    assert (await crown(holder))["participantId"] == holder.id


@pytest.mark.case(49)
async def test_a_chown_with_a_malformed_id_does_not_count_for_the_rate(clients: Clients) -> None:
    _, other = await clients.pair()
    await other.send(*[{"m": "chown", "id": 5}] * 30)
    assert await other.refusal_codes() == ["bad_id"]
    await other.send(*[{"m": "chown", "id": other.id}] * 10)
    await other.assert_silent()


@pytest.mark.case(49)
async def test_participants_may_neither_take_nor_give_the_crown_of_another(
    clients: Clients,
) -> None:
    holder, other, third = await clients.group(3)
    for who in (other.id, third.id, holder.id):
        await other.send({"m": "chown", "id": who})
    await other.assert_ignored()
    await holder.assert_silent()
    await third.assert_silent()
    assert (await crown(holder))["participantId"] == holder.id


@pytest.mark.case(50)
async def test_the_crown_never_goes_to_another_room(clients: Clients) -> None:
    holder, other = await clients.pair()
    _, stranger = await clients.pair()
    # A client may not take the crown of another room.
    await stranger.send({"m": "chown", "id": stranger.id, "_id": holder.room})
    await stranger.assert_ignored()
    await holder.assert_silent()
    await holder.send({"m": "chown", "id": stranger.id})
    dropped = (await other.expect("ch"))["ch"]["crown"]
    assert "participantId" not in dropped
    assert dropped["userId"] == holder.id
    await stranger.assert_silent()


@pytest.mark.case(51)
async def test_the_owner_takes_the_crown_at_any_time(clients_with: ClientsFactory) -> None:
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
    # The settings keep the owner, whom `chset` cannot change.
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
@pytest.mark.case(48)
async def test_the_crown_of_an_empty_room_that_remains_waits_too(clients: Clients) -> None:
    holder = await clients.enter(new_room())
    await holder.leave()
    newcomer = await clients.enter()
    found = (await newcomer.join(holder.room))["ch"]["crown"]
    assert found["userId"] == holder.id
    assert "participantId" not in found
