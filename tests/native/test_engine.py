"""The engine on real sockets: when it writes, what full sockets do to it, and how links end."""

from __future__ import annotations

import re
import selectors
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fortepiano import native
from support.hub_harness import START, HubClient, HubHarness, payloads, text
from support.native_parts import make_test_hub
from support.raw_peer import BINARY, CLOSE, CONTINUATION, PONG, TEXT, frame
from support.reference.frame import Event
from support.reference.hub import server_close

NOTE = {"m": "n", "t": 1, "n": [{"n": "c4"}]}
SMALL = 1
"""A send buffer as small as the kernel allows: it takes some 4 kB."""

Make = Callable[..., "RoomHarness"]


class RoomHarness(HubHarness):
    """A harness with a room, in which each client is one participant and has sent `hi`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.room = self.hub.open_room()
        self.quota = self.hub.add_quota(8000, 24000)

    def join(self, *, send_buffer: int | None = None) -> HubClient:
        client = self.open(send_buffer=send_buffer)
        self.hub.start_session(client.number, self.quota)
        id = b'"%d"' % client.number
        participant = self.hub.add_participant(self.room, id, b'{"id":' + id, b"200", b"100")
        self.hub.enter(client.number, self.room, participant)
        return client

    def broadcast(self, *payloads: bytes) -> None:
        """Broadcast to the room, then end the turn."""
        for payload in payloads:
            self.hub.broadcast(self.room, payload)
        self.turn()

    def pass_time(self, seconds: int) -> None:
        for _ in range(seconds):
            self.turn(1)

    def wait(self) -> None:
        """Wait until the hub's timer fires, and wake it."""
        with selectors.DefaultSelector() as waiting:
            waiting.register(self.hub.fileno(), selectors.EVENT_READ)
            assert waiting.select(10), "the alarm never rang"
        self.loop.wake()


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[RoomHarness] = []

    def make_harness(**settings: Any) -> RoomHarness:
        made.append(RoomHarness(**settings))
        return made[-1]

    yield make_harness
    for harness in made:
        harness.close()


@pytest.fixture
def harness(make: Make) -> RoomHarness:
    return make()


def texts(*payloads: bytes) -> list[Event]:
    return [("text", payload) for payload in payloads]


def lengths(events: list[Event]) -> list[int]:
    """Return how long the texts are, to keep failures readable."""
    return [len(payload) for payload in payloads(events)]


def closes(events: list[Event]) -> list[Event]:
    return [event for event in events if event[0] == "close"]


