"""`kickban`: bans from a room (docs/protocol.md 2.4)."""

from __future__ import annotations

import asyncio

import pytest

from support.presets import HURRIED, Preset
from support.server import Server
from support.websocket_clients import (
    Client,
    Clients,
    ClientsFactory,
    Message,
    new_address,
    new_room,
)

MINUTE = 60_000


async def neighbours(clients: Clients, size: int) -> list[Client]:
    """Return people with addresses of their own in a new room; the first holds the crown."""
    room = new_room()
    people = [await clients.enter(room, address=new_address()) for _ in range(size)]
    for client in people:
        await client.received()
    return people


async def thrown_out(client: Client, room: str) -> Message:
    """Assert that `client` lands in the awkward room with a notice of the ban; return that."""
    ch = await client.joined()
    assert ch["ch"]["_id"] == "test/awkward"
    (notice,) = [m for m in client.log if m["m"] == "notification" and room in m.get("text", "")]
    return notice


async def kept_out(client: Client, room: str) -> Message:
    """Assert that `client` cannot join `room`; return the notification."""
    await client.received()
    before = len(client.log)
    await client.send({"m": "ch", "_id": room})
    ch = await client.joined()
    assert ch["ch"]["_id"] == "test/awkward"
    await client.received()
    (notice,) = (m for m in client.log[before:] if m["m"] == "notification")
    return notice


@pytest.mark.case(74)
async def test_a_ban_moves_the_user_out_and_notifies_all(clients_by_address: Clients) -> None:
    holder, banned, other = await neighbours(clients_by_address, 3)
    room = holder.room
    tab = await clients_by_address.tab(banned, room)
    elsewhere = await clients_by_address.tab(banned, new_room())
    await holder.send({"m": "userset", "set": {"name": "Clara"}})
    await holder.received()
    await banned.send({"m": "userset", "set": {"name": "Robert"}})
    await holder.expect("p", where=lambda p: p["name"] == "Robert")
    await other.expect("p", where=lambda p: p["name"] == "Robert")
    await elsewhere.received()
    await holder.send({"m": "kickban", "_id": banned.id, "ms": 5 * MINUTE})
    for socket in (banned, tab):
        notice = await thrown_out(socket, room)
        assert notice["title"] == "Notice"
        assert notice["class"] == "short"
        assert notice["target"] == "#room"
        assert notice["duration"] == 7000
        assert "5 minutes" in notice["text"]
    for left in (holder, other):
        heard = await left.received_until_notice()
        assert sorted(m["m"] for m in heard) == ["bye", "notification"], heard
        (bye,) = (m for m in heard if m["m"] == "bye")
        assert bye["p"] == banned.id
        (notice,) = (m for m in heard if m["m"] == "notification")
        assert notice["title"] == "Notice"
        assert (notice["class"], notice["target"], notice["duration"]) == ("short", "#room", 7000)
        for part in ("Clara", "Robert", "5 minutes"):
            assert part in notice["text"]
    # Tabs of the banned user in other rooms stay.
    await elsewhere.assert_silent("ch")
    assert (await other.join(room))["ch"]["count"] == 2
    # The user stays out; the notice rounds the remaining time up.
    assert "5 minutes" in (await kept_out(tab, room))["text"]
    again = await clients_by_address.enter(address=banned.address)
    assert "5 minutes" in (await kept_out(again, room))["text"]
    await holder.assert_silent()


@pytest.mark.case(74)
async def test_a_banned_user_who_comes_from_another_room_goes_to_the_awkward_room(
    clients_by_address: Clients,
) -> None:
    holder, banned = await neighbours(clients_by_address, 2)
    await holder.send({"m": "kickban", "_id": banned.id, "ms": MINUTE})
    await thrown_out(banned, holder.room)
    await holder.received_until_notice()
    await banned.join(new_room())
    await kept_out(banned, holder.room)
    await holder.assert_silent()


