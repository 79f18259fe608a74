"""The hub as its clients see it: the same tests run on the compiled hub and on the model."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from support.hub_harness import (
    START,
    HubClient,
    HubHarness,
    ReferenceClient,
    ReferenceHarness,
    payloads,
    text,
)
from support.raw_peer import BINARY, CLOSE, PING, TEXT, frame
from support.reference.frame import Event
from support.reference.hub import server_close

AnyHarness = HubHarness | ReferenceHarness
AnyClient = HubClient | ReferenceClient

PLENTY = (8000, 24000)
TOO_FAST = b'[{"m":"notification","text":"too fast"}]'
NOT_YOU = b'[{"m":"notification","text":"not you"}]'
MUTED = b'[{"m":"notification","text":"muted"}]'
BAD_NOTES = b'[{"m":"notification","text":"bad notes"}]'
TOO_OFTEN = b'[{"m":"notification","text":"too often"}]'
NOTE = {"m": "n", "t": 1, "n": [{"n": "c4"}]}


def texts(*payloads: bytes) -> list[Event]:
    return [("text", payload) for payload in payloads]


def note_of(name: str, time: int = 1) -> bytes:
    return b'[{"m":"n","t":%d,"p":"%b","n":[{"n":"c4"}]}]' % (time, name.encode())


def move_of(name: str, x: int | str, y: int | str) -> bytes:
    return f'[{{"m":"m","id":"{name}","x":{json.dumps(x)},"y":{json.dumps(y)}}}]'.encode()


class HarnessRoom:
    """A room in a harness, whose participants join by name."""

    def __init__(self, harness: AnyHarness) -> None:
        self.harness = harness
        self.hub = harness.hub
        self.hub.set_notice("quota", TOO_FAST)
        self.hub.set_notice("solo", NOT_YOU)
        self.id = self.hub.open_room()
        self.participants: dict[str, int] = {}

    def open(self, quota: tuple[int, int] = PLENTY) -> AnyClient:
        """Connect a client that has sent `hi`."""
        client = self.harness.open()
        self.hub.start_session(client.number, self.hub.add_quota(*quota))
        return client

    def add_participant(self, name: str, room_id: int | None = None) -> int:
        """Add a participant to the room."""
        room_id = self.id if room_id is None else room_id
        self.participants[name] = self.hub.add_participant(
            room_id, b'"%b"' % name.encode(), b'{"id":"%b"' % name.encode(), b"200", b"100"
        )
        return self.participants[name]

    def join(self, name: str, quota: tuple[int, int] = PLENTY) -> AnyClient:
        """Connect a client and put it into the room, as one more tab if the name is there."""
        client = self.open(quota)
        participant = (
            self.participants[name] if name in self.participants else self.add_participant(name)
        )
        self.hub.enter(client.number, self.id, participant)
        return client


@pytest.fixture(params=[HubHarness, ReferenceHarness], ids=["native", "reference"])
def harness(request: pytest.FixtureRequest) -> Iterator[AnyHarness]:
    harness = request.param()
    yield harness
    harness.close()


@pytest.fixture
def room(harness: AnyHarness) -> HarnessRoom:
    return HarnessRoom(harness)


class TestTelling:
    def test_in_order(self, room: HarnessRoom) -> None:
        ann = room.open()
        for index in range(300):
            room.hub.send(ann.number, b"[%d]" % index)
        assert ann.received() == texts(*(b"[%d]" % index for index in range(300)))

    @pytest.mark.parametrize("length", [0, 125, 126, 65535, 65536, 300_000])
    def test_any_length(self, room: HarnessRoom, length: int) -> None:
        ann = room.join("ann")
        room.hub.send(ann.number, b"x" * length)
        room.hub.broadcast(room.id, b"y" * length)
        assert ann.received() == texts(b"x" * length, b"y" * length)

    def test_saying_reaches_the_room_only(self, room: HarnessRoom) -> None:
        ann, bea, cid = room.join("ann"), room.join("bea"), room.open()
        room.hub.broadcast(room.id, b"[1]")
        assert [client.received() for client in (ann, bea, cid)] == [
            texts(b"[1]"),
            texts(b"[1]"),
            [],
        ]

    def test_saying_but_to_one(self, room: HarnessRoom) -> None:
        ann, bea, cid = room.join("ann"), room.join("bea"), room.open()
        room.hub.broadcast(room.id, b"[1]", ann.number)
        room.hub.broadcast(room.id, b"[2]", cid.number)
        room.hub.broadcast(room.id, b"[3]", ann.number)
        room.hub.broadcast(room.id, b"[4]", bea.number)
        assert ann.received() == texts(b"[2]", b"[4]")
        assert bea.received() == texts(b"[1]", b"[2]", b"[3]")

    def test_saying_but_to_one_who_is_elsewhere(self, room: HarnessRoom) -> None:
        ann, bea = room.join("ann"), room.open()
        other = room.hub.open_room()
        room.hub.enter(bea.number, other, room.add_participant("bea", other))
        room.hub.broadcast(room.id, b"[1]", bea.number)
        room.hub.broadcast(other, b"[2]", ann.number)
        assert (ann.received(), bea.received()) == (texts(b"[1]"), texts(b"[2]"))

    def test_private_words_keep_their_place(self, room: HarnessRoom) -> None:
        ann, bea = room.join("ann"), room.join("bea")
        for index in range(0, 60, 3):
            room.hub.broadcast(room.id, b"[%d]" % index)
            room.hub.send(ann.number, b"[%d]" % (index + 1))
            room.hub.broadcast(room.id, b"[%d]" % (index + 2), bea.number)
        assert ann.received() == texts(*(b"[%d]" % index for index in range(60)))
        assert bea.received() == texts(*(b"[%d]" % index for index in range(0, 60, 3)))

    def test_private_words_between_own_notes(self, room: HarnessRoom) -> None:
        ann, bea = room.join("ann"), room.join("bea")
        ann.send_messages(NOTE, {"m": "t", "e": 1}, NOTE, {"m": "t", "e": 2})
        room.hub.broadcast(room.id, b"[3]")
        ann.send_messages(NOTE)
        echoes = [b'[{"m":"t","t":%d,"e":%d}]' % (START, echo) for echo in (1, 2)]
        assert ann.received() == texts(*echoes, b"[3]")
        assert bea.received() == texts(note_of("ann"), note_of("ann"), b"[3]", note_of("ann"))

    def test_what_was_told_before_comes_before_the_room(self, room: HarnessRoom) -> None:
        ann = room.open()
        room.hub.send(ann.number, b"[0]")
        room.hub.broadcast(room.id, b"[never]")
        room.hub.enter(ann.number, room.id, room.add_participant("ann"))
        room.hub.broadcast(room.id, b"[1]")
        room.hub.send(ann.number, b"[2]")
        assert ann.received() == texts(b"[0]", b"[1]", b"[2]")

    def test_what_was_said_before_leaving_is_owed(self, room: HarnessRoom) -> None:
        ann, bea = room.join("ann"), room.join("bea")
        room.hub.broadcast(room.id, b"[1]")
        bea.send_messages(NOTE)
        room.hub.send(ann.number, b"[2]")
        room.hub.leave(ann.number)
        room.hub.broadcast(room.id, b"[never]")
        room.hub.send(ann.number, b"[3]")
        assert ann.received() == texts(b"[1]", note_of("bea"), b"[2]", b"[3]")

    def test_from_room_to_room(self, room: HarnessRoom) -> None:
        ann = room.join("ann")
        other = room.hub.open_room()
        room.hub.broadcast(room.id, b"[old]")
        room.hub.broadcast(other, b"[never]")
        room.hub.enter(ann.number, other, room.add_participant("ann", other))
        room.hub.broadcast(room.id, b"[never]")
        room.hub.broadcast(other, b"[new]")
        assert ann.received() == texts(b"[old]", b"[new]")
        room.hub.enter(ann.number, room.id, room.add_participant("ann"))
        room.hub.broadcast(room.id, b"[back]")
        assert ann.received() == texts(b"[back]")

    def test_people(self, room: HarnessRoom) -> None:
        ann, bea = room.join("ann"), room.join("bea")
        bea.send_messages({"m": "m", "x": "1.5", "y": 2})
        room.hub.send_participants(ann.number, room.id, b'[{"ppl":[', b"]}]")
        room.hub.update_participant(room.participants["ann"], b'{"id":"ann","tag":1')
        room.hub.broadcast_participants(room.id, b"[[", b"]]")
        there = b'{"id":"bea","x":"1.5","y":2}'
        before = b'[{"ppl":[{"id":"ann","x":200,"y":100},' + there + b"]}]"
        after = b'[[{"id":"ann","tag":1,"x":200,"y":100},' + there + b"]]"
        assert room.hub.participants(room.id) == after[2:-2]
        assert room.hub.position(room.participants["bea"]) == (b'"1.5"', b"2")
        assert payloads(ann.received()) == [before, after, move_of("bea", "1.5", 2)]

    def test_people_who_are_hidden(self, room: HarnessRoom) -> None:
        ann, bea = room.join("ann"), room.join("bea")
        cid = room.join("cid")
        room.hub.set_participant_flags(room.participants["ann"], False, True)
        for client in (ann, bea, cid):
            room.hub.send_participants(client.number, room.id, b"[", b"]", sees_all=client is bea)
        room.hub.broadcast_participants(room.id, b"[", b"]")
        heard = [map(json.loads, payloads(client.received())) for client in (ann, bea, cid)]
        names = [[[entry["id"] for entry in people] for people in told] for told in heard]
        everybody, others = ["ann", "bea", "cid"], ["bea", "cid"]
        assert names == [[everybody, others], [everybody, others], [others, others]]

    def test_members_come_and_go(self, room: HarnessRoom) -> None:
        ann, bea, cid = room.join("ann"), room.join("bea"), room.join("cid")
        room.hub.leave(ann.number)
        room.hub.leave(cid.number)
        room.hub.broadcast(room.id, b"[1]")
        dan = room.join("dan")
        room.hub.leave(bea.number)
        room.hub.broadcast(room.id, b"[2]")
        heard = [client.received() for client in (ann, bea, cid, dan)]
        assert heard == [[], texts(b"[1]"), [], texts(b"[2]")]

    def test_who_is_unknown_harms_nobody(self, room: HarnessRoom) -> None:
        ann = room.join("ann")
        nobody = 77
        room.hub.send(nobody, b"[1]")
        room.hub.broadcast(nobody, b"[1]")
        room.hub.enter(nobody, room.id, room.participants["ann"])
        room.hub.enter(ann.number, nobody, room.participants["ann"])
        room.hub.leave(nobody)
        room.hub.close(nobody, 1000)
        room.hub.detach(nobody)
        room.hub.start_session(nobody, nobody)
        room.hub.remove_participant(nobody)
        room.hub.update_participant(nobody, b"")
        room.hub.set_players(nobody, True, nobody)
        room.hub.close_room(nobody)
        room.hub.send_participants(ann.number, nobody, b"[", b"]")
        with pytest.raises(KeyError):
            room.hub.add_participant(nobody, b"", b"", b"", b"")
        assert room.hub.position(nobody) is None
        assert ann.received() == texts(b"[]")

    def test_a_room_may_close_with_people_in_it(self, room: HarnessRoom) -> None:
        ann = room.join("ann")
        room.hub.broadcast(room.id, b"[1]")
        room.hub.close_room(room.id)
        room.hub.send(ann.number, b"[2]")
        ann.send_messages(NOTE)
        assert ann.received() == texts(b"[1]", b"[2]")
        assert room.hub.position(room.participants["ann"]) is None


class TestNotes:
    def test_all_hear_them_but_the_socket_that_played(self, room: HarnessRoom) -> None:
        ann, tab, bea = room.join("ann"), room.join("ann"), room.join("bea")
        ann.send_messages({"m": "n", "t": 5, "n": [{"n": "c4", "v": 0.5}, {"n": "d4", "s": 1}]})
        played = b'[{"m":"n","t":5,"p":"ann","n":[{"n": "c4", "v": 0.5}, {"n": "d4", "s": 1}]}]'
        played = played.replace(b": ", b":").replace(b", ", b",")
        assert [client.received() for client in (ann, tab, bea)] == [
            [],
            texts(played),
            texts(played),
        ]

    def test_in_one_order_for_all(self, room: HarnessRoom) -> None:
        ann, bea, cid = room.join("ann"), room.join("bea"), room.join("cid")
        ann.send_messages(NOTE)
        room.hub.broadcast(room.id, b"[1]")
        bea.send_messages(NOTE)
        ann.send_messages(NOTE)
        assert cid.received() == texts(note_of("ann"), b"[1]", note_of("bea"), note_of("ann"))
        assert ann.received() == texts(b"[1]", note_of("bea"))

    def test_before_hi_nothing_hot_is_passed_on(self, room: HarnessRoom) -> None:
        bea, ann = room.join("bea"), room.harness.open()
        ann.send_messages(NOTE, {"m": "m", "x": 1, "y": 2})
        room.hub.enter(ann.number, room.id, room.add_participant("ann"))
        ann.send_messages(NOTE, {"m": "m", "x": 1, "y": 2})
        assert bea.received() == ann.received() == []
        assert room.hub.position(room.participants["ann"]) == (b"200", b"100")
        room.hub.start_session(ann.number, room.hub.add_quota(*PLENTY))
        ann.send_messages(NOTE)
        assert bea.received() == texts(note_of("ann"))

    def test_outside_of_rooms_nobody_hears(self, room: HarnessRoom) -> None:
        bea, ann = room.join("bea"), room.open()
        ann.send_messages(NOTE, {"m": "m", "x": 1, "y": 2})
        assert bea.received() == ann.received() == []

    def test_mended_ones_go_out_anew(self, room: HarnessRoom) -> None:
        bea, ann = room.join("bea"), room.join("ann")
        ann.send_messages(
            b'{"m":"n","t":1,"n":[{"n":"c4","v":"0.500"},{"n":"e4","v":1.27,"d":12},{"d":5}]}'
        )
        mended = b'[{"n":"c4","v":0.5},{"n":"e4","v":1,"d":12}]'
        assert bea.received() == texts(b'[{"m":"n","t":1,"p":"ann","n":' + mended + b"}]")
        assert ann.received() == []

    def test_a_time_too_long_to_be_passed_on_goes_out_anew(self, room: HarnessRoom) -> None:
        bea, ann = room.join("bea"), room.join("ann")
        ann.send_messages(b'{"m":"n","t":1.%b,"n":[{"n":"c4"}]}' % (b"0" * 60))
        assert bea.received() == texts(note_of("ann"))

    def test_whose_notes_make_no_sense_is_told_once_in_a_while(self, room: HarnessRoom) -> None:
        bea, ann = room.join("bea"), room.join("ann")
        room.hub.set_notice("notes", BAD_NOTES)
        ann.send_messages(
            {"m": "n", "t": 1, "n": [{"d": 5}]}, {"m": "n", "t": "now", "n": [{"n": "c4"}]}
        )
        ann.send_messages({"m": "n", "t": 1, "n": {}}, {"m": "n", "t": 1, "n": []}, NOTE)
        assert ann.received() == texts(BAD_NOTES)
        assert bea.received() == texts(note_of("ann"))
        room.harness.turn(4.9)
        ann.send_messages({"m": "n", "t": 1, "n": [{"d": 5}]})
        assert ann.received() == []
        room.harness.turn(0.1)
        ann.send_messages({"m": "n"})
        assert ann.received() == texts(BAD_NOTES)

    def test_an_empty_array_is_nothing(self, room: HarnessRoom) -> None:
        ann = room.join("ann")
        room.hub.set_notice("notes", BAD_NOTES)
        ann.send_messages({"m": "n", "t": 1, "n": []})
        assert ann.received() == []

    def test_nobody_is_told_before_hi(self, room: HarnessRoom) -> None:
        ann = room.harness.open()
        room.hub.set_notice("notes", BAD_NOTES)
        ann.send_messages({"m": "n"}, {"m": "n", "t": 1, "n": [5]})
        assert ann.received() == []

    def test_senseless_ones_cost_as_much_as_any_other(self, room: HarnessRoom) -> None:
        bea, ann = room.join("bea"), room.join("ann", quota=(1, 4))
        ann.send_messages(
            {"m": "n", "t": 1, "n": [{"d": 5}, {"n": "c4"}]}, {"m": "n", "t": 1, "n": [5]}
        )
        ann.send_messages(NOTE, NOTE)
        assert bea.received() == texts(note_of("ann"), note_of("ann"))
        assert ann.received() == texts(TOO_FAST)

    def test_an_array_in_a_binary_frame_is_text(self, room: HarnessRoom) -> None:
        bea, ann = room.join("bea"), room.join("ann")
        array = json.dumps([NOTE]).encode().replace(b" ", b"")
        ann.send(frame(BINARY, array), frame(BINARY, b" \n" + array))
        ann.send(frame(BINARY, array[:9], fin=False), frame(0, array[9:]))
        assert bea.received() == texts(*[note_of("ann")] * 3)

    def test_only_the_holder_plays_solo(self, room: HarnessRoom) -> None:
        ann, bea = room.join("ann"), room.join("bea")
        tab = room.join("ann")
        room.hub.set_players(room.id, True, room.participants["ann"])
        ann.send_messages(NOTE)
        bea.send_messages(NOTE, NOTE)
        tab.send_messages(NOTE)
        bea.send_messages({"m": "m", "x": 1, "y": 2})
        assert bea.received() == texts(note_of("ann"), NOT_YOU, note_of("ann"))
        assert ann.received() == texts(note_of("ann"), move_of("bea", 1, 2))
        room.hub.set_players(room.id, False, room.participants["ann"])
        bea.send_messages(NOTE)
        assert ann.received() == texts(note_of("bea"))

    def test_without_a_holder_nobody_plays_solo(self, room: HarnessRoom) -> None:
        ann, bea = room.join("ann"), room.join("bea")
        room.hub.set_players(room.id, True, room.participants["ann"])
        room.hub.leave(ann.number)
        room.hub.remove_participant(room.participants["ann"])
        # A participant who reuses the number of the last holder does not get the crown.
        assert room.add_participant("cid") == room.participants["ann"]
        cid = room.open()
        room.hub.enter(cid.number, room.id, room.participants["cid"])
        cid.send_messages(NOTE)
        assert (bea.received(), cid.received()) == ([], texts(NOT_YOU))

    def test_who_is_muted_does_not_play(self, room: HarnessRoom) -> None:
        ann, bea = room.join("ann"), room.join("bea")
        room.hub.set_notice("muted", MUTED)
        room.hub.set_participant_flags(room.participants["ann"], True, False)
        ann.send_messages(NOTE, NOTE, {"m": "m", "x": 1, "y": 2})
        assert bea.received() == texts(move_of("ann", 1, 2))
        assert ann.received() == texts(MUTED)
        room.hub.set_participant_flags(room.participants["ann"], False, False)
        ann.send_messages(NOTE)
        assert bea.received() == texts(note_of("ann"))

    def test_some_play_anywhere(self, room: HarnessRoom) -> None:
        ann, bea = room.join("ann", quota=(2, 2)), room.join("bea")
        room.hub.set_participant_flags(room.participants["ann"], True, False)
        room.hub.set_players(room.id, True, room.participants["bea"])
        room.hub.set_privileges(ann.number, True, False)
        ann.send_messages(NOTE, NOTE, NOTE)
        assert bea.received() == texts(note_of("ann"), note_of("ann"))
        assert ann.received() == texts(TOO_FAST)

    def test_too_many_are_dropped_whole(self, room: HarnessRoom) -> None:
        bea, ann = room.join("bea"), room.join("ann", quota=(2, 4))
        three = {"m": "n", "t": 1, "n": [{"n": "c4"}] * 3}
        ann.send_messages(three, three, NOTE, NOTE)
        assert len(bea.received()) == 2
        assert ann.received() == texts(TOO_FAST)
        room.harness.turn(1)
        ann.send_messages(three, NOTE, NOTE)
        assert bea.received() == texts(note_of("ann"), note_of("ann"))

    def test_a_notice_comes_once_in_five_seconds_for_each_reason(self, room: HarnessRoom) -> None:
        bea, ann = room.join("bea", quota=(1, 1)), room.join("ann")
        room.hub.set_players(room.id, False)
        bea.send_messages(NOTE, NOTE, NOTE)
        room.hub.set_players(room.id, True, room.participants["ann"])
        bea.send_messages(NOTE, NOTE)
        assert bea.received() == texts(TOO_FAST, NOT_YOU)
        for seconds, heard in [(0.9, []), (4.0, []), (0.09, []), (0.01, [NOT_YOU]), (4.99, [])]:
            room.harness.turn(seconds)
            bea.send_messages(NOTE)
            assert bea.received() == texts(*heard)
        assert ann.received() == texts(note_of("bea"))


class TestMoves:
    def test_only_the_newest_position_goes_out(self, room: HarnessRoom) -> None:
        ann, bea, tab = room.join("ann"), room.join("bea"), room.join("ann")
        ann.send_messages({"m": "m", "x": 1, "y": 1}, {"m": "m", "x": "2.50", "y": 2})
        tab.send_messages({"m": "m", "x": 3, "y": "4"})
        assert bea.received() == texts(move_of("ann", 3, "4"))
        assert ann.received() == tab.received() == []

    def test_at_most_one_in_a_while_and_always_the_last(self, room: HarnessRoom) -> None:
        ann, bea = room.join("ann"), room.join("bea")
        heard = []
        for step in range(101):
            ann.send_messages({"m": "m", "x": step, "y": 0})
            room.harness.turn(0.001)
            heard += bea.received()
        room.harness.turn(0.04)
        heard += bea.received()
        assert len(heard) == 4
        assert heard[-1:] == texts(move_of("ann", 100, 0))

    def test_a_position_waits_for_its_time_alone(self, room: HarnessRoom) -> None:
        ann, bea = room.join("ann"), room.join("bea")
        ann.send_messages({"m": "m", "x": 1, "y": 0})
        assert bea.received() == texts(move_of("ann", 1, 0))
        ann.send_messages({"m": "m", "x": 2, "y": 0}, NOTE)
        room.hub.broadcast(room.id, b"[1]")
        assert bea.received() == texts(note_of("ann"), b"[1]")
        room.harness.turn(0.039)
        assert bea.received() == []
        room.harness.turn(0.001)
        assert bea.received() == texts(move_of("ann", 2, 0))

    def test_who_comes_between_hears_it(self, room: HarnessRoom) -> None:
        ann = room.join("ann")
        ann.send_messages({"m": "m", "x": 1, "y": 0})
        bea = room.join("bea")
        assert bea.received() == texts(move_of("ann", 1, 0))

    def test_nobody_hears_of_who_left(self, room: HarnessRoom) -> None:
        ann, bea = room.join("ann"), room.join("bea")
        ann.send_messages({"m": "m", "x": 1, "y": 0})
        room.hub.leave(ann.number)
        room.hub.remove_participant(room.participants["ann"])
        room.hub.broadcast(room.id, b"[bye]")
        assert bea.received() == texts(b"[bye]")

    def test_of_who_is_hidden_stays_hidden(self, room: HarnessRoom) -> None:
        ann, bea = room.join("ann"), room.join("bea")
        room.hub.set_participant_flags(room.participants["ann"], False, True)
        ann.send_messages({"m": "m", "x": 1, "y": 0})
        assert bea.received() == []
        room.hub.set_participant_flags(room.participants["ann"], False, False)
        ann.send_messages({"m": "m", "x": 2, "y": 0})
        assert bea.received() == texts(move_of("ann", 2, 0))

    def test_a_tab_that_left_does_not_take_the_position_with_it(self, room: HarnessRoom) -> None:
        ann, tab, bea = room.join("ann"), room.join("ann"), room.join("bea")
        ann.send_messages({"m": "m", "x": 1, "y": 0})
        room.hub.leave(ann.number)
        assert bea.received() == texts(move_of("ann", 1, 0))
        assert ann.received() == tab.received() == []


class TestTime:
    def test_is_told_in_order_with_its_echo(self, room: HarnessRoom) -> None:
        ann = room.open()
        ann.send_messages({"m": "t", "e": 7}, {"m": "t"}, {"m": "t", "e": "x"})
        room.harness.turn(1.2345)
        ann.send_messages(b'{"m":"t","e":1.50}')
        now, later = b"%d" % START, b"%d" % (START + 1234)
        assert ann.received() == texts(
            b'[{"m":"t","t":' + now + b',"e":7}]',
            b'[{"m":"t","t":' + now + b"}]",
            b'[{"m":"t","t":' + now + b"}]",
            b'[{"m":"t","t":' + later + b',"e":1.50}]',
        )
        assert room.hub.now_ms() == START + 1234

    def test_is_not_told_too_often(self, room: HarnessRoom) -> None:
        ann = room.open()
        room.hub.set_notice("t", TOO_OFTEN)
        ann.send_messages(*[{"m": "t"}] * 32)
        now = [b'[{"m":"t","t":%d}]' % START] * 30
        assert ann.received() == texts(*now, TOO_OFTEN)
        room.harness.turn(0.25)
        ann.send_messages(*[{"m": "t"}] * 3)
        assert ann.received() == texts(*[b'[{"m":"t","t":%d}]' % (START + 250)] * 2)
        room.hub.set_privileges(ann.number, False, True)
        ann.send_messages(*[{"m": "t"}] * 100)
        assert len(ann.received()) == 100

    def test_all_tabs_of_a_user_ask_together(self, room: HarnessRoom) -> None:
        room.hub.set_notice("t", TOO_OFTEN)
        ann, tab, quota = room.harness.open(), room.harness.open(), room.hub.add_quota(*PLENTY)
        ann.send_messages(*[{"m": "t"}] * 10)
        for each in (ann, tab):
            room.hub.start_session(each.number, quota)
        ann.send_messages(*[{"m": "t"}] * 10)
        tab.send_messages(*[{"m": "t"}] * 11)
        assert (len(ann.received()), tab.received()[-1]) == (20, *texts(TOO_OFTEN))
        # A client that reconnects has no more requests than one that stayed.
        ann.vanish()
        again = room.harness.open()
        room.hub.start_session(again.number, quota)
        again.send_messages({"m": "t"})
        assert again.received() == texts(TOO_OFTEN)
        stranger = room.open()
        stranger.send_messages({"m": "t"})
        assert len(stranger.received()) == 1

    def test_an_address_asks_thirty_times_as_often(self, room: HarnessRoom) -> None:
        def asks(address: str, count: int) -> int:
            client = room.open()
            room.hub.meter(client.number, address)
            client.send_messages(*[{"m": "t"}] * count)
            return len(client.received())

        assert [asks("192.0.2.1", 31) for _ in range(31)] == [30] * 30 + [0]
        assert asks("192.0.2.2", 1) == asks("", 1) == 1
        room.harness.turn(0.2)
        assert asks("192.0.2.1", 61) == 30

    def test_too_fast_is_said_once_for_notes_and_times(self, room: HarnessRoom) -> None:
        room.hub.set_notice("t", TOO_OFTEN)
        ann = room.join("ann", quota=(1, 1))
        ann.send_messages(NOTE, NOTE, *[{"m": "t"}] * 31)
        assert [event for event in ann.received() if event in texts(TOO_FAST, TOO_OFTEN)] == texts(
            TOO_FAST
        )
        assert not room.hub.may_notify(ann.number, "quota")
        assert room.hub.may_notify(ann.number, "muted")
        assert not room.hub.may_notify(ann.number, "muted")
        assert not room.hub.may_notify(99, "muted")

    def test_is_told_before_hi_too(self, room: HarnessRoom) -> None:
        ann = room.harness.open()
        ann.send_messages({"m": "t"})
        assert ann.received() == texts(b'[{"m":"t","t":%d}]' % START)


class TestOrder:
    """Hot and cold elements of one frame."""

    def test_cold_ones_come_one_by_one(self, room: HarnessRoom) -> None:
        ann = room.join("ann")
        ann.send_messages({"m": "a"}, NOTE, {"m": "b", "n": [1]}, 5, {"m": "c"})
        raw = [b'{"m": "a"}', b'{"m": "b", "n": [1]}', b'{"m": "c"}']
        assert room.harness.dispatched == [(ann.number, element) for element in raw]

    def test_a_cold_one_changes_what_the_next_means(self, room: HarnessRoom) -> None:
        bea, ann = room.join("bea"), room.open()
        participant = room.add_participant("ann")

        def receive(client: int, raw: bytes) -> None:
            if json.loads(raw)["m"] == "ch":
                room.hub.enter(client, room.id, participant)
            else:
                room.hub.leave(client)

        room.harness.on_receive = receive
        ann.send_messages(NOTE, {"m": "ch"}, NOTE | {"t": 2}, {"m": "bye"}, NOTE, {"m": "ch"}, NOTE)
        assert bea.received() == texts(note_of("ann", 2), note_of("ann"))
        assert ann.received() == []

    def test_answers_stand_between_the_answers_to_hot_ones(self, room: HarnessRoom) -> None:
        ann = room.open()
        room.harness.on_receive = lambda client, raw: room.hub.send(client, b"[" + raw + b"]")
        ann.send_messages({"m": "t"}, b'{"m":"a"}', {"m": "t"}, b'{"m":"b"}')
        time = b'[{"m":"t","t":%d}]' % START
        assert ann.received() == texts(time, b'[{"m":"a"}]', time, b'[{"m":"b"}]')

    def test_frames_in_one_read(self, room: HarnessRoom) -> None:
        ann = room.open()
        room.harness.on_receive = lambda client, raw: room.hub.send(client, raw)
        ann.send(text(b'{"m":"a"}') + frame(PING, b"x") + text(b'{"m":"b"}', {"m": "t"}))
        time = b'[{"m":"t","t":%d}]' % START
        pong: list[Event] = [("pong", b"x")]
        assert ann.received() == [*texts(b'{"m":"a"}'), *pong, *texts(b'{"m":"b"}', time)]

    def test_closing_stops_the_rest(self, room: HarnessRoom) -> None:
        bea, ann = room.join("bea"), room.join("ann")

        def receive(client: int, raw: bytes) -> None:
            room.hub.send(client, b"[last words]")
            room.harness.dismiss(client, 4008, "banned")
            room.hub.send(client, b"[too late]")
            room.hub.enter(client, room.id, room.participants["ann"])
            room.hub.broadcast(room.id, b"[bye]")

        room.harness.on_receive = receive
        ann.send(text(NOTE, {"m": "a"}, NOTE, {"m": "a"}, {"m": "t"}) + text(NOTE, {"m": "a"}))
        ann.send_messages(NOTE, {"m": "a"})
        assert bea.received() == texts(note_of("ann"), b"[bye]")
        assert ann.received() == [*texts(b"[last words]"), ("close", 4008, b"banned")]
        assert room.harness.dispatched == [(ann.number, b'{"m": "a"}')]
        assert room.harness.ended == [ann.number]

    @pytest.mark.parametrize("cut", range(0, 90, 7))
    def test_a_frame_may_come_in_pieces(self, room: HarnessRoom, cut: int) -> None:
        ann, bea = room.join("ann"), room.join("bea")
        whole = text(NOTE, {"m": "t"}, {"m": "a"})
        ann.send(whole[:cut])
        bea.send_messages(NOTE)
        ann.send(whole[cut:])
        ann.send_messages({"m": "b"})
        assert [raw for _, raw in room.harness.dispatched] == [b'{"m": "a"}', b'{"m": "b"}']
        assert bea.received() == texts(note_of("ann"))


class TestEnds:
    def test_by_the_peer(self, room: HarnessRoom) -> None:
        ann, bea = room.join("ann"), room.join("bea")
        room.hub.send(ann.number, b"[1]")
        ann.send(text(NOTE) + frame(CLOSE, b"\x0f\xa0bye") + text(NOTE))
        assert ann.received() == [*texts(b"[1]"), ("close", 4000, b"")]
        assert bea.received() == texts(note_of("ann"))
        assert room.harness.ended == [ann.number]

    @pytest.mark.parametrize(
        ("data", "code"),
        [
            (frame(TEXT, b"\xff"), 1007),
            (frame(TEXT, b"[]", rsv=4), 1002),
            (frame(TEXT, b"[]", masked=False), 1002),
            (frame(TEXT, length=(1 << 20) + 1), 1009),
            (frame(CLOSE), 1005),
            (frame(CLOSE, b"\x03"), 1002),
            (frame(TEXT, b"[", fin=False) + frame(TEXT, b"]"), 1002),
            (frame(TEXT, b"x" * 9, fin=False) + frame(0, length=(1 << 20) - 8), 1009),
        ],
        ids=["text", "reserved", "unmasked", "big", "empty", "half", "twice", "fragments"],
    )
    def test_by_a_frame(self, room: HarnessRoom, data: bytes, code: int) -> None:
        ann, bea = room.join("ann"), room.join("bea")
        room.hub.broadcast(room.id, b"[1]")
        ann.send(data + text(NOTE) + frame(CLOSE))
        ann.send(text(NOTE))
        room.hub.send(ann.number, b"[late]")
        assert ann.received() == [*texts(b"[1]"), server_close(code)]
        assert bea.received() == texts(b"[1]")
        assert room.harness.ended == [ann.number]

    def test_by_the_server(self, room: HarnessRoom) -> None:
        ann, bea = room.join("ann"), room.join("bea")
        room.hub.broadcast(room.id, b"[1]")
        room.harness.dismiss(ann.number, 4000, "The server restarts.")
        room.harness.dismiss(ann.number, 4008, "again")
        room.hub.broadcast(room.id, b"[2]")
        ann.send_messages(NOTE)
        assert ann.received() == [*texts(b"[1]"), ("close", 4000, b"The server restarts.")]
        assert bea.received() == texts(b"[1]", b"[2]")
        assert room.harness.ended == [ann.number]
        ann.send(frame(CLOSE, b"\x0f\xa0"))
        assert ann.received() == []
        assert room.harness.ended == [ann.number]

    def test_by_losing_the_connection(self, room: HarnessRoom) -> None:
        ann, bea = room.join("ann"), room.join("bea")
        ann.vanish()
        room.hub.broadcast(room.id, b"[1]")
        room.hub.send(ann.number, b"[2]")
        assert bea.received() == texts(b"[1]")
        assert room.harness.ended == [ann.number]

    def test_a_number_used_again_begins_anew(self, room: HarnessRoom) -> None:
        ann, bea = room.join("ann", quota=(1, 1)), room.join("bea")
        ann.send_messages(NOTE, NOTE)
        ann.send(text(NOTE)[:9], frame(TEXT, b"[", fin=False)[:3])
        room.hub.broadcast(room.id, b"[old]")
        room.hub.send(ann.number, b"[old]")
        ann.vanish()
        stranger = room.harness.open()
        assert stranger.number == ann.number
        assert stranger.received() == []
        stranger.send_messages({"m": "t"}, NOTE)
        room.hub.broadcast(room.id, b"[new]")
        assert stranger.received() == texts(b'[{"m":"t","t":%d}]' % START)
        assert bea.received() == texts(note_of("ann"), b"[old]", b"[new]")
