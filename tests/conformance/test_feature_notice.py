"""`notice`: what a room's owner tells whoever comes in."""

from __future__ import annotations

import pytest

from support.websocket_clients import Company, Message, Person, new_address


def notices(heard: list[Message]) -> list[Message]:
    """Return the notifications among what somebody heard."""
    return [message for message in heard if message["m"] == "notification"]


async def told(person: Person) -> list[str]:
    """Return the texts of the notifications that somebody was sent until now."""
    return [notice["text"] for notice in notices(await person.hears())]


async def test_off_by_default(guests: Company) -> None:
    holder, other = await guests.pair()
    newcomer = await guests.enter(holder.room)
    assert await told(newcomer) == []
    assert notices(other.log) == notices(holder.log) == []
    ch = await newcomer.join(holder.room)
    assert "notice" not in ch["ch"]["settings"]


async def test_a_newcomer_is_told_once_behind_his_welcome(guests: Company) -> None:
    holder, other = await guests.pair()
    await holder.send({"m": "chset", "set": {"notice": "Be kind."}})
    # Those who are there see it among the settings, and nothing pops up.
    for person in (holder, other):
        (ch,) = await person.hears()
        assert ch["ch"]["settings"]["notice"] == "Be kind."
    newcomer = await guests.enter(holder.room)
    (notice,) = await newcomer.hears()
    assert notice == {
        "m": "notification",
        "code": "room_notice",
        "title": holder.room,
        "text": "Be kind.",
        "duration": 7000,
        "target": "#room",
    }
    await newcomer.join(holder.room)
    await newcomer.nothing()
    for person in (holder, other):
        assert [message["m"] for message in await person.hears()] == ["p"]


async def test_it_can_be_set_when_the_room_is_made(guests: Company) -> None:
    holder, other = await guests.pair({"notice": "A quiet room."})
    assert notices(holder.log) == notices(other.log) != []


async def test_each_tab_is_told(family: Company, room: str) -> None:
    holder = await family.enter(room, {"notice": "Be kind."}, address=new_address())
    assert await told(holder) == ["Be kind."]
    assert await told(await family.tab(holder, room)) == ["Be kind."]
    await holder.nothing()


async def test_an_empty_one_takes_it_away(guests: Company) -> None:
    holder, _ = await guests.pair({"notice": "Be kind."})
    await holder.send({"m": "chset", "set": {"notice": ""}})
    await holder.expect("ch")
    assert await told(await guests.enter(holder.room)) == []


async def test_other_settings_leave_it_alone(guests: Company) -> None:
    holder, _ = await guests.pair({"notice": "Be kind."})
    await holder.send({"m": "chset", "set": {"color": "#00ff00"}})
    await holder.expect("ch")
    assert await told(await guests.enter(holder.room)) == ["Be kind."]


@pytest.mark.parametrize("text", ["x" * 512, "🎹" * 256, "<b>kind</b>", "  é"])
async def test_any_text_may_stand_there(guests: Company, text: str) -> None:
    holder, _ = await guests.pair({"notice": text})
    (notice,) = await (await guests.enter(holder.room)).hears()
    assert notice["text"] == text
    assert "html" not in notice


@pytest.mark.parametrize(
    "value", ["x" * 513, "🎹" * 257, " ", "two\nlines", "\u202ednik", None, 5, True, ["x"]]
)
async def test_what_is_no_text_is_dropped(guests: Company, value: object) -> None:
    holder, other = await guests.pair({"notice": "Be kind."})
    await holder.send({"m": "chset", "set": {"notice": value}})
    assert await holder.told() == ["bad_settings"]
    await other.nothing()
    assert await told(await guests.enter(holder.room)) == ["Be kind."]


async def test_others_may_not(guests: Company) -> None:
    holder, other = await guests.pair()
    await other.send({"m": "chset", "set": {"notice": "Mine."}})
    await other.refused()
    await holder.nothing()
    assert await told(await guests.enter(holder.room)) == []


@pytest.mark.parametrize("special", ["lobby", "test/notice"])
async def test_special_rooms_have_none(guests: Company, special: str) -> None:
    person = await guests.enter(special, {"notice": "Mine."})
    assert await told(person) == []
    assert await told(await guests.enter(special)) == []