class TestTurns:
    def test_what_a_turn_brings_goes_out_at_its_end(self, harness: RoomHarness) -> None:
        ann, bea = harness.join(), harness.join()
        ann.send_messages(NOTE)
        ann.send_messages(NOTE)
        bea.send_messages({"m": "t"})
        assert len(harness.loop.ready) == 1
        assert bea.read() == 0
        harness.loop.run_soon()
        bea.read()
        assert len(bea.events()) == 3

    def test_a_turn_that_brings_nothing_has_no_flush(self, harness: RoomHarness) -> None:
        ann = harness.open()
        ann.send_messages(NOTE)
        ann.send(text({"m": "t"})[:5])
        assert harness.loop.ready == []

    def test_what_is_said_between_turns_wakes_the_loop(self, make: Make) -> None:
        harness = make(standing_at=None)
        ann = harness.join()
        harness.hub.broadcast(harness.room, b"[1]")
        harness.wait()
        harness.hub.send(ann.number, b"[2]")
        while not ann.read():
            harness.wait()
        while b"[2]" not in ann.bytes:
            harness.wait()
            ann.read()
        assert ann.events() == texts(b"[1]", b"[2]")

    def test_the_answer_to_the_upgrade_comes_first(self, harness: RoomHarness) -> None:
        ann = harness.open(answer=b"HTTP/1.1 101 \r\n\r\n")
        harness.hub.send(ann.number, b"[1]")
        harness.turn()
        ann.read()
        assert bytes(ann.bytes) == b"HTTP/1.1 101 \r\n\r\n" + native.frame_bytes(TEXT, b"[1]")

    def test_bytes_behind_the_upgrade_count(self, harness: RoomHarness) -> None:
        ann = harness.open()
        whole = text({"m": "hi"}, {"m": "t"})
        ann.link.feed(whole[:10])
        ann.send(whole[10:])
        assert harness.dispatched == [(ann.number, b'{"m": "hi"}')]
        assert ann.received() == texts(b'[{"m":"t","t":%d}]' % START)

    def test_many_pieces_take_several_calls(self, harness: RoomHarness) -> None:
        ann, bea = harness.join(), harness.join(send_buffer=SMALL)
        for index in range(700):
            for client in (ann, bea):
                harness.hub.send(client.number, b"[%d]" % index)
            harness.hub.broadcast(harness.room, b"[%d.5]" % index)
        expected = texts(*(b"[%d%b]" % (index // 2, b".5" * (index % 2)) for index in range(1400)))
        harness.settle()
        assert ann.events() == expected
        assert bea.events() == expected


class TestPacing:
    REST: dict[str, Any] = {"standing_at": None, "duty": 1e-9}  # noqa: RUF012  # read only

    def test_after_a_flush_the_room_rests(self, make: Make) -> None:
        harness = make(**self.REST, rest_ms=3_600_000)
        ann, bea = harness.join(), harness.join()
        harness.broadcast(b"x" * 100_000)
        assert lengths(bea.received()) == [100_000]
        ann.send_messages(NOTE)
        assert harness.loop.ready == []
        harness.hub.broadcast(harness.room, b"[1]")
        assert bea.received() == []

    def test_a_private_word_takes_along_what_waits(self, make: Make) -> None:
        harness = make(**self.REST, rest_ms=3_600_000)
        ann, bea = harness.join(), harness.join()
        harness.broadcast(b"x" * 100_000)
        harness.settle()
        assert lengths(ann.events() + bea.events()) == [100_000, 100_000]
        harness.broadcast(b"[1]")
        harness.hub.send(bea.number, b"[2]")
        assert (ann.received(), bea.received()) == ([], texts(b"[1]", b"[2]"))

    def test_other_rooms_do_not_rest(self, make: Make) -> None:
        harness = make(**self.REST, rest_ms=3_600_000)
        ann = harness.join()
        harness.broadcast(b"x" * 100_000)
        harness.room = harness.hub.open_room()
        bea = harness.join()
        harness.broadcast(b"[1]")
        assert bea.received() == texts(b"[1]")
        assert lengths(ann.received()) == [100_000]

    def test_the_alarm_ends_the_rest(self, make: Make) -> None:
        harness = make(**self.REST, rest_ms=50)
        ann = harness.join()
        harness.broadcast(b"x" * 100_000)
        harness.broadcast(b"[1]")
        while b"[1]" not in ann.bytes:
            harness.wait()
            ann.read()
        assert lengths(ann.events()) == [100_000, 3]

    def test_a_small_room_that_is_quiet_does_not_rest(self, make: Make) -> None:
        harness = make(standing_at=None, rest_ms=0)
        ann = harness.join()
        for index in range(5):
            harness.broadcast(b"[%d]" % index)
            ann.read()
            assert ann.events() == texts(b"[%d]" % index)


class TestFullSockets:
    """Guests who do not read: their sockets take some 4 kB, and then nothing."""

    def test_go_on_where_they_were(self, harness: RoomHarness) -> None:
        ann, bea = harness.join(send_buffer=SMALL), harness.join()
        harness.broadcast(b"a" * 10_000, b"b" * 10)
        harness.hub.send(ann.number, b"c" * 10_000)
        harness.broadcast(b"d" * 10)
        assert lengths(bea.received()) == [10_000, 10, 10]
        assert lengths(ann.events()) == [10_000, 10, 10_000, 10]

    def test_are_watched_until_they_take_bytes_again(self, make: Make) -> None:
        harness = make(standing_at=None)
        ann = harness.join(send_buffer=SMALL)
        harness.broadcast(b"a" * 30_000)
        while harness.hub.lag(ann.number):
            assert ann.read()
            harness.wait()
        ann.read()
        assert lengths(ann.events()) == [30_000]

    @pytest.mark.parametrize("private", [False, True], ids=["log", "insert"])
    @pytest.mark.parametrize("end", ["dismiss", "leave", "twice", "peer", "violation", "late"])
    def test_never_cut_a_frame(self, harness: RoomHarness, end: str, private: bool) -> None:
        ann = harness.join(send_buffer=SMALL)
        harness.broadcast(b"[1]")
        if private:
            harness.hub.send(ann.number, b"x" * 9_000)
            harness.hub.send(ann.number, b"[lost]")
        else:
            harness.hub.broadcast(harness.room, b"x" * 9_000)
        harness.broadcast(b"[lost]" * 100)
        match end:
            case "dismiss":
                harness.dismiss(ann.number, 1013)
            case "leave":
                # As the model does when a session ends: leave the room before the socket closes.
                harness.on_end = harness.hub.leave
                harness.dismiss(ann.number, 1013)
            case "twice":
                harness.dismiss(ann.number, 1013)
                harness.turn()
                harness.dismiss(ann.number, 4000)
            case "peer":
                ann.send(frame(CLOSE, b"\x03\xf5"))
            case "violation":
                ann.send(frame(TEXT, length=2 << 20))
            case "late":
                harness.dismiss(ann.number, 1013)
                ann.read(100)
                harness.turn()
                ann.send(frame(CLOSE, b"\x03\xe8"))
                ann.send(frame(CLOSE, b"\x03\xe8"))
        harness.turn(1.5)
        events = ann.received()
        code = 1009 if end == "violation" else 1013
        assert lengths(events) == [3, 9_000]
        # "peer" answers the code of the peer, without a reason.
        assert events[2:] == [("close", code, b"") if end == "peer" else server_close(code)]
        assert ann.bytes == b""
        assert harness.ended == [ann.number]

    def test_that_are_free_lose_nothing_by_a_close(self, harness: RoomHarness) -> None:
        ann = harness.join()
        harness.hub.broadcast(harness.room, b"[1]")
        harness.hub.send(ann.number, b"[2]")
        harness.dismiss(ann.number, 4000, "why")
        assert ann.received() == [*texts(b"[1]", b"[2]"), ("close", 4000, b"why")]

    def test_leave_a_room_with_all_that_they_are_owed(self, harness: RoomHarness) -> None:
        ann = harness.join(send_buffer=SMALL)
        harness.broadcast(b"a" * 9_000, b"b" * 9_000)
        harness.hub.leave(ann.number)
        harness.broadcast(b"[never]")
        harness.hub.send(ann.number, b"c" * 9_000)
        assert lengths(ann.received()) == [9_000] * 3

    def test_give_their_number_to_a_stranger_without_a_past(self, harness: RoomHarness) -> None:
        ann, bea = harness.join(send_buffer=SMALL), harness.join()
        harness.broadcast(b"a" * 9_000)
        harness.hub.send(ann.number, b"[old]")
        number, link = ann.number, ann.link
        ann.vanish()
        assert harness.hub.lag(number) == 0
        stranger = harness.join()
        assert stranger.number == number
        harness.turn()
        link.close(4000, "to whom it may concern")
        link.feed(text(NOTE))
        link.abort()
        harness.broadcast(b"[new]")
        assert stranger.received() == texts(b"[new]")
        assert lengths(bea.events()) == [9_000, 5]


class TestSlowReaders:
    def test_are_closed_when_they_owe_too_much(self, make: Make) -> None:
        harness = make(lag_soft_bytes=20_000, lag_hard_bytes=50_000)
        ann, bea = harness.join(send_buffer=SMALL), harness.join()
        lags = []
        heard = 0
        for _ in range(200):
            harness.broadcast(b"x" * 1_000)
            lags.append(harness.hub.lag(ann.number))
            heard += bea.read()
        assert 48_000 < max(lags) <= 50_000
        assert lags[-1] < 2_000
        assert heard == 200 * 1_004
        assert harness.ended == [ann.number]
        assert harness.hub.stats()["slow"] == 1
        assert not ann.is_aborted
        events = ann.received()
        assert closes(events) == events[-1:] == [server_close(1013)]
        assert lengths(bea.events()) == [1_000] * 200

    def test_are_found_in_private_too(self, make: Make) -> None:
        harness = make(lag_soft_bytes=20_000, lag_hard_bytes=50_000)
        ann = harness.open(send_buffer=SMALL)
        for _ in range(100):
            harness.hub.send(ann.number, b"x" * 1_000)
            harness.turn()
        assert harness.ended == [ann.number]
        assert harness.hub.stats()["slow"] == 1
        assert closes(ann.received()) == [server_close(1013)]

    def test_that_are_slow_in_two_ways_are_counted_once(self, make: Make) -> None:
        harness = make(lag_hard_bytes=20_000)
        ann = harness.join(send_buffer=SMALL)
        harness.broadcast(b"x" * 10_000)
        harness.hub.send(ann.number, b"x" * 10_000)
        harness.hub.broadcast(harness.room, b"x" * 10_000)
        harness.turn(11)
        assert harness.hub.stats()["slow"] == 1
        assert closes(ann.received()) == [server_close(1013)]

    def test_are_closed_when_their_socket_stands_still(self, harness: RoomHarness) -> None:
        ann, bea = harness.join(send_buffer=SMALL), harness.join()
        harness.broadcast(b"x" * 30_000)
        for _ in range(9):
            harness.turn(1)
        assert harness.ended == []
        assert ann.read()
        for _ in range(10):
            harness.turn(1)
        assert harness.ended == []
        for _ in range(2):
            harness.turn(1)
        assert harness.ended == [ann.number]
        harness.broadcast(b"[1]")
        assert lengths(bea.received()) == [30_000, 3]
        assert closes(ann.events()) == [server_close(1013)]

    def test_miss_positions_only(self, make: Make) -> None:
        harness = make(lag_soft_bytes=5_000, lag_hard_bytes=1 << 20, move_ms=0)
        ann, bea = harness.join(send_buffer=SMALL), harness.join()
        cid = harness.join()
        for index in range(100):
            bea.send_messages(NOTE, {"m": "m", "x": index, "y": 0}, NOTE)
            harness.hub.send(ann.number, b"[%d]" % index)
            harness.turn()
        harness.settle()
        everything = [told for told in payloads(cid.events()) if b'"m":"m"' not in told]
        assert len(everything) == 200
        heard = payloads(ann.events())
        moves = [told for told in heard if b'"m":"m"' in told]
        private = [b"[%d]" % index for index in range(100)]
        assert [told for told in heard if told not in moves + private] == everything
        assert [told for told in heard if told in private] == private
        assert 0 < len(moves) < 50
        assert harness.hub.stats()["spared"] == 100 - len(moves)
        bea.send_messages({"m": "m", "x": 100, "y": 0})
        assert ann.received() == cid.received()

    def test_that_vanish_are_dropped(self, harness: RoomHarness) -> None:
        ann, bea = harness.join(), harness.join()
        ann.end.close()
        harness.broadcast(b"[1]")
        harness.turn()
        assert ann.is_aborted
        assert ann.is_lost
        assert harness.ended == [ann.number]
        assert len(harness.engine) == 1
        bea.read()
        assert bea.events() == texts(b"[1]")


class TestSilence:
    def test_is_broken_by_a_ping_and_ended_without_an_answer(self, harness: RoomHarness) -> None:
        ann, bea = harness.join(), harness.join()
        harness.pass_time(24)
        assert ann.received() == bea.received() == []
        harness.pass_time(2)
        assert ann.received() == bea.received() == [("ping", b"")]
        bea.send(frame(PONG))
        harness.pass_time(8)
        assert not ann.is_aborted
        harness.pass_time(3)
        assert ann.is_lost
        assert harness.ended == [ann.number]
        harness.pass_time(12)
        assert bea.received() == []
        harness.pass_time(4)
        assert bea.received() == [("ping", b"")]

    def test_before_hi_ends_soon(self, make: Make) -> None:
        harness = make(ping_seconds=1000)
        ann, bea = harness.open(), harness.join()
        for _ in range(30):
            ann.send_messages({"m": "t"})
            harness.turn(1)
        assert harness.ended == []
        harness.pass_time(1)
        assert harness.ended == [ann.number]
        assert closes(ann.received()) == [server_close(4004)]
        assert bea.received() == []

    def test_without_the_time_ends_where_that_is_the_rule(self, make: Make) -> None:
        harness = make(ping_seconds=1000, silence_ms=60_000)
        ann, bea = harness.join(), harness.join()
        harness.pass_time(59)
        ann.send_messages({"m": "t"})
        bea.send_messages(NOTE)
        harness.pass_time(3)
        assert harness.ended == [bea.number]
        assert closes(bea.received()) == [server_close(4004)]

    def test_after_a_close_frame_ends_soon(self, harness: RoomHarness) -> None:
        ann = harness.join()
        harness.dismiss(ann.number, 4000)
        harness.turn()
        harness.pass_time(1)
        assert not ann.is_aborted
        harness.pass_time(2)
        assert ann.is_lost
        assert harness.ended == [ann.number]

    def test_is_not_awaited_where_both_have_closed(self, harness: RoomHarness) -> None:
        ann = harness.join()
        harness.dismiss(ann.number, 4000)
        harness.turn()
        ann.send(frame(CLOSE, b"\x0f\xa0"))
        harness.turn()
        assert ann.is_lost


ENDS: dict[str, Callable[[RoomHarness, HubClient], object]] = {
    "close frame": lambda harness, client: client.send(frame(CLOSE, b"\x03\xe8")),
    "violation": lambda harness, client: client.send(frame(CONTINUATION)),
    "invalid text": lambda harness, client: client.send(frame(TEXT, b"\xff")),
    "close": lambda harness, client: client.link.close(4000),
    "abort": lambda harness, client: client.link.abort(),
    "lost": lambda harness, client: client.vanish(),
    "verdict": lambda harness, client: harness.pass_time(32),
    "its own message": lambda harness, client: client.send_messages({"m": "end"}, {"m": "end"}),
}


class TestEnds:
    @pytest.mark.parametrize("second", ENDS)
    @pytest.mark.parametrize("first", ENDS)
    def test_are_told_once(self, make: Make, first: str, second: str) -> None:
        harness = make(ping_seconds=1000)
        harness.on_receive = lambda client, raw: harness.dismiss(client, 4008)
        client = harness.open()
        client.link.session = client.number
        ENDS[first](harness, client)
        if not client.is_lost:
            ENDS[second](harness, client)
        harness.turn()
        assert harness.ended == [client.number]
        for _ in range(4):
            harness.turn(1)
        assert client.is_lost or first == second == "abort"
        assert harness.ended == [client.number]
        assert len(harness.engine) == harness.hub.connections() == 0

    def test_without_a_session_nobody_is_told(self, harness: RoomHarness) -> None:
        client = harness.open()
        client.link.session = None
        client.send_messages({"m": "hi"})
        client.link.close(4000)
        client.vanish()
        assert (harness.dispatched, harness.ended) == ([], [])

    def test_half_a_connection_is_none(self, harness: RoomHarness) -> None:
        assert harness.open().link.eof_received() is False

    def test_links_are_listed_until_they_are_lost(self, harness: RoomHarness) -> None:
        ann, bea = harness.open(), harness.open()
        ann.link.close(4000)
        assert harness.engine.connections() == [ann.link, bea.link]
        ann.vanish()
        assert harness.engine.connections() == [bea.link]

    def test_only_the_engine_makes_links(self) -> None:
        with pytest.raises(TypeError):
            native.Link()


class TestLongFrames:
    """Frames that come in many reads."""

    def test_are_read_to_their_end(self, harness: RoomHarness) -> None:
        ann = harness.open()
        message = b'{"m":"a","x":"%b"}' % (b"x" * 900_000)
        bytes_ = text({"m": "b"}) + text(message) + text({"m": "c"})
        for at in range(0, len(bytes_), 7_001):
            ann.send(bytes_[at : at + 7_001])
        assert [raw for _, raw in harness.dispatched] == [b'{"m": "b"}', message, b'{"m": "c"}']

    def test_may_end_byte_by_byte(self, harness: RoomHarness) -> None:
        ann = harness.open()
        whole = text(b'{"m":"a","x":"%b"}' % (b"x" * 100_000))
        ann.send(whole[:-2_000])
        for byte in whole[-2_000:]:
            ann.send(bytes([byte]))
        assert len(harness.dispatched) == 1

    @pytest.mark.parametrize("length", [20_000, 130_000])
    def test_get_no_more_room_than_they_need(self, harness: RoomHarness, length: int) -> None:
        """The memory of a longer frame is free again, and the next one gets its place."""
        begun = 110
        for longer in range(700, 100, -10):
            gone, ann = harness.open(), harness.open()
            gone.link.feed(frame(TEXT, b"x" * (length + longer))[:begun])
            gone.link.get_buffer(-1)
            gone.vanish()
            whole = frame(TEXT, b"x" * length)
            ann.link.feed(whole[:begun])
            assert len(ann.link.get_buffer(-1)) == len(whole) - begun
            ann.vanish()

    def test_are_judged_by_their_header(self, harness: RoomHarness) -> None:
        ann = harness.open()
        ann.send(frame(TEXT, length=(1 << 20) + 1)[:14])
        assert ann.received() == [server_close(1009)]


class TestBinary:
    def test_comes_in_order_with_the_rest(self, harness: RoomHarness) -> None:
        ann = harness.open()
        ann.send(text({"m": "a"}) + frame(BINARY, b"\0\xff") + text({"m": "b"}))
        ann.send(frame(BINARY, b"\1", fin=False), frame(CONTINUATION, b"\2"), frame(BINARY))
        heard = [b'{"m": "a"}', b"\0\xff", b'{"m": "b"}', b"\1\2", b""]
        assert harness.dispatched == [(ann.number, raw) for raw in heard]

    def test_what_only_looks_like_text_is_not(self, harness: RoomHarness) -> None:
        ann = harness.open()
        blobs = [b"[\xff]", b"\0\0\0\2[]", b'{"m":"a"}']
        for blob in blobs:
            ann.send(frame(BINARY, blob))
        assert harness.dispatched == [(ann.number, blob) for blob in blobs]

    def test_after_the_end_nothing_comes(self, harness: RoomHarness) -> None:
        ann = harness.open()
        harness.on_receive = lambda client, raw: harness.dismiss(client, 4008)
        ann.send(frame(BINARY, b"\0") + frame(BINARY, b"\1"))
        assert harness.dispatched == [(ann.number, b"\0")]


class TestSettings:
    @pytest.mark.parametrize(
        ("name", "value", "problem"),
        [
            ("duty", 0, "duty must be in (0, 1]"),
            ("duty", 1.1, "duty must be in (0, 1]"),
            ("quota_tick_ms", 0, "quota_tick_ms must be positive"),
            ("quota_history", 0, "quota_history must be at least 1"),
            ("stall_seconds", -1, "stall_seconds must be a time, 0 or longer"),
            ("fragments", 1.5, "fragments must be a whole number, 0 or more"),
            ("custom_notes", 1, "custom_notes must be true or false"),
            ("rate_time", 5, "rate_time must be a burst and a rate"),
            ("rest_ms", object(), "rest_ms is of a type that no setting has"),
        ],
    )
    def test_that_make_no_sense(self, name: str, value: object, problem: str) -> None:
        with pytest.raises(ValueError, match=re.escape(problem)):
            make_test_hub(**{name: value})

    def test_a_running_clock_takes_no_notice_of_turns(self) -> None:
        hub = make_test_hub()
        before = hub.now_ms()
        hub.advance_clock(1e6)
        assert hub.now_ms() - before < 1e6

    def test_counters(self, make: Make) -> None:
        harness = make(move_ms=40)
        ann, bea = harness.join(), harness.join()
        ann.send_messages(NOTE, {"m": "m", "x": 1, "y": 1}, {"m": "m", "x": 2, "y": 2})
        harness.hub.set_players(harness.room, True)
        ann.send_messages(NOTE)
        harness.settle()
        sent = sum(len(native.frame_bytes(TEXT, told)) for told in payloads(bea.events()))
        stats = harness.hub.stats()
        assert stats.pop("flush_microseconds") == 0
        assert stats.pop("bytes_in") > 0
        assert stats == {
            "attached": 2,
            "frames_in": 2,
            "notes": 1,
            "moves": 2,
            "moves_out": 1,
            "conflated": 1,
            "times": 0,
            "refused": 1,
            "refused_quota": 0,
            "refused_solo": 1,
            "refused_muted": 0,
            "refused_t": 0,
            "refused_notes": 0,
            "said": 2,
            "told": 0,
            "deliveries": 2,
            "spared": 0,
            "sends": 1,
            "bytes_out": sent,
            "flushes": 1,
            "slow": 0,
            "refused_bytes": 0,
            "refused_messages": 0,
        }
        assert harness.hub.flush_times()[0] == (5e-05, 1)
        assert sum(count for _, count in harness.hub.flush_times()) == 1

    def test_queued_bytes_count_for_each_receiver(self, harness: RoomHarness) -> None:
        ann, *_ = [harness.join() for _ in range(3)]
        size, hub = len(native.frame_bytes(TEXT, b"[1]")), harness.hub
        before = hub.queued_bytes
        hub.broadcast(harness.room, b"[1]")
        assert hub.queued_bytes - before == 3 * size
        hub.broadcast_soon(harness.room, b"[1]", ann.number)
        assert hub.queued_bytes - before == 5 * size
        hub.send(ann.number, b"[1]")
        assert hub.queued_bytes - before == 6 * size

    def test_how_things_stand(self, harness: RoomHarness) -> None:
        ann, bea = harness.join(send_buffer=SMALL), harness.join()
        assert harness.hub.gauges() == {
            "connections": 2,
            "clients": 2,
            "blocked": 0,
            "rooms": 1,
            "people": 2,
            "queue_bytes": 0,
            "longest_queue_bytes": 0,
        }
        harness.broadcast(b"x" * 60_000)
        owed = harness.hub.lag(ann.number)
        stands = harness.hub.gauges()
        assert owed > 0
        assert (stands["blocked"], stands["queue_bytes"]) == (1, owed)
        assert stands["longest_queue_bytes"] == owed
        bea.link.close(4000)
        assert harness.hub.gauges()["clients"] == 1

    def test_ends_are_counted_by_code(self, harness: RoomHarness) -> None:
        ann, bea, cid = harness.join(), harness.join(), harness.join()
        ann.link.close(4008)
        bea.vanish()
        cid.send(frame(8, b"\x0d\x80"))
        counts = dict(harness.hub.closes())
        assert {code: count for code, count in counts.items() if count} == {
            4008: 1,
            1006: 1,
            None: 1,
        }
