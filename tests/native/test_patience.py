"""Handlers that take long: what is hot goes past them, and everybody keeps his own order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from operator import itemgetter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fortepiano.native import SHARE_SECONDS
from support.hub_harness import Guest, Stage, payloads, text
from support.raw_peer import PING, frame

LONG_SECONDS = 1.5 * SHARE_SECONDS
"""More than the handlers' share of a turn: each one uses it up."""


class Hall(Stage):
    """A stage with a room, which `enter` leads into, and handlers that take their time."""

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
            person = self.hub.add_participant(self.room, id, b'{"id":' + id, b"200", b"100")
            self.hub.enter(client, self.room, person)

    def of(self, guest: Guest) -> list[object]:
        """Return what Python has received of somebody."""
        return [json.loads(raw)["m"] for client, raw in self.received if client == guest.client]

    def catch_up(self) -> None:
        """Let turns pass until nobody waits."""
        while self.hub.deferred:
            assert self.loop.ready, "somebody waits for a turn that never comes"
            self.turn()


@pytest.fixture
def hall() -> Iterator[Hall]:
    hall = Hall()
    yield hall
    hall.close()


def cold(name: str) -> dict[str, str]:
    return {"m": name}


def note(number: int) -> dict[str, object]:
    return {"m": "n", "t": number, "n": [{"n": "c4"}]}


def played(guest: Guest) -> list[tuple[str, int]]:
    """Return who played what, as far as somebody heard it since the last time."""
    elements = [one for payload in payloads(guest.hear()) for one in json.loads(payload)]
    return [(one["p"], one["t"]) for one in elements if one["m"] == "n"]


class TestNotes:
    def test_they_go_past_a_storm(self, hall: Hall) -> None:
        player, listener = hall.open(), hall.open()
        for guest in (player, listener):
            guest.send_messages(cold("enter"))
            hall.settle()
        storm = [hall.open() for _ in range(5)]
        for guest in storm:
            guest.send_messages(cold("enter"))
        player.send_messages(note(1))
        assert hall.hub.deferred == 4
        hall.loop.run_soon()
        assert b'"n"' in listener.bytes or listener.read()
        assert hall.hub.deferred == 3
        hall.catch_up()
        assert [hall.of(guest) for guest in storm] == [["enter"]] * 5

    def test_one_at_a_time_nobody_waits(self, hall: Hall) -> None:
        for _ in range(3):
            guest = hall.open()
            guest.send_messages(cold("enter"), cold("next"))
            hall.turn()
            assert hall.hub.deferred == 0
            assert hall.of(guest) == ["enter", "next"]

    def test_quick_handlers_keep_nobody_waiting(self) -> None:
        hall = Hall(seconds=SHARE_SECONDS / 20)
        for _ in range(15):
            hall.open().send_messages(cold("enter"))
        assert hall.hub.deferred == 0
        hall.close()


