"""The crown comes back to who returns in time (docs/protocol.md 2.3)."""

from __future__ import annotations

import asyncio

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


def crowns(heard: list[Message]) -> list[str | None]:
    """Return the holder in each `ch` among some messages."""
    return [m["ch"]["crown"].get("participantId") for m in heard if m["m"] == "ch"]


async def three(clients_by_address: Clients, room: str) -> tuple[Client, Client, Client]:
    """Return people who can come back; the first one holds the crown."""
    first, second, third = [
        await clients_by_address.enter(room, address=new_address()) for _ in range(3)
    ]
    for client in (first, second, third):
        await client.received()
    return first, second, third


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.case(48)
async def test_a_holder_who_reloads_the_page_has_the_crown_again(
    clients_by_address: Clients, room: str, how: str
) -> None:
    holder, heir, other = await three(clients_by_address, room)
    await (holder.leave() if how == "close" else holder.vanish())
    for left in (heir, other):
        assert (await left.expect("ch"))["ch"]["count"] == 2
    await asyncio.sleep(0.3)
    again = await clients_by_address.enter(address=holder.address)
    ch = await again.join(room)
    assert ch["ch"]["crown"]["participantId"] == ch["ch"]["crown"]["userId"] == holder.id
    assert again.frames[-1][2] == again.preset.holder.nq
    await again.assert_silent()
    # One `ch` has both the crown and the participant who is back.
    for left in (heir, other):
        heard = await left.received()
        assert [m["m"] for m in heard if m["m"] != "nq"] == ["ch"]
        assert crowns(heard) == [holder.id]
        assert sorted(p["_id"] for p in heard[0]["ppl"]) == sorted(
            p.id for p in (holder, heir, other)
        )
    await again.send({"m": "chset", "set": {"color": "#123456"}})
    assert (await other.expect("ch"))["ch"]["settings"]["color"] == "#123456"


QUOTAS = {
    "QUOTA_HOLDER__ALLOWANCE": "900",
    "QUOTA_NORMAL__ALLOWANCE": "300",
    "CROWN_ON_LEAVE": "passes",
    "NODE_ENV": "production",
}


@pytest.mark.case(44)
async def test_both_get_their_quota_when_the_crown_returns(
    clients_with: ClientsFactory, room: str
) -> None:
    holder, heir, other = await three(clients_with(**QUOTAS), room)
    await holder.leave()
    assert (await heir.expect("nq"))["allowance"] == 900
    again = await clients_with(**QUOTAS).enter(address=holder.address)
    await again.join(room)
    assert again.frames[-1][2]["allowance"] == 900
    heard = await heir.received()
    assert [m["m"] for m in heard] == ["ch", "nq"]
    assert heard[1]["allowance"] == 300
    assert [m["m"] for m in await other.received()] == ["ch", "ch"]


@pytest.mark.case(48)
async def test_whoever_takes_the_crown_back_is_not_marked_as_like_the_next_holder(
    clients_with: ClientsFactory, room: str
) -> None:
    clients = clients_with(CROWN_ON_LEAVE="passes", NODE_ENV="production")
    holder, heir, other = await three(clients, room)
    for client, name in ((holder, "Clara"), (heir, "CIara")):
        await client.send({"m": "userset", "set": {"name": name}})
        await client.expect("p")
    await holder.leave()
    await heir.expect("ch")
    again = await clients.enter(address=holder.address)
    entries = (await again.join(room))["ppl"]
    looks = {entry["_id"]: entry.get("looksLike") for entry in entries}
    assert looks == {holder.id: None, heir.id: "holder", other.id: None}


@pytest.mark.case(48)
async def test_a_holder_who_goes_to_another_room_loses_the_crown(
    clients_with: ClientsFactory, room: str
) -> None:
    holder, heir, _ = await three(
        clients_with(CROWN_ON_LEAVE="passes", NODE_ENV="production"), room
    )
    await holder.join(new_room())
    await heir.expect("ch")
    assert crowns([await holder.join(room)]) == [heir.id]


@pytest.mark.case(48)
async def test_a_holder_who_returns_too_late_does_not_get_the_crown(
    clients_with: ClientsFactory, room: str
) -> None:
    rules = {"CROWN_ON_LEAVE": "passes", "CROWN_RETURN_MS": "300", "NODE_ENV": "production"}
    clients_by_address = clients_with(**rules)
    holder, heir, _ = await three(clients_by_address, room)
    await holder.leave()
    await heir.expect("ch")
    await asyncio.sleep(0.4)
    again = await clients_by_address.enter(address=holder.address)
    assert crowns([await again.join(room)]) == [heir.id]


