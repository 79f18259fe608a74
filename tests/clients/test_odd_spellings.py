"""Unusual encodings of some programs: numbers as texts, arrays in binary frames."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.custom import binary, parted
from support.websocket_clients import Client, Clients, ClientsFactory, Message

DEEPEST = 64
"""How deep a frame may be nested."""


@pytest.fixture
def clients(clients_with: ClientsFactory) -> Clients:
    """People on a server of the preset."""
    return clients_with()


async def codes(client: Client) -> list[str]:
    """Return the codes of the notifications that a client has received."""
    return [each["code"] for each in await client.received() if each["m"] == "notification"]


@pytest.mark.parametrize(
    "fields",
    [{}, {"ms": None}, {"ms": ""}, {"ms": "1000"}, {"ms": "60000.5"}, {"ms": 1.5}, {"ms": 1e12}],
    ids=repr,
)
async def test_bans_for_any_time(clients: Clients, fields: Message) -> None:
    client, other = await clients.pair()
    await client.send({"m": "kickban", "_id": other.id, **fields})
    assert (await other.joined())["ch"]["_id"] == "test/awkward"
    assert (await client.expect("notification"))["code"] == "kickbanned"


@pytest.mark.parametrize("ms", [-1, "-1", True, [1000], {}, "soon", "1e999"], ids=repr)
async def test_bans_for_no_time(clients: Clients, ms: object) -> None:
    client, other = await clients.pair()
    await client.send({"m": "kickban", "_id": other.id, "ms": ms})
    assert await codes(client) == ["bad_time"]
    await other.assert_silent()


@pytest.mark.parametrize(
    ("sent", "limit"),
    [("12", 12), (12, 12), ("", None), (None, None), (12.0, 12)],
    ids=repr,
)
async def test_a_limit_as_forms_send_it(clients: Clients, sent: object, limit: int | None) -> None:
    client, other = await clients.pair({"limit": 30})
    await client.send({"m": "chset", "set": {"limit": sent}})
    assert (await other.expect("ch"))["ch"]["settings"].get("limit") == limit


@pytest.mark.parametrize("chat", ["false", 0, None, "true"], ids=repr)
async def test_a_switch_is_true_or_false(clients: Clients, chat: object) -> None:
    client, other = await clients.pair()
    await client.send({"m": "chset", "set": {"chat": chat}})
    assert await codes(client) == ["bad_settings"]
    await other.assert_silent()


@pytest.mark.parametrize("e", ["1795300001000", None, True, [1], {}, ""], ids=repr)
async def test_a_clock_that_is_no_number_is_answered_without_it(clients: Clients, e: Any) -> None:
    client = await clients.enter()
    await client.send({"m": "t", "e": e})
    assert (await client.expect("t")).keys() == {"m", "t"}


@pytest.mark.parametrize("x", ["+5", ".5", " 5", "5 ", "NaN", "1e999", True, None], ids=repr)
async def test_a_place_that_nobody_sends(clients: Clients, x: object) -> None:
    client, other = await clients.pair()
    await client.send({"m": "m", "x": x, "y": 5}, {"m": "a", "message": "here"})
    assert (await other.expect("a"))["a"] == "here"
    assert not [message for message in other.log if message["m"] == "m"]


@pytest.mark.parametrize(
    "text",
    [
        '[{"m":"a","message":"in binary"}]',
        ' \n[{"m":"a","message":"in binary"}]\n',
        '[{"m":"zz"},5,{"m":"a","message":"in binary"}]',
    ],
)
async def test_an_array_in_a_binary_frame_is_text(clients: Clients, text: str) -> None:
    client, other = await clients.pair()
    await client.send_raw(text.encode())
    assert (await other.expect("a"))["a"] == "in binary"


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"[",
        b'{"m":"a","message":"no array"}',
        b'[{"m":"a","message":"\xff"}]',
        b"\x00\x00\x00\x05[]",
        b"\x01\x02\x03",
        "[]".encode("utf-16"),
    ],
)
async def test_other_binary_frames_are_nothing(clients: Clients, frame: bytes) -> None:
    client, other = await clients.pair()
    await client.send_raw(frame)
    await client.assert_silent()
    await other.assert_silent()


def nested(depth: int) -> Any:
    """Return data that is `depth` arrays and objects deep."""
    data: Any = 1
    for level in range(depth):
        data = [data] if level % 2 else {"x": data}
    return data


@pytest.mark.parametrize("depth", [31, 33, DEEPEST - 2])
async def test_deep_data_arrives(clients: Clients, depth: int) -> None:
    client, other = await clients.pair()
    await other.send({"m": "+custom"})
    await other.received()
    # The frame and the message are two levels.
    custom = {"m": "custom", "data": nested(depth), "target": {"mode": "subscribed"}}
    await client.send(custom)
    assert (await other.expect("custom"))["data"] == nested(depth)


@pytest.mark.parametrize("depth", [DEEPEST - 1, 1000])
async def test_deeper_data_is_nothing(clients: Clients, depth: int) -> None:
    client, other = await clients.pair()
    await other.send({"m": "+custom"})
    await other.received()
    data = '{"x":' * depth + "1" + "}" * depth
    await client.send_raw(f'[{{"m":"custom","data":{data},"target":{{"mode":"subscribed"}}}}]')
    await client.assert_silent()
    await other.assert_silent()


@pytest.mark.parametrize(
    "data",
    ["drawboard", {"version": 1}, None, 0, False, [], {"a": {"b": [None]}}, "\U0001f3b9"],
    ids=repr,
)
@pytest.mark.parametrize("payload", [b"", b"\x01\x02\x03", b"[]", bytes(range(256))], ids=len)
async def test_data_beside_bytes(clients: Clients, data: object, payload: bytes) -> None:
    client, other = await clients.pair()
    await other.send({"m": "+custom"})
    await other.received()
    head = {"m": "custom", "data": data, "target": {"mode": "subscribed"}}
    await client.send_raw(binary(head, payload))
    await client.received()
    await other.received()
    ((heard, rest),) = map(parted, other.binaries)
    assert json.dumps(heard["data"]) == json.dumps(data)
    assert (heard["m"], heard["p"], heard["u"]["_id"], rest) == (
        "custom",
        client.id,
        client.id,
        payload,
    )


async def test_who_wants_no_more_is_sent_no_more(clients: Clients) -> None:
    client, other = await clients.pair()
    for subscription in ("+custom", "-custom"):
        await other.send({"m": subscription})
        await other.received()
        for target in ({"mode": "subscribed"}, {"mode": "id", "id": other.id}):
            await client.send_raw(binary({"m": "custom", "data": 1, "target": target}))
        await client.received()
        await other.received()
        assert len(other.binaries) == 2


@pytest.mark.parametrize(
    ("color", "seen"),
    [("#55f", "#5555ff"), ("#a00", "#aa0000"), ("#5555ff", "#5555ff"), ("#FfF", "#FFffFF")],
)
async def test_a_tag_of_three_digits(clients: Clients, color: str, seen: str) -> None:
    client, other = await clients.pair()
    staff = await clients.enter(token=clients.server.tokens["admin"])
    tag = {"m": "tag", "_id": client.id, "tag": {"text": "BOT", "color": color}}
    await staff.send({"m": "admin message", "msg": tag})
    assert (await other.expect("p"))["tag"] == {"text": "BOT", "color": seen}


async def test_what_staff_can_show(clients: Clients) -> None:
    client, other = await clients.pair()
    staff = await clients.enter(token=clients.server.tokens["admin"])
    shown = {"html": "<b>hello</b>", "target": "#names", "id": "greeting", "duration": "9000"}
    inner = {"m": "notification", "targetChannel": client.room, **shown}
    await staff.send({"m": "admin message", "msg": inner})
    for one in (client, other):
        notice = await one.expect("notification")
        assert notice.items() >= (shown | {"duration": 9000, "code": "staff_notice"}).items()
