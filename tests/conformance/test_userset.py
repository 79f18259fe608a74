"""`userset`: name, colour, and whether one is away (docs/protocol.md 1.3)."""

from __future__ import annotations

import pytest

from support.grammar import FORBIDDEN
from support.websocket_clients import (
    Client,
    Clients,
    ClientsFactory,
    Message,
    new_address,
    new_room,
    units,
)


async def only_the_name_counts(client: Client, other: Client, bad: Message) -> Message:
    """Send a bad part alone, which nobody gets, then with a name; return what the others get."""
    (key,) = bad
    await client.send({"m": "userset", "set": bad})
    assert await client.refusal_codes() == [f"bad_{key}"]
    await other.assert_silent()
    await client.send({"m": "userset", "set": {"name": "Clara"} | bad})
    return await other.expect("p")


@pytest.mark.parametrize(
    "change",
    [{"name": "X"}, {"color": "#abcdef"}, {"name": "X", "color": "#abcdef"}],
    ids=["name", "color", "both"],
)
@pytest.mark.case(65)
async def test_name_and_colour_may_be_changed_separately(
    clients: Clients, change: dict[str, str]
) -> None:
    client, other = await clients.pair()
    changed = client.user | change
    await client.send({"m": "userset", "set": change})
    for heard in (await client.received(), await other.received()):
        (p,) = heard
        assert p["m"] == "p"
        assert p.items() >= changed.items()
    newcomer = await clients.enter()
    everything = await newcomer.join((await other.join(new_room()))["ch"]["_id"])
    assert client.id not in {p["_id"] for p in everything["ppl"]}
    assert (await client.hello())["u"] == changed


@pytest.mark.case(65)
async def test_later_participants_see_the_new_name(clients: Clients, room: str) -> None:
    client = await clients.enter(room)
    await client.send({"m": "userset", "set": {"name": "Clara", "color": "#ABCDEF"}})
    await client.expect("p")
    ch = await (await clients.enter()).join(room)
    (clara,) = (p for p in ch["ppl"] if p["_id"] == client.id)
    assert clara["name"] == "Clara"
    assert clara["color"].lower() == "#abcdef"


@pytest.mark.case(65)
async def test_all_rooms_of_the_user_receive_the_change(
    clients_by_address: Clients, room: str
) -> None:
    elsewhere = new_room()
    client = await clients_by_address.enter(room, address=new_address())
    tab = await clients_by_address.tab(client, elsewhere)
    second = await clients_by_address.tab(client, room)
    here = await clients_by_address.enter(room, address=new_address())
    there = await clients_by_address.enter(elsewhere, address=new_address())
    stranger = await clients_by_address.enter(new_room(), address=new_address())
    for each in (client, tab, second):
        await each.received()
    await client.send({"m": "userset", "set": {"name": "Clara"}})
    for each in (client, tab, second, here, there):
        (p,) = await each.received()
        assert (p["m"], p["id"], p["_id"], p["name"]) == ("p", client.id, client.id, "Clara")
        assert p["color"] == client.user["color"]
    await stranger.assert_silent()


@pytest.mark.case(65)
async def test_userset_works_outside_of_rooms(clients: Clients, room: str) -> None:
    client = await clients.enter()
    await client.send({"m": "userset", "set": {"name": "Clara"}})
    ch = await client.join(room)
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
@pytest.mark.case(66)
async def test_users_may_have_these_names(clients: Clients, name: str) -> None:
    client, other = await clients.pair()
    assert units(name) <= 40
    await client.send({"m": "userset", "set": {"name": name}})
    assert (await other.expect("p"))["name"] == name


@pytest.mark.parametrize(
    "name",
    ["x" * 41, "\U0001f3b9" * 20 + "x", "", "  ", 5, None, True, ["x"], {"a": "x"}]
    + [f"a{character}b" for character in FORBIDDEN],
)
@pytest.mark.case(66)
async def test_bad_names_change_nothing(clients: Clients, name: object) -> None:
    client, other = await clients.pair()
    await client.send({"m": "userset", "set": {"name": name}})
    assert await client.refusal_codes() == ["bad_name"]
    await other.assert_silent()
    # The valid half is still applied.
    await client.send({"m": "userset", "set": {"name": name, "color": "#123456"}})
    p = await other.expect("p")
    assert (p["name"], p["color"]) == ("Anonymous", "#123456")
    assert [message["m"] for message in await client.received()] == ["p"]


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
@pytest.mark.case(66)
async def test_bad_colours_change_nothing(clients: Clients, color: object) -> None:
    client, other = await clients.pair()
    p = await only_the_name_counts(client, other, {"color": color})
    assert (p["name"], p["color"]) == ("Clara", client.user["color"])


