"""Frames and messages as such: what is heard, ignored, closed (docs/protocol.md 1.1)."""

from __future__ import annotations

import json
import random

import pytest

from support.raw_peer import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Peer,
    frame,
)
from support.server import Server
from support.websocket_clients import Company, new_room

LIMIT = 1024 * 1024
"""Bytes that a message may have."""


@pytest.mark.parametrize("path", ["/", "/ws", "/some%20room", "/a/b/c?d=e"])
async def test_case_01_upgrade_on_any_path(guests: Company, path: str) -> None:
    person = await guests.open(path=path)
    await person.hello()


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "",
        " ",
        "[",
        "[}",
        '[{"m":"t","e":5}',
        '[{"m":"t","e":5}]]',
        '[{"m":"t","e":5},]',
        '[{"m":"t","e":5}] x',
        "[{'m':'t','e':5}]",
        '[{"m":"t","e":05}]',
        '[{"m":"t","e":+5}]',
        '[{"m":"t","e":.5}]',
        '[{"m":"t","e":5.}]',
        '[{"m":"t","e":5,"x":"\t"}]',
        '[{"m":"t","e":5,"x":"\\x41"}]',
        '\ufeff[{"m":"t","e":5}]',
    ],
)
async def test_case_02_no_json(guests: Company, room: str, text: str) -> None:
    person, other = await guests.enter(room), await guests.enter(room)
    await person.hears()
    await person.send_raw(text)
    await person.nothing()
    await other.nothing()


@pytest.mark.parametrize(
    "value",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "-1e999",
        "1" + "0" * 400,
        '"\\ud80"',
        '"\\ud800\\"',
    ],
)
async def test_case_02_a_frame_that_is_not_strict_json_is_ignored_whole(
    guests: Company, value: str
) -> None:
    person = await guests.enter()
    await person.send_raw(f'[{{"m":"t","e":5}},{{"m":"t","e":6,"x":{value}}}]')
    await person.send_raw(f'[{{"m":"t","e":5}},{{"m":"zzz","x":{value}}}]')
    await person.nothing()


async def test_case_02_nesting_ends_at_depth_64(guests: Company) -> None:
    person = await guests.enter()
    # The array of messages is the first level and the message the second.
    inner = 62
    await person.send_raw('[{"m":"t","e":1,"x":' + "[" * inner + "]" * inner + "}]")
    assert [message["e"] for message in await person.hears()] == [1]
    inner = 63
    await person.send_raw('[{"m":"t","e":2,"x":' + "[" * inner + "]" * inner + "}]")
    inner = 64
    await person.send_raw('[{"m":"t","e":3},' + '{"x":' * inner + "1" + "}" * inner + "]")
    await person.send_raw("[" * LIMIT)
    await person.nothing()


async def test_case_03_no_array(guests: Company) -> None:
    person = await guests.open()
    for text in ['{"m":"hi"}', '"hi"', "5", "null", "true"]:
        await person.send_raw(text)
    await person.hello_after_nothing()


async def test_case_04_the_rest_of_a_frame_is_handled(guests: Company) -> None:
    person = await guests.enter()
    await person.send(None, 5, "x", {"q": 1}, {"m": "zzz"}, [], [[]], {}, {"m": "t", "e": 1})
    (reply,) = await person.hears()
    assert reply["m"] == "t"
    assert reply["e"] == 1


async def test_case_04_elements_of_a_frame_are_handled_in_order(guests: Company, room: str) -> None:
    person, other = await guests.enter(room), await guests.enter(room)
    note = {"m": "n", "t": 1, "n": [{"n": "c3", "v": 1}]}
    await person.hears()
    await person.send(
        {"m": "a", "message": "one"},
        note,
        {"m": "t", "e": 1},
        {"m": "a", "message": "two"},
        note,
        {"m": "t", "e": 2},
    )
    assert [m["m"] for m in await person.hears()] == ["a", "t", "a", "t"]
    assert [m["m"] for m in await other.hears()] == ["a", "n", "a", "n"]


