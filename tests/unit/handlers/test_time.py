"""Rules about time, to the millisecond: the handlers and the hub by a clock that stands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from fortepiano.config import PRESETS, RuleSettings, Settings
from fortepiano.config.parts import Part, settings_of
from fortepiano.handlers.dispatch import Dispatch
from fortepiano.model.identity import Identity
from fortepiano.model.session import Session
from fortepiano.native import subscriber
from fortepiano.server.assembly import make_context
from fortepiano.store.keyring import KeyRing
from fortepiano.store.memory import MemoryStore
from support import grammar
from support.hub_harness import START, HubClient, HubHarness
from support.native_parts import make_test_throttle
from support.websocket_clients import Message


class SteppedServer:
    """Handlers and the compiled hub together, on a clock that tests advance.

    Attributes:
        context: What the handlers work with.
    """

    def __init__(self, preset: str, **rules: Any) -> None:
        """Begin without clients; `rules` differ from the preset."""
        settings = Settings(rules=RuleSettings(**{"preset": preset} | rules))
        self.harness = HubHarness(
            # Nobody here answers pings.
            **settings_of(Part.HUB, settings) | {"ping_seconds": 1e9}
        )
        self._due: list[tuple[float, Any]] = []
        self._seconds = 0.0
        self.context = make_context(
            settings,
            MemoryStore(),
            KeyRing(None, 1),
            self._later,
            lambda: None,
            hub=self.harness.hub,
            throttle=make_test_throttle(standing_at=START),
            identity=Identity("ip", "one", "two", subscriber),
        )
        dispatch = Dispatch(self.context)
        sessions: dict[int, Session] = {}
        self._sessions, self._ids = sessions, count(1)
        self.harness.on_receive = lambda client, raw: dispatch.receive(sessions[client], raw)
        self.harness.on_end = lambda client: dispatch.ended(sessions[client])

    def _later(self, seconds: float, call: Any) -> None:
        self._due.append((self._seconds + seconds, call))

    def enter(self, room: str) -> JsonClient:
        """Connect a new user, who joins `room`."""
        opened = self.harness.open()
        user_id = f"{next(self._ids):024x}"
        self._sessions[opened.number] = Session(opened.number, opened.link, user_id)
        client = JsonClient(opened, user_id)
        client.send_messages({"m": "hi"}, {"m": "ch", "_id": room})
        client.received()
        return client

    def wait(self, seconds: float) -> None:
        """Advance the clock, and run the calls that are due."""
        self._seconds += seconds
        self.harness.turn(seconds)
        due = [call for when, call in self._due if when <= self._seconds]
        self._due = [(when, call) for when, call in self._due if when > self._seconds]
        for call in due:
            call()
        self.harness.turn()

    def holder(self, room: str) -> str | None:
        """Return the id of the holder of `room`."""
        holder = self.context.directory.rooms[room].holder
        return holder.id if holder is not None else None


class JsonClient:
    """A client that sends and receives JSON messages."""

    def __init__(self, hub_client: HubClient, user_id: str) -> None:
        """Wrap a client of the harness."""
        self.hub_client = hub_client
        self.id = user_id

    def send_messages(self, *messages: Message) -> None:
        """Send messages."""
        self.hub_client.send_messages(*messages)

    def received(self) -> list[Message]:
        """Return the messages since the last call."""
        heard: list[Message] = []
        for event in self.hub_client.received():
            if event[0] == "text":
                heard += json.loads(event[1])
        for message in heard:
            grammar.check(message)
        return heard

    def count(self, m: str) -> int:
        """Return how many messages of this kind came since the last call."""
        return sum(message["m"] == m for message in self.received())


@pytest.fixture(params=PRESETS)
def preset(request: pytest.FixtureRequest) -> str:
    """The name of the rules under test."""
    return str(request.param)


@pytest.fixture
def server(preset: str) -> Iterator[SteppedServer]:
    """A server that closes no silent client."""
    server = SteppedServer(preset, silence_ms=0)
    yield server
    server.harness.close()


@pytest.mark.case(46)
def test_others_may_take_a_dropped_crown_after_15_seconds(server: SteppedServer) -> None:
    one, two = server.enter("room"), server.enter("room")
    one.send_messages({"m": "chown"})
    assert server.holder("room") is None
    server.wait(14.999)
    two.send_messages({"m": "chown", "id": two.id})
    assert server.holder("room") is None
    server.wait(0.001)
    two.send_messages({"m": "chown", "id": two.id})
    assert server.holder("room") == two.id


@pytest.mark.case(46)
def test_a_newcomer_waits_as_long_for_a_dropped_crown(server: SteppedServer) -> None:
    one = server.enter("room")
    one.send_messages({"m": "chown"})
    server.wait(14.9)
    two = server.enter("room")
    assert server.holder("room") is None
    two.send_messages({"m": "chown", "id": two.id})
    assert server.holder("room") is None
    server.wait(0.2)
    two.send_messages({"m": "chown", "id": two.id})
    assert server.holder("room") == two.id


@pytest.mark.case(47)
def test_the_last_holder_need_not_wait(server: SteppedServer) -> None:
    one = server.enter("room")
    for seconds in (0, 1, 14.9, 3600):
        one.send_messages({"m": "chown"})
        server.wait(seconds)
        one.send_messages({"m": "chown", "id": one.id})
        assert server.holder("room") == one.id


@pytest.mark.case(48)
def test_the_crown_of_a_holder_who_left_is_reserved_as_long() -> None:
    server = SteppedServer("net")
    one, two = server.enter("room"), server.enter("room")
    one.send_messages({"m": "bye"})
    assert server.holder("room") is None
    server.wait(14.999)
    two.send_messages({"m": "chown", "id": two.id})
    assert server.holder("room") is None
    server.wait(0.001)
    two.send_messages({"m": "chown", "id": two.id})
    assert server.holder("room") == two.id
    server.harness.close()


@pytest.mark.case(31)
def test_an_empty_room_lives_as_long_as_the_preset_says(server: SteppedServer) -> None:
    one = server.enter("room")
    one.send_messages({"m": "ch", "_id": "lobby"})
    if server.context.rules.empty_room_ms:
        server.wait(2.999)
        assert "room" in server.context.directory.rooms
        # A moment later, so that a timer that is early by its clock does not find it too young.
        server.wait(0.1)
    assert "room" not in server.context.directory.rooms


@pytest.mark.case(31)
def test_a_user_who_comes_in_time_keeps_an_empty_room_alive() -> None:
    server = SteppedServer("net")
    one = server.enter("room")
    for _ in range(5):
        one.send_messages({"m": "ch", "_id": "lobby"})
        server.wait(2)
        one.send_messages({"m": "ch", "_id": "room"})
        server.wait(2)
    assert "room" in server.context.directory.rooms
    assert server.holder("room") == one.id
    server.harness.close()


@pytest.mark.parametrize("ms", [300_000, 1799.9999999999998])
@pytest.mark.case(74)
def test_a_ban_lasts_for_its_time(server: SteppedServer, ms: float) -> None:
    one, two = server.enter("room"), server.enter("room")
    one.send_messages({"m": "kickban", "_id": two.id, "ms": ms})

    def is_in() -> bool:
        two.send_messages({"m": "ch", "_id": "room"})
        return two.id in server.context.directory.rooms["room"].participants

    server.wait(int(ms) / 1000 - 0.001)
    assert not is_in()
    server.wait(0.002)
    assert is_in()


@pytest.mark.parametrize(
    ("waited", "text"),
    [(0, "2 minutes"), (0.001, "2 minutes"), (60, "1 minute"), (119, "1 minute")],
)
@pytest.mark.case(74)
def test_the_remaining_minutes_are_rounded_up(
    server: SteppedServer, waited: float, text: str
) -> None:
    one, two = server.enter("room"), server.enter("room")
    one.send_messages({"m": "kickban", "_id": two.id, "ms": 120_000})
    server.wait(waited)
    two.received()
    two.send_messages({"m": "ch", "_id": "room"})
    (told,) = (m["text"] for m in two.received() if m["m"] == "notification")
    assert text in told


@pytest.mark.case(75)
def test_the_preset_sets_the_longest_ban(server: SteppedServer) -> None:
    one, two = server.enter("room"), server.enter("room")
    ceiling = server.context.rules.kickban_ceiling_ms
    assert ceiling in {3_600_000, 86_400_000}
    one.send_messages({"m": "kickban", "_id": two.id, "ms": ceiling + 1})
    now = server.context.now()
    assert server.context.bans.banned_until("room", two.id, now) == now + ceiling


RATES: list[tuple[Message, str, int, float]] = [
    ({"m": "a", "message": "hi"}, "a", 8, 1),
    ({"m": "hi"}, "hi", 10, 1),
    ({"m": "ch", "_id": "room"}, "ch", 10, 2),
    ({"m": "+ls"}, "ls", 10, 2),
    ({"m": "userset", "set": {"name": "{}"}}, "p", 30, 2),
    ({"m": "t"}, "t", 30, 10),
]


@pytest.mark.parametrize(("message", "heard", "burst", "rate"), RATES, ids=lambda it: str(it)[:12])
@pytest.mark.case(62)
def test_each_kind_of_message_has_a_burst_and_a_rate(
    server: SteppedServer, message: Message, heard: str, burst: int, rate: float
) -> None:
    holder, one = server.enter("room"), server.enter("room")
    server.wait(60)
    names = count()

    def passed(times: int) -> int:
        one.received()
        for _ in range(times):
            text = json.dumps(message).replace("{}", f"name {next(names)}")
            one.send_messages(json.loads(text))
        return one.count(heard)

    assert passed(2 * burst) == burst
    # Just before the next token, and with it.
    server.wait(1 / rate - 0.002)
    assert passed(3) == 0
    server.wait(0.003)
    assert passed(3) == 1
    server.wait(4 / rate)
    assert passed(20) == 4
    server.wait(3600)
    assert passed(2 * burst) == burst
    assert holder.received()


@pytest.mark.case(62)
def test_the_holder_may_send_more_lines(server: SteppedServer) -> None:
    one = server.enter("room")
    one.send_messages(*[{"m": "a", "message": "hi"}] * 20)
    assert one.count("a") == 10
    server.wait(0.399)
    one.send_messages({"m": "a", "message": "hi"})
    assert one.count("a") == 0
    server.wait(0.002)
    one.send_messages({"m": "a", "message": "hi"})
    assert one.count("a") == 1


def test_one_notification_in_five_seconds(server: SteppedServer) -> None:
    server.enter("room")
    one = server.enter("room")
    told = []
    for _ in range(11):
        one.send_messages({"m": "chset", "set": {"chat": False}})
        told.append(one.count("notification"))
        server.wait(1)
    assert told == [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]


def test_custom_data_by_windows_of_ten_seconds(server: SteppedServer) -> None:
    one, two = server.enter("room"), server.enter("room")
    two.send_messages({"m": "+custom"})
    message = {"m": "custom", "target": {"mode": "subscribed"}, "data": "x" * 8190}
    one.send_messages(*[message] * 3)
    assert two.count("custom") == 2
    server.wait(9.999)
    one.send_messages(message)
    assert two.count("custom") == 0
    server.wait(0.001)
    one.send_messages(message)
    assert two.count("custom") == 1


def test_online_time_is_counted_to_the_millisecond(server: SteppedServer) -> None:
    one = server.enter("room")
    one.send_messages({"m": "chset", "set": {"minOnlineTime": 3_600_000}})
    two = server.enter("lobby")
    for seconds, is_in in ((3599.999, False), (0.001, True)):
        server.wait(seconds)
        two.send_messages({"m": "t"}, {"m": "ch", "_id": "room"})
        assert (two.id in server.context.directory.rooms["room"].participants) is is_in


@pytest.mark.case(9)
def test_a_minute_without_t_ends_a_client_of_preset_net(preset: str) -> None:
    server = SteppedServer(preset)
    one, two = server.enter("lobby"), server.enter("lobby")
    for _ in range(9):
        server.wait(20)
        two.send_messages({"m": "t"})
        for each in (one, two):
            each.received()
    people = set(server.context.directory.rooms["lobby"].participants)
    assert people == ({two.id} if preset == "net" else {one.id, two.id})
    server.harness.close()
