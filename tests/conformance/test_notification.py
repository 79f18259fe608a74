"""Codes: the notifications of refusals, how often they come, and silence (docs/protocol.md 2.2)."""

from __future__ import annotations

import asyncio
from typing import Any

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


async def codes(client: Client) -> list[str]:
    """Return the codes of the notifications among the messages for `client`."""
    return [m["code"] for m in await client.received() if m["m"] == "notification"]


MALFORMED: list[tuple[Message, str]] = [
    ({"m": "a", "message": ""}, "bad_message"),
    ({"m": "a", "message": "x" * 513}, "bad_message"),
    ({"m": "a"}, "bad_message"),
    ({"m": "dm", "_id": "{other}", "message": 5}, "bad_message"),
    ({"m": "dm", "_id": 5, "message": "x"}, "bad_id"),
    ({"m": "userset", "set": {"name": "x" * 41}}, "bad_name"),
    ({"m": "userset", "set": {"color": "#abc"}}, "bad_color"),
    ({"m": "userset", "set": {"afk": "yes"}}, "bad_afk"),
    ({"m": "userset", "set": {"afk": 0, "color": 5, "name": []}}, "bad_name"),
    ({"m": "userset", "set": {}}, "bad_settings"),
    ({"m": "userset"}, "bad_settings"),
    ({"m": "ch", "_id": 5}, "bad_room"),
    ({"m": "ch", "_id": "a\nb"}, "bad_room"),
    ({"m": "chset", "set": {"chat": "false"}}, "bad_settings"),
    ({"m": "chset", "set": {"limit": 1e6, "color": "red"}}, "bad_settings"),
    ({"m": "chset", "set": {}}, "bad_settings"),
    ({"m": "kickban", "_id": "{other}", "ms": -1}, "bad_time"),
    ({"m": "kickban", "_id": "{other}", "ms": True}, "bad_time"),
    ({"m": "kickban", "_id": "{other}", "ms": "an hour"}, "bad_time"),
    ({"m": "kickban", "_id": {}, "ms": 1}, "bad_id"),
    ({"m": "kickban", "_id": None}, "bad_id"),
    ({"m": "unban", "_id": []}, "bad_id"),
    ({"m": "mute", "_id": "{other}", "notes": "yes"}, "bad_settings"),
    ({"m": "mute", "notes": True}, "bad_id"),
    ({"m": "coowner", "_id": 5}, "bad_id"),
    ({"m": "coowner", "_id": "{other}", "on": "yes"}, "bad_settings"),
    ({"m": "invite", "_id": "nobody"}, "bad_id"),
    ({"m": "invite", "_id": "{other}", "on": 1}, "bad_settings"),
]


def filled(message: Message, other: Client) -> Message:
    return {key: other.id if value == "{other}" else value for key, value in message.items()}


@pytest.mark.parametrize(("message", "code"), MALFORMED, ids=str)
async def test_a_malformed_value_is_told_once_and_changes_nothing(
    clients: Clients, message: Message, code: str
) -> None:
    holder, other = await clients.pair({"limit": 50, "color2": "#001122"})
    before = await other.join(other.room)
    await holder.send(*[filled(message, other)] * 15)
    assert await holder.refusal_codes() == [code]
    # Bad messages cost no tokens: a good line passes as the last one that the rate allows.
    await holder.send({"m": "a", "message": "still here"})
    assert [m["m"] for m in await other.received()] == ["a"]
    assert await other.join(other.room) == before


