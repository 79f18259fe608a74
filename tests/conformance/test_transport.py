"""Frames and messages as such: accepted, ignored or closed (docs/protocol.md 1.1)."""

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
    RawPeer,
    frame,
)
from support.server import Server
from support.websocket_clients import Clients, new_room

LIMIT = 1024 * 1024
"""Bytes that a message may have."""


@pytest.mark.parametrize("path", ["/", "/ws", "/some%20room", "/a/b/c?d=e"])
@pytest.mark.case(1)
async def test_any_path_opens_a_websocket(clients: Clients, path: str) -> None:
    client = await clients.open(path=path)
    await client.hello()


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
@pytest.mark.case(2)
async def test_a_frame_that_is_no_json_is_ignored(clients: Clients, room: str, text: str) -> None:
    client, other = await clients.enter(room), await clients.enter(room)
    await client.received()
    await client.send_raw(text)
    await client.assert_silent()
    await other.assert_silent()


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
@pytest.mark.case(2)
async def test_a_frame_that_is_not_strict_json_is_ignored_whole(
    clients: Clients, value: str
) -> None:
    client = await clients.enter()
    await client.send_raw(f'[{{"m":"t","e":5}},{{"m":"t","e":6,"x":{value}}}]')
    await client.send_raw(f'[{{"m":"t","e":5}},{{"m":"zzz","x":{value}}}]')
    await client.assert_silent()


@pytest.mark.case(2)
async def test_json_nests_at_most_64_deep(clients: Clients) -> None:
    client = await clients.enter()
    # The array of messages is the first level and the message the second.
    inner = 62
    await client.send_raw('[{"m":"t","e":1,"x":' + "[" * inner + "]" * inner + "}]")
    assert [message["e"] for message in await client.received()] == [1]
    inner = 63
    await client.send_raw('[{"m":"t","e":2,"x":' + "[" * inner + "]" * inner + "}]")
    inner = 64
    await client.send_raw('[{"m":"t","e":3},' + '{"x":' * inner + "1" + "}" * inner + "]")
    await client.send_raw("[" * LIMIT)
    await client.assert_silent()


@pytest.mark.case(3)
async def test_a_frame_that_is_no_array_is_ignored(clients: Clients) -> None:
    client = await clients.open()
    for text in ['{"m":"hi"}', '"hi"', "5", "null", "true"]:
        await client.send_raw(text)
    await client.assert_silent_until_hi()


@pytest.mark.case(4)
async def test_bad_elements_do_not_stop_the_rest_of_a_frame(clients: Clients) -> None:
    client = await clients.enter()
    await client.send(None, 5, "x", {"q": 1}, {"m": "zzz"}, [], [[]], {}, {"m": "t", "e": 1})
    (reply,) = await client.received()
    assert reply["m"] == "t"
    assert reply["e"] == 1


@pytest.mark.case(4)
async def test_elements_of_a_frame_are_handled_in_order(clients: Clients, room: str) -> None:
    client, other = await clients.enter(room), await clients.enter(room)
    note = {"m": "n", "t": 1, "n": [{"n": "c3", "v": 1}]}
    await client.received()
    await client.send(
        {"m": "a", "message": "one"},
        note,
        {"m": "t", "e": 1},
        {"m": "a", "message": "two"},
        note,
        {"m": "t", "e": 2},
    )
    assert [m["m"] for m in await client.received()] == ["a", "t", "a", "t"]
    assert [m["m"] for m in await other.received()] == ["a", "n", "a", "n"]


@pytest.mark.parametrize(
    "m", ["constructor", "__proto__", "toString", "__class__", "hi ", "HI", ""]
)
@pytest.mark.case(5)
async def test_messages_with_unknown_names_are_ignored(clients: Clients, m: str) -> None:
    client = await clients.enter()
    await client.send({"m": m})
    await client.assert_silent()


@pytest.mark.parametrize("m", [5, None, True, ["hi"], {"m": "hi"}])
@pytest.mark.case(5)
async def test_messages_whose_m_is_no_string_are_ignored(clients: Clients, m: object) -> None:
    client = await clients.enter()
    await client.send({"m": m})
    await client.assert_silent()


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
@pytest.mark.case(5)
async def test_of_equal_keys_the_last_wins_also_when_escaped(
    clients: Clients, text: str, e: int
) -> None:
    client = await clients.enter()
    await client.send_raw(text)
    assert [(message["m"], message["e"]) for message in await client.received()] == [("t", e)]


