"""Staff messages of people who are no staff: nothing (docs/protocol.md 1.3)."""

from __future__ import annotations

from typing import Any

import pytest

from support.websocket_clients import Client, Clients, ClientsFactory, Message, new_room

MESSAGES: list[Message] = [
    {"m": "clearchat"},
    {"m": "v", "vanish": True},
    {"m": "siteban", "id": "{other}", "duration": 60_000, "reason": "x"},
    {"m": "siteban", "id": "{other}", "permanent": True, "reason": "x"},
    {"m": "setcolor", "_id": "{other}", "color": "#112233"},
    {"m": "setname", "_id": "{other}", "name": "Nobody"},
    {"m": "chset", "set": {"color": "#112233"}},
    {"m": "chown", "id": "{me}"},
    *(
        {"m": "admin message", "msg": inner}
        for inner in (
            {"m": "color", "_id": "{other}", "color": "#112233"},
            {"m": "setcolor", "_id": "{other}", "color": "#112233"},
            {"m": "name", "_id": "{other}", "name": "Nobody"},
            {"m": "setname", "_id": "{other}", "name": "Nobody"},
            {"m": "user_flag", "_id": "{other}", "key": "cant_chat", "value": True},
            {"m": "tag", "_id": "{other}", "tag": {"text": "BOT", "color": "#112233"}},
            {"m": "remove_tag", "_id": "{other}"},
            {"m": "clear_chat"},
            {"m": "notification", "targetUser": "all", "text": "hi"},
            {"m": "restart"},
            {"m": "forceload", "_id": "some room"},
            {"m": "unforceload", "_id": "some room"},
            {"m": "ch_flag", "key": "limit", "value": 5},
            {"m": "move", "_id": "{other}", "ch": "test/awkward"},
            {"m": "rename_channel", "_id": "another name"},
            {"m": "admin_chat", "message": "hi"},
            {"m": "eval", "str": "1"},
            {"m": "a", "message": "hi"},
        )
    ),
]


def filled(value: Any, names: dict[str, str]) -> Any:
    """Put ids where a message has `{names}` for them."""
    if isinstance(value, dict):
        return {key: filled(inner, names) for key, inner in value.items()}
    if isinstance(value, str) and value.startswith("{"):
        return value.format(**names)
    return value


def name_of(message: Message) -> str:
    inner = message.get("msg")
    return f"{message['m']} {inner['m']}" if inner else str(message["m"])


async def assert_no_effect(client: Client, other: Client, message: Message) -> None:
    """Assert that a message of `client` has no effect on `other` or on the room."""
    await other.send({"m": "a", "message": "stays"})
    await other.expect("a")
    for each in (client, other):
        await each.received()
    before = await other.join(other.room)
    await client.send(filled(message, {"me": client.id, "other": other.id}))
    await client.assert_ignored()
    await other.assert_silent()
    assert await other.join(other.room) == before
    assert [line["a"] for line in other.frames[-1][1]["c"]] == ["stays"]


@pytest.mark.parametrize("message", MESSAGES, ids=name_of)
async def test_without_a_token_nothing_comes_of_it(clients: Clients, message: Message) -> None:
    other, client = await clients.pair()
    await assert_no_effect(client, other, message)


@pytest.mark.parametrize("message", MESSAGES, ids=name_of)
async def test_nor_with_one_that_only_reads(clients_with: ClientsFactory, message: Message) -> None:
    clients = clients_with()
    other = await clients.enter(new_room())
    client = await clients.enter(other.room, token=clients.server.tokens["read"])
    await assert_no_effect(client, other, message)


@pytest.mark.parametrize("password", ["", "password", None, 5])
async def test_nor_with_a_password(clients: Clients, password: object) -> None:
    other, client = await clients.pair()
    message = {"m": "admin message", "password": password, "msg": {"m": "clear_chat"}}
    await assert_no_effect(client, other, message)


@pytest.mark.parametrize("message", MESSAGES, ids=name_of)
async def test_nothing_before_hi(clients: Clients, message: Message) -> None:
    other = await clients.enter("test/before hi")
    await other.received()
    client = await clients.open()
    await client.send(filled(message, {"me": other.id, "other": other.id}))
    await client.assert_silent_until_hi()
    await other.assert_silent()
