"""`chset`: the settings of a room (docs/protocol.md 1.2, 1.3)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.websocket_clients import Client, Clients, Message, new_room


async def settings_of(client: Client) -> Message:
    """Return the settings of the client's room."""
    settings: Message = (await client.join(client.room))["ch"]["settings"]
    return settings


@pytest.mark.case(39)
async def test_everybody_gets_the_whole_room_after_a_change(clients: Clients) -> None:
    holder, other = await clients.pair({"color2": "#001122", "limit": 15})
    before = await settings_of(holder)
    await holder.send({"m": "chset", "set": {"color": "#00ff00"}})
    for client in (holder, other):
        (ch,) = await client.received()
        assert ch["m"] == "ch"
        assert ch.get("p", client.id) == client.id
        assert ch["ch"]["_id"] == ch["ch"]["id"] == client.room
        assert ch["ch"]["count"] == 2
        assert sorted(p["_id"] for p in ch["ppl"]) == sorted([holder.id, other.id])
        assert ch["ch"]["crown"]["participantId"] == holder.id
        # Other keys stay, but for `color2`.
        expected = before | {"color": "#00ff00"}
        del expected["color2"]
        assert ch["ch"]["settings"] == expected
    assert await settings_of(other) == expected


@pytest.mark.case(39)
async def test_color2_is_deleted_by_leaving_it_out(clients: Clients) -> None:
    holder, _ = await clients.pair()
    for change, color2 in [
        ({"color2": "#001122"}, "#001122"),
        ({"color": "#00ff00", "color2": "#334455"}, "#334455"),
        ({"visible": True}, None),
    ]:
        await holder.send({"m": "chset", "set": change})
        await holder.received()
        assert (await settings_of(holder)).get("color2") == color2


GOOD: list[tuple[str, Any]] = [
    ("visible", False),
    ("chat", False),
    ("crownsolo", True),
    ("no cussing", True),
    ("noindex", True),
    ("allowBots", False),
    ("color", "#ABCDEF"),
    ("color2", "#abcdef"),
    ("limit", 0),
    ("limit", 99),
    ("minOnlineTime", 0),
    ("minOnlineTime", 86_400_000),
]


@pytest.mark.parametrize(("key", "value"), GOOD)
@pytest.mark.case(39)
async def test_the_holder_can_change_each_setting(clients: Clients, key: str, value: Any) -> None:
    holder, other = await clients.pair()
    await holder.send({"m": "chset", "set": {key: value}})
    heard = (await other.expect("ch"))["ch"]["settings"][key]
    assert heard == (value.lower() if isinstance(value, str) and heard != value else value)
    assert isinstance(heard, bool) is isinstance(value, bool)


@pytest.mark.case(39)
async def test_clients_may_send_the_whole_settings_with_changes(clients: Clients) -> None:
    holder, other = await clients.pair({"limit": 15, "color2": "#001122"})
    known = await settings_of(holder)
    await holder.send({"m": "chset", "set": known | {"lobby": False, "chat": False}})
    assert (await other.expect("ch"))["ch"]["settings"] == known | {"chat": False}


@pytest.mark.case(40)
async def test_participants_without_the_crown_change_no_settings(clients: Clients) -> None:
    holder, other = await clients.pair()
    before = await settings_of(holder)
    await other.send({"m": "chset", "set": {"color": "#00ff00"}})
    await other.refusal()
    await holder.assert_silent()
    assert await settings_of(holder) == before


@pytest.mark.case(40)
async def test_a_holder_who_dropped_the_crown_changes_no_settings(clients: Clients) -> None:
    holder, other = await clients.pair()
    before = await settings_of(holder)
    await holder.send({"m": "chown"})
    await holder.received()
    await other.received()
    await holder.send({"m": "chset", "set": {"color": "#00ff00"}})
    await holder.refusal()
    await other.assert_silent()
    assert await settings_of(holder) == before


@pytest.mark.case(40)
async def test_a_client_in_no_room_changes_no_settings(clients: Clients) -> None:
    client = await clients.enter()
    await client.send({"m": "chset", "set": {"color": "#00ff00"}})
    await client.assert_ignored()


@pytest.mark.parametrize(
    "value", ["null", "5", "{}", "[]", '"visible"', "true", '[{"chat":false}]']
)
@pytest.mark.case(41)
async def test_a_set_without_settings_changes_nothing(clients: Clients, value: str) -> None:
    holder, other = await clients.pair({"color2": "#001122"})
    before = await settings_of(holder)
    await holder.send_raw('[{"m":"chset","set":' + value + "}]")
    assert await holder.refusal_codes() == ["bad_settings"]
    await other.assert_silent()
    assert await settings_of(holder) == before


@pytest.mark.case(41)
async def test_a_chset_without_a_set_changes_nothing(clients: Clients) -> None:
    holder, other = await clients.pair()
    await holder.send({"m": "chset"})
    assert await holder.refusal_codes() == ["bad_settings"]
    await other.assert_silent()


@pytest.mark.parametrize(("value", "limit"), [("15", 15), ("0", 0), ("99", 99), (15.0, 15)])
@pytest.mark.case(42)
async def test_numeric_strings_are_limits(clients: Clients, value: object, limit: int) -> None:
    holder, other = await clients.pair({"limit": 50})
    await holder.send({"m": "chset", "set": {"limit": value}})
    await holder.received()
    (ch,) = await other.received()
    assert ch["ch"]["settings"]["limit"] == limit
    assert isinstance(ch["ch"]["settings"]["limit"], int)