@pytest.mark.parametrize("change", [None, 5, "Clara", [], ["name"], {}, {"_id": "0" * 24}])
@pytest.mark.case(66)
async def test_a_userset_without_a_proper_set_changes_nothing(
    clients: Clients, change: object
) -> None:
    client, other = await clients.pair()
    await client.send({"m": "userset", "set": change}, {"m": "userset"})
    assert await client.refusal_codes() == ["bad_settings"]
    await other.assert_silent()
    assert (await client.hello())["u"] == client.user


def going(*, away: bool) -> Message:
    """Return the message that says whether one is away."""
    return {"m": "userset", "set": {"afk": away}}


async def away_in(room: str, newcomer: Client) -> set[str]:
    """Return the participants that are away, as a newcomer sees them."""
    return {p["_id"] for p in (await newcomer.join(room))["ppl"] if p["afk"] is True}


async def test_who_is_away_is_told_to_all_and_to_those_who_come(clients: Clients) -> None:
    client, other = await clients.pair()
    await client.send({"m": "m", "x": 12, "y": 34}, going(away=True))
    position = {"x": 12, "y": 34}
    expected = [{"m": "p", "afk": True} | client.user | position]
    assert [p for p in await client.received() if p["m"] != "m"] == expected
    assert [p for p in await other.received() if p["m"] != "m"] == expected
    assert await away_in(other.room, await clients.enter(address=new_address())) == {client.id}
    await other.received()
    await client.send(going(away=False))
    for heard in (await client.received(), await other.received()):
        assert heard[-1] == {"m": "p", "afk": False} | client.user | position
    assert await away_in(other.room, await clients.enter(address=new_address())) == set()


async def test_custom_data_says_who_is_away(clients: Clients) -> None:
    client, other = await clients.pair()
    target = {"mode": "id", "id": other.id}
    for away in (True, False):
        await client.send(going(away=away), {"m": "custom", "target": target})
        assert (await other.expect("custom"))["u"] == client.user | {"afk": away}


async def test_a_bridge_speaks_under_the_right_names(clients: Clients) -> None:
    # A frame for each line that it passes on, as many lines at once as chat lets through.
    bridge, other = await clients.pair()
    lines = [f"line {number}" for number in range(8)]
    for line in lines:
        await bridge.send(
            {"m": "userset", "set": {"name": f"[irc] {line}"}},
            {"m": "a", "message": line},
            {"m": "userset", "set": {"name": "bridge"}},
        )
    assert [message["m"] for message in await bridge.received()] == ["p", "a", "p"] * 8
    said = [message for message in await other.received() if message["m"] == "a"]
    assert [(line["a"], line["p"]["name"]) for line in said] == [
        (line, f"[irc] {line}") for line in lines
    ]


async def test_being_away_twice_is_told_once(clients: Clients) -> None:
    client, other = await clients.pair()
    await client.send(going(away=False))
    await other.assert_silent()
    await client.send(going(away=True), going(away=True))
    await client.received()
    assert [p["m"] for p in await other.received()] == ["p"]
    # Messages about other changes have `afk` too, unchanged.
    await client.send({"m": "userset", "set": {"name": "Clara"}})
    p = await other.expect("p")
    assert (p["name"], p["afk"]) == ("Clara", True)


async def test_being_away_stands_neither_in_chat_nor_in_hi(clients: Clients) -> None:
    client, other = await clients.pair()
    await client.send(going(away=True), {"m": "a", "message": "back soon"})
    assert "afk" not in (await other.expect("a"))["p"]
    assert "afk" not in (await client.hello())["u"]


async def test_all_rooms_and_tabs_hear_who_is_away(clients_by_address: Clients, room: str) -> None:
    client = await clients_by_address.enter(room, address=new_address())
    tab = await clients_by_address.tab(client, new_room())
    await client.send(going(away=True))
    for each in (client, tab):
        assert (await each.expect("p"))["afk"] is True
    # Each tab of the user may end it.
    await tab.send(going(away=False))
    assert (await client.expect("p"))["afk"] is False


