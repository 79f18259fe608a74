"""The frame reader, compiled and as a model: RFC 6455 by tables, then by chance, cut anywhere."""

from __future__ import annotations

from itertools import chain, pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fortepiano import native
from support.reference import frame as reference
from support.reference.frame import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT

FrameReader = native.FrameReader | reference.FrameReader

MASK = b"\x37\xfa\x21\x3d"


def header(opcode: int, length: int, *, fin: bool = True, rsv: int = 0, size: int = 0) -> bytes:
    """Return a client's header without the mask; `size` bytes of length, the fewest if 0."""
    size = size or (1 if length < 126 else 2 if length < 1 << 16 else 8)
    first = bytes([fin << 7 | rsv << 4 | opcode])
    if size == 1:
        return first + bytes([0x80 | length])
    return first + bytes([0x80 | (126 if size == 2 else 127)]) + length.to_bytes(size)


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    size: int = 0,
    mask: bytes = MASK,
) -> bytes:
    """Return a client's frame."""
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return header(opcode, len(payload), fin=fin, rsv=rsv, size=size) + mask + masked


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, code.to_bytes(2) + reason)


@pytest.fixture(params=[native.FrameReader, reference.FrameReader], ids=["native", "reference"])
def kind(request: pytest.FixtureRequest) -> type[FrameReader]:
    return request.param


@pytest.fixture
def reader(kind: type[FrameReader]) -> FrameReader:
    return kind(message_bytes=65536, fragments=1024)


class TestFrames:
    @pytest.mark.parametrize("length", [0, 1, 3, 4, 7, 8, 9, 125, 126, 127, 65535, 65536])
    @pytest.mark.parametrize(("opcode", "name"), [(TEXT, "text"), (BINARY, "binary")])
    def test_every_size(self, reader: FrameReader, opcode: int, name: str, length: int) -> None:
        payload = bytes(ord("a") + index % 26 for index in range(length))
        assert reader.feed(frame(opcode, payload)) == [(name, payload)]

    @pytest.mark.parametrize(("opcode", "name"), [(PING, "ping"), (PONG, "pong")])
    @pytest.mark.parametrize("length", [0, 1, 125])
    def test_control_frames(self, reader: FrameReader, opcode: int, name: str, length: int) -> None:
        payload = bytes(range(length))
        assert reader.feed(frame(opcode, payload)) == [(name, payload)]

    @pytest.mark.parametrize("mask", [bytes(4), b"\xff" * 4, b"\0\0\0\1", b"\x80\0\0\0"])
    def test_every_frame_has_its_own_mask(self, reader: FrameReader, mask: bytes) -> None:
        data = frame(TEXT, "piano für alle".encode(), mask=mask) + frame(TEXT, b"x" * 21)
        assert reader.feed(data) == [("text", "piano für alle".encode()), ("text", b"x" * 21)]

    @pytest.mark.parametrize("size", [2, 8])
    def test_a_length_may_be_written_longer_than_needed(
        self, reader: FrameReader, size: int
    ) -> None:
        assert reader.feed(frame(TEXT, b"abc", size=size)) == [("text", b"abc")]
        assert reader.feed(frame(PING, b"abc", size=size)) == [("ping", b"abc")]

    def test_many_frames_in_one_read(self, reader: FrameReader) -> None:
        data = b"".join(frame(TEXT, b"%d" % index) for index in range(1000))
        assert reader.feed(data) == [("text", b"%d" % index) for index in range(1000)]

    def test_byte_by_byte(self, reader: FrameReader) -> None:
        pieces = [frame(TEXT, b"x" * 126), frame(TEXT, b"a", fin=False), frame(PING, b"?")]
        pieces += [frame(CONTINUATION, b"b"), close(1000, b"bye")]
        events = []
        for piece in pieces:
            for index in range(len(piece)):
                got = reader.feed(piece[index : index + 1])
                assert index == len(piece) - 1 or not got
                events += got
        assert events == [
            *[("text", b"x" * 126), ("ping", b"?"), ("text", b"ab"), ("close", 1000, b"bye")]
        ]

    def test_nothing_comes_of_nothing(self, reader: FrameReader) -> None:
        assert reader.feed(b"") == []