@pytest.mark.parametrize(
    "message",
    [
        {"m": "zzz"},
        {"m": "kickbann", "ms": -1},
        {"m": 5},
        {},
        {"m": "custom"},
        {"m": "custom", "target": {"mode": "everybody"}},
        {"m": "custom", "target": {"mode": "ids", "ids": ["x"] * 33}},
        {"m": "hi", "token": 5, "code": []},
        {"m": "devices", "list": 5},
        {"m": "t", "e": "soon"},
        {"m": "a", "message": "fine", "reply_to": 5},
        {"m": "chown", "id": "nobody here"},
        {"m": "kickban", "_id": "nobody here", "ms": 5},
        {"m": "dm", "_id": "nobody here", "message": "psst"},
        {"m": "userset", "set": {"name": "Clara", "color": "blue"}},
        {"m": "chset", "set": {"chat": True, "limit": "many"}},
    ],
    ids=str,
)
async def test_what_earns_silence(clients: Clients, message: Message) -> None:
    holder, _ = await clients.pair()
    await holder.send(message)
    assert await codes(holder) == []


async def test_nothing_is_told_before_hi(clients: Clients) -> None:
    client = await clients.open()
    await client.send(*(message for message, _ in MALFORMED))
    await client.assert_silent_until_hi()


async def test_each_code_is_told_by_itself(clients: Clients) -> None:
    holder, other = await clients.pair()
    for _ in range(3):
        await holder.send(*(filled(message, other) for message, _ in MALFORMED))
    assert sorted(await holder.refusal_codes()) == sorted({code for _, code in MALFORMED})
    await other.assert_silent()


async def test_and_again_after_a_while(clients_with: ClientsFactory) -> None:
    client, _ = await clients_with(**HURRIED).pair()
    for _ in range(2):
        await client.send({"m": "a", "message": ""}, {"m": "a", "message": 5})
        assert await client.refusal_codes() == ["bad_message"]
        await asyncio.sleep(0.4)


async def test_the_answer_to_a_refused_ch_always_comes(clients: Clients) -> None:
    await clients.enter("full", {"limit": 1})
    client = await clients.enter(new_room())
    for _ in range(5):
        await client.send({"m": "ch", "_id": "full"})
        assert await client.refusal_codes() == ["room_full"]


REFUSALS: list[tuple[Message, str]] = [
    ({"inviteOnly": True}, "invited_only"),
    ({"limit": 1}, "room_full"),
    ({"minOnlineTime": 86_400_000}, "too_new"),
]


@pytest.mark.parametrize(("settings", "code"), REFUSALS, ids=str)
async def test_why_one_does_not_get_in(clients: Clients, settings: Message, code: str) -> None:
    holder = await clients.enter(new_room(), settings)
    client = await clients.enter(new_room())
    await client.send({"m": "ch", "_id": holder.room})
    assert await client.refusal_codes() == [code]


async def test_bots_are_told_that_they_are(clients_with: ClientsFactory) -> None:
    clients = clients_with()
    holder = await clients.enter(new_room(), {"allowBots": False})
    bot = await clients.enter(new_room(), agent="Python/3.13 websockets/15.0")
    await bot.send({"m": "ch", "_id": holder.room})
    assert await bot.refusal_codes() == ["no_bots"]


WISHES: list[tuple[Message, Message, str]] = [
    ({"chat": False}, {"m": "a", "message": "hi"}, "chat_off"),
    ({}, {"m": "chset", "set": {"chat": False}}, "only_owner"),
    ({}, {"m": "kickban", "_id": "x"}, "only_owner"),
    ({}, {"m": "bans"}, "only_owner"),
    ({}, {"m": "coowner", "_id": "x"}, "only_owner"),
    ({"crownsolo": True}, {"m": "n", "t": 1, "n": [{"n": "c4"}]}, "only_owner_plays"),
    ({}, {"m": "clearchat"}, "not_allowed"),
    ({}, {"m": "v", "vanish": True}, "not_allowed"),
    ({}, {"m": "siteban", "id": "0" * 24, "duration": 1}, "not_allowed"),
    ({}, {"m": "setname", "_id": "x", "name": "y"}, "not_allowed"),
    ({}, {"m": "admin message", "msg": {"m": "restart"}}, "not_allowed"),
    ({}, {"m": "admin message", "msg": {"m": "eval"}}, "not_allowed"),
]


