"""Slow handlers: hot messages overtake them, but each client keeps its own order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from operator import itemgetter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fortepiano.native import SHARE_SECONDS
from support.hub_harness import HubClient, HubHarness, payloads, text
from support.raw_peer import PING, frame

LONG_SECONDS = 1.5 * SHARE_SECONDS
"""Seconds of one handler, more than the budget of all handlers in a turn."""


class SlowHandlers(HubHarness):
    """A harness with a room, which the message `enter` joins, and slow handlers."""

    def __init__(self, seconds: float = LONG_SECONDS, **settings: Any) -> None:
        super().__init__(**settings)
        self.room = self.hub.open_room()
        self.quota = self.hub.add_quota(1_000_000, 1_000_000)
        self.seconds = seconds
        self.on_receive = self.handle

    def handle(self, client: int, raw: bytes) -> None:
        self.hub.advance_clock(self.seconds)
        if b"enter" in raw:
            self.hub.start_session(client, self.quota)
            id = b'"%d"' % client
            participant = self.hub.add_participant(self.room, id, b'{"id":' + id, b"200", b"100")
            self.hub.enter(client, self.room, participant)

    def of(self, client: HubClient) -> list[object]:
        """Return the messages of a client that were passed to Python."""
        return [json.loads(raw)["m"] for number, raw in self.dispatched if number == client.number]

    def catch_up(self) -> None:
        """Run turns until no client waits."""
        while self.hub.deferred or any(client.unread for client in self.clients):
            assert self.loop.ready, "a client waits for a turn that never comes"
            self.turn()


@pytest.fixture
def harness() -> Iterator[SlowHandlers]:
    harness = SlowHandlers()
    yield harness
    harness.close()


def cold(name: str) -> dict[str, str]:
    return {"m": name}


def note(number: int) -> dict[str, object]:
    return {"m": "n", "t": number, "n": [{"n": "c4"}]}


def played(client: HubClient) -> list[tuple[str, int]]:
    """Return the notes that a client has received since the last call, with their players."""
    elements = [one for payload in payloads(client.received()) for one in json.loads(payload)]
    return [(one["p"], one["t"]) for one in elements if one["m"] == "n"]


class TestNotes:
    def test_they_go_past_a_storm(self, harness: SlowHandlers) -> None:
        player, listener = harness.open(), harness.open()
        for client in (player, listener):
            client.send_messages(cold("enter"))
            harness.settle()
        storm = [harness.open() for _ in range(5)]
        for client in storm:
            client.send_messages(cold("enter"))
        player.send_messages(note(1))
        assert harness.hub.deferred == 4
        harness.loop.run_soon()
        assert b'"n"' in listener.bytes or listener.read()
        assert harness.hub.deferred == 3
        harness.catch_up()
        assert [harness.of(client) for client in storm] == [["enter"]] * 5

    def test_one_at_a_time_nobody_waits(self, harness: SlowHandlers) -> None:
        for _ in range(3):
            client = harness.open()
            client.send_messages(cold("enter"), cold("next"))
            harness.turn()
            assert harness.hub.deferred == 0
            assert harness.of(client) == ["enter", "next"]

    def test_quick_handlers_keep_nobody_waiting(self) -> None:
        harness = SlowHandlers(seconds=SHARE_SECONDS / 20)
        for _ in range(15):
            harness.open().send_messages(cold("enter"))
        assert harness.hub.deferred == 0
        harness.close()


class TestOrder:
    def test_what_is_behind_a_message_waits_with_it(self, harness: SlowHandlers) -> None:
        first, second, listener = harness.open(), harness.open(), harness.open()
        listener.send_messages(cold("enter"))
        harness.settle()
        first.send_messages(cold("enter"))
        # Before it is in the room its notes would be nobody's.
        second.send_messages(cold("enter"), note(1), cold("two"), note(2))
        second.send_messages(cold("three"), note(3))
        assert harness.of(second) == []
        harness.catch_up()
        assert harness.of(second) == ["enter", "two", "three"]
        assert played(listener) == [(str(second.number), t) for t in (1, 2, 3)]

    def test_halves_of_frames(self, harness: SlowHandlers) -> None:
        first, second = harness.open(), harness.open()
        first.send_messages(cold("enter"))
        later = text(cold("two")) + frame(PING, b"?") + text(cold("three"))
        second.send(text(cold("one")) + later[:7])
        for at in range(7, len(later)):
            second.send(later[at : at + 1])
        harness.catch_up()
        assert harness.of(second) == ["one", "two", "three"]
        assert ("pong", b"?") in second.received()

    @pytest.mark.parametrize("length", [1, 200, 60_000])
    def test_messages_of_all_lengths(self, harness: SlowHandlers, length: int) -> None:
        first, second = harness.open(), harness.open()
        first.send_messages(cold("enter"))
        second.send_messages(cold("x" * length), cold("behind"))
        assert harness.hub.deferred == 1
        harness.catch_up()
        assert harness.of(second) == ["x" * length, "behind"]

    @pytest.mark.parametrize("size", [1000, 60_000])
    def test_a_client_that_sends_very_much_at_once_waits_too(
        self, harness: SlowHandlers, size: int
    ) -> None:
        first, second = harness.open(), harness.open()
        first.send_messages(cold("enter"))
        second.send(b"".join(text(cold("y" * size)) for _ in range(100)))
        assert len(harness.of(second)) < 10
        harness.catch_up()
        assert harness.of(second) == ["y" * size] * 100

    def test_many_small_messages_in_one_frame_wait_too(self, harness: SlowHandlers) -> None:
        first, second = harness.open(), harness.open()
        first.send_messages(cold("enter"))
        many = [cold(str(number)) for number in range(10_000)]
        second.send(text(*many))
        assert len(harness.of(second)) < 10

    @given(
        st.lists(
            st.tuples(st.integers(0, 3), st.lists(st.booleans(), min_size=1, max_size=4)),
            max_size=30,
        )
    )
    def test_nobody_hears_a_difference(self, program: list[tuple[int, list[bool]]]) -> None:
        heard = []
        for seconds in (0.0, LONG_SECONDS):
            harness = SlowHandlers(seconds)
            clients = [harness.open() for _ in range(4)]
            for client in clients:
                client.send_messages(cold("enter"))
            harness.catch_up()
            for number, (who, kinds) in enumerate(program):
                parts = enumerate(kinds)
                clients[who].send_messages(
                    *(cold(f"{number}.{k}") if it else note(10 * number + k) for k, it in parts)
                )
            harness.catch_up()
            received = [harness.of(client) for client in clients]
            notes = [sorted(played(client), key=itemgetter(0)) for client in clients]
            heard.append((received, notes))
            harness.close()
        # Each client gets the notes of each other in order; between players any order will do.
        assert heard[0] == heard[1]


class TestEnds:
    def test_what_was_said_before_the_end_counts(self, harness: SlowHandlers) -> None:
        first, second = harness.open(), harness.open()
        first.send_messages(cold("enter"))
        second.send_messages(cold("enter"), cold("last words"))
        second.vanish()
        assert harness.of(second) == ["enter", "last words"]
        assert harness.ended == [second.number]
        harness.catch_up()
        assert harness.of(second) == ["enter", "last words"]

    def test_a_place_that_is_taken_again_is_not_served_twice(self, harness: SlowHandlers) -> None:
        first, second = harness.open(), harness.open()
        first.send_messages(cold("enter"))
        second.send_messages(cold("old"))
        second.vanish()
        third = harness.open()
        assert third.number == second.number
        third.send(text(cold("new"))[:5])
        harness.catch_up()
        third.send(text(cold("new"))[5:])
        harness.catch_up()
        assert harness.of(third) == ["old", "new"]

    def test_a_failing_handler_leaves_nobody_waiting(self, harness: SlowHandlers) -> None:
        def fail(client: int, raw: bytes) -> None:
            harness.hub.advance_clock(LONG_SECONDS)
            raise RuntimeError

        clients = [harness.open() for _ in range(4)]
        clients[0].send_messages(cold("enter"))
        for client in clients[1:]:
            client.send_messages(cold("enter"))
        harness.on_receive = fail
        with pytest.raises(RuntimeError):
            harness.turn()
        harness.on_receive = harness.handle
        harness.catch_up()
        assert [harness.of(client) for client in clients] == [["enter"]] * 4


def test_a_message_that_waited_is_counted_once() -> None:
    harness = SlowHandlers(messages_per_second=10, burst_seconds=1)
    first, second = harness.open(), harness.open()
    harness.hub.meter(second.number)
    first.send_messages(cold("enter"))
    second.send_messages(*(cold("again") for _ in range(8)))
    before = harness.hub.stats()["frames_in"]
    harness.catch_up()
    assert harness.of(second) == ["again"] * 8
    assert harness.ended == []
    assert harness.hub.stats()["frames_in"] == before
    harness.close()
