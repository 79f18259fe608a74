"""`userset`: name, colour, and whether one is away (docs/protocol.md 1.3)."""

from __future__ import annotations

import pytest

from support.grammar import FORBIDDEN
from support.websocket_clients import Company, House, Message, Person, new_address, new_room, units


async def only_the_name_counts(person: Person, other: Person, bad: Message) -> Message:
    """Send a bad part by itself, which no other hears, then beside a name; return what is heard."""
    (key,) = bad
    await person.send({"m": "userset", "set": bad})
    assert await person.told() == [f"bad_{key}"]
    await other.nothing()
    await person.send({"m": "userset", "set": {"name": "Clara"} | bad})
    return await other.expect("p")


@pytest.mark.parametrize(
    "change",
    [{"name": "X"}, {"color": "#abcdef"}, {"name": "X", "color": "#abcdef"}],
    ids=["name", "color", "both"],
)
async def test_case_65_each_may_come_alone(guests: Company, change: dict[str, str]) -> None:
    person, other = await guests.pair()
    changed = person.user | change
    await person.send({"m": "userset", "set": change})
    for heard in (await person.hears(), await other.hears()):
        (p,) = heard
        assert p["m"] == "p"
        assert p.items() >= changed.items()
    newcomer = await guests.enter()
    everything = await newcomer.join((await other.join(new_room()))["ch"]["_id"])
    assert person.id not in {p["_id"] for p in everything["ppl"]}
    assert (await person.hello())["u"] == changed


async def test_case_65_later_joiners_see_it(guests: Company, room: str) -> None:
    person = await guests.enter(room)
    await person.send({"m": "userset", "set": {"name": "Clara", "color": "#ABCDEF"}})
    await person.expect("p")
    ch = await (await guests.enter()).join(room)
    (clara,) = (p for p in ch["ppl"] if p["_id"] == person.id)
    assert clara["name"] == "Clara"
    assert clara["color"].lower() == "#abcdef"


async def test_case_65_all_rooms_of_the_user_hear_it(family: Company, room: str) -> None:
    elsewhere = new_room()
    person = await family.enter(room, address=new_address())
    tab = await family.tab(person, elsewhere)
    second = await family.tab(person, room)
    here = await family.enter(room, address=new_address())
    there = await family.enter(elsewhere, address=new_address())
    stranger = await family.enter(new_room(), address=new_address())
    for each in (person, tab, second):
        await each.hears()
    await person.send({"m": "userset", "set": {"name": "Clara"}})
    for each in (person, tab, second, here, there):
        (p,) = await each.hears()
        assert (p["m"], p["id"], p["_id"], p["name"]) == ("p", person.id, person.id, "Clara")
        assert p["color"] == person.user["color"]
    await stranger.nothing()


async def test_case_65_in_no_room_it_works_too(guests: Company, room: str) -> None:
    person = await guests.enter()
    await person.send({"m": "userset", "set": {"name": "Clara"}})
    ch = await person.join(room)
    assert ch["ppl"][0]["name"] == "Clara"


@pytest.mark.parametrize(
    "name",
    [
        "x" * 40,
        "\U0001f3b9" * 20,
        "\u0416" * 40,
        "<i>",
        '"\\',
        "__proto__",
        "x",
    ],
)
async def test_case_66_good_names(guests: Company, name: str) -> None:
    person, other = await guests.pair()
    assert units(name) <= 40
    await person.send({"m": "userset", "set": {"name": name}})
    assert (await other.expect("p"))["name"] == name


@pytest.mark.parametrize(
    "name",
    ["x" * 41, "\U0001f3b9" * 20 + "x", "", "  ", 5, None, True, ["x"], {"a": "x"}]
    + [f"a{character}b" for character in FORBIDDEN],
)
async def test_case_66_bad_names(guests: Company, name: object) -> None:
    person, other = await guests.pair()
    await person.send({"m": "userset", "set": {"name": name}})
    assert await person.told() == ["bad_name"]
    await other.nothing()
    # The valid half is still applied.
    await person.send({"m": "userset", "set": {"name": name, "color": "#123456"}})
    p = await other.expect("p")
    assert (p["name"], p["color"]) == ("Anonymous", "#123456")
    assert [message["m"] for message in await person.hears()] == ["p"]


@pytest.mark.parametrize(
    "color",
    [
        "#abc",
        "red",
        "#12345g",
        "123456",
        "#1234567",
        "#12345",
        "",
        "#12345\n",
        "\uff03123456",
        "#\u0661\u0661\u0661\u0661\u0661\u0661",
        5,
        None,
        True,
        ["#123456"],
    ],
)
async def test_case_66_bad_colours(guests: Company, color: object) -> None:
    person, other = await guests.pair()
    p = await only_the_name_counts(person, other, {"color": color})
    assert (p["name"], p["color"]) == ("Clara", person.user["color"])