@pytest.mark.case(6)
async def test_binary_frames_are_ignored(clients: Clients, room: str) -> None:
    client, other = await clients.enter(room), await clients.enter(room)
    await client.received()
    payloads = [
        b"",
        b"\0",
        bytes(range(256)),
        b'{"m":"t","e":1}',
        b"[",
        b'[{"m":"t","e":1},"\xff"]',
    ]
    for payload in [*payloads, b"\0" + random.randbytes(5000)]:
        await client.send_raw(payload)
    await client.assert_silent()
    await other.assert_silent()


@pytest.mark.case(6)
async def test_an_array_in_a_binary_frame_is_read_as_text(clients: Clients) -> None:
    client, other = await clients.pair()
    await client.send_raw(b'[{"m":"a","message":"hi"},{"m":"n","t":1,"n":[{"n":"c4"}]}]')
    await client.send_raw(b' \n[{"m":"t","e":7}]')
    assert [message.get("e") for message in await client.received() if message["m"] == "t"] == [7]
    assert [message["m"] for message in await other.received()] == ["a", "n"]


@pytest.mark.case(2)
async def test_half_a_character_loses_no_other_words(clients: Clients) -> None:
    client, other = await clients.pair()
    await client.send_raw(
        r'[{"m":"userset","set":{"name":"\ud835\udcd3\ud835"}},{"m":"a","message":"same \udc00"},'
        r'{"m":"a","message":"\ud83c\udfb9 \\ud83d"},{"m":"t","e":5,"\ud800":"\ud800"}]'
    )
    assert [message["e"] for message in await client.received() if message["m"] == "t"] == [5]
    heard = await other.received()
    assert heard[0]["name"] == "\U0001d4d3\ufffd"
    assert [message["a"] for message in heard[1:]] == ["same \ufffd", "\U0001f3b9 \\ud83d"]


@pytest.mark.case(7)
async def test_a_message_of_the_maximum_size_is_handled(clients: Clients) -> None:
    client = await clients.enter()
    text = '[{"m":"t","e":1,"x":"%s"}]'
    await client.send_raw(text % ("x" * (LIMIT - len(text) + 2)))
    assert [message["e"] for message in await client.received()] == [1]


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.case(7)
async def test_a_larger_message_closes_1009(clients: Clients, room: str, opcode: int) -> None:
    other = await clients.enter(room)
    peer = await clients.raw_peer()
    await peer.handshake()
    await peer.send(frame(opcode, b"x" * (LIMIT + 1)))
    assert await peer.close_code() == 1009
    await other.assert_silent()


@pytest.mark.parametrize("length", [LIMIT + 1, 1 << 31, (1 << 63) - 1])
@pytest.mark.case(7)
async def test_too_large_a_length_closes_on_the_header_alone(
    server: Server, clients: Clients, length: int
) -> None:
    peer = await clients.raw_peer()
    await peer.handshake()
    before = server.resident_bytes
    await peer.send(frame(TEXT, length=length))
    assert await peer.close_code() == 1009
    assert server.resident_bytes - before < 1 << 20


@pytest.mark.case(7)
async def test_the_size_limit_counts_all_fragments_together(clients: Clients) -> None:
    peer = await clients.raw_peer()
    await peer.handshake()
    await peer.send(frame(TEXT, b"x" * LIMIT, fin=False), frame(CONTINUATION, b"x"))
    assert await peer.close_code() == 1009


@pytest.mark.case(7)
async def test_more_than_1024_fragments_close_1009(clients: Clients) -> None:
    peer = await clients.raw_peer()
    await peer.handshake()
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
@pytest.mark.case(7)
async def test_protocol_violations_close_1002(clients: Clients, room: str, bytes_: bytes) -> None:
    other = await clients.enter(room)
    peer = await clients.raw_peer()
    await peer.handshake()
    await peer.send(bytes_)
    assert await peer.close_code() == 1002
    await other.assert_silent()


@pytest.mark.case(7)
async def test_the_tcp_connection_ends_after_the_close_frame(clients: Clients) -> None:
    peer = await clients.raw_peer()
    await peer.handshake()
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
@pytest.mark.case(7)
async def test_text_that_is_not_utf_8_closes_1007(clients: Clients, bytes_: bytes) -> None:
    peer = await clients.raw_peer()
    await peer.handshake()
    await peer.send(bytes_)
    assert await peer.close_code() == 1007