class TestOrder:
    def test_what_is_behind_a_message_waits_with_it(self, hall: Hall) -> None:
        first, second, listener = hall.open(), hall.open(), hall.open()
        listener.send_messages(cold("enter"))
        hall.settle()
        first.send_messages(cold("enter"))
        # Before it is in the room its notes would be nobody's.
        second.send_messages(cold("enter"), note(1), cold("two"), note(2))
        second.send_messages(cold("three"), note(3))
        assert hall.of(second) == []
        hall.catch_up()
        assert hall.of(second) == ["enter", "two", "three"]
        assert played(listener) == [(str(second.client), t) for t in (1, 2, 3)]

    def test_halves_of_frames(self, hall: Hall) -> None:
        first, second = hall.open(), hall.open()
        first.send_messages(cold("enter"))
        later = text(cold("two")) + frame(PING, b"?") + text(cold("three"))
        second.send(text(cold("one")) + later[:7])
        for at in range(7, len(later)):
            second.send(later[at : at + 1])
        hall.catch_up()
        assert hall.of(second) == ["one", "two", "three"]
        assert ("pong", b"?") in second.hear()

    @pytest.mark.parametrize("length", [1, 200, 60_000])
    def test_messages_of_all_lengths(self, hall: Hall, length: int) -> None:
        first, second = hall.open(), hall.open()
        first.send_messages(cold("enter"))
        second.send_messages(cold("x" * length), cold("behind"))
        assert hall.hub.deferred == 1
        hall.catch_up()
        assert hall.of(second) == ["x" * length, "behind"]

    def test_who_sends_very_much_at_once_is_served_at_once(self, hall: Hall) -> None:
        first, second = hall.open(), hall.open()
        first.send_messages(cold("enter"))
        second.send(b"".join(text(cold("y" * 1000)) for _ in range(100)))
        assert hall.of(second)[:30] == ["y" * 1000] * 30
        hall.catch_up()
        assert len(hall.of(second)) == 100

    @given(
        st.lists(
            st.tuples(st.integers(0, 3), st.lists(st.booleans(), min_size=1, max_size=4)),
            max_size=30,
        )
    )
    def test_nobody_hears_a_difference(self, program: list[tuple[int, list[bool]]]) -> None:
        heard = []
        for seconds in (0.0, LONG_SECONDS):
            hall = Hall(seconds)
            guests = [hall.open() for _ in range(4)]
            for guest in guests:
                guest.send_messages(cold("enter"))
            hall.catch_up()
            for number, (who, kinds) in enumerate(program):
                parts = enumerate(kinds)
                guests[who].send_messages(
                    *(cold(f"{number}.{k}") if it else note(10 * number + k) for k, it in parts)
                )
            hall.catch_up()
            received = [hall.of(guest) for guest in guests]
            notes = [sorted(played(guest), key=itemgetter(0)) for guest in guests]
            heard.append((received, notes))
            hall.close()
        # Each hears each other in the same order; who of two is first is anybody's guess.
        assert heard[0] == heard[1]


class TestEnds:
    def test_what_was_said_before_the_end_counts(self, hall: Hall) -> None:
        first, second = hall.open(), hall.open()
        first.send_messages(cold("enter"))
        second.send_messages(cold("enter"), cold("last words"))
        second.vanish()
        assert hall.of(second) == ["enter", "last words"]
        assert hall.ended == [second.client]
        hall.catch_up()
        assert hall.of(second) == ["enter", "last words"]

    def test_a_place_that_is_taken_again_is_not_served_twice(self, hall: Hall) -> None:
        first, second = hall.open(), hall.open()
        first.send_messages(cold("enter"))
        second.send_messages(cold("old"))
        second.vanish()
        third = hall.open()
        assert third.client == second.client
        third.send(text(cold("new"))[:5])
        hall.catch_up()
        third.send(text(cold("new"))[5:])
        hall.catch_up()
        assert hall.of(third) == ["old", "new"]

    def test_a_failing_handler_leaves_nobody_waiting(self, hall: Hall) -> None:
        def fail(client: int, raw: bytes) -> None:
            hall.hub.advance_clock(LONG_SECONDS)
            raise RuntimeError

        guests = [hall.open() for _ in range(4)]
        guests[0].send_messages(cold("enter"))
        for guest in guests[1:]:
            guest.send_messages(cold("enter"))
        hall.on_receive = fail
        with pytest.raises(RuntimeError):
            hall.turn()
        hall.on_receive = hall.handle
        hall.catch_up()
        assert [hall.of(guest) for guest in guests] == [["enter"]] * 4


def test_a_message_that_waited_is_counted_once() -> None:
    hall = Hall(messages_per_second=10, burst_seconds=1)
    first, second = hall.open(), hall.open()
    hall.hub.meter(second.client)
    first.send_messages(cold("enter"))
    second.send_messages(*(cold("again") for _ in range(8)))
    before = hall.hub.stats()["frames_in"]
    hall.catch_up()
    assert hall.of(second) == ["again"] * 8
    assert hall.ended == []
    assert hall.hub.stats()["frames_in"] == before
    hall.close()