@pytest.mark.parametrize(("settings", "message", "code"), WISHES, ids=str)
async def test_why_one_may_not(
    clients: Clients, settings: Message, message: Message, code: str
) -> None:
    holder, other = await clients.pair(settings)
    await other.send(message)
    assert await other.refusal_codes() == [code]
    await holder.assert_silent()


async def test_slow_mode_and_mutes(clients: Clients) -> None:
    holder, other = await clients.pair({"slowMode": 3600})
    await other.send(*[{"m": "a", "message": "hi"}] * 2)
    assert await codes(other) == ["slow_mode"]
    await holder.send({"m": "mute", "_id": other.id, "chat": True, "notes": True})
    await holder.received()
    # That one is muted is news, and never held back; that one still is, once.
    assert await other.refusal_codes() == ["muted"]
    await other.send(*[{"m": "a", "message": "hi"}] * 2)
    assert await other.refusal_codes() == ["muted"]
    await holder.send({"m": "mute", "_id": other.id})
    await holder.received()
    assert await other.refusal_codes() == ["unmuted"]


async def test_the_crown_rests(clients: Clients) -> None:
    holder, other = await clients.pair()
    await holder.send({"m": "chown"})
    ch = await other.expect("ch")
    assert ch["ch"]["crown"]["rest"] == 15_000
    await other.received()
    await other.send({"m": "chown", "id": other.id})
    assert await other.refusal_codes() == ["crown_rests"]
    await holder.received()
    await holder.send({"m": "chown", "id": holder.id})
    assert "rest" not in (await other.expect("ch"))["ch"]["crown"]


@only("quick")
async def test_a_crown_that_need_not_rest_says_so(clients_with: ClientsFactory) -> None:
    holder, other = await clients_with(CROWN_IDLE_MS="0").pair()
    await holder.send({"m": "chown"})
    assert (await other.expect("ch"))["ch"]["crown"]["rest"] == 0


async def test_news(clients_by_address: Clients) -> None:
    room = new_room()
    holder, partner, guest, banned = [
        await clients_by_address.enter(room, address=new_address()) for _ in range(4)
    ]
    await holder.send({"m": "coowner", "_id": partner.id})
    await holder.received()
    assert await codes(partner) == ["coowner"]
    await holder.send({"m": "coowner", "_id": partner.id, "on": False})
    await holder.received()
    assert await codes(partner) == ["not_coowner"]
    await holder.send({"m": "invite", "_id": guest.id})
    await holder.received()
    assert await codes(guest) == ["invited"]
    await holder.send({"m": "kickban", "_id": banned.id})
    assert [m["code"] for m in await guest.received_until_notice() if m["m"] == "notification"] == [
        "kickbanned"
    ]
    assert await codes(banned) == ["banned"]
    for _ in range(2):
        await banned.send({"m": "ch", "_id": room})
        assert await codes(banned) == ["banned"]
    await holder.send({"m": "kickban", "_id": holder.id})
    assert "award" in [
        m["code"] for m in await guest.received_until_notice() if m["m"] == "notification"
    ]


async def test_every_announcement_to_a_room_is_heard(clients_by_address: Clients) -> None:
    room = new_room()
    people = [await clients_by_address.enter(room, address=new_address()) for _ in range(6)]
    holder, witness, *others = people
    await witness.received()
    for other in others:
        await holder.send({"m": "kickban", "_id": other.id, "ms": 60_000})
    for _ in others:
        assert (await witness.expect("notification"))["code"] == "kickbanned"


@pytest.mark.parametrize("messages", [1, 30])
async def test_the_quota_says_its_tick(clients: Clients, preset: Any, messages: int) -> None:
    client = await clients.enter()
    for _ in range(min(messages, 5)):
        await client.join(new_room())
        assert client.frames[-1][2]["tick"] == preset.tick_seconds * 1000