BROKEN_WITHIN = {
    "a short frame": [frame(TEXT, b'["\xce\xba\xf4\x90' + b"x" * 9)[:-9]],
    "a long one": [frame(TEXT, b"x" * 99_000 + b"\xff" + b"x" * 999)[:-999]],
    "the second segment": [frame(TEXT, b'["\xf4\x90' + b"x" * 9)[:-10], b"\xad"],
    "the last fragment": [
        frame(TEXT, b'["\xf0\x9f', fin=False),
        frame(CONTINUATION, b"\x8e\x20" + b"x" * 9)[:-9],
    ],
}
"""Segments after which a frame is not complete, but its text cannot be UTF-8 any more."""


@pytest.mark.parametrize("segments", BROKEN_WITHIN.values(), ids=BROKEN_WITHIN.keys())
@pytest.mark.case(7)
async def test_text_closes_1007_before_its_frame_ends(
    clients: Clients, segments: list[bytes]
) -> None:
    peer = await clients.raw_peer()
    await peer.handshake()
    for segment in segments:
        await peer.send(segment)
    assert await peer.close_code() == 1007
    assert await peer.ended()


async def peer_after_hi(clients: Clients) -> RawPeer:
    """Return a raw peer that has sent `hi` and received the reply."""
    peer = await clients.raw_peer()
    await peer.handshake(frame(TEXT, b'[{"m":"hi"}]'))
    assert b'"b"' in await peer.expect(TEXT)
    assert b'"hi"' in await peer.expect(TEXT)
    return peer


async def replies(peer: RawPeer, e: int) -> None:
    """Assert that the next message is the answer to a `t` with this `e`."""
    (message,) = json.loads(await peer.expect(TEXT))
    assert (message["m"], message["e"]) == ("t", e)


@pytest.mark.case(7)
async def test_fragments_make_one_message_and_control_frames_go_between(
    clients: Clients,
) -> None:
    peer = await peer_after_hi(clients)
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


@pytest.mark.case(7)
async def test_a_frame_may_come_byte_by_byte(clients: Clients) -> None:
    peer = await peer_after_hi(clients)
    for byte in frame(TEXT, b'[{"m":"t","e":8}]'):
        await peer.send(bytes([byte]))
    await replies(peer, 8)
    for byte in frame(PING, b"x"):
        await peer.send(bytes([byte]))
    assert await peer.expect(PONG) == b"x"


@pytest.mark.case(7)
async def test_many_frames_in_one_segment(clients: Clients) -> None:
    peer = await peer_after_hi(clients)
    await peer.send(*(frame(TEXT, b'[{"m":"t","e":%d}]' % e) for e in range(10)))
    for e in range(10):
        await replies(peer, e)


@pytest.mark.parametrize(
    "payload", [b"", b"\x03\xe8", b"\x03\xe8good bye", b"\x0f\xa0", b"\x0b\xb8"]
)
@pytest.mark.case(7)
async def test_a_close_frame_is_answered_with_its_code(clients: Clients, payload: bytes) -> None:
    peer = await clients.raw_peer()
    await peer.handshake()
    await peer.send(frame(CLOSE, payload), frame(TEXT, b'[{"m":"t","e":1}]'))
    answer = await peer.expect(CLOSE)
    assert answer in {payload[:2], b"\x03\xe8" if not payload else b""}
    assert await peer.ended()


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (frame(TEXT, b'[{"m":"bye"}]'), b"\x03\xe8The connection was ended"),
        (frame(TEXT, b"\xff"), b"\x03\xefA text is not UTF-8"),
    ],
    ids=["bye", "no UTF-8"],
)
async def test_a_close_frame_gives_the_meaning_of_its_code(
    clients: Clients, sent: bytes, answer: bytes
) -> None:
    peer = await peer_after_hi(clients)
    await peer.send(sent)
    assert await peer.expect(CLOSE) == answer


@pytest.mark.case(8)
async def test_b_is_the_first_message(clients: Clients) -> None:
    client = await clients.open()
    (first,) = client.frames[0]
    assert first["m"] == "b"
    assert isinstance(first["code"], str)
    # Clients run it; a token of theirs must be nothing but a constant (docs/protocol.md 8).
    assert len(first["code"]) < 40
    await client.assert_silent_until_hi()


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

    async with Clients(server) as clients:
        room = new_room()
        other, client = await clients.enter(room), await clients.enter(room)
        await other.received()
        before = 0
        for round_ in range(5):
            for _ in range(1000):
                await client.send_raw(garbage())
            assert set(await client.refusal_codes()) <= {"bad_message", "bad_notes"}
            if round_ == 0:
                before = server.resident_bytes
        await other.assert_silent()
        assert server.resident_bytes - before < 4 << 20
