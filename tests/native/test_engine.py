"""The engine on real sockets: when it writes, what full sockets do to it, and how links end."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fortepiano import native
from support.hub_harness import START, Guest, Stage, payloads, text
from support.raw_peer import BINARY, CLOSE, CONTINUATION, PONG, TEXT, frame
from support.reference.frame import Event

NOTE = {"m": "n", "t": 1, "n": [{"n": "c4"}]}
SMALL = 1
"""A send buffer as small as the kernel allows: it takes some 4 kB."""

Make = Callable[..., "House"]


class House(Stage):
    """A stage with a room, where everybody is a person of his own and has said hi."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.room = self.hub.open_room()
        self.quota = self.hub.add_quota(8000, 24000)

    def join(self, *, send_buffer: int | None = None) -> Guest:
        guest = self.open(send_buffer=send_buffer)
        self.hub.start_session(guest.client, self.quota)
        id = b'"%d"' % guest.client
        person = self.hub.add_participant(self.room, id, b'{"id":' + id, b"200", b"100")
        self.hub.enter(guest.client, self.room, person)
        return guest

    def broadcast(self, *payloads: bytes) -> None:
        """Say something to the room, with the end of a turn after it."""
        for payload in payloads:
            self.hub.broadcast(self.room, payload)
        self.turn()

    def pass_time(self, seconds: int) -> None:
        for _ in range(seconds):
            self.turn(1)

    def wait(self) -> None:
        """Wait until the hub wants to be woken, and wake it."""
        assert select.select([self.hub.fileno()], [], [], 10)[0], "the alarm never rang"
        self.loop.wake()


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[House] = []

    def make_house(**settings: Any) -> House:
        made.append(House(**settings))
        return made[-1]

    yield make_house
    for house in made:
        house.close()


@pytest.fixture
def house(make: Make) -> House:
    return make()


def texts(*payloads: bytes) -> list[Event]:
    return [("text", payload) for payload in payloads]


def lengths(events: list[Event]) -> list[int]:
    """Return how long the texts are, to keep failures readable."""
    return [len(payload) for payload in payloads(events)]


def closes(events: list[Event]) -> list[Event]:
    return [event for event in events if event[0] == "close"]