async def test_being_away_ends_with_the_last_connection(
    clients_by_address: Clients, room: str
) -> None:
    other = await clients_by_address.enter(room, address=new_address())
    client = await clients_by_address.enter(room, address=new_address())
    tab = await clients_by_address.tab(client, room)
    await client.send(going(away=True), {"m": "userset", "set": {"name": "Clara"}})
    await tab.expect("p", where=lambda p: p["name"] == "Clara")
    await client.leave()
    assert await away_in(room, await clients_by_address.enter(address=new_address())) == {client.id}
    await tab.leave()
    await other.expect("bye")
    again = await clients_by_address.tab(client)
    assert (await again.hello())["u"]["name"] == "Clara"
    assert await away_in(room, again) == set()


@pytest.mark.parametrize("away", [None, 0, 1, "true", "", [], {}, [True]])
async def test_bad_ways_of_being_away(clients: Clients, away: object) -> None:
    client, other = await clients.pair()
    p = await only_the_name_counts(client, other, {"afk": away})
    assert (p["name"], p["afk"]) == ("Clara", False)


async def test_being_away_costs_what_a_name_does(clients: Clients) -> None:
    client, other = await clients.pair()
    await client.send(*[going(away=number % 2 == 0) for number in range(30)], going(away=True))
    heard = await client.received()
    assert [message["m"] for message in heard] == ["p"] * 30 + ["notification"]
    assert len(await other.received()) == 30


async def test_a_hidden_user_is_away_for_staff_who_see_them(clients_with: ClientsFactory) -> None:
    clients = clients_with()
    staff = await clients.enter(token=clients.server.tokens["admin"])
    await staff.send({"m": "v", "vanish": True})
    one, _ = await clients.pair()
    await staff.join(one.room)
    await staff.send(going(away=True))
    p = await staff.expect("p")
    assert (p["vanished"], p["afk"]) == (True, True)
    await one.assert_silent()


@pytest.mark.parametrize(
    "name",
    ["\u200b\u200b", "\u3164", "\u2800", "\ufeff", "\u00ad", "\u200d", "\ufe0f", "\u3000\u2003"],
)
async def test_invisible_names_are_nobodys(clients: Clients, name: str) -> None:
    client, other = await clients.pair()
    await client.send({"m": "userset", "set": {"name": name, "color": "#123456"}})
    p = await other.expect("p")
    assert (p["name"], p["color"]) == ("Anonymous", "#123456")


@pytest.mark.parametrize(
    "name", ["Ann\u200b", "Ann ", " Ann", "A\u200bnn", "Ann\u3164", "Ann\ufe0f", "\u2800Ann\u00a0"]
)
async def test_names_of_one_look_are_one_name(clients: Clients, name: str) -> None:
    client, other = await clients.pair()
    await client.send({"m": "userset", "set": {"name": name}})
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
async def test_names_have_one_form(clients: Clients, name: str, shown: str) -> None:
    client, other = await clients.pair()
    await client.send({"m": "userset", "set": {"name": name}})
    assert (await other.expect("p"))["name"] == shown


async def test_names_are_masked_where_the_room_wants_it(clients: Clients) -> None:
    holder, other = await clients.pair({"no cussing": True})
    await other.send({"m": "userset", "set": {"name": "Damn"}})
    assert (await holder.expect("p"))["name"] == "****"
    await other.send({"m": "a", "message": "hi"})
    assert (await holder.expect("a"))["p"]["name"] == "****"
    ch = await (await clients.enter()).join(holder.room)
    assert {p["name"] for p in ch["ppl"] if p["_id"] == other.id} == {"****"}
    await holder.send({"m": "chset", "set": {"no cussing": False}})
    ch = await other.expect("ch")
    assert {p["name"] for p in ch["ppl"] if p["_id"] == other.id} == {"Damn"}


async def test_a_name_like_the_holders_is_told(clients: Clients) -> None:
    holder, other = await clients.pair()
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
async def test_nobody_gives_themselves_a_tag(clients: Clients, name: str) -> None:
    client, other = await clients.pair()
    await client.send({"m": "userset", "set": {"name": name, "color": "#123456"}})
    p = await other.expect("p")
    assert (p["name"], p["color"]) == ("Anonymous", "#123456")
