"""`dm`: a line for one person alone (docs/protocol.md 1.3, 1.4)."""

from __future__ import annotations

import time

import pytest

from support.grammar import FORBIDDEN
from support.websocket_clients import Company, Message, Person, new_address, new_room


async def history(person: Person) -> list[Message]:
    """Return the chat as `person` is shown it on entering."""
    await person.hears()
    await person.send({"m": "ch", "_id": person.room})
    _, shown, _ = await person.frame("ch", "c", "nq")
    lines: list[Message] = shown["c"]
    return lines


async def test_case_64_the_two_of_them_hear_it(guests: Company) -> None:
    holder, sender, recipient = await guests.group(3)
    await sender.send({"m": "dm", "_id": recipient.id, "message": "psst"})
    (line,) = await sender.hears()
    assert line["m"] == "dm"
    assert line["a"] == "psst"
    assert line["sender"] == sender.user
    assert line["recipient"] == recipient.user
    assert abs(line["t"] - time.time() * 1000) < 2000
    assert line["id"]
    assert "r" not in line
    assert await recipient.hears() == [line]
    await holder.nothing()


async def test_case_64_only_they_see_it_later(family: Company, room: str) -> None:
    people = [await family.enter(room, address=new_address()) for _ in range(3)]
    for person in people:
        await person.hears()
    holder, sender, recipient = people
    await sender.send({"m": "a", "message": "one"})
    await sender.send({"m": "dm", "_id": recipient.id, "message": "two"})
    await sender.send({"m": "a", "message": "three"})
    for person, expected in [
        (holder, ["one", "three"]),
        (sender, ["one", "two", "three"]),
        (recipient, ["one", "two", "three"]),
        (await family.enter(room, address=new_address()), ["one", "three"]),
        (await family.tab(recipient, room), ["one", "two", "three"]),
    ]:
        lines = await history(person)
        assert [line["a"] for line in lines] == expected
        kinds = {line["a"]: line["m"] for line in lines}
        assert kinds.get("two", "dm") == "dm"
        assert kinds["one"] == "a"


async def test_case_64_all_their_tabs_in_the_room(family: Company, room: str) -> None:
    sender, recipient = [await family.enter(room, address=new_address()) for _ in range(2)]
    tabs = [await family.tab(person, room) for person in (sender, recipient)]
    elsewhere = await family.tab(recipient, new_room())
    for person in (sender, recipient, *tabs):
        await person.hears()
    await tabs[0].send({"m": "dm", "_id": recipient.id, "message": "psst"})
    for person in (tabs[0], sender, recipient, tabs[1]):
        assert [m["a"] for m in await person.hears()] == ["psst"]
    await elsewhere.nothing()


async def test_case_64_replies(guests: Company) -> None:
    sender, recipient = await guests.pair()
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


async def test_case_64_nobody_outside_the_room(guests: Company) -> None:
    sender, other = await guests.pair()
    stranger = await guests.enter(new_room())
    for who in (stranger.id, "nobody", "0" * 24):
        await sender.send({"m": "dm", "_id": who, "message": "psst"})
    await sender.unheard()
    await stranger.nothing()
    await other.nothing()
    assert await history(other) == []


async def test_case_64_not_where_chat_is_off(guests: Company) -> None:
    sender, recipient = await guests.pair({"chat": False})
    await sender.send({"m": "dm", "_id": recipient.id, "message": "psst"})
    await sender.refused()
    await recipient.nothing()


@pytest.mark.parametrize("text", ["x" * 512, "\U0001f3b9" * 256, " a ", "<b>", "\u0416"])
async def test_case_64_good_lines(guests: Company, text: str) -> None:
    sender, recipient = await guests.pair()
    await sender.send({"m": "dm", "_id": recipient.id, "message": text})
    assert (await recipient.expect("dm"))["a"] == text


@pytest.mark.parametrize(
    "text",
    ["x" * 513, "\U0001f3b9" * 257, "", "  ", 5, None, True, ["x"], {"a": "x"}]
    + [f"a{character}b" for character in FORBIDDEN],
)
async def test_case_64_bad_lines(guests: Company, text: object) -> None:
    sender, recipient = await guests.pair()
    await sender.send({"m": "dm", "_id": recipient.id, "message": text})
    assert await sender.told() == ["bad_message"]
    await recipient.nothing()


@pytest.mark.parametrize("who", [None, 5, True, [], ["x"], {}])
async def test_case_64_bad_recipients(guests: Company, who: object) -> None:
    sender, other = await guests.pair()
    await sender.send({"m": "dm", "_id": who, "message": "psst"}, {"m": "dm", "message": "psst"})
    assert await sender.told() == ["bad_id"]
    await other.nothing()


async def test_direct_lines_have_one_form_too(guests: Company) -> None:
    person, other = await guests.pair()
    await person.send({"m": "dm", "_id": other.id, "message": "e\u0301\u200b" + "\u0301" * 9})
    assert (await other.expect("dm"))["a"] == "\u00e9" + "\u0301" * 4