@pytest.mark.parametrize(
    "m", ["constructor", "__proto__", "toString", "__class__", "hi ", "HI", ""]
)
async def test_case_05_unknown_names(guests: Company, m: str) -> None:
    person = await guests.enter()
    await person.send({"m": m})
    await person.nothing()


@pytest.mark.parametrize("m", [5, None, True, ["hi"], {"m": "hi"}])
async def test_case_05_names_that_are_no_strings(guests: Company, m: object) -> None:
    person = await guests.enter()
    await person.send({"m": m})
    await person.nothing()


@pytest.mark.parametrize(
    ("text", "e"),
    [
        ('[{"m":"hi","m":"t","e":1,"e":2}]', 2),
        ('[{"e":1,"m":"zzz","e":"x","m":"t","e":2}]', 2),
        ('[{"\\u006d":"t","e":3}]', 3),
        ('[{"m":"\\u0074","\\u0065":3}]', 3),
        ('\r\n\t [ { "m" : "t" , "e" : 4 } ] \n', 4),
    ],
)
async def test_case_05_of_equal_keys_the_last_wins_also_when_escaped(
    guests: Company, text: str, e: int
) -> None:
    person = await guests.enter()
    await person.send_raw(text)
    assert [(message["m"], message["e"]) for message in await person.hears()] == [("t", e)]


async def test_case_06_binary_frames_are_ignored(guests: Company, room: str) -> None:
    person, other = await guests.enter(room), await guests.enter(room)
    await person.hears()
    payloads = [
        b"",
        b"\0",
        bytes(range(256)),
        b'{"m":"t","e":1}',
        b"[",
        b'[{"m":"t","e":1},"\xff"]',
    ]
    for payload in [*payloads, b"\0" + random.randbytes(5000)]:
        await person.send_raw(payload)
    await person.nothing()
    await other.nothing()


async def test_case_06_an_array_in_a_binary_frame_is_read_as_text(guests: Company) -> None:
    person, other = await guests.pair()
    await person.send_raw(b'[{"m":"a","message":"hi"},{"m":"n","t":1,"n":[{"n":"c4"}]}]')
    await person.send_raw(b' \n[{"m":"t","e":7}]')
    assert [message.get("e") for message in await person.hears() if message["m"] == "t"] == [7]
    assert [message["m"] for message in await other.hears()] == ["a", "n"]


async def test_case_02_half_a_character_loses_nobody_else_s_words(guests: Company) -> None:
    person, other = await guests.pair()
    await person.send_raw(
        r'[{"m":"userset","set":{"name":"\ud835\udcd3\ud835"}},{"m":"a","message":"same \udc00"},'
        r'{"m":"a","message":"\ud83c\udfb9 \\ud83d"},{"m":"t","e":5,"\ud800":"\ud800"}]'
    )
    assert [message["e"] for message in await person.hears() if message["m"] == "t"] == [5]
    heard = await other.hears()
    assert heard[0]["name"] == "\U0001d4d3\ufffd"
    assert [message["a"] for message in heard[1:]] == ["same \ufffd", "\U0001f3b9 \\ud83d"]


async def test_case_07_the_largest_message_is_heard(guests: Company) -> None:
    person = await guests.enter()
    text = '[{"m":"t","e":1,"x":"%s"}]'
    await person.send_raw(text % ("x" * (LIMIT - len(text) + 2)))
    assert [message["e"] for message in await person.hears()] == [1]


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_case_07_a_larger_message_closes_1009(
    guests: Company, room: str, opcode: int
) -> None:
    other = await guests.enter(room)
    peer = await guests.peer()
    await peer.upgrade()
    await peer.send(frame(opcode, b"x" * (LIMIT + 1)))
    assert await peer.close_code() == 1009
    await other.nothing()


@pytest.mark.parametrize("length", [LIMIT + 1, 1 << 31, (1 << 63) - 1])
async def test_case_07_too_large_a_length_closes_on_the_header_alone(
    server: Server, guests: Company, length: int
) -> None:
    peer = await guests.peer()
    await peer.upgrade()
    before = server.resident_bytes
    await peer.send(frame(TEXT, length=length))
    assert await peer.close_code() == 1009
    assert server.resident_bytes - before < 1 << 20


