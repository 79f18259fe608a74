"""`ch`: making rooms, going in and out, passing the crown (docs/protocol.md 1.3, 2.3, 2.7)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from support.grammar import FORBIDDEN
from support.presets import HURRIED, Preset, only
from support.websocket_clients import (
    Client,
    Clients,
    ClientsFactory,
    Message,
    new_address,
    new_room,
    units,
)


def participant(client: Client, **changes: Any) -> Message:
    """Return the entry of `client` in any room until its pointer moves."""
    return {**client.user, "x": 200, "y": 100, "afk": False, **changes}


def ids(people: list[Message]) -> list[str]:
    return sorted(p["_id"] for p in people)


@pytest.mark.case(23)
async def test_the_joiner_gets_one_frame(clients: Clients, room: str, preset: Preset) -> None:
    client = await clients.enter()
    await client.send({"m": "ch", "_id": room})
    ch, history, quota = await client.frame("ch", "c", "nq")
    assert ch["p"] == client.id
    assert ch["ppl"] == [participant(client)]
    assert ch["ch"]["_id"] == ch["ch"]["id"] == room
    assert ch["ch"]["count"] == 1
    assert not ch["ch"].get("banned")
    settings = ch["ch"]["settings"]
    assert settings["visible"] is settings["chat"] is True
    assert settings["crownsolo"] is False
    assert settings["color"] == "#3b5054"
    assert "color2" not in settings
    assert not settings.get("lobby")
    crown = ch["ch"]["crown"]
    assert crown["participantId"] == crown["userId"] == client.id
    assert isinstance(crown["time"], int | float)
    for position in (crown["startPos"], crown["endPos"]):
        assert {float(position["x"]), float(position["y"])}
    assert history == {"m": "c", "c": []}
    assert quota == preset.holder.nq
    await client.assert_silent()


@pytest.mark.case(24)
async def test_the_quota_comes_with_the_room(clients: Clients, room: str, preset: Preset) -> None:
    client, other = await clients.enter(), await clients.enter()
    for each, name, quota in [
        (client, room, preset.holder),
        (other, room, preset.normal),
        (client, new_room(), preset.holder),
        (client, "test/awkward", preset.lobby),
        *((other, lobby, preset.lobby) for lobby in preset.lobbies),
    ]:
        ch = await each.join(name)
        assert ch["ch"]["_id"] == name
        assert each.frames[-1][2] == quota.nq
        assert preset.quota(ch) == quota


@pytest.mark.case(25)
async def test_the_others_get_p(clients: Clients, room: str) -> None:
    client = await clients.enter(room)
    other = await clients.enter()
    ch = await other.join(room)
    (heard,) = await client.received()
    assert heard == {"m": "p"} | participant(other)
    assert ids(ch["ppl"]) == sorted([client.id, other.id])
    assert ch["p"] == other.id
    assert ch["ch"]["count"] == 2
    assert ch["ch"]["crown"]["participantId"] == client.id


@pytest.mark.case(26)
async def test_the_first_to_join_sets_the_settings(clients: Clients, room: str) -> None:
    client = await clients.enter()
    wanted = {"visible": False, "chat": True, "color": "#112233", "crownsolo": True}
    ch = await client.join(room, wanted)
    assert ch["ch"]["settings"].items() >= wanted.items()


@pytest.mark.case(26)
async def test_the_first_to_join_may_set_further_settings(clients: Clients, room: str) -> None:
    client = await clients.enter()
    wanted = {"color": "#ABCDEF", "color2": "#001122", "limit": 15, "noindex": True}
    ch = await client.join(room, wanted)
    settings = ch["ch"]["settings"]
    assert settings["color"].lower() == "#abcdef"
    assert settings["color2"] == "#001122"
    assert settings["limit"] == 15
    assert settings["noindex"] is True
    assert settings["visible"] is settings["chat"] is True


@pytest.mark.case(27)
async def test_joining_an_existing_room_changes_no_settings(clients: Clients, room: str) -> None:
    client = await clients.enter()
    settings = (await client.join(room))["ch"]["settings"]
    other = await clients.enter()
    changed = {"visible": False, "chat": False, "color": "#112233", "crownsolo": True}
    assert (await other.join(room, changed))["ch"]["settings"] == settings
    # The holder of the crown does not change them by joining again either.
    assert (await client.join(room, changed))["ch"]["settings"] == settings


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lobby", True),
        ("owner_id", "0" * 24),
        ("color", "red"),
        ("color", "#12345"),
        ("color", "#12345g"),
        ("color", 5),
        ("color", "#1234567"),
        ("color2", "#xyzxyz"),
        ("visible", "yes"),
        ("visible", 1),
        ("visible", None),
        ("crownsolo", "true"),
        ("limit", "x"),
        ("limit", -1),
        ("limit", 100),
        ("limit", 1.5),
        ("__proto__", {"lobby": True}),
        ("unknown", 1),
        ("_id", "elsewhere"),
    ],
)
@pytest.mark.case(28)
async def test_bad_settings_of_a_join_are_dropped_one_by_one(
    clients: Clients, room: str, key: str, value: object
) -> None:
    client = await clients.enter()
    usual = (await client.join(new_room(), {"chat": False}))["ch"]["settings"]
    ch = await client.join(room, {key: value, "chat": False})
    assert ch["ch"]["settings"] == usual
    assert ch["ch"]["crown"]["participantId"] == client.id


@pytest.mark.parametrize("settings", [None, 5, "visible", [], [1], True, {}])
@pytest.mark.case(28)
async def test_a_set_that_is_no_object_is_ignored(
    clients: Clients, room: str, settings: object
) -> None:
    client = await clients.enter()
    await client.send({"m": "ch", "_id": room, "set": settings})
    ch, _, _ = await client.frame("ch", "c", "nq")
    assert ch["ch"]["settings"]["visible"] is True


@pytest.mark.parametrize(
    "name", ["x" * 512, "\U0001f3b9" * 256, "\u0416" * 512, "a b", "/", '"\\', "lobbyist", "Lobby"]
)
@pytest.mark.case(29)
async def test_rooms_may_have_these_names(clients: Clients, name: str) -> None:
    assert units(name) <= 512
    ch = await (await clients.enter()).join(name)
    assert ch["ch"]["_id"] == ch["ch"]["id"] == name
    assert "crown" in ch["ch"]


@pytest.mark.parametrize(
    "name",
    ["x" * 513, "\U0001f3b9" * 257, "", " ", "    ", 5, None, True, [], ["a"], {"a": 1}]
    + [f"a{character}b" for character in FORBIDDEN],
)
@pytest.mark.case(29)
async def test_a_join_with_a_bad_name_leads_nowhere(
    clients: Clients, room: str, name: object
) -> None:
    client, other = await clients.enter(room), await clients.enter(room)
    await client.received()
    await client.send({"m": "ch", "_id": name})
    assert await client.refusal_codes() == ["bad_room"]
    await other.assert_silent()


@pytest.mark.case(29)
async def test_a_join_without_a_name_leads_nowhere(clients: Clients) -> None:
    client = await clients.enter()
    await client.send({"m": "ch"})
    assert await client.refusal_codes() == ["bad_room"]


@pytest.mark.case(30)
async def test_joining_again_resends_and_changes_nothing(clients: Clients, room: str) -> None:
    client = await clients.enter(room)
    other = await clients.enter(room)
    await client.received()
    for again in (client, other):
        ch = await again.join(room)
        assert ch["p"] == again.id
        assert ids(ch["ppl"]) == sorted([client.id, other.id])
        assert ch["ch"]["count"] == 2
        assert ch["ch"]["crown"]["participantId"] == client.id
    await client.assert_silent()
    await other.assert_silent()


@pytest.mark.case(31)
async def test_a_participant_without_the_crown_who_leaves_is_one_bye(
    clients: Clients, room: str
) -> None:
    client, other = await clients.enter(room), await clients.enter(room)
    third = await clients.enter(room)
    await client.received()
    await other.received()
    await third.join(new_room())
    for left in (client, other):
        assert await left.received() == [{"m": "bye", "p": third.id}]
    assert ids((await client.join(room))["ppl"]) == sorted([client.id, other.id])


@pytest.mark.case(31)
async def test_a_holder_who_leaves_is_one_ch(clients: Clients) -> None:
    first, second, third = await clients.group(3)
    await first.join(new_room())
    for left in (second, third):
        (heard,) = await left.received()
        assert heard["m"] == "ch"
        assert heard.get("p", left.id) == left.id
        assert heard["ch"]["_id"] == second.room
        assert heard["ch"]["count"] == 2
        assert sorted(heard["ppl"], key=lambda p: p["_id"]) == sorted(
            [participant(second), participant(third)], key=lambda p: p["_id"]
        )


@pytest.mark.case(31)
async def test_a_room_that_was_empty_begins_anew(clients_with: ClientsFactory, room: str) -> None:
    clients = clients_with(**HURRIED)
    client = await clients.enter(room, {"color": "#112233"})
    await client.send({"m": "a", "message": "hello"})
    await client.expect("a")
    await client.join(new_room())
    other = await clients.enter()
    await asyncio.sleep(0.5)
    await other.send({"m": "+ls"})
    assert room not in {r["_id"] for r in (await other.expect("ls"))["u"]}
    await other.send({"m": "ch", "_id": room})
    ch, history, _ = await other.frame("ch", "c", "nq")
    assert ch["ch"]["settings"]["color"] == "#3b5054"
    assert ch["ch"]["crown"]["participantId"] == other.id
    assert history["c"] == []


@only("net")
@pytest.mark.case(31)
async def test_an_empty_room_is_there_for_a_user_who_returns(clients: Clients, room: str) -> None:
    client = await clients.enter(room, {"color": "#112233"})
    await client.send({"m": "a", "message": "hello"})
    await client.expect("a")
    await client.join(new_room())
    await client.send({"m": "ch", "_id": room})
    ch, history, _ = await client.frame("ch", "c", "nq")
    assert ch["ch"]["settings"]["color"] == "#112233"
    assert ch["ch"]["crown"]["participantId"] == client.id
    assert [line["a"] for line in history["c"]] == ["hello"]


@pytest.mark.case(31)
async def test_no_empty_room_remains_for_long(clients_with: ClientsFactory) -> None:
    clients = clients_with(**HURRIED)
    rooms = {new_room() for _ in range(60)}
    for room in rooms:
        await (await clients.enter(room)).leave()
    watcher = await clients.enter()
    # Empty rooms end after 300 ms here; the rest allows for a busy machine.
    await asyncio.sleep(0.8)
    await watcher.send({"m": "+ls"})
    listed = {r["_id"] for r in (await watcher.expect("ls"))["u"]}
    assert not listed & rooms


async def test_the_cursor_begins_anew_in_another_room(clients: Clients, room: str) -> None:
    client = await clients.enter(room)
    await client.send({"m": "m", "x": 1, "y": 2})
    ch = await client.join(new_room())
    assert ch["ppl"] == [participant(client)]


async def test_nothing_of_the_old_room_after_the_new_ones_ch(clients: Clients, room: str) -> None:
    client, other = await clients.enter(room), await clients.enter(room)
    elsewhere = new_room()
    await other.received()
    note = {"m": "n", "t": 1, "n": [{"n": "c3", "v": 1}]}
    for _ in range(3):
        await client.send(note, note, {"m": "a", "message": "hello"})
    await other.join(elsewhere)
    await client.send(note, {"m": "a", "message": "still here"})
    await client.received()
    await other.assert_silent()


@pytest.mark.case(32)
async def test_a_second_tab_is_no_second_participant(
    clients_by_address: Clients, room: str
) -> None:
    client = await clients_by_address.enter(room, address=new_address())
    other = await clients_by_address.enter(room, address=new_address())
    await client.received()
    tab = await clients_by_address.tab(client)
    ch = await tab.join(room)
    assert ch["p"] == client.id
    assert ch["ch"]["count"] == 2
    assert ids(ch["ppl"]) == sorted([client.id, other.id])
    await client.assert_silent()
    await other.assert_silent()
    await tab.leave()
    await client.assert_silent()
    await other.assert_silent()
    await client.leave()
    heard = await other.expect("ch")
    assert ids(heard["ppl"]) == [other.id]
    await other.assert_silent()


@pytest.mark.case(32)
async def test_a_participant_stays_until_their_last_tab_leaves(
    clients_by_address: Clients, room: str
) -> None:
    other = await clients_by_address.enter(room, address=new_address())
    client = await clients_by_address.enter(room, address=new_address())
    tab = await clients_by_address.tab(client, room)
    await other.received()
    await client.leave()
    await tab.received()
    await other.assert_silent()
    await tab.join(new_room())
    assert await other.received() == [{"m": "bye", "p": client.id}]


@only("quick")
@pytest.mark.case(32)
async def test_a_second_tab_does_not_shorten_the_stay(
    clients_by_address: Clients, room: str
) -> None:
    first, second, third = [
        await clients_by_address.enter(room, address=new_address()) for _ in range(3)
    ]
    tab = await clients_by_address.tab(second, room)
    await second.leave()
    await tab.received()
    await first.leave()
    assert (await third.expect("ch"))["ch"]["crown"]["participantId"] == tab.id


async def test_tabs_may_be_in_different_rooms(clients_by_address: Clients, room: str) -> None:
    elsewhere = new_room()
    client = await clients_by_address.enter(room, address=new_address())
    tab = await clients_by_address.tab(client, elsewhere)
    await client.assert_silent()
    await tab.send({"m": "a", "message": "over here"})
    await tab.expect("a")
    await client.assert_silent()
    assert (await client.join(room))["ch"]["count"] == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Caf\u00e9", "Cafe\u0301"),
        ("duets", "duets "),
        ("duets", "\u200bdu\u00adets\u3000"),
        ("\ud55c\uad6d", "\u1112\u1161\u11ab\u1100\u116e\u11a8"),
    ],
)
async def test_rooms_of_one_look_are_one_room(clients: Clients, one: str, other: str) -> None:
    here = new_room()
    client = await clients.enter(f"{here} {one}")
    ch = await (await clients.enter()).join(f"{here} {other}")
    assert ch["ch"]["_id"] == f"{here} {one}"
    assert {p["_id"] for p in ch["ppl"]} >= {client.id}
    assert ch["ch"]["count"] == 2


@pytest.mark.parametrize("name", ["lobby ", " lobby", "lob\u200bby", "lobby\u2800"])
async def test_the_lobby_is_the_lobby(clients: Clients, name: str) -> None:
    ch = await (await clients.enter()).join(name)
    assert ch["ch"]["settings"]["lobby"] is True


@pytest.mark.parametrize("name", ["\u200b", "\u3164", "\u2800", "\u200d\ufe0f"])
async def test_no_room_is_without_a_visible_name(clients: Clients, name: str) -> None:
    client = await clients.enter(new_room())
    await client.send({"m": "ch", "_id": name})
    await client.assert_silent("ch")


async def test_a_ban_holds_for_each_spelling(clients: Clients) -> None:
    here = new_room()
    holder, other = (
        await clients.enter(f"{here} Caf\u00e9"),
        await clients.enter(f"{here} Cafe\u0301"),
    )
    await holder.send({"m": "kickban", "_id": other.id, "ms": 60_000})
    await other.expect("ch")
    for spelling in ("Caf\u00e9", "Cafe\u0301", "Caf\u00e9\u200b"):
        ch = await other.join(f"{here} {spelling}")
        assert ch["ch"]["_id"] == "test/awkward"
