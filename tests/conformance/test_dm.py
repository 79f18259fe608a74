"""`dm`: a private line (docs/protocol.md 1.3, 1.4)."""

from __future__ import annotations

import time

import pytest

from support.grammar import FORBIDDEN
from support.websocket_clients import Client, Clients, Message, new_address, new_room


async def history(client: Client) -> list[Message]:
    """Return the chat that `client` gets on joining."""
    await client.received()
    await client.send({"m": "ch", "_id": client.room})
    _, shown, _ = await client.frame("ch", "c", "nq")
    lines: list[Message] = shown["c"]
    return lines


@pytest.mark.case(64)
async def test_a_dm_reaches_both_parties(clients: Clients) -> None:
    holder, sender, recipient = await clients.group(3)
    await sender.send({"m": "dm", "_id": recipient.id, "message": "psst"})
    (line,) = await sender.received()
    assert line["m"] == "dm"
    assert line["a"] == "psst"
    assert line["sender"] == sender.user
    assert line["recipient"] == recipient.user
    assert abs(line["t"] - time.time() * 1000) < 2000
    assert line["id"]
    assert "r" not in line
    assert await recipient.received() == [line]
    await holder.assert_silent()


@pytest.mark.case(64)
async def test_only_both_of_them_see_a_dm_in_the_history(
    clients_by_address: Clients, room: str
) -> None:
    people = [await clients_by_address.enter(room, address=new_address()) for _ in range(3)]
    for client in people:
        await client.received()
    holder, sender, recipient = people
    await sender.send({"m": "a", "message": "one"})
    await sender.send({"m": "dm", "_id": recipient.id, "message": "two"})
    await sender.send({"m": "a", "message": "three"})
    for client, expected in [
        (holder, ["one", "three"]),
        (sender, ["one", "two", "three"]),
        (recipient, ["one", "two", "three"]),
        (await clients_by_address.enter(room, address=new_address()), ["one", "three"]),
        (await clients_by_address.tab(recipient, room), ["one", "two", "three"]),
    ]:
        lines = await history(client)
        assert [line["a"] for line in lines] == expected
        kinds = {line["a"]: line["m"] for line in lines}
        assert kinds.get("two", "dm") == "dm"
        assert kinds["one"] == "a"


@pytest.mark.case(64)
async def test_all_tabs_of_both_in_the_room_receive_it(
    clients_by_address: Clients, room: str
) -> None:
    sender, recipient = [
        await clients_by_address.enter(room, address=new_address()) for _ in range(2)
    ]
    tabs = [await clients_by_address.tab(client, room) for client in (sender, recipient)]
    elsewhere = await clients_by_address.tab(recipient, new_room())
    for client in (sender, recipient, *tabs):
        await client.received()
    await tabs[0].send({"m": "dm", "_id": recipient.id, "message": "psst"})
    for client in (tabs[0], sender, recipient, tabs[1]):
        assert [m["a"] for m in await client.received()] == ["psst"]
    await elsewhere.assert_silent()


@pytest.mark.case(64)
async def test_a_dm_can_be_a_reply(clients: Clients) -> None:
    sender, recipient = await clients.pair()
    await sender.send({"m": "dm", "_id": recipient.id, "message": "one"})
    one = await recipient.expect("dm")
    await recipient.send(
        {"m": "dm", "_id": sender.id, "message": "two", "reply_to": one["id"]},
        {"m": "dm", "_id": sender.id, "message": "three", "reply_to": 5},
    )
    two = await sender.expect("dm", where=lambda dm: dm["a"] == "two")
    assert two["r"] == one["id"]
    assert two["id"] != one["id"]
    assert "r" not in await sender.expect("dm")


@pytest.mark.case(64)
async def test_a_dm_reaches_nobody_outside_the_room(clients: Clients) -> None:
    sender, other = await clients.pair()
    stranger = await clients.enter(new_room())
    for who in (stranger.id, "nobody", "0" * 24):
        await sender.send({"m": "dm", "_id": who, "message": "psst"})
    await sender.assert_ignored()
    await stranger.assert_silent()
    await other.assert_silent()
    assert await history(other) == []


@pytest.mark.case(64)
async def test_there_are_no_dms_where_chat_is_off(clients: Clients) -> None:
    sender, recipient = await clients.pair({"chat": False})
    await sender.send({"m": "dm", "_id": recipient.id, "message": "psst"})
    await sender.refusal()
    await recipient.assert_silent()


@pytest.mark.parametrize("text", ["x" * 512, "\U0001f3b9" * 256, " a ", "<b>", "\u0416"])
@pytest.mark.case(64)
async def test_proper_private_lines_are_passed_on(clients: Clients, text: str) -> None:
    sender, recipient = await clients.pair()
    await sender.send({"m": "dm", "_id": recipient.id, "message": text})
    assert (await recipient.expect("dm"))["a"] == text


@pytest.mark.parametrize(
    "text",
    ["x" * 513, "\U0001f3b9" * 257, "", "  ", 5, None, True, ["x"], {"a": "x"}]
    + [f"a{character}b" for character in FORBIDDEN],
)
@pytest.mark.case(64)
async def test_bad_private_lines_are_refused(clients: Clients, text: object) -> None:
    sender, recipient = await clients.pair()
    await sender.send({"m": "dm", "_id": recipient.id, "message": text})
    assert await sender.refusal_codes() == ["bad_message"]
    await recipient.assert_silent()


@pytest.mark.parametrize("who", [None, 5, True, [], ["x"], {}])
@pytest.mark.case(64)
async def test_an_id_that_is_no_text_names_no_recipient(clients: Clients, who: object) -> None:
    sender, other = await clients.pair()
    await sender.send({"m": "dm", "_id": who, "message": "psst"}, {"m": "dm", "message": "psst"})
    assert await sender.refusal_codes() == ["bad_id"]
    await other.assert_silent()


async def test_direct_lines_have_one_form_too(clients: Clients) -> None:
    client, other = await clients.pair()
    await client.send({"m": "dm", "_id": other.id, "message": "e\u0301\u200b" + "\u0301" * 9})
    assert (await other.expect("dm"))["a"] == "\u00e9" + "\u0301" * 4
