"""Rules about time, to the millisecond: the handlers and the hub by a clock that stands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from fortepiano.config import PRESETS, RuleSettings, Settings
from fortepiano.handlers.dispatch import Dispatch
from fortepiano.model.identity import Identity
from fortepiano.model.session import Session
from fortepiano.native import Throttle
from fortepiano.server.assembly import make_context
from fortepiano.store.keyring import KeyRing
from fortepiano.store.memory import MemoryStore
from support import grammar
from support.people import Message
from support.stage import START, Guest, Stage


class House:
    """A server on a stage: people come and speak, and time passes when told to.

    Attributes:
        context: What its handlers work with.
    """

    def __init__(self, preset: str, **rules: Any) -> None:
        """Begin with nobody; `rules` differ from the preset."""
        settings = Settings(rules=RuleSettings(**{"preset": preset} | rules))
        chosen = settings.rules
        self.stage = Stage(
            # Nobody here answers pings.
            ping_seconds=1e9,
            quota_tick_seconds=chosen.quota_tick_ms / 1000,
            silence_seconds=chosen.silence_ms / 1000,
            time_burst=chosen.rate_time.burst,
            time_per_second=chosen.rate_time.per_second,
        )
        self._due: list[tuple[float, Any]] = []
        self._seconds = 0.0
        self.context = make_context(
            settings,
            MemoryStore(),
            KeyRing(None, 1),
            self._later,
            lambda: None,
            hub=self.stage.hub,
            throttle=Throttle(standing_at=START),
            identity=Identity("ip", "one", "two"),
        )
        dispatch = Dispatch(self.context)
        sessions: dict[int, Session] = {}
        self._sessions, self._ids = sessions, count(1)
        self.stage.on_receive = lambda client, raw: dispatch.receive(sessions[client], raw)
        self.stage.on_end = lambda client: dispatch.ended(sessions[client])

    def _later(self, seconds: float, call: Any) -> None:
        self._due.append((self._seconds + seconds, call))

    def enter(self, room: str) -> Visitor:
        """Let somebody in whom nobody has seen before, and who goes into `room`."""
        guest = self.stage.open()
        user_id = f"{next(self._ids):024x}"
        self._sessions[guest.client] = Session(guest.client, guest.link, user_id)
        visitor = Visitor(guest, user_id)
        visitor.send_messages({"m": "hi"}, {"m": "ch", "_id": room})
        visitor.hear()
        return visitor

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self._seconds += seconds
        self.stage.turn(seconds)
        due = [call for when, call in self._due if when <= self._seconds]
        self._due = [(when, call) for when, call in self._due if when > self._seconds]
        for call in due:
            call()
        self.stage.turn()

    def holder(self, room: str) -> str | None:
        """Return who holds the crown of `room`."""
        holder = self.context.directory.rooms[room].holder
        return holder.id if holder is not None else None


class Visitor:
    """Somebody in the house."""

    def __init__(self, guest: Guest, user_id: str) -> None:
        """Take over a guest of the stage."""
        self.guest = guest
        self.id = user_id

    def send_messages(self, *messages: Message) -> None:
        """Send messages."""
        self.guest.send_messages(*messages)

    def hear(self) -> list[Message]:
        """Return what was said since the last time."""
        heard: list[Message] = []
        for event in self.guest.hear():
            if event[0] == "text":
                heard += json.loads(event[1])
        for message in heard:
            grammar.check(message)
        return heard

    def count(self, m: str) -> int:
        """Return how many messages of this kind were said since the last time."""
        return sum(message["m"] == m for message in self.hear())


@pytest.fixture(params=PRESETS)
def preset(request: pytest.FixtureRequest) -> str:
    """The name of the rules under test."""
    return str(request.param)


@pytest.fixture
def house(preset: str) -> Iterator[House]:
    """A house in which nobody needs to speak."""
    house = House(preset, silence_ms=0)
    yield house
    house.stage.close()


def test_case_46_a_dropped_crown_lies_for_15_seconds(house: House) -> None:
    one, two = house.enter("room"), house.enter("room")
    one.send_messages({"m": "chown"})
    assert house.holder("room") is None
    house.wait(14.999)
    two.send_messages({"m": "chown", "id": two.id})
    assert house.holder("room") is None
    house.wait(0.001)
    two.send_messages({"m": "chown", "id": two.id})
    assert house.holder("room") == two.id


def test_case_46_a_newcomer_waits_as_long(house: House) -> None:
    one = house.enter("room")
    one.send_messages({"m": "chown"})
    house.wait(14.9)
    two = house.enter("room")
    assert house.holder("room") is None
    two.send_messages({"m": "chown", "id": two.id})
    assert house.holder("room") is None
    house.wait(0.2)
    two.send_messages({"m": "chown", "id": two.id})
    assert house.holder("room") == two.id


def test_case_47_the_last_holder_waits_no_time(house: House) -> None:
    one = house.enter("room")
    for seconds in (0, 1, 14.9, 3600):
        one.send_messages({"m": "chown"})
        house.wait(seconds)
        one.send_messages({"m": "chown", "id": one.id})
        assert house.holder("room") == one.id


def test_case_48_the_crown_of_who_left_lies_as_long() -> None:
    house = House("net")
    one, two = house.enter("room"), house.enter("room")
    one.send_messages({"m": "bye"})
    assert house.holder("room") is None
    house.wait(14.999)
    two.send_messages({"m": "chown", "id": two.id})
    assert house.holder("room") is None
    house.wait(0.001)
    two.send_messages({"m": "chown", "id": two.id})
    assert house.holder("room") == two.id
    house.stage.close()


def test_case_31_an_empty_room_lives_as_long_as_the_preset_says(house: House) -> None:
    one = house.enter("room")
    one.send_messages({"m": "ch", "_id": "lobby"})
    if house.context.rules.empty_room_ms:
        house.wait(2.999)
        assert "room" in house.context.directory.rooms
        # A moment later, so that a timer that is early by its clock does not find it too young.
        house.wait(0.1)
    assert "room" not in house.context.directory.rooms


def test_case_31_whoever_comes_in_time_keeps_it_alive() -> None:
    house = House("net")
    one = house.enter("room")
    for _ in range(5):
        one.send_messages({"m": "ch", "_id": "lobby"})
        house.wait(2)
        one.send_messages({"m": "ch", "_id": "room"})
        house.wait(2)
    assert "room" in house.context.directory.rooms
    assert house.holder("room") == one.id
    house.stage.close()


@pytest.mark.parametrize("ms", [300_000, 1799.9999999999998])
def test_case_74_a_ban_lasts_as_long_as_it_was_given(house: House, ms: float) -> None:
    one, two = house.enter("room"), house.enter("room")
    one.send_messages({"m": "kickban", "_id": two.id, "ms": ms})

    def is_in() -> bool:
        two.send_messages({"m": "ch", "_id": "room"})
        return two.id in house.context.directory.rooms["room"].participants

    house.wait(int(ms) / 1000 - 0.001)
    assert not is_in()
    house.wait(0.002)
    assert is_in()


@pytest.mark.parametrize(
    ("waited", "text"),
    [(0, "2 minutes"), (0.001, "2 minutes"), (60, "1 minute"), (119, "1 minute")],
)
def test_case_74_the_minutes_left_are_rounded_up(house: House, waited: float, text: str) -> None:
    one, two = house.enter("room"), house.enter("room")
    one.send_messages({"m": "kickban", "_id": two.id, "ms": 120_000})
    house.wait(waited)
    two.hear()
    two.send_messages({"m": "ch", "_id": "room"})
    (told,) = (m["text"] for m in two.hear() if m["m"] == "notification")
    assert text in told


def test_case_75_the_longest_ban_is_the_presets(house: House) -> None:
    one, two = house.enter("room"), house.enter("room")
    ceiling = house.context.rules.kickban_ceiling_ms
    assert ceiling in {3_600_000, 86_400_000}
    one.send_messages({"m": "kickban", "_id": two.id, "ms": ceiling + 1})
    now = house.context.now()
    assert house.context.bans.banned_until("room", two.id, now) == now + ceiling


RATES: list[tuple[Message, str, int, float]] = [
    ({"m": "a", "message": "hi"}, "a", 8, 1),
    ({"m": "hi"}, "hi", 10, 1),
    ({"m": "ch", "_id": "room"}, "ch", 10, 2),
    ({"m": "+ls"}, "ls", 10, 2),
    ({"m": "userset", "set": {"name": "{}"}}, "p", 30, 2),
    ({"m": "t"}, "t", 30, 10),
]


@pytest.mark.parametrize(("message", "heard", "burst", "rate"), RATES, ids=lambda it: str(it)[:12])
def test_case_62_burst_and_trickle(
    house: House, message: Message, heard: str, burst: int, rate: float
) -> None:
    holder, one = house.enter("room"), house.enter("room")
    house.wait(60)
    names = count()

    def passed(times: int) -> int:
        one.hear()
        for _ in range(times):
            text = json.dumps(message).replace("{}", f"name {next(names)}")
            one.send_messages(json.loads(text))
        return one.count(heard)

    assert passed(2 * burst) == burst
    # Just before the next token, and with it.
    house.wait(1 / rate - 0.002)
    assert passed(3) == 0
    house.wait(0.003)
    assert passed(3) == 1
    house.wait(4 / rate)
    assert passed(20) == 4
    house.wait(3600)
    assert passed(2 * burst) == burst
    assert holder.hear()


def test_case_62_the_holder_may_say_more(house: House) -> None:
    one = house.enter("room")
    one.send_messages(*[{"m": "a", "message": "hi"}] * 20)
    assert one.count("a") == 10
    house.wait(0.399)
    one.send_messages({"m": "a", "message": "hi"})
    assert one.count("a") == 0
    house.wait(0.002)
    one.send_messages({"m": "a", "message": "hi"})
    assert one.count("a") == 1


def test_one_notification_in_five_seconds(house: House) -> None:
    house.enter("room")
    one = house.enter("room")
    told = []
    for _ in range(11):
        one.send_messages({"m": "chset", "set": {"chat": False}})
        told.append(one.count("notification"))
        house.wait(1)
    assert told == [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]


def test_custom_data_by_windows_of_ten_seconds(house: House) -> None:
    one, two = house.enter("room"), house.enter("room")
    two.send_messages({"m": "+custom"})
    message = {"m": "custom", "target": {"mode": "subscribed"}, "data": "x" * 8190}
    one.send_messages(*[message] * 3)
    assert two.count("custom") == 2
    house.wait(9.999)
    one.send_messages(message)
    assert two.count("custom") == 0
    house.wait(0.001)
    one.send_messages(message)
    assert two.count("custom") == 1


def test_online_time_is_counted_to_the_millisecond(house: House) -> None:
    one = house.enter("room")
    one.send_messages({"m": "chset", "set": {"minOnlineTime": 3_600_000}})
    two = house.enter("lobby")
    for seconds, is_in in ((3599.999, False), (0.001, True)):
        house.wait(seconds)
        two.send_messages({"m": "t"}, {"m": "ch", "_id": "room"})
        assert (two.id in house.context.directory.rooms["room"].participants) is is_in


def test_case_09_silence_of_a_minute(preset: str) -> None:
    house = House(preset)
    one, two = house.enter("lobby"), house.enter("lobby")
    for _ in range(9):
        house.wait(20)
        two.send_messages({"m": "t"})
        for each in (one, two):
            each.hear()
    people = set(house.context.directory.rooms["lobby"].participants)
    assert people == ({two.id} if preset == "net" else {one.id, two.id})
    house.stage.close()