async def test_case_07_fragments_count_together(guests: Company) -> None:
    peer = await guests.peer()
    await peer.upgrade()
    await peer.send(frame(TEXT, b"x" * LIMIT, fin=False), frame(CONTINUATION, b"x"))
    assert await peer.close_code() == 1009


async def test_case_07_more_than_1024_fragments_close_1009(guests: Company) -> None:
    peer = await guests.peer()
    await peer.upgrade()
    await peer.send(frame(TEXT, b"[", fin=False), frame(CONTINUATION, fin=False) * 1100)
    assert await peer.close_code() == 1009


HELLO = b'[{"m":"t","e":1}]'

VIOLATIONS = {
    "unmasked": frame(TEXT, HELLO, masked=False),
    "unmasked ping": frame(PING, masked=False),
    "rsv1": frame(TEXT, HELLO, rsv=4),
    "rsv2": frame(TEXT, HELLO, rsv=2),
    "rsv3": frame(TEXT, HELLO, rsv=1),
    "rsv on a ping": frame(PING, rsv=4),
    "opcode 3": frame(3, HELLO),
    "opcode 7": frame(7, HELLO),
    "opcode 11": frame(11),
    "opcode 15": frame(15),
    "fragmented ping": frame(PING, fin=False),
    "fragmented close": frame(CLOSE, fin=False),
    "long ping": frame(PING, b"x" * 126),
    "long close": frame(CLOSE, b"\x03\xe8" + b"x" * 124),
    "continuation of nothing": frame(CONTINUATION, HELLO),
    "text inside a message": frame(TEXT, b"[", fin=False) + frame(TEXT, b"]"),
    "binary inside a message": frame(TEXT, b"[", fin=False) + frame(BINARY, b"]"),
    "close with half a code": frame(CLOSE, b"\x03"),
    "close with 0": frame(CLOSE, b"\x00\x00"),
    "close with 999": frame(CLOSE, b"\x03\xe7"),
    "close with 1004": frame(CLOSE, b"\x03\xec"),
    "close with 1005": frame(CLOSE, b"\x03\xed"),
    "close with 1006": frame(CLOSE, b"\x03\xee"),
    "close with 1015": frame(CLOSE, b"\x03\xf7"),
    "close with 5000": frame(CLOSE, b"\x13\x88"),
}


@pytest.mark.parametrize("bytes_", VIOLATIONS.values(), ids=VIOLATIONS.keys())
async def test_case_07_violations_close_1002(guests: Company, room: str, bytes_: bytes) -> None:
    other = await guests.enter(room)
    peer = await guests.peer()
    await peer.upgrade()
    await peer.send(bytes_)
    assert await peer.close_code() == 1002
    await other.nothing()


async def test_case_07_the_tcp_connection_ends_too(guests: Company) -> None:
    peer = await guests.peer()
    await peer.upgrade()
    await peer.send(frame(3))
    assert await peer.close_code() == 1002
    assert await peer.ended()


NOT_UTF_8 = {
    "a lone byte": frame(TEXT, b'[{"m":"\xff"}]'),
    "a cut character": frame(TEXT, b"[\xe2\x82"),
    "an overlong one": frame(TEXT, b'["\xc0\xaf"]'),
    "a surrogate": frame(TEXT, b'["\xed\xa0\x80"]'),
    "beyond Unicode": frame(TEXT, b'["\xf4\x90\x80\x80"]'),
    "in a fragment": frame(TEXT, b'["\xe2', fin=False) + frame(CONTINUATION, b'("]'),
    "in a close reason": frame(CLOSE, b"\x03\xe8\xff"),
}


@pytest.mark.parametrize("bytes_", NOT_UTF_8.values(), ids=NOT_UTF_8.keys())
async def test_case_07_text_that_is_not_utf_8_closes_1007(guests: Company, bytes_: bytes) -> None:
    peer = await guests.peer()
    await peer.upgrade()
    await peer.send(bytes_)
    assert await peer.close_code() == 1007


