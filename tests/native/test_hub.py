"""The hub as its clients see it, compiled and as a model: the same plays on both stages."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from support.hub_harness import START, Guest, ModelGuest, ModelStage, Stage, payloads, text
from support.raw_peer import BINARY, CLOSE, PING, TEXT, frame
from support.reference.frame import Event

Theatre = Stage | ModelStage
Actor = Guest | ModelGuest

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


class House:
    """A stage with a room in it, and people who come in by name."""

    def __init__(self, stage: Theatre) -> None:
        self.stage = stage
        self.hub = stage.hub
        self.hub.set_notice("quota", TOO_FAST)
        self.hub.set_notice("solo", NOT_YOU)
        self.room = self.hub.open_room()
        self.persons: dict[str, int] = {}

    def open(self, quota: tuple[int, int] = PLENTY) -> Actor:
        """Let somebody in who says hi."""
        guest = self.stage.open()
        self.hub.start_session(guest.client, self.hub.add_quota(*quota))
        return guest

    def person(self, name: str, room: int | None = None) -> int:
        """Put a person into the room."""
        room = self.room if room is None else room
        self.persons[name] = self.hub.add_participant(
            room, b'"%b"' % name.encode(), b'{"id":"%b"' % name.encode(), b"200", b"100"
        )
        return self.persons[name]

    def join(self, name: str, quota: tuple[int, int] = PLENTY) -> Actor:
        """Let somebody in and put him into the room, as another tab of who is there."""
        guest = self.open(quota)
        person = self.persons[name] if name in self.persons else self.person(name)
        self.hub.enter(guest.client, self.room, person)
        return guest


@pytest.fixture(params=[Stage, ModelStage], ids=["native", "reference"])
def stage(request: pytest.FixtureRequest) -> Iterator[Theatre]:
    stage = request.param()
    yield stage
    stage.close()


@pytest.fixture
def house(stage: Theatre) -> House:
    return House(stage)


class TestTelling:
    def test_in_order(self, house: House) -> None:
        ann = house.open()
        for index in range(300):
            house.hub.send(ann.client, b"[%d]" % index)
        assert ann.hear() == texts(*(b"[%d]" % index for index in range(300)))

    @pytest.mark.parametrize("length", [0, 125, 126, 65535, 65536, 300_000])
    def test_any_length(self, house: House, length: int) -> None:
        ann = house.join("ann")
        house.hub.send(ann.client, b"x" * length)
        house.hub.broadcast(house.room, b"y" * length)
        assert ann.hear() == texts(b"x" * length, b"y" * length)

    def test_saying_reaches_the_room_only(self, house: House) -> None:
        ann, bea, cid = house.join("ann"), house.join("bea"), house.open()
        house.hub.broadcast(house.room, b"[1]")
        assert [guest.hear() for guest in (ann, bea, cid)] == [texts(b"[1]"), texts(b"[1]"), []]

    def test_saying_but_to_one(self, house: House) -> None:
        ann, bea, cid = house.join("ann"), house.join("bea"), house.open()
        house.hub.broadcast(house.room, b"[1]", ann.client)
        house.hub.broadcast(house.room, b"[2]", cid.client)
        house.hub.broadcast(house.room, b"[3]", ann.client)
        house.hub.broadcast(house.room, b"[4]", bea.client)
        assert ann.hear() == texts(b"[2]", b"[4]")
        assert bea.hear() == texts(b"[1]", b"[2]", b"[3]")

    def test_saying_but_to_one_who_is_elsewhere(self, house: House) -> None:
        ann, bea = house.join("ann"), house.open()
        other = house.hub.open_room()
        house.hub.enter(bea.client, other, house.person("bea", other))
        house.hub.broadcast(house.room, b"[1]", bea.client)
        house.hub.broadcast(other, b"[2]", ann.client)
        assert (ann.hear(), bea.hear()) == (texts(b"[1]"), texts(b"[2]"))

    def test_private_words_keep_their_place(self, house: House) -> None:
        ann, bea = house.join("ann"), house.join("bea")
        for index in range(0, 60, 3):
            house.hub.broadcast(house.room, b"[%d]" % index)
            house.hub.send(ann.client, b"[%d]" % (index + 1))
            house.hub.broadcast(house.room, b"[%d]" % (index + 2), bea.client)
        assert ann.hear() == texts(*(b"[%d]" % index for index in range(60)))
        assert bea.hear() == texts(*(b"[%d]" % index for index in range(0, 60, 3)))

    def test_private_words_between_own_notes(self, house: House) -> None:
        ann, bea = house.join("ann"), house.join("bea")
        ann.send_messages(NOTE, {"m": "t", "e": 1}, NOTE, {"m": "t", "e": 2})
        house.hub.broadcast(house.room, b"[3]")
        ann.send_messages(NOTE)
        echoes = [b'[{"m":"t","t":%d,"e":%d}]' % (START, echo) for echo in (1, 2)]
        assert ann.hear() == texts(*echoes, b"[3]")
        assert bea.hear() == texts(note_of("ann"), note_of("ann"), b"[3]", note_of("ann"))

    def test_what_was_told_before_comes_before_the_room(self, house: House) -> None:
        ann = house.open()
        house.hub.send(ann.client, b"[0]")
        house.hub.broadcast(house.room, b"[never]")
        house.hub.enter(ann.client, house.room, house.person("ann"))
        house.hub.broadcast(house.room, b"[1]")
        house.hub.send(ann.client, b"[2]")
        assert ann.hear() == texts(b"[0]", b"[1]", b"[2]")

    def test_what_was_said_before_leaving_is_owed(self, house: House) -> None:
        ann, bea = house.join("ann"), house.join("bea")
        house.hub.broadcast(house.room, b"[1]")
        bea.send_messages(NOTE)
        house.hub.send(ann.client, b"[2]")
        house.hub.leave(ann.client)
        house.hub.broadcast(house.room, b"[never]")
        house.hub.send(ann.client, b"[3]")
        assert ann.hear() == texts(b"[1]", note_of("bea"), b"[2]", b"[3]")

    def test_from_room_to_room(self, house: House) -> None:
        ann = house.join("ann")
        other = house.hub.open_room()
        house.hub.broadcast(house.room, b"[old]")
        house.hub.broadcast(other, b"[never]")
        house.hub.enter(ann.client, other, house.person("ann", other))
        house.hub.broadcast(house.room, b"[never]")
        house.hub.broadcast(other, b"[new]")
        assert ann.hear() == texts(b"[old]", b"[new]")
        house.hub.enter(ann.client, house.room, house.person("ann"))
        house.hub.broadcast(house.room, b"[back]")
        assert ann.hear() == texts(b"[back]")

    def test_people(self, house: House) -> None:
        ann, bea = house.join("ann"), house.join("bea")
        bea.send_messages({"m": "m", "x": "1.5", "y": 2})
        house.hub.send_participants(ann.client, house.room, b'[{"ppl":[', b"]}]")
        house.hub.update_participant(house.persons["ann"], b'{"id":"ann","tag":1')
        house.hub.broadcast_participants(house.room, b"[[", b"]]")
        there = b'{"id":"bea","x":"1.5","y":2}'
        before = b'[{"ppl":[{"id":"ann","x":200,"y":100},' + there + b"]}]"
        after = b'[[{"id":"ann","tag":1,"x":200,"y":100},' + there + b"]]"
        assert house.hub.participants(house.room) == after[2:-2]
        assert house.hub.position(house.persons["bea"]) == (b'"1.5"', b"2")
        assert payloads(ann.hear()) == [before, after, move_of("bea", "1.5", 2)]

    def test_people_who_are_hidden(self, house: House) -> None:
        ann, bea = house.join("ann"), house.join("bea")
        cid = house.join("cid")
        house.hub.set_participant_flags(house.persons["ann"], False, True)
        for guest in (ann, bea, cid):
            house.hub.send_participants(guest.client, house.room, b"[", b"]", sees_all=guest is bea)
        house.hub.broadcast_participants(house.room, b"[", b"]")
        heard = [map(json.loads, payloads(guest.hear())) for guest in (ann, bea, cid)]
        names = [[[person["id"] for person in people] for people in told] for told in heard]
        everybody, others = ["ann", "bea", "cid"], ["bea", "cid"]
        assert names == [[everybody, others], [everybody, others], [others, others]]

    def test_members_come_and_go(self, house: House) -> None:
        ann, bea, cid = house.join("ann"), house.join("bea"), house.join("cid")
        house.hub.leave(ann.client)
        house.hub.leave(cid.client)
        house.hub.broadcast(house.room, b"[1]")
        dan = house.join("dan")
        house.hub.leave(bea.client)
        house.hub.broadcast(house.room, b"[2]")
        heard = [guest.hear() for guest in (ann, bea, cid, dan)]
        assert heard == [[], texts(b"[1]"), [], texts(b"[2]")]

    def test_who_is_unknown_harms_nobody(self, house: House) -> None:
        ann = house.join("ann")
        nobody = 77
        house.hub.send(nobody, b"[1]")
        house.hub.broadcast(nobody, b"[1]")
        house.hub.enter(nobody, house.room, house.persons["ann"])
        house.hub.enter(ann.client, nobody, house.persons["ann"])
        house.hub.leave(nobody)
        house.hub.close(nobody, 1000)
        house.hub.detach(nobody)
        house.hub.start_session(nobody, nobody)
        house.hub.remove_participant(nobody)
        house.hub.update_participant(nobody, b"")
        house.hub.set_players(nobody, True, nobody)
        house.hub.close_room(nobody)
        house.hub.send_participants(ann.client, nobody, b"[", b"]")
        assert house.hub.add_participant(nobody, b"", b"", b"", b"") == -1
        assert house.hub.position(nobody) is None
        assert ann.hear() == texts(b"[]")

    def test_a_room_may_close_with_people_in_it(self, house: House) -> None:
        ann = house.join("ann")
        house.hub.broadcast(house.room, b"[1]")
        house.hub.close_room(house.room)
        house.hub.send(ann.client, b"[2]")
        ann.send_messages(NOTE)
        assert ann.hear() == texts(b"[1]", b"[2]")
        assert house.hub.position(house.persons["ann"]) is None


class TestNotes:
    def test_all_hear_them_but_the_socket_that_played(self, house: House) -> None:
        ann, tab, bea = house.join("ann"), house.join("ann"), house.join("bea")
        ann.send_messages({"m": "n", "t": 5, "n": [{"n": "c4", "v": 0.5}, {"n": "d4", "s": 1}]})
        played = b'[{"m":"n","t":5,"p":"ann","n":[{"n": "c4", "v": 0.5}, {"n": "d4", "s": 1}]}]'
        played = played.replace(b": ", b":").replace(b", ", b",")
        assert [guest.hear() for guest in (ann, tab, bea)] == [[], texts(played), texts(played)]

    def test_in_one_order_for_all(self, house: House) -> None:
        ann, bea, cid = house.join("ann"), house.join("bea"), house.join("cid")
        ann.send_messages(NOTE)
        house.hub.broadcast(house.room, b"[1]")
        bea.send_messages(NOTE)
        ann.send_messages(NOTE)
        assert cid.hear() == texts(note_of("ann"), b"[1]", note_of("bea"), note_of("ann"))
        assert ann.hear() == texts(b"[1]", note_of("bea"))

    def test_before_hi_nothing_hot_is_passed_on(self, house: House) -> None:
        bea, ann = house.join("bea"), house.stage.open()
        ann.send_messages(NOTE, {"m": "m", "x": 1, "y": 2})
        house.hub.enter(ann.client, house.room, house.person("ann"))
        ann.send_messages(NOTE, {"m": "m", "x": 1, "y": 2})
        assert bea.hear() == ann.hear() == []
        assert house.hub.position(house.persons["ann"]) == (b"200", b"100")
        house.hub.start_session(ann.client, house.hub.add_quota(*PLENTY))
        ann.send_messages(NOTE)
        assert bea.hear() == texts(note_of("ann"))

    def test_outside_of_rooms_nobody_hears(self, house: House) -> None:
        bea, ann = house.join("bea"), house.open()
        ann.send_messages(NOTE, {"m": "m", "x": 1, "y": 2})
        assert bea.hear() == ann.hear() == []

    def test_mended_ones_go_out_anew(self, house: House) -> None:
        bea, ann = house.join("bea"), house.join("ann")
        ann.send_messages(
            b'{"m":"n","t":1,"n":[{"n":"c4","v":"0.500"},{"n":"e4","v":1.27,"d":12},{"d":5}]}'
        )
        mended = b'[{"n":"c4","v":0.5},{"n":"e4","v":1,"d":12}]'
        assert bea.hear() == texts(b'[{"m":"n","t":1,"p":"ann","n":' + mended + b"}]")
        assert ann.hear() == []

    def test_a_time_too_long_to_be_passed_on_goes_out_anew(self, house: House) -> None:
        bea, ann = house.join("bea"), house.join("ann")
        ann.send_messages(b'{"m":"n","t":1.%b,"n":[{"n":"c4"}]}' % (b"0" * 60))
        assert bea.hear() == texts(note_of("ann"))

    def test_whose_notes_make_no_sense_is_told_once_in_a_while(self, house: House) -> None:
        bea, ann = house.join("bea"), house.join("ann")
        house.hub.set_notice("notes", BAD_NOTES)
        ann.send_messages(
            {"m": "n", "t": 1, "n": [{"d": 5}]}, {"m": "n", "t": "now", "n": [{"n": "c4"}]}
        )
        ann.send_messages({"m": "n", "t": 1, "n": {}}, {"m": "n", "t": 1, "n": []}, NOTE)
        assert ann.hear() == texts(BAD_NOTES)
        assert bea.hear() == texts(note_of("ann"))
        house.stage.turn(4.9)
        ann.send_messages({"m": "n", "t": 1, "n": [{"d": 5}]})
        assert ann.hear() == []
        house.stage.turn(0.1)
        ann.send_messages({"m": "n"})
        assert ann.hear() == texts(BAD_NOTES)

    def test_an_empty_array_is_nothing(self, house: House) -> None:
        ann = house.join("ann")
        house.hub.set_notice("notes", BAD_NOTES)
        ann.send_messages({"m": "n", "t": 1, "n": []})
        assert ann.hear() == []

    def test_nobody_is_told_before_hi(self, house: House) -> None:
        ann = house.stage.open()
        house.hub.set_notice("notes", BAD_NOTES)
        ann.send_messages({"m": "n"}, {"m": "n", "t": 1, "n": [5]})
        assert ann.hear() == []

    def test_senseless_ones_cost_as_much_as_any_other(self, house: House) -> None:
        bea, ann = house.join("bea"), house.join("ann", quota=(1, 4))
        ann.send_messages(
            {"m": "n", "t": 1, "n": [{"d": 5}, {"n": "c4"}]}, {"m": "n", "t": 1, "n": [5]}
        )
        ann.send_messages(NOTE, NOTE)
        assert bea.hear() == texts(note_of("ann"), note_of("ann"))
        assert ann.hear() == texts(TOO_FAST)

    def test_an_array_in_a_binary_frame_is_text(self, house: House) -> None:
        bea, ann = house.join("bea"), house.join("ann")
        array = json.dumps([NOTE]).encode().replace(b" ", b"")
        ann.send(frame(BINARY, array), frame(BINARY, b" \n" + array))
        ann.send(frame(BINARY, array[:9], fin=False), frame(0, array[9:]))
        assert bea.hear() == texts(*[note_of("ann")] * 3)

    def test_only_the_holder_plays_solo(self, house: House) -> None:
        ann, bea = house.join("ann"), house.join("bea")
        tab = house.join("ann")
        house.hub.set_players(house.room, True, house.persons["ann"])
        ann.send_messages(NOTE)
        bea.send_messages(NOTE, NOTE)
        tab.send_messages(NOTE)
        bea.send_messages({"m": "m", "x": 1, "y": 2})
        assert bea.hear() == texts(note_of("ann"), NOT_YOU, note_of("ann"))
        assert ann.hear() == texts(note_of("ann"), move_of("bea", 1, 2))
        house.hub.set_players(house.room, False, house.persons["ann"])
        bea.send_messages(NOTE)
        assert ann.hear() == texts(note_of("bea"))

    def test_without_a_holder_nobody_plays_solo(self, house: House) -> None:
        ann, bea = house.join("ann"), house.join("bea")
        house.hub.set_players(house.room, True, house.persons["ann"])
        house.hub.leave(ann.client)
        house.hub.remove_participant(house.persons["ann"])
        # Whoever gets the number of the holder who left does not get the crown with it.
        assert house.person("cid") == house.persons["ann"]
        cid = house.open()
        house.hub.enter(cid.client, house.room, house.persons["cid"])
        cid.send_messages(NOTE)
        assert (bea.hear(), cid.hear()) == ([], texts(NOT_YOU))

    def test_who_is_muted_does_not_play(self, house: House) -> None:
        ann, bea = house.join("ann"), house.join("bea")
        house.hub.set_notice("muted", MUTED)
        house.hub.set_participant_flags(house.persons["ann"], True, False)
        ann.send_messages(NOTE, NOTE, {"m": "m", "x": 1, "y": 2})
        assert bea.hear() == texts(move_of("ann", 1, 2))
        assert ann.hear() == texts(MUTED)
        house.hub.set_participant_flags(house.persons["ann"], False, False)
        ann.send_messages(NOTE)
        assert bea.hear() == texts(note_of("ann"))

    def test_some_play_anywhere(self, house: House) -> None:
        ann, bea = house.join("ann", quota=(2, 2)), house.join("bea")
        house.hub.set_participant_flags(house.persons["ann"], True, False)
        house.hub.set_players(house.room, True, house.persons["bea"])
        house.hub.set_privileges(ann.client, True, False)
        ann.send_messages(NOTE, NOTE, NOTE)
        assert bea.hear() == texts(note_of("ann"), note_of("ann"))
        assert ann.hear() == texts(TOO_FAST)

    def test_too_many_are_dropped_whole(self, house: House) -> None:
        bea, ann = house.join("bea"), house.join("ann", quota=(2, 4))
        three = {"m": "n", "t": 1, "n": [{"n": "c4"}] * 3}
        ann.send_messages(three, three, NOTE, NOTE)
        assert len(bea.hear()) == 2
        assert ann.hear() == texts(TOO_FAST)
        house.stage.turn(1)
        ann.send_messages(three, NOTE, NOTE)
        assert bea.hear() == texts(note_of("ann"), note_of("ann"))

    def test_a_notice_comes_once_in_five_seconds_for_each_reason(self, house: House) -> None:
        bea, ann = house.join("bea", quota=(1, 1)), house.join("ann")
        house.hub.set_players(house.room, False, -1)
        bea.send_messages(NOTE, NOTE, NOTE)
        house.hub.set_players(house.room, True, house.persons["ann"])
        bea.send_messages(NOTE, NOTE)
        assert bea.hear() == texts(TOO_FAST, NOT_YOU)
        for seconds, heard in [(0.9, []), (4.0, []), (0.09, []), (0.01, [NOT_YOU]), (4.99, [])]:
            house.stage.turn(seconds)
            bea.send_messages(NOTE)
            assert bea.hear() == texts(*heard)
        assert ann.hear() == texts(note_of("bea"))


class TestMoves:
    def test_only_the_newest_position_goes_out(self, house: House) -> None:
        ann, bea, tab = house.join("ann"), house.join("bea"), house.join("ann")
        ann.send_messages({"m": "m", "x": 1, "y": 1}, {"m": "m", "x": "2.50", "y": 2})
        tab.send_messages({"m": "m", "x": 3, "y": "4"})
        assert bea.hear() == texts(move_of("ann", 3, "4"))
        assert ann.hear() == tab.hear() == []

    def test_at_most_one_in_a_while_and_always_the_last(self, house: House) -> None:
        ann, bea = house.join("ann"), house.join("bea")
        heard = []
        for step in range(101):
            ann.send_messages({"m": "m", "x": step, "y": 0})
            house.stage.turn(0.001)
            heard += bea.hear()
        house.stage.turn(0.04)
        heard += bea.hear()
        assert len(heard) == 4
        assert heard[-1:] == texts(move_of("ann", 100, 0))

    def test_a_position_waits_for_its_time_alone(self, house: House) -> None:
        ann, bea = house.join("ann"), house.join("bea")
        ann.send_messages({"m": "m", "x": 1, "y": 0})
        assert bea.hear() == texts(move_of("ann", 1, 0))
        ann.send_messages({"m": "m", "x": 2, "y": 0}, NOTE)
        house.hub.broadcast(house.room, b"[1]")
        assert bea.hear() == texts(note_of("ann"), b"[1]")
        house.stage.turn(0.039)
        assert bea.hear() == []
        house.stage.turn(0.001)
        assert bea.hear() == texts(move_of("ann", 2, 0))

    def test_who_comes_between_hears_it(self, house: House) -> None:
        ann = house.join("ann")
        ann.send_messages({"m": "m", "x": 1, "y": 0})
        bea = house.join("bea")
        assert bea.hear() == texts(move_of("ann", 1, 0))

    def test_nobody_hears_of_who_left(self, house: House) -> None:
        ann, bea = house.join("ann"), house.join("bea")
        ann.send_messages({"m": "m", "x": 1, "y": 0})
        house.hub.leave(ann.client)
        house.hub.remove_participant(house.persons["ann"])
        house.hub.broadcast(house.room, b"[bye]")
        assert bea.hear() == texts(b"[bye]")

    def test_of_who_is_hidden_stays_hidden(self, house: House) -> None:
        ann, bea = house.join("ann"), house.join("bea")
        house.hub.set_participant_flags(house.persons["ann"], False, True)
        ann.send_messages({"m": "m", "x": 1, "y": 0})
        assert bea.hear() == []
        house.hub.set_participant_flags(house.persons["ann"], False, False)
        ann.send_messages({"m": "m", "x": 2, "y": 0})
        assert bea.hear() == texts(move_of("ann", 2, 0))

    def test_a_tab_that_left_does_not_take_the_position_with_it(self, house: House) -> None:
        ann, tab, bea = house.join("ann"), house.join("ann"), house.join("bea")
        ann.send_messages({"m": "m", "x": 1, "y": 0})
        house.hub.leave(ann.client)
        assert bea.hear() == texts(move_of("ann", 1, 0))
        assert ann.hear() == tab.hear() == []


class TestTime:
    def test_is_told_in_order_with_its_echo(self, house: House) -> None:
        ann = house.open()
        ann.send_messages({"m": "t", "e": 7}, {"m": "t"}, {"m": "t", "e": "x"})
        house.stage.turn(1.2345)
        ann.send_messages(b'{"m":"t","e":1.50}')
        now, later = b"%d" % START, b"%d" % (START + 1234)
        assert ann.hear() == texts(
            b'[{"m":"t","t":' + now + b',"e":7}]',
            b'[{"m":"t","t":' + now + b"}]",
            b'[{"m":"t","t":' + now + b"}]",
            b'[{"m":"t","t":' + later + b',"e":1.50}]',
        )
        assert house.hub.now_ms() == START + 1234

    def test_is_not_told_too_often(self, house: House) -> None:
        ann = house.open()
        house.hub.set_notice("t", TOO_OFTEN)
        ann.send_messages(*[{"m": "t"}] * 32)
        now = [b'[{"m":"t","t":%d}]' % START] * 30
        assert ann.hear() == texts(*now, TOO_OFTEN)
        house.stage.turn(0.25)
        ann.send_messages(*[{"m": "t"}] * 3)
        assert ann.hear() == texts(*[b'[{"m":"t","t":%d}]' % (START + 250)] * 2)
        house.hub.set_privileges(ann.client, False, True)
        ann.send_messages(*[{"m": "t"}] * 100)
        assert len(ann.hear()) == 100

    def test_all_tabs_of_a_user_ask_together(self, house: House) -> None:
        house.hub.set_notice("t", TOO_OFTEN)
        ann, tab, quota = house.stage.open(), house.stage.open(), house.hub.add_quota(*PLENTY)
        ann.send_messages(*[{"m": "t"}] * 10)
        for each in (ann, tab):
            house.hub.start_session(each.client, quota)
        ann.send_messages(*[{"m": "t"}] * 10)
        tab.send_messages(*[{"m": "t"}] * 11)
        assert (len(ann.hear()), tab.hear()[-1]) == (20, *texts(TOO_OFTEN))
        # Who comes again has no more than who stayed.
        ann.vanish()
        again = house.stage.open()
        house.hub.start_session(again.client, quota)
        again.send_messages({"m": "t"})
        assert again.hear() == texts(TOO_OFTEN)
        stranger = house.open()
        stranger.send_messages({"m": "t"})
        assert len(stranger.hear()) == 1

    def test_an_address_asks_thirty_times_as_often(self, house: House) -> None:
        def asks(address: str, count: int) -> int:
            guest = house.open()
            house.hub.meter(guest.client, address)
            guest.send_messages(*[{"m": "t"}] * count)
            return len(guest.hear())

        assert [asks("192.0.2.1", 31) for _ in range(31)] == [30] * 30 + [0]
        assert asks("192.0.2.2", 1) == asks("", 1) == 1
        house.stage.turn(0.2)
        assert asks("192.0.2.1", 61) == 30

    def test_too_fast_is_said_once_for_notes_and_times(self, house: House) -> None:
        house.hub.set_notice("t", TOO_OFTEN)
        ann = house.join("ann", quota=(1, 1))
        ann.send_messages(NOTE, NOTE, *[{"m": "t"}] * 31)
        assert [event for event in ann.hear() if event in texts(TOO_FAST, TOO_OFTEN)] == texts(
            TOO_FAST
        )
        assert not house.hub.may_notify(ann.client, "quota")
        assert house.hub.may_notify(ann.client, "muted")
        assert not house.hub.may_notify(ann.client, "muted")
        assert not house.hub.may_notify(99, "muted")

    def test_is_told_before_hi_too(self, house: House) -> None:
        ann = house.stage.open()
        ann.send_messages({"m": "t"})
        assert ann.hear() == texts(b'[{"m":"t","t":%d}]' % START)


class TestOrder:
    """Hot and cold elements of one frame."""

    def test_cold_ones_come_one_by_one(self, house: House) -> None:
        ann = house.join("ann")
        ann.send_messages({"m": "a"}, NOTE, {"m": "b", "n": [1]}, 5, {"m": "c"})
        raw = [b'{"m": "a"}', b'{"m": "b", "n": [1]}', b'{"m": "c"}']
        assert house.stage.received == [(ann.client, element) for element in raw]

    def test_a_cold_one_changes_what_the_next_means(self, house: House) -> None:
        bea, ann = house.join("bea"), house.open()
        person = house.person("ann")

        def receive(client: int, raw: bytes) -> None:
            if json.loads(raw)["m"] == "ch":
                house.hub.enter(client, house.room, person)
            else:
                house.hub.leave(client)

        house.stage.on_receive = receive
        ann.send_messages(NOTE, {"m": "ch"}, NOTE | {"t": 2}, {"m": "bye"}, NOTE, {"m": "ch"}, NOTE)
        assert bea.hear() == texts(note_of("ann", 2), note_of("ann"))
        assert ann.hear() == []

    def test_answers_stand_between_the_answers_to_hot_ones(self, house: House) -> None:
        ann = house.open()
        house.stage.on_receive = lambda client, raw: house.hub.send(client, b"[" + raw + b"]")
        ann.send_messages({"m": "t"}, b'{"m":"a"}', {"m": "t"}, b'{"m":"b"}')
        time = b'[{"m":"t","t":%d}]' % START
        assert ann.hear() == texts(time, b'[{"m":"a"}]', time, b'[{"m":"b"}]')

    def test_frames_in_one_read(self, house: House) -> None:
        ann = house.open()
        house.stage.on_receive = lambda client, raw: house.hub.send(client, raw)
        ann.send(text(b'{"m":"a"}') + frame(PING, b"x") + text(b'{"m":"b"}', {"m": "t"}))
        time = b'[{"m":"t","t":%d}]' % START
        pong: list[Event] = [("pong", b"x")]
        assert ann.hear() == [*texts(b'{"m":"a"}'), *pong, *texts(b'{"m":"b"}', time)]

    def test_closing_stops_the_rest(self, house: House) -> None:
        bea, ann = house.join("bea"), house.join("ann")

        def receive(client: int, raw: bytes) -> None:
            house.hub.send(client, b"[last words]")
            house.stage.dismiss(client, 4008, "banned")
            house.hub.send(client, b"[too late]")
            house.hub.enter(client, house.room, house.persons["ann"])
            house.hub.broadcast(house.room, b"[bye]")

        house.stage.on_receive = receive
        ann.send(text(NOTE, {"m": "a"}, NOTE, {"m": "a"}, {"m": "t"}) + text(NOTE, {"m": "a"}))
        ann.send_messages(NOTE, {"m": "a"})
        assert bea.hear() == texts(note_of("ann"), b"[bye]")
        assert ann.hear() == [*texts(b"[last words]"), ("close", 4008, b"banned")]
        assert house.stage.received == [(ann.client, b'{"m": "a"}')]
        assert house.stage.ended == [ann.client]

    @pytest.mark.parametrize("cut", range(0, 90, 7))
    def test_a_frame_may_come_in_pieces(self, house: House, cut: int) -> None:
        ann, bea = house.join("ann"), house.join("bea")
        whole = text(NOTE, {"m": "t"}, {"m": "a"})
        ann.send(whole[:cut])
        bea.send_messages(NOTE)
        ann.send(whole[cut:])
        ann.send_messages({"m": "b"})
        assert [raw for _, raw in house.stage.received] == [b'{"m": "a"}', b'{"m": "b"}']
        assert bea.hear() == texts(note_of("ann"))


class TestEnds:
    def test_by_the_peer(self, house: House) -> None:
        ann, bea = house.join("ann"), house.join("bea")
        house.hub.send(ann.client, b"[1]")
        ann.send(text(NOTE) + frame(CLOSE, b"\x0f\xa0bye") + text(NOTE))
        assert ann.hear() == [*texts(b"[1]"), ("close", 4000, b"")]
        assert bea.hear() == texts(note_of("ann"))
        assert house.stage.ended == [ann.client]

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
    def test_by_a_frame(self, house: House, data: bytes, code: int) -> None:
        ann, bea = house.join("ann"), house.join("bea")
        house.hub.broadcast(house.room, b"[1]")
        ann.send(data + text(NOTE) + frame(CLOSE))
        ann.send(text(NOTE))
        house.hub.send(ann.client, b"[late]")
        assert ann.hear() == [*texts(b"[1]"), ("close", code, b"")]
        assert bea.hear() == texts(b"[1]")
        assert house.stage.ended == [ann.client]

    def test_by_the_server(self, house: House) -> None:
        ann, bea = house.join("ann"), house.join("bea")
        house.hub.broadcast(house.room, b"[1]")
        house.stage.dismiss(ann.client, 4000, "The server restarts.")
        house.stage.dismiss(ann.client, 4008, "again")
        house.hub.broadcast(house.room, b"[2]")
        ann.send_messages(NOTE)
        assert ann.hear() == [*texts(b"[1]"), ("close", 4000, b"The server restarts.")]
        assert bea.hear() == texts(b"[1]", b"[2]")
        assert house.stage.ended == [ann.client]
        ann.send(frame(CLOSE, b"\x0f\xa0"))
        assert ann.hear() == []
        assert house.stage.ended == [ann.client]

    def test_by_losing_the_connection(self, house: House) -> None:
        ann, bea = house.join("ann"), house.join("bea")
        ann.vanish()
        house.hub.broadcast(house.room, b"[1]")
        house.hub.send(ann.client, b"[2]")
        assert bea.hear() == texts(b"[1]")
        assert house.stage.ended == [ann.client]

    def test_a_number_used_again_begins_anew(self, house: House) -> None:
        ann, bea = house.join("ann", quota=(1, 1)), house.join("bea")
        ann.send_messages(NOTE, NOTE)
        ann.send(text(NOTE)[:9], frame(TEXT, b"[", fin=False)[:3])
        house.hub.broadcast(house.room, b"[old]")
        house.hub.send(ann.client, b"[old]")
        ann.vanish()
        stranger = house.stage.open()
        assert stranger.client == ann.client
        assert stranger.hear() == []
        stranger.send_messages({"m": "t"}, NOTE)
        house.hub.broadcast(house.room, b"[new]")
        assert stranger.hear() == texts(b'[{"m":"t","t":%d}]' % START)
        assert bea.hear() == texts(note_of("ann"), b"[old]", b"[new]")
