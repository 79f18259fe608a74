"""`admin message`: messages of staff within a message (docs/protocol.md 1.3)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from support.presets import HURRIED
from support.server import Server
from support.websocket_clients import Client, Clients, ClientsFactory, Message, new_room


async def admin(clients: Clients, room: str | None = None) -> Client:
    """Connect an admin."""
    return await clients.enter(room, token=clients.server.tokens["admin"])


async def order(staff: Client, m: str, **fields: Any) -> None:
    """Let `staff` send the inner message `m`, and see it done."""
    await staff.send({"m": "admin message", "msg": {"m": m} | fields})
    await staff.received()


async def listed(client: Client) -> set[str]:
    """Return the names in a fresh list of rooms."""
    await client.send({"m": "+ls"}, {"m": "-ls"})
    return {r["_id"] for r in (await client.expect("ls", where=lambda ls: ls["c"]))["u"]}


@pytest.mark.parametrize(
    ("m", "key", "value"),
    [
        ("color", "color", "#12ab34"),
        ("setcolor", "color", "#12ab34"),
        ("name", "name", "Clara"),
        ("setname", "name", "Clara"),
    ],
)
async def test_name_and_colour_of_others(
    clients_with: ClientsFactory, m: str, key: str, value: str
) -> None:
    clients = clients_with()
    one, two = await clients.pair()
    staff = await admin(clients)
    await order(staff, m, _id=one.id, **{key: value})
    for client in (one, two):
        (p,) = await client.received()
        assert (p["m"], p["_id"], p[key]) == ("p", one.id, value)
    await order(staff, m, _id=one.id, **{key: "\n"})
    await order(staff, m, _id="nobody", **{key: value})
    await order(staff, m, _id=one.id)
    await one.assert_silent()


async def test_a_flag_that_takes_the_right_to_chat(clients_with: ClientsFactory) -> None:
    clients = clients_with()
    one, two = await clients.pair()
    staff = await admin(clients)
    await order(staff, "user_flag", _id=one.id, key="cant_chat", value=True)
    await one.send({"m": "a", "message": "hi"})
    await one.refusal()
    await two.assert_silent()
    await order(staff, "user_flag", _id=one.id, key="cant_chat", remove=True)
    await one.send({"m": "a", "message": "hi"})
    assert (await two.expect("a"))["a"] == "hi"


async def test_a_tag(clients_with: ClientsFactory) -> None:
    clients = clients_with()
    one, two = await clients.pair()
    staff = await admin(clients)
    tag = {"text": "BOT", "color": "#5555ff"}
    await order(staff, "tag", _id=one.id, tag=tag)
    for client in (one, two):
        assert (await client.expect("p"))["tag"] == tag
    # Later messages have the tag too: clients drop a tag that is missing.
    await one.send({"m": "userset", "set": {"name": "Clara"}}, {"m": "a", "message": "hi"})
    assert (await two.expect("p"))["tag"] == tag
    assert (await two.expect("a"))["p"]["tag"] == tag
    ch = await (await clients.enter()).join(one.room)
    assert [p.get("tag") for p in ch["ppl"] if p["_id"] == one.id] == [tag]
    await two.received()
    await order(staff, "remove_tag", _id=one.id)
    assert "tag" not in await two.expect("p")


@pytest.mark.parametrize(
    ("tag", "seen"),
    [
        ({"text": "BOT", "color": "#55f"}, {"text": "BOT", "color": "#5555ff"}),
        ({"text": "OWNER", "color": "#a00"}, {"text": "OWNER", "color": "#aa0000"}),
        ({"text": "x", "color": "#FfF"}, {"text": "x", "color": "#FFffFF"}),
        ({"text": "MOD"}, {"text": "MOD", "color": "#777777"}),
        ({"text": "MOD", "color": None}, {"text": "MOD", "color": "#777777"}),
        ("MEDIA", {"text": "MEDIA", "color": "#777777"}),
    ],
)
async def test_tags_of_other_servers(
    clients_with: ClientsFactory, tag: object, seen: Message
) -> None:
    clients = clients_with()
    one, two = await clients.pair()
    await order(await admin(clients), "tag", _id=one.id, tag=tag)
    assert (await two.expect("p"))["tag"] == seen


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        (None, "bad_message"),
        (5, "bad_message"),
        ({}, "bad_message"),
        ("", "bad_message"),
        ("a\nb", "bad_message"),
        ({"text": 5, "color": "#5555ff"}, "bad_message"),
        ({"text": "x" * 41, "color": "#5555ff"}, "bad_message"),
        ({"text": "BOT", "color": "blue"}, "bad_color"),
        ({"text": "BOT", "color": "#55"}, "bad_color"),
        ({"text": "BOT", "color": "#5555"}, "bad_color"),
        ({"text": "BOT", "color": 5}, "bad_color"),
    ],
)
async def test_a_tag_that_would_break_clients(
    clients_with: ClientsFactory, tag: object, code: str
) -> None:
    clients = clients_with()
    one, two = await clients.pair()
    staff = await admin(clients)
    await staff.send({"m": "admin message", "msg": {"m": "tag", "_id": one.id, "tag": tag}})
    assert await staff.refusal_codes() == [code]
    await two.assert_silent()


async def test_clearing_the_chat_of_the_room(clients_with: ClientsFactory) -> None:
    clients = clients_with()
    one, two = await clients.pair()
    await one.send({"m": "a", "message": "hi"})
    await two.expect("a")
    staff = await admin(clients, one.room)
    await two.received()
    await order(staff, "clear_chat")
    assert await two.received() == [{"m": "c", "c": []}]


async def test_notifications(clients_with: ClientsFactory) -> None:
    clients = clients_with()
    one, two = await clients.pair()
    stranger = await clients.enter(new_room())
    staff = await admin(clients)
    text = {"title": "Hello", "text": "there"}
    await order(staff, "notification", targetChannel=one.room, **text)
    for client in (one, two):
        (notice,) = await client.received()
        assert notice.items() >= {"m": "notification", "duration": 7000}.items() | text.items()
    await stranger.assert_silent()
    await order(staff, "notification", targetUser=stranger.id, duration=10**9, **text)
    (notice,) = await stranger.received()
    assert notice["duration"] == 60_000
    await one.assert_silent()
    for target in ("targetChannel", "targetUser"):
        await order(staff, "notification", **{target: "all"}, **text)
        for client in (one, stranger):
            assert [m["m"] for m in await client.received()] == ["notification"]
        await two.received()


async def test_a_notification_with_all_that_clients_know(clients_with: ClientsFactory) -> None:
    clients = clients_with()
    one, _ = await clients.pair()
    staff = await admin(clients)
    wanted: Message = {
        "title": "Hello",
        "html": "<b>there</b>",
        "class": "classic",
        "target": "#names",
        "id": "greeting_1",
    }
    await order(staff, "notification", targetUser=one.id, duration="9000", **wanted)
    (notice,) = await one.received()
    assert notice == {"m": "notification", "code": "staff_notice", "duration": 9000} | wanted
    await order(staff, "notification", targetUser=one.id, text="plain", html="<i>rich</i>", id=7)
    (notice,) = await one.received()
    assert (notice["text"], notice["html"], notice["id"]) == ("plain", "<i>rich</i>", "7")


@pytest.mark.parametrize(
    ("duration", "heard"),
    [
        (None, 7000),
        ("", 7000),
        (9000, 9000),
        ("9000", 9000),
        (" 9e3 ", 9000),
        (0.5, 0.5),
        (0, 0),
        (-1, -1),
        ("-30000", -1),
        ("1e12", 60_000),
    ],
)
async def test_how_long_a_notification_stays(
    clients_with: ClientsFactory, duration: object, heard: float
) -> None:
    clients = clients_with()
    one, _ = await clients.pair()
    await order(
        await admin(clients), "notification", targetUser=one.id, text="x", duration=duration
    )
    (notice,) = await one.received()
    assert notice["duration"] == heard


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"text": None}, "bad_message"),
        ({"text": ""}, "bad_message"),
        ({"text": 5, "html": ["<b>"]}, "bad_message"),
        ({"duration": "soon"}, "bad_time"),
        ({"duration": True}, "bad_time"),
        ({"duration": [9000]}, "bad_time"),
        ({"target": "<img src=x>"}, "bad_settings"),
        ({"target": " <b>"}, "bad_settings"),
        ({"target": "#room:hover("}, "bad_settings"),
        ({"target": "x" * 129}, "bad_settings"),
        ({"target": 5}, "bad_settings"),
        ({"id": "a b"}, "bad_id"),
        ({"id": "x" * 65}, "bad_id"),
        ({"id": {}}, "bad_id"),
        ({"targetUser": 5}, "bad_id"),
        ({"targetUser": "nobody"}, "not_found"),
        ({"targetUser": None, "targetChannel": ["lobby"]}, "bad_room"),
        ({"targetUser": None, "targetChannel": "nowhere at all"}, "not_found"),
        ({"targetUser": None}, "not_found"),
    ],
)
async def test_a_notification_that_is_not_shown(
    clients_with: ClientsFactory, fields: Message, code: str
) -> None:
    clients = clients_with()
    one, _ = await clients.pair()
    staff = await admin(clients)
    inner = {"m": "notification", "targetUser": one.id, "text": "x"} | fields
    await staff.send({"m": "admin message", "msg": inner})
    assert await staff.refusal_codes() == [code]
    await one.assert_silent()


async def test_html_is_for_who_may_do_everything(clients_with: ClientsFactory) -> None:
    clients = clients_with()
    one, _ = await clients.pair()
    moderator = await clients.enter(one.room, token=clients.server.tokens["moderate"])
    await one.received()
    for more in ({}, {"text": "x"}):
        inner = {"m": "notification", "targetUser": one.id, "html": "<b>x</b>"} | more
        await moderator.send({"m": "admin message", "msg": inner})
    assert await moderator.refusal_codes() == ["not_allowed"]
    await one.assert_silent()
    await order(moderator, "notification", targetUser=one.id, text="x", target="#names", id="m")
    assert [m["code"] for m in await one.received()] == ["staff_notice"]


async def test_a_restart_is_announced_to_everybody(restartable_server: Server) -> None:
    async with Clients(restartable_server) as clients:
        people = [await clients.enter(room) for room in (new_room(), new_room(), None)]
        await order(await admin(clients), "restart")
        for client in people:
            notices = [m for m in await client.received() if m["m"] == "notification"]
            assert len(notices) == 1
            assert "restart" in notices[0]["text"].lower()
    # The restart that was asked for must not come in the middle of another test.
    restartable_server.restart()


async def test_a_room_that_stays_while_it_is_empty(clients_with: ClientsFactory) -> None:
    clients = clients_with(**HURRIED)
    staff, room = await admin(clients), new_room()
    await order(staff, "forceload", _id=room)
    assert room in await listed(staff)
    client = await clients.enter(room, {"color": "#112233"})
    await client.send({"m": "a", "message": "hi"})
    await client.expect("a")
    await client.join(new_room())
    await asyncio.sleep(0.5)
    assert room in await listed(staff)
    await client.send({"m": "ch", "_id": room})
    _, history, _ = await client.frame("ch", "c", "nq")
    assert [line["a"] for line in history["c"]] == ["hi"]
    await order(staff, "unforceload", _id=room)
    await client.join(new_room())
    await asyncio.sleep(0.5)
    assert room not in await listed(staff)


async def test_flags_of_a_room(clients_with: ClientsFactory) -> None:
    clients = clients_with()
    one, two = await clients.pair()
    staff = await admin(clients)
    await order(staff, "ch_flag", _id=one.room, key="limit", value=5)
    assert (await two.expect("ch"))["ch"]["settings"]["limit"] == 5
    await order(staff, "ch_flag", _id=one.room, key="limit", remove=True)
    assert "limit" not in (await two.expect("ch"))["ch"]["settings"]
    await order(staff, "ch_flag", _id=one.room, key="owner_id", value=two.id)
    assert (await two.expect("ch"))["ch"]["settings"]["owner_id"] == two.id
    await order(staff, "ch_flag", _id=one.room, key="owner_id", remove=True)
    assert "owner_id" not in (await two.expect("ch"))["ch"]["settings"]
    await order(staff, "ch_flag", _id=one.room, key="no_crown", value=True)
    assert "participantId" not in (await two.expect("ch"))["ch"].get("crown", {})
    for value in (None, [], {}, "x" * 1000):
        await order(staff, "ch_flag", _id=one.room, key="limit", value=value)
        await order(staff, "ch_flag", _id=one.room, key="lobby", value=value)
    settings = (await two.join(one.room))["ch"]["settings"]
    assert "limit" not in settings
    assert "lobby" not in settings


async def test_moving_somebody(clients_with: ClientsFactory) -> None:
    clients = clients_with()
    one, two = await clients.pair()
    staff, elsewhere = await admin(clients), new_room()
    await order(staff, "move", _id=two.id, ch=elsewhere, set={"color": "#112233"})
    ch = await two.joined()
    assert (ch["ch"]["_id"], ch["ch"]["settings"]["color"]) == (elsewhere, "#112233")
    assert await one.received() == [{"m": "bye", "p": two.id}]
    await order(staff, "move", _id=one.id, ch=elsewhere)
    assert (await one.joined())["ch"]["count"] == 2


async def test_another_name_for_a_room(clients_with: ClientsFactory) -> None:
    clients = clients_with(**HURRIED)
    one, two = await clients.pair({"color": "#112233"})
    staff = await admin(clients, one.room)
    old, new = one.room, new_room()
    for client in (one, two):
        await client.received()
    await order(staff, "rename_channel", _id=new)
    for client in (one, two):
        ch = await client.joined()
        assert ch["ch"]["_id"] == new
        assert ch["ch"]["settings"]["color"] == "#112233"
    await one.received()
    after = await one.join(new)
    assert after["ch"]["count"] == 3
    assert after["ch"]["crown"].get("participantId") == one.id
    await asyncio.sleep(0.5)
    rooms = await listed(staff)
    assert new in rooms
    assert old not in rooms


async def test_a_line_of_the_server(clients_with: ClientsFactory) -> None:
    clients = clients_with()
    one, two = await clients.pair()
    await order(await admin(clients), "admin_chat", _id=one.room, message="hear, hear")
    for client in (one, two):
        (line,) = await client.received()
        assert (line["m"], line["a"]) == ("a", "hear, hear")
        assert (line["p"]["_id"], line["p"]["name"]) == ("0", "mpp")


async def test_ordinary_messages_without_rate_limits(clients_with: ClientsFactory) -> None:
    clients = clients_with()
    one, _ = await clients.pair()
    staff = await admin(clients, one.room)
    await one.received()
    lines = [f"line {number}" for number in range(30)]
    await staff.send(
        *({"m": "admin message", "msg": {"m": "a", "message": line}} for line in lines)
    )
    await staff.received()
    assert [m["a"] for m in await one.received()] == lines


BAD: list[tuple[Any, str]] = [
    (None, "bad_message"),
    (5, "bad_message"),
    ("clear_chat", "bad_message"),
    ([], "bad_message"),
    ({}, "bad_message"),
    ({"m": None}, "bad_message"),
    ({"m": 5}, "bad_message"),
    ({"m": "zzz"}, "not_found"),
    ({"m": "__proto__"}, "not_found"),
    ({"m": "eval", "str": "1/0"}, "not_found"),
    ({"m": "n", "t": 1, "n": []}, "not_found"),
    ({"m": "admin message", "msg": {"m": "clear_chat"}}, "not_allowed"),
    ({"m": "a", "message": "\n"}, "bad_message"),
    ({"m": "ch", "_id": ""}, "bad_room"),
    ({"m": "userset", "set": {"color": "blue"}}, "bad_color"),
    ({"m": "kickban", "_id": "{one}", "ms": -1}, "bad_time"),
    ({"m": "move", "_id": "{one}", "ch": ""}, "bad_room"),
    ({"m": "move", "_id": "{one}", "ch": None}, "bad_room"),
    ({"m": "move", "_id": "nobody", "ch": "lobby"}, "not_found"),
    ({"m": "rename_channel", "_id": "\t"}, "bad_room"),
    ({"m": "rename_channel"}, "bad_room"),
    ({"m": "forceload", "_id": 5}, "bad_room"),
    ({"m": "unforceload", "_id": 5}, "bad_room"),
    ({"m": "unforceload", "_id": "nowhere"}, "not_found"),
    ({"m": "admin_chat", "message": ""}, "bad_message"),
    ({"m": "admin_chat"}, "bad_message"),
    ({"m": "admin_chat", "_id": "nowhere", "message": "hi"}, "not_found"),
    ({"m": "notification", "targetUser": "{one}", "text": 5}, "bad_message"),
    ({"m": "notification", "targetUser": [], "targetChannel": {}}, "bad_room"),
    ({"m": "user_flag", "_id": "{one}", "key": 5, "value": True}, "bad_settings"),
    ({"m": "user_flag", "_id": "{one}", "key": "cant_chat", "value": []}, "bad_settings"),
    ({"m": "user_flag", "_id": "nobody", "key": "cant_chat", "value": True}, "not_found"),
    ({"m": "ch_flag", "_id": "nowhere", "key": "limit", "value": 1}, "not_found"),
    ({"m": "ch_flag", "key": "limit", "value": "many"}, "bad_settings"),
    ({"m": "ch_flag", "key": "owner_id", "value": "me"}, "bad_id"),
    ({"m": "ch_flag", "key": "color", "value": "#112233"}, "bad_settings"),
    ({"m": "ch_flag", "_id": "lobby", "key": "limit", "value": 1}, "not_allowed"),
    ({"m": "tag", "_id": [], "tag": {"text": "x", "color": "#112233"}}, "bad_id"),
    ({"m": "remove_tag", "_id": "nobody"}, "not_found"),
    ({"m": "color", "_id": "{one}", "color": "blue"}, "bad_color"),
    ({"m": "name", "_id": "{one}", "name": ""}, "bad_name"),
    ({"m": "name", "name": "x"}, "bad_id"),
    ({"m": "siteunban", "id": "nobody"}, "bad_id"),
    ({"m": "siteunban", "id": "0" * 24}, "not_found"),
]


@pytest.mark.parametrize(("inner", "code"), BAD, ids=repr)
async def test_what_is_malformed_does_nothing(
    clients_with: ClientsFactory, inner: Any, code: str
) -> None:
    clients = clients_with()
    one, two = await clients.pair()
    await one.send({"m": "a", "message": "stays"})
    await two.expect("a")
    staff = await admin(clients, one.room)
    for client in (one, two):
        await client.received()
    before = await two.join(one.room)
    if isinstance(inner, dict):
        inner = {k: one.id if v == "{one}" else v for k, v in inner.items()}
    await staff.send({"m": "admin message", "msg": inner})
    assert await staff.refusal_codes() == [code]
    for client in (one, two):
        await client.assert_silent()
    assert await two.join(one.room) == before
    assert [line["a"] for line in two.frames[-1][1]["c"]] == ["stays"]


async def test_staff_rule_every_room(clients_with: ClientsFactory) -> None:
    clients = clients_with()
    one, two = await clients.pair()
    staff = await admin(clients, one.room)
    for client in (one, two):
        await client.received()
    await staff.send({"m": "chset", "set": {"color": "#112233", "crownsolo": True}})
    assert (await two.expect("ch"))["ch"]["settings"]["color"] == "#112233"
    note: Message = {"m": "n", "t": 1, "n": [{"n": "c3", "v": 1}]}
    await staff.send(note)
    assert (await two.expect("n"))["p"] == staff.id
    await staff.send({"m": "chown", "id": two.id})
    assert (await one.expect("ch", where=lambda ch: ch["ch"]["crown"]["userId"] != one.id))["ch"][
        "crown"
    ]["participantId"] == two.id