GOOD = [1, 300_000, 3_600_000, 1799.9999999999998, 0.03 * 60_000, 12e4]


@pytest.mark.parametrize("ms", GOOD)
@pytest.mark.case(75)
async def test_these_times_are_accepted(clients_by_address: Clients, ms: float) -> None:
    holder, banned = await neighbours(clients_by_address, 2)
    await holder.send({"m": "kickban", "_id": banned.id, "ms": ms})
    await thrown_out(banned, holder.room)
    if ms > 1000:
        await kept_out(banned, holder.room)


@pytest.mark.parametrize("over", [1, 1e300])
@pytest.mark.case(75)
async def test_a_longer_time_is_cut_to_the_ceiling(
    clients_by_address: Clients, preset: Preset, over: float
) -> None:
    holder, banned = await neighbours(clients_by_address, 2)
    await holder.send({"m": "kickban", "_id": banned.id, "ms": preset.ceiling_ms + over})
    await thrown_out(banned, holder.room)
    notice = await kept_out(banned, holder.room)
    assert f"{preset.ceiling_ms // MINUTE} minutes" in notice["text"]


@pytest.mark.parametrize("ms", [0, 0.0, -0.0])
@pytest.mark.case(75)
async def test_a_time_of_zero_only_kicks(clients_by_address: Clients, ms: float) -> None:
    holder, kicked = await neighbours(clients_by_address, 2)
    await holder.send({"m": "kickban", "_id": kicked.id, "ms": ms})
    await thrown_out(kicked, holder.room)
    await holder.expect("bye")
    assert (await kicked.join(holder.room))["ch"]["_id"] == holder.room


@pytest.mark.parametrize("fields", [{}, {"ms": None}, {"ms": ""}], ids=repr)
@pytest.mark.case(75)
async def test_a_ban_without_a_time_lasts_half_an_hour(
    clients_by_address: Clients, fields: Message
) -> None:
    holder, banned = await neighbours(clients_by_address, 2)
    await holder.send({"m": "kickban", "_id": banned.id} | fields)
    assert "30 minutes" in (await thrown_out(banned, holder.room))["text"]
    assert "30 minutes" in (await kept_out(banned, holder.room))["text"]


@pytest.mark.parametrize(
    ("ms", "minutes"),
    [
        ("300000", 5),
        ("3e5", 5),
        (" 300000 ", 5),
        ("+300000", 5),
        ("300000.75", 5),
        ("1.5e5", 3),
        ("120000.", 2),
        (".3E6", 5),
        (299_999.5, 5),
    ],
)
@pytest.mark.case(75)
async def test_a_numeric_string_is_a_time(
    clients_by_address: Clients, ms: object, minutes: int
) -> None:
    holder, banned = await neighbours(clients_by_address, 2)
    await holder.send({"m": "kickban", "_id": banned.id, "ms": ms})
    assert f"{minutes} minutes" in (await thrown_out(banned, holder.room))["text"]


@pytest.mark.case(75)
async def test_a_text_is_cut_to_the_ceiling_too(
    clients_by_address: Clients, preset: Preset
) -> None:
    holder, banned = await neighbours(clients_by_address, 2)
    await holder.send({"m": "kickban", "_id": banned.id, "ms": "1e300"})
    notice = await thrown_out(banned, holder.room)
    assert f"{preset.ceiling_ms // MINUTE} minutes" in notice["text"]


BAD_TIMES = [
    *("-1", "-0.1", "-1e300", "true", "false", "[60000]", "[]", "{}", '{"ms":1000}'),
    *('"-5"', '"soon"', '"5 minutes"', '" "', '"0x10"', '"1e999"', '"NaN"', '"Infinity"'),
    *('"1_000"', '"1,000"', '"\\u0661\\u0662"', '"' + "9" * 50 + '"', '"1e"', '"."', '"true"'),
]