class TestTurns:
    def test_what_a_turn_brings_goes_out_at_its_end(self, house: House) -> None:
        ann, bea = house.join(), house.join()
        ann.send_messages(NOTE)
        ann.send_messages(NOTE)
        bea.send_messages({"m": "t"})
        assert len(house.loop.ready) == 1
        assert bea.read() == 0
        house.loop.run_soon()
        bea.read()
        assert len(bea.events()) == 3

    def test_a_turn_that_brings_nothing_has_no_flush(self, house: House) -> None:
        ann = house.open()
        ann.send_messages(NOTE)
        ann.send(text({"m": "t"})[:5])
        assert house.loop.ready == []

    def test_what_is_said_between_turns_wakes_the_loop(self, make: Make) -> None:
        house = make(standing_at=None)
        ann = house.join()
        house.hub.broadcast(house.room, b"[1]")
        house.wait()
        house.hub.send(ann.client, b"[2]")
        while not ann.read():
            house.wait()
        while b"[2]" not in ann.bytes:
            house.wait()
            ann.read()
        assert ann.events() == texts(b"[1]", b"[2]")

    def test_the_answer_to_the_upgrade_comes_first(self, house: House) -> None:
        ann = house.open(answer=b"HTTP/1.1 101 \r\n\r\n")
        house.hub.send(ann.client, b"[1]")
        house.turn()
        ann.read()
        assert bytes(ann.bytes) == b"HTTP/1.1 101 \r\n\r\n" + native.frame_bytes(TEXT, b"[1]")

    def test_bytes_behind_the_upgrade_count(self, house: House) -> None:
        ann = house.open()
        whole = text({"m": "hi"}, {"m": "t"})
        ann.link.feed(whole[:10])
        ann.send(whole[10:])
        assert house.received == [(ann.client, b'{"m": "hi"}')]
        assert ann.hear() == texts(b'[{"m":"t","t":%d}]' % START)

    def test_many_pieces_take_several_calls(self, house: House) -> None:
        ann, bea = house.join(), house.join(send_buffer=SMALL)
        for index in range(700):
            for guest in (ann, bea):
                house.hub.send(guest.client, b"[%d]" % index)
            house.hub.broadcast(house.room, b"[%d.5]" % index)
        expected = texts(*(b"[%d%b]" % (index // 2, b".5" * (index % 2)) for index in range(1400)))
        house.settle()
        assert ann.events() == expected
        assert bea.events() == expected


class TestPacing:
    REST: dict[str, Any] = {"standing_at": None, "duty": 1e-9}  # noqa: RUF012  # read only

    def test_after_a_flush_the_room_rests(self, make: Make) -> None:
        house = make(**self.REST, rest_seconds=3600)
        ann, bea = house.join(), house.join()
        house.broadcast(b"x" * 100_000)
        assert lengths(bea.hear()) == [100_000]
        ann.send_messages(NOTE)
        assert house.loop.ready == []
        house.hub.broadcast(house.room, b"[1]")
        assert bea.hear() == []

    def test_a_private_word_takes_along_what_waits(self, make: Make) -> None:
        house = make(**self.REST, rest_seconds=3600)
        ann, bea = house.join(), house.join()
        house.broadcast(b"x" * 100_000)
        house.settle()
        assert lengths(ann.events() + bea.events()) == [100_000, 100_000]
        house.broadcast(b"[1]")
        house.hub.send(bea.client, b"[2]")
        assert (ann.hear(), bea.hear()) == ([], texts(b"[1]", b"[2]"))

    def test_other_rooms_do_not_rest(self, make: Make) -> None:
        house = make(**self.REST, rest_seconds=3600)
        ann = house.join()
        house.broadcast(b"x" * 100_000)
        house.room = house.hub.open_room()
        bea = house.join()
        house.broadcast(b"[1]")
        assert bea.hear() == texts(b"[1]")
        assert lengths(ann.hear()) == [100_000]

    def test_the_alarm_ends_the_rest(self, make: Make) -> None:
        house = make(**self.REST, rest_seconds=0.05)
        ann = house.join()
        house.broadcast(b"x" * 100_000)
        house.broadcast(b"[1]")
        while b"[1]" not in ann.bytes:
            house.wait()
            ann.read()
        assert lengths(ann.events()) == [100_000, 3]

    def test_a_small_room_that_is_quiet_does_not_rest(self, make: Make) -> None:
        house = make(standing_at=None, rest_seconds=0)
        ann = house.join()
        for index in range(5):
            house.broadcast(b"[%d]" % index)
            ann.read()
            assert ann.events() == texts(b"[%d]" % index)


class TestFullSockets:
    """Guests who do not read: their sockets take some 4 kB, and then nothing."""

    def test_go_on_where_they_were(self, house: House) -> None:
        ann, bea = house.join(send_buffer=SMALL), house.join()
        house.broadcast(b"a" * 10_000, b"b" * 10)
        house.hub.send(ann.client, b"c" * 10_000)
        house.broadcast(b"d" * 10)
        assert lengths(bea.hear()) == [10_000, 10, 10]
        assert lengths(ann.events()) == [10_000, 10, 10_000, 10]

    def test_are_watched_until_they_take_bytes_again(self, make: Make) -> None:
        house = make(standing_at=None)
        ann = house.join(send_buffer=SMALL)
        house.broadcast(b"a" * 30_000)
        while house.hub.lag(ann.client):
            assert ann.read()
            house.wait()
        ann.read()
        assert lengths(ann.events()) == [30_000]

    @pytest.mark.parametrize("private", [False, True], ids=["log", "insert"])
    @pytest.mark.parametrize("end", ["dismiss", "leave", "twice", "peer", "violation", "late"])
    def test_never_cut_a_frame(self, house: House, end: str, private: bool) -> None:
        ann = house.join(send_buffer=SMALL)
        house.broadcast(b"[1]")
        if private:
            house.hub.send(ann.client, b"x" * 9_000)
            house.hub.send(ann.client, b"[lost]")
        else:
            house.hub.broadcast(house.room, b"x" * 9_000)
        house.broadcast(b"[lost]" * 100)
        match end:
            case "dismiss":
                house.dismiss(ann.client, 1013)
            case "leave":
                # What the world does when a session ends: the room comes before the socket.
                house.on_end = house.hub.leave
                house.dismiss(ann.client, 1013)
            case "twice":
                house.dismiss(ann.client, 1013)
                house.turn()
                house.dismiss(ann.client, 4000)
            case "peer":
                ann.send(frame(CLOSE, b"\x03\xf5"))
            case "violation":
                ann.send(frame(TEXT, length=2 << 20))
            case "late":
                house.dismiss(ann.client, 1013)
                ann.read(100)
                house.turn()
                ann.send(frame(CLOSE, b"\x03\xe8"))
                ann.send(frame(CLOSE, b"\x03\xe8"))
        house.turn(1.5)
        events = ann.hear()
        code = 1009 if end == "violation" else 1013
        assert lengths(events) == [3, 9_000]
        assert events[2:] == [("close", code, b"")]
        assert ann.bytes == b""
        assert house.ended == [ann.client]

    def test_that_are_free_lose_nothing_by_a_close(self, house: House) -> None:
        ann = house.join()
        house.hub.broadcast(house.room, b"[1]")
        house.hub.send(ann.client, b"[2]")
        house.dismiss(ann.client, 4000, "why")
        assert ann.hear() == [*texts(b"[1]", b"[2]"), ("close", 4000, b"why")]

    def test_leave_a_room_with_all_that_they_are_owed(self, house: House) -> None:
        ann = house.join(send_buffer=SMALL)
        house.broadcast(b"a" * 9_000, b"b" * 9_000)
        house.hub.leave(ann.client)
        house.broadcast(b"[never]")
        house.hub.send(ann.client, b"c" * 9_000)
        assert lengths(ann.hear()) == [9_000] * 3

    def test_give_their_number_to_a_stranger_without_a_past(self, house: House) -> None:
        ann, bea = house.join(send_buffer=SMALL), house.join()
        house.broadcast(b"a" * 9_000)
        house.hub.send(ann.client, b"[old]")
        number, link = ann.client, ann.link
        ann.vanish()
        assert house.hub.lag(number) == 0
        stranger = house.join()
        assert stranger.client == number
        house.turn()
        link.close(4000, "to whom it may concern")
        link.feed(text(NOTE))
        link.abort()
        house.broadcast(b"[new]")
        assert stranger.hear() == texts(b"[new]")
        assert lengths(bea.events()) == [9_000, 5]


class TestSlowReaders:
    def test_are_closed_when_they_owe_too_much(self, make: Make) -> None:
        house = make(lag_soft_bytes=20_000, lag_hard_bytes=50_000)
        ann, bea = house.join(send_buffer=SMALL), house.join()
        lags = []
        heard = 0
        for _ in range(200):
            house.broadcast(b"x" * 1_000)
            lags.append(house.hub.lag(ann.client))
            heard += bea.read()
        assert 48_000 < max(lags) <= 50_000
        assert lags[-1] < 2_000
        assert heard == 200 * 1_004
        assert house.ended == [ann.client]
        assert house.hub.stats()["slow"] == 1
        assert not ann.is_aborted
        events = ann.hear()
        assert closes(events) == events[-1:] == [("close", 1013, b"")]
        assert lengths(bea.events()) == [1_000] * 200

    def test_are_found_in_private_too(self, make: Make) -> None:
        house = make(lag_soft_bytes=20_000, lag_hard_bytes=50_000)
        ann = house.open(send_buffer=SMALL)
        for _ in range(100):
            house.hub.send(ann.client, b"x" * 1_000)
            house.turn()
        assert house.ended == [ann.client]
        assert house.hub.stats()["slow"] == 1
        assert closes(ann.hear()) == [("close", 1013, b"")]

    def test_that_are_slow_in_two_ways_are_counted_once(self, make: Make) -> None:
        house = make(lag_hard_bytes=20_000)
        ann = house.join(send_buffer=SMALL)
        house.broadcast(b"x" * 10_000)
        house.hub.send(ann.client, b"x" * 10_000)
        house.hub.broadcast(house.room, b"x" * 10_000)
        house.turn(11)
        assert house.hub.stats()["slow"] == 1
        assert closes(ann.hear()) == [("close", 1013, b"")]

    def test_are_closed_when_their_socket_stands_still(self, house: House) -> None:
        ann, bea = house.join(send_buffer=SMALL), house.join()
        house.broadcast(b"x" * 30_000)
        for _ in range(9):
            house.turn(1)
        assert house.ended == []
        assert ann.read()
        for _ in range(10):
            house.turn(1)
        assert house.ended == []
        for _ in range(2):
            house.turn(1)
        assert house.ended == [ann.client]
        house.broadcast(b"[1]")
        assert lengths(bea.hear()) == [30_000, 3]
        assert closes(ann.events()) == [("close", 1013, b"")]

    def test_miss_positions_only(self, make: Make) -> None:
        house = make(lag_soft_bytes=5_000, lag_hard_bytes=1 << 20, move_seconds=0)
        ann, bea = house.join(send_buffer=SMALL), house.join()
        cid = house.join()
        for index in range(100):
            bea.send_messages(NOTE, {"m": "m", "x": index, "y": 0}, NOTE)
            house.hub.send(ann.client, b"[%d]" % index)
            house.turn()
        house.settle()
        everything = [told for told in payloads(cid.events()) if b'"m":"m"' not in told]
        assert len(everything) == 200
        heard = payloads(ann.events())
        moves = [told for told in heard if b'"m":"m"' in told]
        private = [b"[%d]" % index for index in range(100)]
        assert [told for told in heard if told not in moves + private] == everything
        assert [told for told in heard if told in private] == private
        assert 0 < len(moves) < 50
        assert house.hub.stats()["spared"] == 100 - len(moves)
        bea.send_messages({"m": "m", "x": 100, "y": 0})
        assert ann.hear() == cid.hear()

    def test_that_vanish_are_dropped(self, house: House) -> None:
        ann, bea = house.join(), house.join()
        ann.end.close()
        house.broadcast(b"[1]")
        house.turn()
        assert ann.is_aborted
        assert ann.is_lost
        assert house.ended == [ann.client]
        assert len(house.engine) == 1
        bea.read()
        assert bea.events() == texts(b"[1]")


class TestSilence:
    def test_is_broken_by_a_ping_and_ended_without_an_answer(self, house: House) -> None:
        ann, bea = house.join(), house.join()
        house.pass_time(25)
        assert ann.hear() == bea.hear() == []
        house.pass_time(2)
        assert ann.hear() == bea.hear() == [("ping", b"")]
        bea.send(frame(PONG))
        house.pass_time(9)
        assert not ann.is_aborted
        house.pass_time(3)
        assert ann.is_lost
        assert house.ended == [ann.client]
        house.pass_time(12)
        assert bea.hear() == []
        house.pass_time(4)
        assert bea.hear() == [("ping", b"")]

    def test_before_hi_ends_soon(self, make: Make) -> None:
        house = make(ping_seconds=1000)
        ann, bea = house.open(), house.join()
        for _ in range(30):
            ann.send_messages({"m": "t"})
            house.turn(1)
        assert house.ended == []
        house.pass_time(1)
        assert house.ended == [ann.client]
        assert closes(ann.hear()) == [("close", 4004, b"")]
        assert bea.hear() == []

    def test_without_the_time_ends_where_that_is_the_rule(self, make: Make) -> None:
        house = make(ping_seconds=1000, silence_seconds=60)
        ann, bea = house.join(), house.join()
        house.pass_time(59)
        ann.send_messages({"m": "t"})
        bea.send_messages(NOTE)
        house.pass_time(3)
        assert house.ended == [bea.client]
        assert closes(bea.hear()) == [("close", 4004, b"")]

    def test_after_a_close_frame_ends_soon(self, house: House) -> None:
        ann = house.join()
        house.dismiss(ann.client, 4000)
        house.turn()
        house.pass_time(1)
        assert not ann.is_aborted
        house.pass_time(2)
        assert ann.is_lost
        assert house.ended == [ann.client]

    def test_is_not_awaited_where_both_have_closed(self, house: House) -> None:
        ann = house.join()
        house.dismiss(ann.client, 4000)
        house.turn()
        ann.send(frame(CLOSE, b"\x0f\xa0"))
        house.turn()
        assert ann.is_lost


ENDS: dict[str, Callable[[House, Guest], object]] = {
    "close frame": lambda house, guest: guest.send(frame(CLOSE, b"\x03\xe8")),
    "violation": lambda house, guest: guest.send(frame(CONTINUATION)),
    "invalid text": lambda house, guest: guest.send(frame(TEXT, b"\xff")),
    "close": lambda house, guest: guest.link.close(4000),
    "abort": lambda house, guest: guest.link.abort(),
    "lost": lambda house, guest: guest.vanish(),
    "verdict": lambda house, guest: house.pass_time(32),
    "its own message": lambda house, guest: guest.send_messages({"m": "end"}, {"m": "end"}),
}


class TestEnds:
    @pytest.mark.parametrize("second", ENDS)
    @pytest.mark.parametrize("first", ENDS)
    def test_are_told_once(self, make: Make, first: str, second: str) -> None:
        house = make(ping_seconds=1000)
        house.on_receive = lambda client, raw: house.dismiss(client, 4008)
        guest = house.open()
        guest.link.session = guest.client
        ENDS[first](house, guest)
        if not guest.is_lost:
            ENDS[second](house, guest)
        house.turn()
        assert house.ended == [guest.client]
        for _ in range(4):
            house.turn(1)
        assert guest.is_lost or first == second == "abort"
        assert house.ended == [guest.client]
        assert len(house.engine) == house.hub.connections() == 0

    def test_without_a_session_nobody_is_told(self, house: House) -> None:
        guest = house.open()
        guest.link.session = None
        guest.send_messages({"m": "hi"})
        guest.link.close(4000)
        guest.vanish()
        assert (house.received, house.ended) == ([], [])

    def test_half_a_connection_is_none(self, house: House) -> None:
        assert house.open().link.eof_received() is False

    def test_links_are_listed_until_they_are_lost(self, house: House) -> None:
        ann, bea = house.open(), house.open()
        ann.link.close(4000)
        assert house.engine.connections() == [ann.link, bea.link]
        ann.vanish()
        assert house.engine.connections() == [bea.link]

    def test_only_the_engine_makes_links(self) -> None:
        with pytest.raises(TypeError):
            native.Link()


class TestLongFrames:
    """Frames that come in many reads."""

    def test_are_read_to_their_end(self, house: House) -> None:
        ann = house.open()
        message = b'{"m":"a","x":"%b"}' % (b"x" * 900_000)
        bytes_ = text({"m": "b"}) + text(message) + text({"m": "c"})
        for at in range(0, len(bytes_), 7_001):
            ann.send(bytes_[at : at + 7_001])
        assert [raw for _, raw in house.received] == [b'{"m": "b"}', message, b'{"m": "c"}']

    def test_may_end_byte_by_byte(self, house: House) -> None:
        ann = house.open()
        whole = text(b'{"m":"a","x":"%b"}' % (b"x" * 100_000))
        ann.send(whole[:-2_000])
        for byte in whole[-2_000:]:
            ann.send(bytes([byte]))
        assert len(house.received) == 1

    def test_are_judged_by_their_header(self, house: House) -> None:
        ann = house.open()
        ann.send(frame(TEXT, length=(1 << 20) + 1)[:14])
        assert ann.hear() == [("close", 1009, b"")]


class TestBinary:
    def test_comes_in_order_with_the_rest(self, house: House) -> None:
        ann = house.open()
        ann.send(text({"m": "a"}) + frame(BINARY, b"\0\xff") + text({"m": "b"}))
        ann.send(frame(BINARY, b"\1", fin=False), frame(CONTINUATION, b"\2"), frame(BINARY))
        heard = [b'{"m": "a"}', b"\0\xff", b'{"m": "b"}', b"\1\2", b""]
        assert house.received == [(ann.client, raw) for raw in heard]

    def test_what_only_looks_like_text_is_not(self, house: House) -> None:
        ann = house.open()
        blobs = [b"[\xff]", b"\0\0\0\2[]", b'{"m":"a"}']
        for blob in blobs:
            ann.send(frame(BINARY, blob))
        assert house.received == [(ann.client, blob) for blob in blobs]

    def test_after_the_end_nothing_comes(self, house: House) -> None:
        ann = house.open()
        house.on_receive = lambda client, raw: house.dismiss(client, 4008)
        ann.send(frame(BINARY, b"\0") + frame(BINARY, b"\1"))
        assert house.received == [(ann.client, b"\0")]


class TestSettings:
    @pytest.mark.parametrize(
        "settings", [{"duty": 0}, {"duty": 1.1}, {"quota_tick_seconds": 0}, {"time_per_second": 0}]
    )
    def test_that_make_no_sense(self, settings: dict[str, Any]) -> None:
        with pytest.raises(ValueError):
            native.Hub(**settings)

    def test_a_running_clock_takes_no_notice_of_turns(self) -> None:
        hub = native.Hub()
        before = hub.now_ms()
        hub.advance_clock(1e6)
        assert hub.now_ms() - before < 1e6

    def test_counters(self, make: Make) -> None:
        house = make(move_seconds=0.04)
        ann, bea = house.join(), house.join()
        ann.send_messages(NOTE, {"m": "m", "x": 1, "y": 1}, {"m": "m", "x": 2, "y": 2})
        house.hub.set_players(house.room, True, -1)
        ann.send_messages(NOTE)
        house.settle()
        sent = sum(len(native.frame_bytes(TEXT, told)) for told in payloads(bea.events()))
        stats = house.hub.stats()
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
        assert house.hub.flush_times()[0] == (5e-05, 1)
        assert sum(count for _, count in house.hub.flush_times()) == 1

    def test_how_things_stand(self, house: House) -> None:
        ann, bea = house.join(send_buffer=SMALL), house.join()
        assert house.hub.gauges() == {
            "connections": 2,
            "clients": 2,
            "blocked": 0,
            "rooms": 1,
            "people": 2,
            "queue_bytes": 0,
            "longest_queue_bytes": 0,
        }
        house.broadcast(b"x" * 60_000)
        owed = house.hub.lag(ann.client)
        stands = house.hub.gauges()
        assert owed > 0
        assert (stands["blocked"], stands["queue_bytes"]) == (1, owed)
        assert stands["longest_queue_bytes"] == owed
        bea.link.close(4000)
        assert house.hub.gauges()["clients"] == 1

    def test_ends_are_counted_by_code(self, house: House) -> None:
        ann, bea, cid = house.join(), house.join(), house.join()
        ann.link.close(4008)
        bea.vanish()
        cid.send(frame(8, b"\x0d\x80"))
        counts = dict(house.hub.closes())
        assert {code: count for code, count in counts.items() if count} == {
            4008: 1,
            1006: 1,
            None: 1,
        }
