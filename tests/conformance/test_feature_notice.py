"""`notice`: a text of the room that newcomers get."""

from __future__ import annotations

import pytest

from support.websocket_clients import Client, Clients, Message, new_address


def notices(heard: list[Message]) -> list[Message]:
    """Return the notifications among some messages."""
    return [message for message in heard if message["m"] == "notification"]


async def notice_texts(client: Client) -> list[str]:
    """Return the texts of the notifications that came until now."""
    return [notice["text"] for notice in notices(await client.received())]


async def test_off_by_default(clients: Clients) -> None:
    holder, other = await clients.pair()
    newcomer = await clients.enter(holder.room)
    assert await notice_texts(newcomer) == []
    assert notices(other.log) == notices(holder.log) == []
    ch = await newcomer.join(holder.room)
    assert "notice" not in ch["ch"]["settings"]


async def test_a_newcomer_gets_the_notice_once_after_joining(clients: Clients) -> None:
    holder, other = await clients.pair()
    await holder.send({"m": "chset", "set": {"notice": "Be kind."}})
    # Participants see the notice among the settings, and get no notification.
    for client in (holder, other):
        (ch,) = await client.received()
        assert ch["ch"]["settings"]["notice"] == "Be kind."
    newcomer = await clients.enter(holder.room)
    (notice,) = await newcomer.received()
    assert notice == {
        "m": "notification",
        "code": "room_notice",
        "title": holder.room,
        "text": "Be kind.",
        "duration": 7000,
        "target": "#room",
    }
    await newcomer.join(holder.room)
    await newcomer.assert_silent()
    for client in (holder, other):
        assert [message["m"] for message in await client.received()] == ["p"]


async def test_it_can_be_set_when_the_room_is_made(clients: Clients) -> None:
    holder, other = await clients.pair({"notice": "A quiet room."})
    assert notices(holder.log) == notices(other.log) != []


async def test_each_tab_is_told(clients_by_address: Clients, room: str) -> None:
    holder = await clients_by_address.enter(room, {"notice": "Be kind."}, address=new_address())
    assert await notice_texts(holder) == ["Be kind."]
    assert await notice_texts(await clients_by_address.tab(holder, room)) == ["Be kind."]
    await holder.assert_silent()


async def test_an_empty_one_takes_it_away(clients: Clients) -> None:
    holder, _ = await clients.pair({"notice": "Be kind."})
    await holder.send({"m": "chset", "set": {"notice": ""}})
    await holder.expect("ch")
    assert await notice_texts(await clients.enter(holder.room)) == []


async def test_other_settings_leave_it_alone(clients: Clients) -> None:
    holder, _ = await clients.pair({"notice": "Be kind."})
    await holder.send({"m": "chset", "set": {"color": "#00ff00"}})
    await holder.expect("ch")
    assert await notice_texts(await clients.enter(holder.room)) == ["Be kind."]


@pytest.mark.parametrize("text", ["x" * 512, "🎹" * 256, "<b>kind</b>", "  é"])
async def test_any_text_may_stand_there(clients: Clients, text: str) -> None:
    holder, _ = await clients.pair({"notice": text})
    (notice,) = await (await clients.enter(holder.room)).received()
    assert notice["text"] == text
    assert "html" not in notice


@pytest.mark.parametrize(
    "value", ["x" * 513, "🎹" * 257, " ", "two\nlines", "\u202ednik", None, 5, True, ["x"]]
)
async def test_what_is_no_text_is_dropped(clients: Clients, value: object) -> None:
    holder, other = await clients.pair({"notice": "Be kind."})
    await holder.send({"m": "chset", "set": {"notice": value}})
    assert await holder.refusal_codes() == ["bad_settings"]
    await other.assert_silent()
    assert await notice_texts(await clients.enter(holder.room)) == ["Be kind."]


async def test_others_may_not(clients: Clients) -> None:
    holder, other = await clients.pair()
    await other.send({"m": "chset", "set": {"notice": "Mine."}})
    await other.refusal()
    await holder.assert_silent()
    assert await notice_texts(await clients.enter(holder.room)) == []


@pytest.mark.parametrize("special", ["lobby", "test/notice"])
async def test_special_rooms_have_none(clients: Clients, special: str) -> None:
    client = await clients.enter(special, {"notice": "Mine."})
    assert await notice_texts(client) == []
    assert await notice_texts(await clients.enter(special)) == []
