"""`custom` as a binary frame: a length, JSON, a payload (docs/protocol.md 1.6)."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest

from support.custom import binary, parted
from support.websocket_clients import Client, Clients, new_room

TARGET = {"mode": "subscribed"}


def packed(head: Any, payload: bytes = b"") -> bytes:
    """Return a frame without a payload, unless one is named."""
    return binary(head, payload)


async def trio(clients: Clients) -> list[Client]:
    """Return three people in a room; the sender, one who is subscribed, and one who is not."""
    people = await clients.group(3)
    await people[0].send({"m": "+custom"})
    await people[1].send({"m": "+custom"})
    for client in people:
        await client.assert_silent()
    return people


@pytest.mark.parametrize(
    "payload", [b"", b"\0", bytes(range(256)), b"x" * 16_384], ids=lambda payload: len(payload)
)
async def test_it_goes_where_its_text_would(clients: Clients, payload: bytes) -> None:
    sender, one, deaf = await trio(clients)
    await sender.send_raw(packed({"m": "custom", "target": TARGET}, payload))
    for client in (sender, one, deaf):
        await client.assert_silent()
    (data,) = one.binaries
    head, heard = parted(data)
    assert heard == payload
    assert head["m"] == "custom"
    assert head["p"] == sender.id
    assert head["u"].items() >= sender.user.items()
    assert sender.binaries == deaf.binaries == []


@pytest.mark.parametrize(
    "data",
    ["drawboard", {"version": 1}, None, 0, False, [], [1, {"a": None}], "\U0001f3b9", 0.1],
    ids=repr,
)
async def test_its_data_goes_along(clients: Clients, data: object) -> None:
    sender, one, _ = await trio(clients)
    await sender.send_raw(packed({"m": "custom", "data": data, "target": TARGET}, b"\1\2\3"))
    await sender.assert_silent()
    await one.assert_silent()
    (frame,) = one.binaries
    user = sender.user | {"afk": False}
    head = {"m": "custom", "data": data, "p": sender.id, "u": user}
    assert parted(frame) == (head, b"\1\2\3")


async def test_data_that_is_left_out_is_null(clients: Clients) -> None:
    sender, one, _ = await trio(clients)
    await sender.send_raw(packed({"m": "custom", "target": TARGET}))
    await sender.assert_silent()
    await one.assert_silent()
    assert parted(one.binaries[0])[0]["data"] is None


@pytest.mark.parametrize("everywhere", [False, True])
@pytest.mark.parametrize("mode", ["id", "ids"])
async def test_who_did_not_ask_gets_no_binary_frame(
    clients: Clients, mode: str, everywhere: bool
) -> None:
    sender, one, deaf = await trio(clients)
    for victim, frames in ((deaf, 0), (one, 1)):
        whom = victim.id if mode == "id" else [victim.id]
        target = {"mode": mode, mode: whom, "global": everywhere}
        await sender.send_raw(packed({"m": "custom", "target": target}, b"hi"))
        await sender.assert_silent()
        await victim.assert_silent()
        assert len(victim.binaries) == frames
    # As text it comes to who is named, as ever.
    target = {"mode": "id", "id": deaf.id}
    await sender.send({"m": "custom", "target": target, "data": 1})
    assert (await deaf.expect("custom"))["data"] == 1
    # After `-custom` nothing comes any more.
    await one.send({"m": "-custom"})
    await one.assert_silent()
    await sender.send_raw(packed({"m": "custom", "target": target | {"id": one.id}}, b"hi"))
    await sender.assert_silent()
    await one.assert_silent()
    assert len(one.binaries) == 1


async def test_its_order_among_texts_is_kept(clients: Clients) -> None:
    sender, one, _ = await trio(clients)
    for number in range(3):
        await sender.send({"m": "custom", "target": TARGET, "data": number})
        await sender.send_raw(packed({"m": "custom", "target": TARGET}, bytes([number])))
    await sender.assert_silent()
    assert [m["data"] for m in await one.received()] == [0, 1, 2]
    assert [parted(data)[1] for data in one.binaries] == [b"\0", b"\1", b"\2"]


async def test_one_user_and_beyond_the_room(clients: Clients) -> None:
    sender, one, deaf = await trio(clients)
    stranger = await clients.enter(new_room())
    target = {"mode": "ids", "ids": [stranger.id, one.id, sender.id], "global": True}
    await stranger.send({"m": "+custom"})
    await stranger.assert_silent()
    await sender.send_raw(packed({"m": "custom", "target": target}, b"hi"))
    for client in (sender, one, stranger, deaf):
        await client.assert_silent()
    for client in (one, stranger):
        assert [parted(data)[1] for data in client.binaries] == [b"hi"]
    assert sender.binaries == deaf.binaries == []


GOOD = {"m": "custom", "target": TARGET}
BAD: dict[str, bytes] = {
    "nothing": b"",
    "half a length": b"\0\0",
    "a length alone": struct.pack(">I", 0),
    "longer than the frame": struct.pack(">I", 1000) + json.dumps(GOOD).encode(),
    "the longest": b"\xff\xff\xff\xff" + json.dumps(GOOD).encode(),
    "no JSON": packed(b"{'m':'custom'}"),
    "not strict": packed(b'{"m":"custom","target":{"mode":"subscribed"},"data":NaN}'),
    "not UTF-8": packed(b'{"m":"custom","target":{"mode":"subscribed"},"x":"\xff"}'),
    "an array": packed([GOOD]),
    "two": packed(json.dumps(GOOD).encode() + b"," + json.dumps(GOOD).encode()),
    "a chat line": packed({"m": "a", "message": "hi"}),
    "no target": packed({"m": "custom"}),
    "a bad target": packed({"m": "custom", "target": {"mode": "everybody"}}),
    "no m": packed({"target": TARGET}),
    "too deep": packed(
        b'{"m":"custom","target":{"mode":"subscribed"},"x":' + b"[" * 64 + b"]" * 64 + b"}"
    ),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
async def test_what_is_malformed_is_ignored(clients: Clients, data: bytes) -> None:
    sender, one, _ = await trio(clients)
    await sender.send_raw(data)
    await sender.assert_silent()
    await one.assert_silent()
    assert one.binaries == []


async def test_nothing_before_hi(clients: Clients) -> None:
    _, one, _ = await trio(clients)
    client = await clients.open()
    target = {"mode": "id", "id": one.id, "global": True}
    await client.send_raw(packed({"m": "custom", "target": target}, b"hi"))
    await client.assert_silent_until_hi()
    await one.assert_silent()
    assert one.binaries == []


async def test_the_budget_is_that_of_the_text(clients: Clients) -> None:
    sender, one, _ = await trio(clients)
    await sender.send_raw(packed(GOOD, b"x" * 10_000))
    await sender.send(GOOD | {"data": "y" * 5000})
    await sender.assert_silent()
    await sender.send_raw(packed(GOOD, b"z" * 5000))
    await sender.send_raw(packed(GOOD | {"data": "z" * 5000}))
    assert await sender.refusal_codes() == ["too_fast"]
    await one.received()
    assert [parted(data)[1][:1] for data in one.binaries] == [b"x"]