@pytest.mark.parametrize("change", [None, 5, "Clara", [], ["name"], {}, {"_id": "0" * 24}])
async def test_case_66_bad_sets(guests: Company, change: object) -> None:
    person, other = await guests.pair()
    await person.send({"m": "userset", "set": change}, {"m": "userset"})
    assert await person.told() == ["bad_settings"]
    await other.nothing()
    assert (await person.hello())["u"] == person.user


def going(*, away: bool) -> Message:
    """Return the message that says whether one is away."""
    return {"m": "userset", "set": {"afk": away}}


async def away_in(room: str, newcomer: Person) -> set[str]:
    """Return who is away of those whom a newcomer is told of."""
    return {p["_id"] for p in (await newcomer.join(room))["ppl"] if p["afk"] is True}


async def test_who_is_away_is_told_to_all_and_to_those_who_come(guests: Company) -> None:
    person, other = await guests.pair()
    await person.send({"m": "m", "x": 12, "y": 34}, going(away=True))
    position = {"x": 12, "y": 34}
    expected = [{"m": "p", "afk": True} | person.user | position]
    assert [p for p in await person.hears() if p["m"] != "m"] == expected
    assert [p for p in await other.hears() if p["m"] != "m"] == expected
    assert await away_in(other.room, await guests.enter(address=new_address())) == {person.id}
    await other.hears()
    await person.send(going(away=False))
    for heard in (await person.hears(), await other.hears()):
        assert heard[-1] == {"m": "p", "afk": False} | person.user | position
    assert await away_in(other.room, await guests.enter(address=new_address())) == set()


async def test_custom_data_says_who_is_away(guests: Company) -> None:
    person, other = await guests.pair()
    target = {"mode": "id", "id": other.id}
    for away in (True, False):
        await person.send(going(away=away), {"m": "custom", "target": target})
        assert (await other.expect("custom"))["u"] == person.user | {"afk": away}


async def test_a_bridge_speaks_under_the_right_names(guests: Company) -> None:
    # A frame for each line that it passes on, as many lines at once as chat lets through.
    bridge, other = await guests.pair()
    lines = [f"line {number}" for number in range(8)]
    for line in lines:
        await bridge.send(
            {"m": "userset", "set": {"name": f"[irc] {line}"}},
            {"m": "a", "message": line},
            {"m": "userset", "set": {"name": "bridge"}},
        )
    assert [message["m"] for message in await bridge.hears()] == ["p", "a", "p"] * 8
    said = [message for message in await other.hears() if message["m"] == "a"]
    assert [(line["a"], line["p"]["name"]) for line in said] == [
        (line, f"[irc] {line}") for line in lines
    ]


async def test_being_away_twice_is_told_once(guests: Company) -> None:
    person, other = await guests.pair()
    await person.send(going(away=False))
    await other.nothing()
    await person.send(going(away=True), going(away=True))
    await person.hears()
    assert [p["m"] for p in await other.hears()] == ["p"]
    # What else changes says it too, and does not change it.
    await person.send({"m": "userset", "set": {"name": "Clara"}})
    p = await other.expect("p")
    assert (p["name"], p["afk"]) == ("Clara", True)


async def test_being_away_stands_neither_in_chat_nor_in_hi(guests: Company) -> None:
    person, other = await guests.pair()
    await person.send(going(away=True), {"m": "a", "message": "back soon"})
    assert "afk" not in (await other.expect("a"))["p"]
    assert "afk" not in (await person.hello())["u"]


async def test_all_rooms_and_tabs_hear_who_is_away(family: Company, room: str) -> None:
    person = await family.enter(room, address=new_address())
    tab = await family.tab(person, new_room())
    await person.send(going(away=True))
    for each in (person, tab):
        assert (await each.expect("p"))["afk"] is True
    # Each of his tabs may end it.
    await tab.send(going(away=False))
    assert (await person.expect("p"))["afk"] is False


async def test_being_away_ends_with_the_last_connection(family: Company, room: str) -> None:
    other = await family.enter(room, address=new_address())
    person = await family.enter(room, address=new_address())
    tab = await family.tab(person, room)
    await person.send(going(away=True), {"m": "userset", "set": {"name": "Clara"}})
    await tab.expect("p", where=lambda p: p["name"] == "Clara")
    await person.leave()
    assert await away_in(room, await family.enter(address=new_address())) == {person.id}
    await tab.leave()
    await other.expect("bye")
    again = await family.tab(person)
    assert (await again.hello())["u"]["name"] == "Clara"
    assert await away_in(room, again) == set()