@pytest.mark.parametrize("ms", BAD_TIMES)
@pytest.mark.case(75)
async def test_bad_times_are_refused(clients: Clients, ms: str) -> None:
    holder, other = await clients.pair()
    await holder.send_raw(f'[{{"m":"kickban","_id":"{other.id}","ms":{ms}}}]')
    assert await holder.refusal_codes() == ["bad_time"]
    await other.assert_silent()


@pytest.mark.parametrize("ms", ["NaN", "1e999", "-1e999"])
@pytest.mark.case(75)
async def test_a_time_that_is_no_json_makes_the_frame_ignored(clients: Clients, ms: str) -> None:
    holder, other = await clients.pair()
    await holder.send_raw(f'[{{"m":"kickban","_id":"{other.id}","ms":{ms}}}]')
    await holder.assert_silent()
    await other.assert_silent()


@pytest.mark.parametrize(
    "fields",
    [
        {"ms": 60000},
        {"_id": None, "ms": 60000},
        {"_id": 5, "ms": 60000},
        {"_id": ["{other}"], "ms": 60000},
        {"_id": "", "ms": 60000},
        {"_id": "nonexistent", "ms": 60000},
        {"_id": "0" * 24, "ms": 60000},
    ],
)
@pytest.mark.case(75)
async def test_a_ban_of_an_unknown_user_does_nothing(clients: Clients, fields: Message) -> None:
    holder, other = await clients.pair()
    filled = {k: v.format(other=other.id) if isinstance(v, str) else v for k, v in fields.items()}
    await holder.send({"m": "kickban"} | filled)
    is_text = isinstance(filled.get("_id"), str)
    assert await holder.refusal_codes() == ([] if is_text else ["bad_id"])
    await other.assert_silent()


@pytest.mark.case(75)
async def test_a_banned_user_may_return_when_the_ban_ends(clients_by_address: Clients) -> None:
    holder, banned = await neighbours(clients_by_address, 2)
    await holder.send({"m": "kickban", "_id": banned.id, "ms": 500})
    await thrown_out(banned, holder.room)
    await kept_out(banned, holder.room)
    await asyncio.sleep(0.6)
    assert (await banned.join(holder.room))["ch"]["_id"] == holder.room


@pytest.mark.case(76)
async def test_each_room_has_its_own_bans(clients_by_address: Clients) -> None:
    one, banned = await neighbours(clients_by_address, 2)
    two = await clients_by_address.enter(new_room(), address=new_address())
    for holder in (one, two):
        await holder.send({"m": "kickban", "_id": banned.id, "ms": 5 * MINUTE})
        await holder.expect("notification")
    await two.send({"m": "unban", "_id": banned.id})
    await two.assert_silent()
    await kept_out(banned, one.room)
    assert (await banned.join(two.room))["ch"]["_id"] == two.room
    await one.send({"m": "unban", "_id": banned.id})
    await one.received()
    assert (await banned.join(one.room))["ch"]["_id"] == one.room


@pytest.mark.case(77)
async def test_participants_without_the_crown_ban_nobody(clients_by_address: Clients) -> None:
    holder, other, third = await neighbours(clients_by_address, 3)
    for target in (holder, third, other):
        await other.send({"m": "kickban", "_id": target.id, "ms": MINUTE})
    await other.refusal()
    await holder.assert_silent()
    await third.assert_silent()
    tab = await clients_by_address.tab(third)
    assert (await tab.join(holder.room))["ch"]["count"] == 3


@pytest.mark.case(77)
async def test_a_holder_who_dropped_the_crown_bans_nobody(clients_by_address: Clients) -> None:
    holder, other = await neighbours(clients_by_address, 2)
    await holder.send({"m": "chown"})
    await holder.received()
    await other.received()
    await holder.send({"m": "kickban", "_id": other.id, "ms": MINUTE})
    await holder.refusal()
    await other.assert_silent()