BAD: list[tuple[str, Any]] = [
    ("limit", "x"),
    ("limit", -1),
    ("limit", "-1"),
    ("limit", 100),
    ("limit", "100"),
    ("limit", 1.5),
    ("limit", "1.5"),
    ("limit", " "),
    ("limit", True),
    ("limit", [15]),
    ("limit", 1e300),
    ("minOnlineTime", -1),
    ("minOnlineTime", 86_400_001),
    ("minOnlineTime", "soon"),
    ("visible", "false"),
    ("visible", 0),
    ("visible", None),
    ("chat", {}),
    ("crownsolo", "true"),
    ("no cussing", 1),
    ("noindex", []),
    ("allowBots", "no"),
    ("color", "red"),
    ("color", "#abc"),
    ("color", None),
    ("lobby", True),
    ("owner_id", "0" * 24),
    ("owner_id", None),
    ("_id", "elsewhere"),
    ("__proto__", {"lobby": True}),
    ("constructor", 1),
    ("unknown", True),
    ("", 1),
]


@pytest.mark.parametrize(("key", "value"), BAD)
@pytest.mark.case(42)
async def test_bad_settings_of_a_change_are_dropped_one_by_one(
    clients: Clients, key: str, value: object
) -> None:
    holder, other = await clients.pair({"limit": 50})
    before = await settings_of(holder)
    await holder.send({"m": "chset", "set": {key: value}})
    # No valid setting remains: nothing changes, and a notification says so.
    assert await holder.refusal_codes() == ["bad_settings"]
    await other.assert_silent()
    await holder.send({"m": "chset", "set": {key: value, "color": "#00ff00"}})
    assert [message["m"] for message in await holder.received()] == ["ch"]
    (ch,) = await other.received()
    assert ch["ch"]["settings"] == before | {"color": "#00ff00"}


@pytest.mark.parametrize("nothing", ["", None])
@pytest.mark.parametrize("key", ["limit", "minOnlineTime", "slowMode", "noteQuota", "color2"])
@pytest.mark.case(42)
async def test_an_empty_value_removes_a_setting(
    clients: Clients, key: str, nothing: object
) -> None:
    value = {"color2": "#001122", "minOnlineTime": 0}.get(key, 50)
    holder, other = await clients.pair({key: value})
    before = await settings_of(holder)
    assert before[key] == value
    await holder.send({"m": "chset", "set": {key: nothing}})
    (ch,) = [message for message in await other.received() if message["m"] == "ch"]
    assert before == ch["ch"]["settings"] | {key: value}
    await holder.received()
    # Taking away what is not there changes nothing.
    await holder.send({"m": "chset", "set": {key: nothing}})
    await holder.assert_silent()
    await other.assert_silent()
    # A new room without valid settings has none of them either.
    newcomer = await clients.enter()
    assert key not in (await newcomer.join(new_room(), {key: nothing}))["ch"]["settings"]


@pytest.mark.parametrize("room", ["", "lobby", "test/settings"])
async def test_what_dialogs_show_is_always_said(clients: Clients, room: str) -> None:
    client = await clients.enter(room or new_room())
    settings = await settings_of(client)
    always = {"allowBots": True, "noindex": False, "no cussing": False}
    assert settings.items() >= always.items()
    await client.send({"m": "+ls"})
    listed = await client.expect("ls", where=lambda ls: ls["c"])
    assert all(entry["settings"].keys() >= always.keys() for entry in listed["u"])


async def test_a_dialog_changes_no_room_to_what_another_was(clients: Clients) -> None:
    # The dialog of a page: what a room says is shown, what it does not say stays as it was.
    dialog: Message = {}
    wanted = {"allowBots": False, "noindex": True, "no cussing": True}
    strict, _ = await clients.pair(wanted)
    dialog |= await settings_of(strict)
    await strict.join(new_room())
    before = await settings_of(strict)
    dialog |= before
    dialog.setdefault("limit", "")
    await strict.send({"m": "chset", "set": dialog})
    assert (await strict.expect("ch"))["ch"]["settings"] == before


@pytest.mark.case(42)
async def test_of_a_huge_set_only_the_valid_settings_count(clients: Clients) -> None:
    holder, other = await clients.pair()
    junk = {f"key {number}": number for number in range(3000)}
    await holder.send({"m": "chset", "set": junk | {"limit": "15"}})
    await holder.received()
    (ch,) = await other.received()
    assert ch["ch"]["settings"]["limit"] == 15
    assert len(json.dumps(ch)) < 2000


@pytest.mark.case(43)
async def test_a_hidden_room_is_not_listed(clients: Clients) -> None:
    holder, _ = await clients.pair()
    for is_visible in (False, True):
        await holder.send({"m": "chset", "set": {"visible": is_visible}})
        await holder.expect("ch")
        watcher = await clients.enter()
        await watcher.send({"m": "+ls"})
        listed = await watcher.expect("ls", where=lambda ls: ls["c"])
        assert (holder.room in {r["_id"] for r in listed["u"]}) is is_visible