class TestFragments:
    @pytest.mark.parametrize(("opcode", "name"), [(TEXT, "text"), (BINARY, "binary")])
    def test_control_frames_come_between(self, reader: FrameReader, opcode: int, name: str) -> None:
        data = frame(opcode, b"for", fin=False) + frame(PING, b"1")
        data += frame(CONTINUATION, b"te", fin=False) + frame(PONG, b"2") + frame(PING, b"3")
        data += frame(CONTINUATION, b"piano")
        pings = [("ping", b"1"), ("pong", b"2"), ("ping", b"3")]
        assert reader.feed(data) == [*pings, (name, b"fortepiano")]

    def test_empty_fragments(self, reader: FrameReader) -> None:
        data = frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) + frame(CONTINUATION)
        assert reader.feed(data) == [("text", b"")]

    def test_a_message_may_follow_a_message(self, reader: FrameReader) -> None:
        data = frame(BINARY, b"a", fin=False) + frame(CONTINUATION, b"b") + frame(TEXT, b"c")
        assert reader.feed(data + data) == [("binary", b"ab"), ("text", b"c")] * 2

    def test_a_close_may_come_in_the_middle(self, reader: FrameReader) -> None:
        data = frame(TEXT, b"a", fin=False) + close(1001)
        assert reader.feed(data) == [("close", 1001, b"")]

    @pytest.mark.parametrize("opcode", [TEXT, BINARY])
    def test_a_message_may_not_begin_in_another(self, reader: FrameReader, opcode: int) -> None:
        data = frame(TEXT, b"a", fin=False) + frame(opcode, b"b")
        assert reader.feed(data) == [("violation", 1002)]

    @pytest.mark.parametrize("fin", [True, False])
    def test_nothing_cannot_go_on(self, reader: FrameReader, fin: bool) -> None:
        assert reader.feed(frame(CONTINUATION, b"a", fin=fin)) == [("violation", 1002)]

    def test_nothing_goes_on_after_the_end(self, reader: FrameReader) -> None:
        data = frame(TEXT, b"a", fin=False) + frame(CONTINUATION, b"b") + frame(CONTINUATION)
        assert reader.feed(data) == [("text", b"ab"), ("violation", 1002)]


class TestLimits:
    @pytest.mark.parametrize("opcode", [TEXT, BINARY])
    def test_a_message_may_be_as_long_as_the_limit(
        self, kind: type[FrameReader], opcode: int
    ) -> None:
        name = "text" if opcode == TEXT else "binary"
        whole = kind(message_bytes=1000, fragments=1024).feed(frame(opcode, b"x" * 1000))
        assert whole == [(name, b"x" * 1000)]
        assert kind(message_bytes=1000, fragments=1024).feed(header(opcode, 1001)) == [
            ("violation", 1009)
        ]

    def test_fragments_count_together(self, kind: type[FrameReader]) -> None:
        begun = frame(TEXT, b"x" * 600, fin=False) + frame(PING, b"y" * 125)
        reader = kind(message_bytes=1000, fragments=1024)
        assert reader.feed(begun + frame(CONTINUATION, b"x" * 400))[1:] == [("text", b"x" * 1000)]
        assert reader.feed(begun + header(CONTINUATION, 401))[1:] == [("violation", 1009)]

    def test_as_many_fragments_as_allowed(self, kind: type[FrameReader]) -> None:
        begun = frame(TEXT, fin=False) + frame(CONTINUATION, fin=False)
        assert kind(message_bytes=65536, fragments=3).feed(begun + frame(CONTINUATION)) == [
            ("text", b"")
        ]
        begun += frame(CONTINUATION, fin=False)
        assert kind(message_bytes=65536, fragments=3).feed(begun + frame(CONTINUATION)) == [
            ("violation", 1009)
        ]
        assert kind(message_bytes=65536, fragments=3).feed(begun + frame(PING)) == [("ping", b"")]

    @pytest.mark.parametrize("opcode", [TEXT, BINARY])
    @pytest.mark.parametrize("length", [65537, 2**31, 2**32, 2**63 - 1])
    def test_a_huge_length_is_refused_on_its_header(
        self, reader: FrameReader, opcode: int, length: int
    ) -> None:
        data = header(opcode, length)
        assert reader.feed(data[:-1]) == []
        assert reader.feed(data[-1:]) == [("violation", 1009)]

    @pytest.mark.parametrize("length", [2**63, 2**64 - 1])
    def test_the_highest_bit_of_a_length_is_zero(self, reader: FrameReader, length: int) -> None:
        assert reader.feed(header(BINARY, length)) == [("violation", 1002)]

    @pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
    @pytest.mark.parametrize("length", [126, 65535, 65536, 2**63])
    def test_control_frames_are_short(self, reader: FrameReader, opcode: int, length: int) -> None:
        assert reader.feed(header(opcode, length)) == [("violation", 1002)]