@pytest.mark.case(78)
async def test_a_holder_may_ban_themself(clients_by_address: Clients, preset: Preset) -> None:
    holder, other, third = await neighbours(clients_by_address, 3)
    room = holder.room
    await holder.send({"m": "kickban", "_id": holder.id, "ms": MINUTE})
    assert (await holder.joined())["ch"]["_id"] == "test/awkward"
    for left in (other, third):
        heard = await left.received_until_notice()
        # The holder left with the crown: one `ch` and no `bye`.
        assert [m["m"] for m in heard if m["m"] not in {"notification", "nq"}] == ["ch"], heard
        (ch,) = (m for m in heard if m["m"] == "ch")
        assert holder.id not in {p["_id"] for p in ch["ppl"]}
        heir = None if preset.crown_falls else other.id
        assert ch["ch"]["crown"].get("participantId") == heir
        awards = [m for m in heard if m.get("title") == "Certificate of Award"]
        assert len(awards) == 1, heard
        assert awards[0].get("class", "classic") == "classic"
        assert (awards[0]["target"], awards[0]["duration"]) == ("#room", 7000)
    await kept_out(holder, room)
    if preset.crown_falls:
        await other.send({"m": "chown", "id": other.id})
        await other.assert_ignored()


@pytest.mark.case(79)
async def test_a_user_in_another_room_can_be_banned(clients_by_address: Clients) -> None:
    holder, other = await neighbours(clients_by_address, 2)
    absent = await clients_by_address.enter(new_room(), address=new_address())
    await holder.send({"m": "kickban", "_id": absent.id, "ms": MINUTE})
    await holder.received()
    await absent.assert_silent("ch")
    await other.assert_silent("bye", "ch")
    assert (await absent.join(absent.room))["ch"]["_id"] == absent.room
    await kept_out(absent, holder.room)


@pytest.mark.case(80)
async def test_a_second_ban_replaces_the_first(clients_by_address: Clients) -> None:
    holder, banned = await neighbours(clients_by_address, 2)
    for minutes in (5, 50, 2):
        await holder.send({"m": "kickban", "_id": banned.id, "ms": minutes * MINUTE})
        await holder.received()
        # A fresh connection is not spared a notification by those before it.
        again = await clients_by_address.tab(banned)
        assert f"{minutes} minutes" in (await kept_out(again, holder.room))["text"]


@pytest.mark.case(81)
async def test_a_ban_outlives_the_empty_room(clients_with: ClientsFactory) -> None:
    clients_by_address = clients_with(**HURRIED, NODE_ENV="production")
    holder, banned = await neighbours(clients_by_address, 2)
    room = holder.room
    await holder.send({"m": "kickban", "_id": banned.id, "ms": MINUTE})
    await holder.received()
    await holder.join(new_room())
    await kept_out(banned, room)
    await asyncio.sleep(0.5)
    # Another client opens the room again.
    other = await clients_by_address.enter(room, address=new_address())
    await kept_out(await clients_by_address.tab(banned), room)
    await other.send({"m": "unban", "_id": banned.id})
    await other.received()
    assert (await banned.join(room))["ch"]["_id"] == room


@pytest.mark.case(81)
async def test_a_ban_outlives_a_restart(restartable_server: Server) -> None:
    async with Clients(restartable_server) as clients_by_address:
        holder, banned, pardoned = await neighbours(clients_by_address, 3)
        for target in (banned, pardoned):
            await holder.send({"m": "kickban", "_id": target.id, "ms": 5 * MINUTE})
        await holder.send({"m": "unban", "_id": pardoned.id})
        await holder.received()
    restartable_server.restart()
    async with Clients(restartable_server) as clients_by_address:
        again = await clients_by_address.enter(address=banned.address)
        assert again.id == banned.id
        assert "5 minutes" in (await kept_out(again, holder.room))["text"]
        again = await clients_by_address.enter(address=pardoned.address)
        assert (await again.join(holder.room))["ch"]["_id"] == holder.room