@pytest.mark.case(48)
async def test_the_return_of_the_crown_can_be_switched_off(
    clients_with: ClientsFactory, room: str
) -> None:
    rules = {"CROWN_ON_LEAVE": "passes", "CROWN_RETURN_MS": "0", "NODE_ENV": "production"}
    clients_by_address = clients_with(**rules)
    holder, heir, _ = await three(clients_by_address, room)
    await holder.leave()
    await heir.expect("ch")
    again = await clients_by_address.enter(address=holder.address)
    assert crowns([await again.join(room)]) == [heir.id]


@only("quick")
@pytest.mark.parametrize("deed", ["gives", "drops"])
@pytest.mark.case(48)
async def test_what_the_next_holder_does_stays_when_the_crown_returns(
    clients_by_address: Clients, room: str, deed: str
) -> None:
    holder, heir, other = await three(clients_by_address, room)
    await holder.leave()
    await heir.expect("ch")
    await heir.send({"m": "chown", "id": other.id} if deed == "gives" else {"m": "chown"})
    await heir.expect("ch")
    again = await clients_by_address.enter(address=holder.address)
    assert crowns([await again.join(room)]) == [other.id if deed == "gives" else None]
    assert [m["m"] for m in await heir.received()] == ["p"]


@only("quick")
@pytest.mark.parametrize("is_first_back_first", [True, False])
@pytest.mark.case(48)
async def test_of_two_holders_who_return_the_first_gets_the_crown(
    clients_by_address: Clients, room: str, is_first_back_first: bool
) -> None:
    first, second, third = await three(clients_by_address, room)
    for leaver in (first, second):
        await leaver.leave()
        await third.expect("ch")
    order = (first, second) if is_first_back_first else (second, first)
    for client in order:
        await clients_by_address.enter(room, address=client.address)
    heard = crowns(await third.received())
    assert heard == ([first.id] if is_first_back_first else [second.id, first.id])


@only("quick")
@pytest.mark.parametrize("ms", [0, 60_000])
@pytest.mark.case(78)
async def test_a_banned_holder_does_not_get_the_crown_back(
    clients_by_address: Clients, room: str, ms: int
) -> None:
    holder, heir, other = await three(clients_by_address, room)
    await holder.send({"m": "kickban", "_id": holder.id, "ms": ms})
    await holder.joined()
    await heir.expect("ch")
    await heir.send({"m": "unban", "_id": holder.id})
    await heir.received()
    assert crowns([await holder.join(room)]) == [heir.id]
    await holder.leave()
    await other.received()


@only("quick")
@pytest.mark.parametrize("ms", [0, 60_000])
@pytest.mark.case(79)
async def test_a_holder_banned_while_away_does_not_get_the_crown_back(
    clients_by_address: Clients, room: str, ms: int
) -> None:
    holder, heir, other = await three(clients_by_address, room)
    await holder.leave()
    await heir.expect("ch")
    await heir.send({"m": "kickban", "_id": holder.id, "ms": ms})
    assert "kickbanned" in (await other.received_until_notice())[-1]["text"]
    again = await clients_by_address.enter(address=holder.address)
    assert (await again.join(room))["ch"]["_id"] == (room if ms == 0 else "test/awkward")
    await heir.send({"m": "unban", "_id": holder.id})
    await heir.received()
    assert crowns([await again.join(room)]) == [heir.id]


@pytest.mark.case(32)
async def test_the_crown_stays_while_the_holder_has_another_tab(
    clients_by_address: Clients, room: str
) -> None:
    holder, heir, other = await three(clients_by_address, room)
    tab = await clients_by_address.tab(holder, room)
    await holder.leave()
    await tab.assert_silent()
    again = await clients_by_address.tab(holder, room)
    await again.assert_silent()
    for client in (heir, other):
        await client.assert_silent()
    assert crowns([await other.join(room)]) == [holder.id]


@pytest.mark.case(37)
async def test_special_rooms_have_no_crown_to_return(clients_by_address: Clients) -> None:
    room = f"test/{new_room()}"
    holder, heir, _ = await three(clients_by_address, room)
    await holder.leave()
    assert await heir.expect("bye") == {"m": "bye", "p": holder.id}
    again = await clients_by_address.enter(address=holder.address)
    assert "crown" not in (await again.join(room))["ch"]
    assert [m["m"] for m in await heir.received()] == ["p"]


@only("net")
@pytest.mark.case(48)
async def test_the_crown_does_not_return_after_another_took_it(
    clients_with: ClientsFactory, room: str
) -> None:
    clients_by_address = clients_with(**HURRIED, NODE_ENV="production")
    holder, heir, _ = await three(clients_by_address, room)
    await holder.leave()
    await heir.expect("ch")
    await asyncio.sleep(0.5)
    await heir.send({"m": "chown", "id": heir.id})
    await heir.expect("ch")
    again = await clients_by_address.enter(address=holder.address)
    assert crowns([await again.join(room)]) == [heir.id]