class TestViolations:
    @pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF])
    @pytest.mark.parametrize("fin", [True, False])
    def test_reserved_opcodes(self, reader: FrameReader, opcode: int, fin: bool) -> None:
        assert reader.feed(header(opcode, 0, fin=fin)) == [("violation", 1002)]

    @pytest.mark.parametrize("opcode", [TEXT, BINARY, CLOSE, PING, PONG])
    @pytest.mark.parametrize("rsv", range(1, 8))
    def test_reserved_bits(self, reader: FrameReader, opcode: int, rsv: int) -> None:
        assert reader.feed(header(opcode, 0, rsv=rsv)) == [("violation", 1002)]

    @pytest.mark.parametrize("opcode", [TEXT, BINARY, CLOSE, PING, PONG])
    @pytest.mark.parametrize("length", [0, 1, 126, 127])
    def test_clients_mask(self, reader: FrameReader, opcode: int, length: int) -> None:
        assert reader.feed(bytes([0x80 | opcode, length])) == [("violation", 1002)]

    @pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
    def test_control_frames_are_whole(self, reader: FrameReader, opcode: int) -> None:
        assert reader.feed(header(opcode, 0, fin=False)) == [("violation", 1002)]

    def test_what_came_before_counts_and_what_comes_after_does_not(
        self, reader: FrameReader
    ) -> None:
        data = frame(TEXT, b"a") + frame(TEXT, b"\xff") + frame(TEXT, b"b")
        assert reader.feed(data) == [("text", b"a"), ("violation", 1007)]
        assert reader.feed(frame(TEXT, b"c")) == []
        assert reader.feed(b"") == []


