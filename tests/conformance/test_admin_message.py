"""`admin message`: messages of staff within a message (docs/protocol.md 1.3)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from support.presets import HURRIED
from support.server import Server
from support.websocket_clients import Company, House, Message, Person, new_room


async def admin(guests: Company, room: str | None = None) -> Person:
    """Let somebody in who may do everything."""
    return await guests.enter(room, token=guests.server.tokens["admin"])


async def order(staff: Person, m: str, **fields: Any) -> None:
    """Let `staff` send the inner message `m`, and see it done."""
    await staff.send({"m": "admin message", "msg": {"m": m} | fields})
    await staff.hears()


async def listed(person: Person) -> set[str]:
    """Return the names in a fresh list of rooms."""
    await person.send({"m": "+ls"}, {"m": "-ls"})
    return {r["_id"] for r in (await person.expect("ls", where=lambda ls: ls["c"]))["u"]}


@pytest.mark.parametrize(
    ("m", "key", "value"),
    [
        ("color", "color", "#12ab34"),
        ("setcolor", "color", "#12ab34"),
        ("name", "name", "Clara"),
        ("setname", "name", "Clara"),
    ],
)
async def test_name_and_colour_of_others(house: House, m: str, key: str, value: str) -> None:
    guests = house()
    one, two = await guests.pair()
    staff = await admin(guests)
    await order(staff, m, _id=one.id, **{key: value})
    for person in (one, two):
        (p,) = await person.hears()
        assert (p["m"], p["_id"], p[key]) == ("p", one.id, value)
    await order(staff, m, _id=one.id, **{key: "\n"})
    await order(staff, m, _id="nobody", **{key: value})
    await order(staff, m, _id=one.id)
    await one.nothing()


async def test_a_flag_that_takes_the_right_to_chat(house: House) -> None:
    guests = house()
    one, two = await guests.pair()
    staff = await admin(guests)
    await order(staff, "user_flag", _id=one.id, key="cant_chat", value=True)
    await one.send({"m": "a", "message": "hi"})
    await one.refused()
    await two.nothing()
    await order(staff, "user_flag", _id=one.id, key="cant_chat", remove=True)
    await one.send({"m": "a", "message": "hi"})
    assert (await two.expect("a"))["a"] == "hi"


async def test_a_tag(house: House) -> None:
    guests = house()
    one, two = await guests.pair()
    staff = await admin(guests)
    tag = {"text": "BOT", "color": "#5555ff"}
    await order(staff, "tag", _id=one.id, tag=tag)
    for person in (one, two):
        assert (await person.expect("p"))["tag"] == tag
    # It stays when something else changes: clients drop it where it is missing.
    await one.send({"m": "userset", "set": {"name": "Clara"}}, {"m": "a", "message": "hi"})
    assert (await two.expect("p"))["tag"] == tag
    assert (await two.expect("a"))["p"]["tag"] == tag
    ch = await (await guests.enter()).join(one.room)
    assert [p.get("tag") for p in ch["ppl"] if p["_id"] == one.id] == [tag]
    await two.hears()
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
async def test_tags_of_other_servers(house: House, tag: object, seen: Message) -> None:
    guests = house()
    one, two = await guests.pair()
    await order(await admin(guests), "tag", _id=one.id, tag=tag)
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
async def test_a_tag_that_would_break_clients(house: House, tag: object, code: str) -> None:
    guests = house()
    one, two = await guests.pair()
    staff = await admin(guests)
    await staff.send({"m": "admin message", "msg": {"m": "tag", "_id": one.id, "tag": tag}})
    assert await staff.told() == [code]
    await two.nothing()


async def test_clearing_the_chat_of_the_room(house: House) -> None:
    guests = house()
    one, two = await guests.pair()
    await one.send({"m": "a", "message": "hi"})
    await two.expect("a")
    staff = await admin(guests, one.room)
    await two.hears()
    await order(staff, "clear_chat")
    assert await two.hears() == [{"m": "c", "c": []}]


async def test_notifications(house: House) -> None:
    guests = house()
    one, two = await guests.pair()
    stranger = await guests.enter(new_room())
    staff = await admin(guests)
    text = {"title": "Hello", "text": "there"}
    await order(staff, "notification", targetChannel=one.room, **text)
    for person in (one, two):
        (notice,) = await person.hears()
        assert notice.items() >= {"m": "notification", "duration": 7000}.items() | text.items()
    await stranger.nothing()
    await order(staff, "notification", targetUser=stranger.id, duration=10**9, **text)
    (notice,) = await stranger.hears()
    assert notice["duration"] == 60_000
    await one.nothing()
    for target in ("targetChannel", "targetUser"):
        await order(staff, "notification", **{target: "all"}, **text)
        for person in (one, stranger):
            assert [m["m"] for m in await person.hears()] == ["notification"]
        await two.hears()


async def test_a_notification_with_all_that_clients_know(house: House) -> None:
    guests = house()
    one, _ = await guests.pair()
    staff = await admin(guests)
    wanted: Message = {
        "title": "Hello",
        "html": "<b>there</b>",
        "class": "classic",
        "target": "#names",
        "id": "greeting_1",
    }
    await order(staff, "notification", targetUser=one.id, duration="9000", **wanted)
    (notice,) = await one.hears()
    assert notice == {"m": "notification", "code": "staff_notice", "duration": 9000} | wanted
    await order(staff, "notification", targetUser=one.id, text="plain", html="<i>rich</i>", id=7)
    (notice,) = await one.hears()
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
async def test_how_long_a_notification_stays(house: House, duration: object, heard: float) -> None:
    guests = house()
    one, _ = await guests.pair()
    await order(await admin(guests), "notification", targetUser=one.id, text="x", duration=duration)
    (notice,) = await one.hears()
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
async def test_a_notification_that_is_not_shown(house: House, fields: Message, code: str) -> None:
    guests = house()
    one, _ = await guests.pair()
    staff = await admin(guests)
    inner = {"m": "notification", "targetUser": one.id, "text": "x"} | fields
    await staff.send({"m": "admin message", "msg": inner})
    assert await staff.told() == [code]
    await one.nothing()


async def test_html_is_for_who_may_do_everything(house: House) -> None:
    guests = house()
    one, _ = await guests.pair()
    moderator = await guests.enter(one.room, token=guests.server.tokens["moderate"])
    await one.hears()
    for more in ({}, {"text": "x"}):
        inner = {"m": "notification", "targetUser": one.id, "html": "<b>x</b>"} | more
        await moderator.send({"m": "admin message", "msg": inner})
    assert await moderator.told() == ["not_allowed"]
    await one.nothing()
    await order(moderator, "notification", targetUser=one.id, text="x", target="#names", id="m")
    assert [m["code"] for m in await one.hears()] == ["staff_notice"]


async def test_a_restart_is_announced_to_everybody(mortal: Server) -> None:
    async with Company(mortal) as guests:
        people = [await guests.enter(room) for room in (new_room(), new_room(), None)]
        await order(await admin(guests), "restart")
        for person in people:
            notices = [m for m in await person.hears() if m["m"] == "notification"]
            assert len(notices) == 1
            assert "restart" in notices[0]["text"].lower()
    # It is not to end in the middle of another test.
    mortal.restart()


async def test_a_room_that_stays_while_it_is_empty(house: House) -> None:
    guests = house(**HURRIED)
    staff, room = await admin(guests), new_room()
    await order(staff, "forceload", _id=room)
    assert room in await listed(staff)
    person = await guests.enter(room, {"color": "#112233"})
    await person.send({"m": "a", "message": "hi"})
    await person.expect("a")
    await person.join(new_room())
    await asyncio.sleep(0.5)
    assert room in await listed(staff)
    await person.send({"m": "ch", "_id": room})
    _, history, _ = await person.frame("ch", "c", "nq")
    assert [line["a"] for line in history["c"]] == ["hi"]
    await order(staff, "unforceload", _id=room)
    await person.join(new_room())
    await asyncio.sleep(0.5)
    assert room not in await listed(staff)


async def test_flags_of_a_room(house: House) -> None:
    guests = house()
    one, two = await guests.pair()
    staff = await admin(guests)
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


async def test_moving_somebody(house: House) -> None:
    guests = house()
    one, two = await guests.pair()
    staff, elsewhere = await admin(guests), new_room()
    await order(staff, "move", _id=two.id, ch=elsewhere, set={"color": "#112233"})
    ch = await two.welcomed()
    assert (ch["ch"]["_id"], ch["ch"]["settings"]["color"]) == (elsewhere, "#112233")
    assert await one.hears() == [{"m": "bye", "p": two.id}]
    await order(staff, "move", _id=one.id, ch=elsewhere)
    assert (await one.welcomed())["ch"]["count"] == 2


async def test_another_name_for_a_room(house: House) -> None:
    guests = house(**HURRIED)
    one, two = await guests.pair({"color": "#112233"})
    staff = await admin(guests, one.room)
    old, new = one.room, new_room()
    for person in (one, two):
        await person.hears()
    await order(staff, "rename_channel", _id=new)
    for person in (one, two):
        ch = await person.welcomed()
        assert ch["ch"]["_id"] == new
        assert ch["ch"]["settings"]["color"] == "#112233"
    await one.hears()
    after = await one.join(new)
    assert after["ch"]["count"] == 3
    assert after["ch"]["crown"].get("participantId") == one.id
    await asyncio.sleep(0.5)
    rooms = await listed(staff)
    assert new in rooms
    assert old not in rooms


async def test_a_line_of_the_server(house: House) -> None:
    guests = house()
    one, two = await guests.pair()
    await order(await admin(guests), "admin_chat", _id=one.room, message="hear, hear")
    for person in (one, two):
        (line,) = await person.hears()
        assert (line["m"], line["a"]) == ("a", "hear, hear")
        assert (line["p"]["_id"], line["p"]["name"]) == ("0", "mpp")


async def test_ordinary_messages_without_rate_limits(house: House) -> None:
    guests = house()
    one, _ = await guests.pair()
    staff = await admin(guests, one.room)
    await one.hears()
    lines = [f"line {number}" for number in range(30)]
    await staff.send(
        *({"m": "admin message", "msg": {"m": "a", "message": line}} for line in lines)
    )
    await staff.hears()
    assert [m["a"] for m in await one.hears()] == lines


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
async def test_what_is_malformed_does_nothing(house: House, inner: Any, code: str) -> None:
    guests = house()
    one, two = await guests.pair()
    await one.send({"m": "a", "message": "stays"})
    await two.expect("a")
    staff = await admin(guests, one.room)
    for person in (one, two):
        await person.hears()
    before = await two.join(one.room)
    if isinstance(inner, dict):
        inner = {k: one.id if v == "{one}" else v for k, v in inner.items()}
    await staff.send({"m": "admin message", "msg": inner})
    assert await staff.told() == [code]
    for person in (one, two):
        await person.nothing()
    assert await two.join(one.room) == before
    assert [line["a"] for line in two.frames[-1][1]["c"]] == ["stays"]


async def test_staff_rule_every_room(house: House) -> None:
    guests = house()
    one, two = await guests.pair()
    staff = await admin(guests, one.room)
    for person in (one, two):
        await person.hears()
    await staff.send({"m": "chset", "set": {"color": "#112233", "crownsolo": True}})
    assert (await two.expect("ch"))["ch"]["settings"]["color"] == "#112233"
    note: Message = {"m": "n", "t": 1, "n": [{"n": "c3", "v": 1}]}
    await staff.send(note)
    assert (await two.expect("n"))["p"] == staff.id
    await staff.send({"m": "chown", "id": two.id})
    assert (await one.expect("ch", where=lambda ch: ch["ch"]["crown"]["userId"] != one.id))["ch"][
        "crown"
    ]["participantId"] == two.id
