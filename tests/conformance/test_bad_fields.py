"""Every field of every message with all that can be wrong with it.

Messages are drawn from the shapes the server itself goes by, so a new one is tried without being
listed here. They are written as JSON by hand: much of what is wrong cannot be said otherwise.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec.inspect
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fortepiano.handlers.dispatch import TABLE
from support.grammar import FORBIDDEN
from support.presets import STILL
from support.websocket_clients import Clients, ClientsFactory, new_address, new_room

Json = st.SearchStrategy[str]
"""Draws JSON, or what looks like it, as text."""

LIMIT = 1_048_576
"""Bytes that a message may have; a longer one closes the connection, as it should."""

WRONG = [
    "null",
    "true",
    "0",
    "-1",
    "-0",
    "1.5",
    "1e308",
    "-1e308",
    "5e-324",
    "1e999",
    "-1e999",
    "9" * 400,
    "18446744073709551616",
    "NaN",
    "-Infinity",
    "[]",
    "{}",
    "[null]",
    '[["x"]]',
    '{"":""}',
    '{"__proto__":{"lobby":true}}',
    '{"constructor":null,"length":-1}',
    '""',
    '" "',
    '"\\u3000"',
    '"null"',
    '"__proto__"',
    '"\\u0000"',
    '"\x00"',
    '"\x1b[2J"',
    '"\\ud800"',
    '"\\udfff\\ud800"',
    '"\\ud83c\\udfb9"',
    '"\\uFFFE\\uFFFF"',
    '"\U0010ffff"',
    '"<script>alert(1)</script>"',
    '"a\u0300' + "\u0301" * 200 + '"',
    '"' + "x" * 513 + '"',
    '"' + "\u0416" * 20_000 + '"',
    '"' + "\U0001f3b9" * 10_000 + '"',
    "[" * 63 + "]" * 63,
    "[" * 25_000 + "]" * 25_000,
    '{"a":' * 61 + "1" + "}" * 61,
    "[" + "1," * 20_000 + "1]",
    "{" + ",".join(f'"k{n}":{n}' for n in range(4000)) + "}",
    '{"visible":false,"visible":"no"}',
    *(json.dumps(f"a{character}b") for character in FORBIDDEN),
]

INNER = [
    *("color", "name", "user_flag", "tag", "remove_tag", "clear_chat", "notification"),
    *("forceload", "unforceload", "ch_flag", "move", "rename_channel", "admin_chat", "eval"),
]
"""Commands of an `admin message` besides ordinary messages, except `restart`."""

RIGHT = {
    "_id": ['"@other"', '"@me"', '"@room"', '"test/bad fields"', '"lobby"'],
    "id": ['"@other"', '"@me"'],
    "ids": ['["@other","@me"]', '["@other",5]'],
    "message": ['"hi"', '"hi \u20ac"'],
    "reply_to": ['"00000000"'],
    "ms": ["0", "0.5", "1000", '"1e3"', "null"],
    "duration": ["0", "1", '"9000"', "-1"],
    "set": ['{"name":"Clara","color":"#112233","afk":true,"limit":"15","chat":true}'],
    "target": ['{"mode":"subscribed","global":true}', '{"mode":"id","id":"@other"}'],
    "mode": ['"subscribed"', '"id"', '"ids"'],
    "color": ['"#112233"'],
    "name": ['"Clara"'],
    "tag": ['{"text":"BOT","color":"#112233"}', '{"text":"BOT","color":"#55f"}', '"BOT"'],
    "text": ['"hi"'],
    "html": ['"<b>hi</b>"'],
    "title": ['"Hello"'],
    "class": ['"classic"'],
    "m": [json.dumps(m) for m in [*sorted(TABLE.keys() - {"bye", "siteban"}), *INNER]],
    "key": ['"limit"', '"owner_id"', '"no_crown"', '"cant_chat"', '"vanish"'],
    "targetChannel": ['"@room"', '"all"'],
    "targetUser": ['"@other"', '"all"'],
    "ch": ['"@room"', '"lobby"'],
    "x": ["1.5", '"2.50"'],
    "y": ["1.5", '"2.50"'],
    "t": ["1795300001000"],
    "n": ['[{"n":"c3","v":0.5}]', '"c3"'],
    "v": ["0.5"],
    "s": ["1"],
    "d": ["100"],
    "e": ["1"],
}
"""Valid values by key, for the fields that are not wrong; names after @ are filled in."""

KEYS = sorted(
    RIGHT.keys()
    | {"visible", "chat", "crownsolo", "lobby", "limit", "minOnlineTime", "no cussing", "notice"}
    | {"slowMode", "inviteOnly", "noteQuota", "owner_id", "color2", "value"}
)


def wrong() -> Json:
    """Draw anything for a field."""
    return st.one_of(
        st.sampled_from(WRONG),
        st.text(max_size=60).map(json.dumps),
        st.floats().map(json.dumps),
        st.integers().map(str),
        objects(st.sampled_from(WRONG)),
    )


def objects(values: Json) -> Json:
    """Draw an object with keys that mean something somewhere, now and then twice."""
    pairs = st.tuples(st.sampled_from(KEYS), values)
    return st.lists(pairs, max_size=5).map(
        lambda found: "{" + ",".join(f"{json.dumps(key)}:{value}" for key, value in found) + "}"
    )


def of(key: str, kind: Any) -> Json:
    """Draw values for the field `key` of this type."""
    right = st.sampled_from(RIGHT.get(key, ["true", "1", '"x"']))
    parts: list[Json] = [right, right, wrong()]
    for part in kind.types if isinstance(kind, msgspec.inspect.UnionType) else [kind]:
        match part:
            case msgspec.inspect.StructType():
                parts.append(
                    fields({f.encode_name: of(f.encode_name, f.type) for f in part.fields})
                )
            case msgspec.inspect.DictType() | msgspec.inspect.AnyType():
                inner = st.sampled_from(KEYS).flatmap(
                    lambda name: st.one_of(
                        st.sampled_from(RIGHT.get(name, ["true", "1"])), st.sampled_from(WRONG)
                    ).map(lambda value: (name, value))
                )
                parts.append(
                    st.lists(inner, min_size=1, max_size=6).map(
                        lambda found: "{" + ",".join(f'"{k}":{v}' for k, v in found) + "}"
                    )
                )
            case msgspec.inspect.ListType():
                parts.append(st.lists(of("_id", part.item_type), max_size=5).map(array))
    return st.one_of(parts)


def array(values: list[str]) -> str:
    return "[" + ",".join(values) + "]"


def fields(of_key: dict[str, Json], m: str | None = None) -> Json:
    """Draw an object with these fields; any may be missing, or be there a second time."""
    head = [f'"m":{json.dumps(m)}'] if m is not None else []

    @st.composite
    def draw_object(draw: st.DrawFn) -> str:
        parts = list(head)
        for key, values in of_key.items():
            if draw(st.integers(0, 9)):
                parts.append(f"{json.dumps(key)}:{draw(values)}")
            if not draw(st.integers(0, 9)):
                parts.append(f"{json.dumps(key)}:{draw(values)}")
        if not draw(st.integers(0, 5)):
            parts.append(f"{json.dumps(draw(st.sampled_from(KEYS)))}:{draw(wrong())}")
        return "{" + ",".join(parts) + "}"

    return draw_object()


def of_shape(m: str, shape: type[msgspec.Struct]) -> Json:
    """Draw messages named `m` of this shape."""
    info = msgspec.inspect.type_info(shape)
    assert isinstance(info, msgspec.inspect.StructType)
    return fields(
        {field.encode_name: of(field.encode_name, field.type) for field in info.fields}, m
    )


def written(pairs: dict[str, str]) -> str:
    return "{" + ",".join(f"{json.dumps(key)}:{value}" for key, value in pairs.items()) + "}"


def one_by_one(right: dict[str, str]) -> Iterator[str]:
    """Yield an object of right values again and again, each time with one of them wrong."""
    for key in right:
        for value in WRONG:
            yield written(right | {key: value})
        yield written({other: value for other, value in right.items() if other != key})


PARTS: dict[str, list[str]] = {
    "set": ["name", "color", "color2", "visible", "chat", "limit", "minOnlineTime", "notice"],
    "target": ["mode", "id", "ids", "global"],
}
"""Keys inside fields."""

INNER_FIELDS = {
    "tag": ["_id", "tag"],
    "user_flag": ["_id", "key", "value", "remove"],
    "notification": ["targetChannel", "targetUser", "title", "text", "html", "class", "duration"],
    "ch_flag": ["_id", "key", "value", "remove"],
    "move": ["_id", "ch", "set"],
    "admin_chat": ["_id", "message"],
}


def rights(keys: Iterable[str]) -> dict[str, str]:
    return {key: RIGHT.get(key, ["true"])[0] for key in keys}


def spoilt(m: str) -> Iterator[str]:
    """Yield messages named `m` with one thing wrong in each."""
    head = {"m": json.dumps(m)}
    if m in TABLE:
        info = msgspec.inspect.type_info(TABLE[m].shape)
        assert isinstance(info, msgspec.inspect.StructType)
        right = rights(field.encode_name for field in info.fields)
    else:
        right = rights({"n": ["t", "n"], "m": ["x", "y"], "t": ["e"]}[m])
    for text in one_by_one(right):
        yield written(head) if text == "{}" else written(head)[:-1] + "," + text[1:]
    for part in right.keys() & PARTS.keys():
        for text in one_by_one(rights(PARTS[part])):
            yield written(head | right | {part: text})
    if m == "n":
        for text in one_by_one(rights("nvsd") | {"n": '"c3"'}):
            yield written(head | right | {"n": f"[{text}]"})
    if m == "admin message":
        for inner in INNER:
            keys = INNER_FIELDS.get(inner, ["_id", inner.removeprefix("set")])
            for text in one_by_one({"m": json.dumps(inner)} | rights(keys)):
                yield written(head | {"msg": text})


ANYTHING = msgspec.inspect.AnyType()
NOTES = st.lists(fields({key: of(key, ANYTHING) for key in "nvsd"}), max_size=4).map(array)
MESSAGES = {m: of_shape(m, entry.shape) for m, entry in TABLE.items()} | {
    "n": fields({"t": of("t", ANYTHING), "n": st.one_of(NOTES, NOTES, wrong())}, "n"),
    "m": fields({"x": of("x", ANYTHING), "y": of("y", ANYTHING)}, "m"),
    "t": fields({"e": of("e", ANYTHING)}, "t"),
}

THOROUGH = settings(
    max_examples=200 if os.environ.get("FORTEPIANO_HYPOTHESIS") == "slow" else 2,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


async def flooded(clients: Clients, frames: list[str], **hello: Any) -> None:
    """Let the holder of a room send `frames`, and others be there and come later."""
    room = new_room()
    holder = await clients.enter(room, address=new_address(), **hello)
    other = await clients.enter(room, address=new_address())
    for client in (holder, other):
        await client.send({"m": "+ls"}, {"m": "+custom"})
        await client.received()
    names = {"@me": holder.id, "@other": other.id, "@room": room}
    for text in frames:
        for name, value in names.items():
            text = text.replace(name, value)
        frame = f"[{text}]".encode("utf-8", "surrogatepass")
        if len(frame) <= LIMIT:
            await holder.connection.send(frame, text=True)
    # The grammar checks all messages that these clients receive.
    await holder.received()
    await other.received()
    newcomer = await clients.enter(room, address=new_address())
    await newcomer.send({"m": "+ls"})
    await newcomer.received()
    for client in (holder, other, newcomer):
        await client.vanish()


@pytest.mark.parametrize("m", sorted(MESSAGES.keys() - {"bye"}))
async def test_each_field_wrong_by_itself(clients_with: ClientsFactory, m: str) -> None:
    await flooded(clients_with(**STILL), list(spoilt(m)))


STAFF = ["admin message", "chown", "chset", "clearchat", "setcolor", "setname", "siteban", "v"]


def mild(m: str, frames: Iterable[str]) -> list[str]:
    """Return `frames`; site bans get an unknown id, since a banned client is rightly closed."""
    return [text.replace("@", "nobody ") if m == "siteban" else text for text in frames]


@pytest.mark.parametrize("m", STAFF)
async def test_each_field_wrong_by_itself_from_staff(clients_with: ClientsFactory, m: str) -> None:
    clients = clients_with(**STILL)
    await flooded(clients, mild(m, spoilt(m)), token=clients.server.tokens["admin"])


@pytest.mark.parametrize("m", sorted(MESSAGES.keys() - {"bye"}))
@THOROUGH
@given(data=st.data())
async def test_what_is_wrong_with_a_message_stays_with_its_sender(
    clients_with: ClientsFactory, m: str, data: st.DataObject
) -> None:
    await flooded(clients_with(**STILL), data.draw(st.lists(MESSAGES[m], min_size=10, max_size=20)))


@pytest.mark.parametrize("m", STAFF)
@THOROUGH
@given(data=st.data())
async def test_also_where_staff_send_it(
    clients_with: ClientsFactory, m: str, data: st.DataObject
) -> None:
    clients = clients_with(**STILL)
    frames = data.draw(st.lists(MESSAGES[m], min_size=10, max_size=20))
    await flooded(clients, mild(m, frames), token=clients.server.tokens["admin"])


def test_every_message_is_tried() -> None:
    assert TABLE.keys() | {"n", "m", "t"} == MESSAGES.keys()