class TestText:
    @pytest.mark.parametrize("text", ["", "\0", "é", "€", "🎹", "\ufffe\uffff", "\U0010ffff"])
    def test_of_every_kind(self, reader: FrameReader, text: str) -> None:
        assert reader.feed(frame(TEXT, text.encode())) == [("text", text.encode())]

    @pytest.mark.parametrize(
        "text",
        [
            *[
                b"\x80",
                b"\xff",
                b"\xfe",
                b"\xc0\x80",
                b"\xc1\xbf",
                b"\xe0\x80\x80",
                b"\xe0\x9f\xbf",
            ],
            *[b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf0\x80\x80\x80", b"\xf0\x8f\xbf\xbf"],
            *[
                b"\xf4\x90\x80\x80",
                b"\xf5\x80\x80\x80",
                b"\xf8\x88\x80\x80\x80",
                b"a\xc3",
                b"\xe2\x82",
            ],
            *[b"\xf0\x9f\x8e", b"\xc3\x28", b"ok" * 40 + b"\xe2\x28\xa1"],
        ],
    )
    def test_that_is_none(self, reader: FrameReader, text: bytes) -> None:
        assert reader.feed(frame(TEXT, text)) == [("violation", 1007)]

    def test_bytes_may_be_anything(self, reader: FrameReader) -> None:
        data = frame(BINARY, b"\xff", fin=False) + frame(CONTINUATION, b"\xfe")
        assert reader.feed(data) == [("binary", b"\xff\xfe")]

    @pytest.mark.parametrize("character", ["é", "€", "🎹"])
    def test_a_character_may_go_on_in_the_next_fragment(
        self, reader: FrameReader, character: str
    ) -> None:
        first, *rest = character.encode()
        data = frame(TEXT, b"a" + bytes([first]), fin=False)
        data += b"".join(frame(CONTINUATION, bytes([byte]), fin=False) for byte in rest)
        assert reader.feed(data) == []
        assert reader.feed(frame(CONTINUATION, b"z")) == [("text", f"a{character}z".encode())]

    @pytest.mark.parametrize(
        "parts",
        [(b"\xff",), (b"\xe2", b"\x28"), (b"\xf0", b"\x8f"), (b"\xed", b"\xa0"), (b"", b"\x80")],
    )
    def test_is_refused_at_the_fragment_that_shows_it(
        self, reader: FrameReader, parts: tuple[bytes, ...]
    ) -> None:
        *good, bad = [
            frame(CONTINUATION if index else TEXT, part, fin=False)
            for index, part in enumerate(parts)
        ]
        assert reader.feed(b"".join(good)) == []
        assert reader.feed(bad) == [("violation", 1007)]

    @pytest.mark.parametrize(
        ("good", "bad"),
        [
            (b"", b"\xff"),
            (b"\xce\xba\xf4", b"\x90"),
            (b"\xed", b"\xa0"),
            (b"x" * 40_000 + b"\xe2\x82", b"\x28"),
        ],
    )
    @pytest.mark.parametrize("fin", [True, False])
    def test_is_refused_at_the_byte_that_shows_it(
        self, reader: FrameReader, good: bytes, bad: bytes, fin: bool
    ) -> None:
        sent = frame(TEXT, good + bad + b"x" * 9, fin=fin)[:-9]
        assert reader.feed(sent[:-1]) == []
        assert reader.feed(sent[-1:]) == [("violation", 1007)]

    def test_is_refused_at_the_byte_in_a_later_fragment_too(self, reader: FrameReader) -> None:
        assert reader.feed(frame(TEXT, b"a\xf0\x9f", fin=False)) == []
        sent = frame(CONTINUATION, b"\x8e\xb9\xf0\x20" + b"x" * 9)[:-9]
        assert reader.feed(sent[:-1]) == []
        assert reader.feed(sent[-1:]) == [("violation", 1007)]

    def test_half_a_frame_of_bytes_may_be_anything(self, reader: FrameReader) -> None:
        for sent in (frame(BINARY, b"\xff" * 9), frame(PING, b"\xff" * 9)):
            assert reader.feed(sent[:-2]) == []
            assert len(reader.feed(sent[-2:])) == 1

    @pytest.mark.parametrize("last", [b"", b"a"])
    def test_may_not_end_within_a_character(self, reader: FrameReader, last: bytes) -> None:
        assert reader.feed(frame(TEXT, b"\xe2\x82", fin=False)) == []
        assert reader.feed(frame(CONTINUATION, last)) == [("violation", 1007)]


class TestClose:
    def test_without_a_code(self, reader: FrameReader) -> None:
        assert reader.feed(frame(CLOSE)) == [("close", 1005, b"")]

    @pytest.mark.parametrize(
        "code",
        [*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4004, 4999],
    )
    def test_valid_codes(self, reader: FrameReader, code: int) -> None:
        assert reader.feed(close(code)) == [("close", code, b"")]

    @pytest.mark.parametrize(
        "code", [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]
    )
    def test_invalid_codes(self, reader: FrameReader, code: int) -> None:
        assert reader.feed(close(code)) == [("violation", 1002)]

    def test_half_a_code(self, reader: FrameReader) -> None:
        assert reader.feed(frame(CLOSE, b"\x03")) == [("violation", 1002)]

    @pytest.mark.parametrize("reason", ["", "tschüß", "x" * 123])
    def test_reasons(self, reader: FrameReader, reason: str) -> None:
        assert reader.feed(close(4000, reason.encode())) == [("close", 4000, reason.encode())]

    @pytest.mark.parametrize("reason", [b"\xff", b"\xc3"])
    def test_reasons_are_text(self, reader: FrameReader, reason: bytes) -> None:
        assert reader.feed(close(1000, reason)) == [("violation", 1007)]

    def test_a_bad_code_comes_before_a_bad_reason(self, reader: FrameReader) -> None:
        assert reader.feed(close(999, b"\xff")) == [("violation", 1002)]


class TestWriting:
    """Frames of the server: unmasked and final."""

    @pytest.mark.parametrize(
        ("length", "head"),
        [
            *[(0, b"\x81\0"), (125, b"\x81\x7d"), (126, b"\x81\x7e\0\x7e")],
            *[(65535, b"\x81\x7e\xff\xff"), (65536, b"\x81\x7f\0\0\0\0\0\1\0\0")],
        ],
    )
    def test_lengths(self, length: int, head: bytes) -> None:
        assert native.frame_bytes(TEXT, b"x" * length) == head + b"x" * length

    @pytest.mark.parametrize("opcode", [TEXT, BINARY, CLOSE, PING, PONG])
    def test_opcodes(self, opcode: int) -> None:
        assert native.frame_bytes(opcode, b"ab") == bytes([0x80 | opcode, 2]) + b"ab"

    def test_close(self) -> None:
        assert native.close_frame(4000, "bye") == b"\x88\x05\x0f\xa0bye"
        assert native.close_frame(1005, "never told") == b"\x88\0"

    @given(st.integers(1000, 4999), st.text(max_size=200))
    @example(4000, "é" * 62)
    def test_a_reason_is_cut_between_characters(self, code: int, reason: str) -> None:
        frame = native.close_frame(code, reason)
        if code == 1005:
            return
        kept = frame[4:].decode()
        assert frame[:4] == bytes([0x88, len(frame) - 2]) + code.to_bytes(2)
        assert reason.startswith(kept)
        longer = reason[: len(kept) + 1].encode()
        assert kept == reason or len(longer) > 123 >= len(kept.encode())


MESSAGE_BYTES, FRAGMENTS = 300, 4

masks = st.binary(min_size=4, max_size=4)
sizes = st.sampled_from([0] * 8 + [2, 8])
texts = st.text(max_size=12).map(str.encode) | st.integers(0, 320).map(lambda size: b"x" * size)
payloads = texts | texts | st.binary(max_size=12)
codes = st.sampled_from([1000, 1001, 1004, 1005, 1011, 1014, 1015, 3000, 4999, 5000]) | st.integers(
    0, 65535
)
closes = st.builds(
    lambda code, reason: code.to_bytes(2) + reason,
    codes,
    st.text(max_size=8).map(str.encode) | st.binary(max_size=3),
) | st.binary(max_size=1)
controls = st.one_of(
    st.builds(frame, st.sampled_from([PING, PONG]), st.binary(max_size=130), mask=masks),
    st.builds(frame, st.sampled_from([PING, PONG]), st.binary(max_size=130), size=sizes),
)


@st.composite
def messages(draw: st.DrawFn) -> list[bytes]:
    """The frames of one message, whole or in fragments, with control frames between them."""
    payload = draw(payloads)
    cuts = draw(st.lists(st.integers(0, len(payload)), max_size=4).map(sorted))
    parts = [payload[start:end] for start, end in pairwise([0, *cuts, len(payload)])]
    frames = []
    for index, part in enumerate(parts):
        opcode = CONTINUATION if index else draw(st.sampled_from([TEXT, TEXT, BINARY]))
        is_last = index == len(parts) - 1
        frames.append(frame(opcode, part, fin=is_last, mask=draw(masks), size=draw(sizes)))
        frames += draw(st.lists(controls, max_size=1))
    return frames


lone = st.builds(
    frame,
    st.integers(0, 15),
    payloads,
    fin=st.booleans(),
    rsv=st.sampled_from([0] * 12 + [1, 4]),
    mask=masks,
).map(lambda whole: [whole])
endings = closes.map(lambda payload: [frame(CLOSE, payload)])
streams = st.lists(st.one_of(messages(), messages(), messages(), lone, endings), max_size=5).map(
    lambda messages: b"".join(chain.from_iterable(messages))
)


@st.composite
def pieces(draw: st.DrawFn) -> list[bytes]:
    """A stream, perhaps with a byte gone wrong, as it arrives."""
    stream = bytearray(draw(streams))
    if stream and draw(st.booleans()):
        stream[draw(st.integers(0, len(stream) - 1))] = draw(st.integers(0, 255))
    cuts = draw(st.lists(st.integers(0, len(stream)), max_size=8).map(sorted))
    return [bytes(stream[start:end]) for start, end in pairwise([0, *cuts, len(stream)])]


class TestAgreement:
    @given(pieces() | st.lists(st.binary(max_size=8), max_size=8))
    def test_with_the_model(self, pieces: list[bytes]) -> None:
        ours = native.FrameReader(message_bytes=MESSAGE_BYTES, fragments=FRAGMENTS)
        theirs = reference.FrameReader(message_bytes=MESSAGE_BYTES, fragments=FRAGMENTS)
        for piece in pieces:
            assert ours.feed(piece) == theirs.feed(piece)

    @given(streams)
    def test_cuts_change_nothing(self, stream: bytes) -> None:
        whole = native.FrameReader(message_bytes=MESSAGE_BYTES, fragments=FRAGMENTS).feed(stream)
        reader = native.FrameReader(message_bytes=MESSAGE_BYTES, fragments=FRAGMENTS)
        events = [event for byte in stream for event in reader.feed(bytes([byte]))]
        assert events == whole
