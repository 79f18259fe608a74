"""Deadlines on a loop whose time stands until the test turns it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

from fortepiano.config import LimitSettings, Settings
from fortepiano.config.live import Live
from fortepiano.net.deadlines import Deadlines
from support.turned_loop import TurnedLoop

if TYPE_CHECKING:
    pass


class Visitor:
    def __init__(self) -> None:
        self.given_up = 0

    def time_out(self) -> None:
        self.given_up += 1


@pytest.fixture
def clock() -> TurnedLoop:
    return TurnedLoop()


@pytest.fixture
def deadlines(clock: TurnedLoop) -> Deadlines:
    live = Live(Settings(limits=LimitSettings(head_seconds=10)))
    return Deadlines(cast("asyncio.AbstractEventLoop", clock), live)


def test_each_has_the_whole_time(clock: TurnedLoop, deadlines: Deadlines) -> None:
    first, second = Visitor(), Visitor()
    deadlines.add(first)
    clock.turn(6)
    deadlines.add(second)
    clock.turn(3.9)
    assert (first.given_up, second.given_up, len(deadlines)) == (0, 0, 2)
    clock.turn(0.2)
    assert (first.given_up, second.given_up, len(deadlines)) == (1, 0, 1)
    clock.turn(5.8)
    assert second.given_up == 0
    clock.turn(0.2)
    assert (first.given_up, second.given_up, len(deadlines)) == (1, 1, 0)


def test_who_has_come_is_not_given_up(clock: TurnedLoop, deadlines: Deadlines) -> None:
    first, second = Visitor(), Visitor()
    deadlines.add(first)
    deadlines.add(second)
    deadlines.discard(first)
    deadlines.discard(first)
    clock.turn(11)
    assert (first.given_up, second.given_up) == (0, 1)


def test_who_is_awaited_again_gets_the_whole_time_again(
    clock: TurnedLoop, deadlines: Deadlines
) -> None:
    visitor, other = Visitor(), Visitor()
    deadlines.add(visitor)
    clock.turn(8)
    deadlines.discard(visitor)
    deadlines.add(other)
    deadlines.add(visitor)
    clock.turn(9)
    assert (visitor.given_up, other.given_up) == (0, 0)
    clock.turn(2)
    assert (visitor.given_up, other.given_up) == (1, 1)


def test_one_timer_serves_all_and_none_is_left(clock: TurnedLoop, deadlines: Deadlines) -> None:
    visitors = [Visitor() for _ in range(100)]
    for visitor in visitors:
        deadlines.add(visitor)
        assert len(clock.calls) == 1
        clock.turn(0.01)
    clock.turn(20)
    assert all(visitor.given_up == 1 for visitor in visitors)
    assert clock.calls == []


def test_giving_up_may_stop_waiting_for_others(clock: TurnedLoop, deadlines: Deadlines) -> None:
    later = Visitor()

    class Last(Visitor):
        def time_out(self) -> None:
            super().time_out()
            deadlines.discard(later)

    deadlines.add(Last())
    deadlines.add(later)
    clock.turn(30)
    assert later.given_up == 0


def test_the_slowest_gives_way(clock: TurnedLoop, deadlines: Deadlines) -> None:
    slow, quick, last = Visitor(), Visitor(), Visitor()
    deadlines.add(slow)
    clock.turn(0.6)
    deadlines.add(quick)
    assert not deadlines.evict_slowest()  # both may still ask
    clock.turn(0.6)
    deadlines.add(last)
    assert deadlines.evict_slowest()
    assert (slow.given_up, quick.given_up, len(deadlines)) == (1, 0, 2)
    assert not deadlines.evict_slowest()
    clock.turn(20)
    assert (slow.given_up, quick.given_up, last.given_up) == (1, 1, 1)


def test_where_nobody_waits_nobody_gives_way(deadlines: Deadlines) -> None:
    assert not deadlines.evict_slowest()


def test_the_time_that_another_process_has_left_goes_on(
    clock: TurnedLoop, deadlines: Deadlines
) -> None:
    short, longer, new = Visitor(), Visitor(), Visitor()
    deadlines.add(short, 1.5)
    deadlines.add(longer, 60)  # the time was longer there; here it is 10 s
    deadlines.add(new)
    assert [deadlines.seconds_left(one) for one in (short, longer, new)] == [1.5, 10, 10]
    clock.turn(1.6)
    assert (short.given_up, longer.given_up, new.given_up) == (1, 0, 0)
    assert deadlines.seconds_left(short) is None
    clock.turn(8.5)
    assert (longer.given_up, new.given_up) == (1, 1)


def test_a_time_that_has_passed_already_ends_at_once(
    clock: TurnedLoop, deadlines: Deadlines
) -> None:
    late = Visitor()
    deadlines.add(late, -0.5)
    clock.turn(0)
    assert late.given_up == 1