async def greeted(company: Company) -> Peer:
    """Return a bare peer that has said `hi` and heard the reply."""
    peer = await company.peer()
    await peer.upgrade(frame(TEXT, b'[{"m":"hi"}]'))
    assert b'"b"' in await peer.expect(TEXT)
    assert b'"hi"' in await peer.expect(TEXT)
    return peer


async def replies(peer: Peer, e: int) -> None:
    """Assert that the next message is the answer to a `t` with this `e`."""
    (message,) = json.loads(await peer.expect(TEXT))
    assert (message["m"], message["e"]) == ("t", e)


async def test_case_07_fragments_make_one_message_and_control_frames_go_between(
    guests: Company,
) -> None:
    peer = await greeted(guests)
    # The euro sign is cut: only the whole message must be UTF-8.
    text = '[{"m":"t","e":7,"x":"\u20ac"}]'.encode()
    cut = text.index(b"\xe2") + 1
    await peer.send(
        frame(TEXT, text[:3], fin=False),
        frame(PING, b"how are you"),
        frame(CONTINUATION, text[3:cut], fin=False),
        frame(CONTINUATION, fin=False),
        frame(PONG, b"unasked"),
        frame(CONTINUATION, text[cut:]),
    )
    assert await peer.expect(PONG) == b"how are you"
    await replies(peer, 7)


async def test_case_07_a_frame_may_come_byte_by_byte(guests: Company) -> None:
    peer = await greeted(guests)
    for byte in frame(TEXT, b'[{"m":"t","e":8}]'):
        await peer.send(bytes([byte]))
    await replies(peer, 8)
    for byte in frame(PING, b"x"):
        await peer.send(bytes([byte]))
    assert await peer.expect(PONG) == b"x"


async def test_case_07_many_frames_in_one_segment(guests: Company) -> None:
    peer = await greeted(guests)
    await peer.send(*(frame(TEXT, b'[{"m":"t","e":%d}]' % e) for e in range(10)))
    for e in range(10):
        await replies(peer, e)


@pytest.mark.parametrize(
    "payload", [b"", b"\x03\xe8", b"\x03\xe8good bye", b"\x0f\xa0", b"\x0b\xb8"]
)
async def test_case_07_a_close_frame_is_answered_with_its_code(
    guests: Company, payload: bytes
) -> None:
    peer = await guests.peer()
    await peer.upgrade()
    await peer.send(frame(CLOSE, payload), frame(TEXT, b'[{"m":"t","e":1}]'))
    assert (await peer.expect(CLOSE))[:2] in {payload[:2], b"\x03\xe8" if not payload else b""}
    assert await peer.ended()


async def test_case_08_b_is_the_first_message(guests: Company) -> None:
    person = await guests.open()
    (first,) = person.frames[0]
    assert first["m"] == "b"
    assert isinstance(first["code"], str)
    # Clients run it; a token of theirs must be nothing but a constant (docs/protocol.md 8).
    assert len(first["code"]) < 40
    await person.hello_after_nothing()


async def test_garbage_of_all_kinds_changes_nothing(server: Server) -> None:
    """A storm of seeded garbage leaves the sender connected, the others alone, the memory flat."""
    dice = random.Random(3)
    pieces = ["[", "]", "{", "}", '"m":', '"n"', '"t"', ",", ":", "1e9", "null", '"\\u00', "\u20ac"]

    def garbage() -> str | bytes:
        match dice.randrange(3):
            case 0:
                return dice.randbytes(dice.randrange(300))
            case 1:
                return "".join(dice.choices(pieces, k=dice.randrange(30)))
            case _:
                return json.dumps([{"m": dice.choice("anm"), dice.choice("nte"): [dice.random()]}])

    async with Company(server) as company:
        room = new_room()
        other, person = await company.enter(room), await company.enter(room)
        await other.hears()
        before = 0
        for round_ in range(5):
            for _ in range(1000):
                await person.send_raw(garbage())
            assert set(await person.told()) <= {"bad_message", "bad_notes"}
            if round_ == 0:
                before = server.resident_bytes
        await other.nothing()
        assert server.resident_bytes - before < 4 << 20