@pytest.mark.parametrize("away", [None, 0, 1, "true", "", [], {}, [True]])
async def test_bad_ways_of_being_away(guests: Company, away: object) -> None:
    person, other = await guests.pair()
    p = await only_the_name_counts(person, other, {"afk": away})
    assert (p["name"], p["afk"]) == ("Clara", False)


async def test_being_away_costs_what_a_name_does(guests: Company) -> None:
    person, other = await guests.pair()
    await person.send(*[going(away=number % 2 == 0) for number in range(30)], going(away=True))
    heard = await person.hears()
    assert [message["m"] for message in heard] == ["p"] * 30 + ["notification"]
    assert len(await other.hears()) == 30


async def test_who_hides_is_away_for_those_who_see_him(house: House) -> None:
    guests = house()
    staff = await guests.enter(token=guests.server.tokens["admin"])
    await staff.send({"m": "v", "vanish": True})
    one, _ = await guests.pair()
    await staff.join(one.room)
    await staff.send(going(away=True))
    p = await staff.expect("p")
    assert (p["vanished"], p["afk"]) == (True, True)
    await one.nothing()


@pytest.mark.parametrize(
    "name",
    ["\u200b\u200b", "\u3164", "\u2800", "\ufeff", "\u00ad", "\u200d", "\ufe0f", "\u3000\u2003"],
)
async def test_invisible_names_are_nobodys(guests: Company, name: str) -> None:
    person, other = await guests.pair()
    await person.send({"m": "userset", "set": {"name": name, "color": "#123456"}})
    p = await other.expect("p")
    assert (p["name"], p["color"]) == ("Anonymous", "#123456")


@pytest.mark.parametrize(
    "name", ["Ann\u200b", "Ann ", " Ann", "A\u200bnn", "Ann\u3164", "Ann\ufe0f", "\u2800Ann\u00a0"]
)
async def test_names_of_one_look_are_one_name(guests: Company, name: str) -> None:
    person, other = await guests.pair()
    await person.send({"m": "userset", "set": {"name": name}})
    assert (await other.expect("p"))["name"] == "Ann"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Z" + "\u0316\u0301\u0330" * 13, "\u0179\u0316\u0330\u0316\u0330"),
        ("Zoe\u0308", "Zo\u00eb"),
        ("\u0e2a" + "\u0e47" * 39, "\u0e2a" + "\u0e47" * 4),
        ("\U0001f469\u200d\U0001f52c", "\U0001f469\u200d\U0001f52c"),
        (
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647",
        ),
    ],
    ids=["tower", "two parts", "Thai tower", "family", "Persian"],
)
async def test_names_have_one_form(guests: Company, name: str, shown: str) -> None:
    person, other = await guests.pair()
    await person.send({"m": "userset", "set": {"name": name}})
    assert (await other.expect("p"))["name"] == shown


async def test_names_are_masked_where_the_room_wants_it(guests: Company) -> None:
    holder, other = await guests.pair({"no cussing": True})
    await other.send({"m": "userset", "set": {"name": "Damn"}})
    assert (await holder.expect("p"))["name"] == "****"
    await other.send({"m": "a", "message": "hi"})
    assert (await holder.expect("a"))["p"]["name"] == "****"
    ch = await (await guests.enter()).join(holder.room)
    assert {p["name"] for p in ch["ppl"] if p["_id"] == other.id} == {"****"}
    await holder.send({"m": "chset", "set": {"no cussing": False}})
    ch = await other.expect("ch")
    assert {p["name"] for p in ch["ppl"] if p["_id"] == other.id} == {"Damn"}


async def test_a_name_like_the_holders_is_told(guests: Company) -> None:
    holder, other = await guests.pair()
    await holder.send({"m": "userset", "set": {"name": "Ann"}})
    await other.expect("p", where=lambda p: p["name"] == "Ann")
    await other.send({"m": "userset", "set": {"name": "\u0410nn"}})
    p = await holder.expect("p", where=lambda p: p["_id"] == other.id)
    assert p["looksLike"] == "holder"
    await holder.send({"m": "chown", "id": other.id})
    ch = await other.expect("ch")
    likeness = {p["_id"]: p.get("looksLike") for p in ch["ppl"]}
    assert likeness == {holder.id: "holder", other.id: None}


@pytest.mark.parametrize("name", ["[ADMIN] Bob", "\u2605MOD\u2605 Bob", "Bob (\u0410dmin)"])
async def test_nobody_gives_themselves_a_tag(guests: Company, name: str) -> None:
    person, other = await guests.pair()
    await person.send({"m": "userset", "set": {"name": name, "color": "#123456"}})
    p = await other.expect("p")
    assert (p["name"], p["color"]) == ("Anonymous", "#123456")
