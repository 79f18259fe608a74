"""The share of requests in a turn of the loop."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import pytest

from fortepiano.native import SHARE_SECONDS
from fortepiano.net.accept_budget import AcceptBudget


class Loop:
    """A loop whose turns a test makes, and its clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.soon: list[Callable[[], None]] = []

    def call_soon(self, call: Callable[[], None]) -> None:
        self.soon.append(call)

    def go_on(self) -> None:
        calls, self.soon = self.soon, []
        for call in calls:
            call()


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def turn(loop: Loop) -> AcceptBudget:
    return AcceptBudget(cast("Any", loop), lambda: loop.now)


def test_a_turn_has_its_share(loop: Loop, turn: AcceptBudget) -> None:
    assert turn.has_time()
    loop.now += SHARE_SECONDS / 2
    assert turn.has_time()
    loop.now += SHARE_SECONDS
    assert not turn.has_time()
    loop.go_on()
    assert turn.has_time()


def test_work_in_a_later_step_is_charged_to_the_turn(loop: Loop, turn: AcceptBudget) -> None:
    turn.charge(SHARE_SECONDS)  # outside of a turn nothing is charged
    assert turn.has_time()
    turn.charge(SHARE_SECONDS / 2)
    assert turn.has_time()
    turn.charge(SHARE_SECONDS)
    assert not turn.has_time()
    loop.go_on()
    assert turn.has_time()


def test_a_quiet_loop_is_left_alone(loop: Loop, turn: AcceptBudget) -> None:
    assert turn.has_time()
    loop.go_on()
    assert loop.soon == []


def test_who_waits_is_served_in_order_and_before_who_comes(loop: Loop, turn: AcceptBudget) -> None:
    served: list[int] = []

    def serve(number: int) -> None:
        served.append(number)
        loop.now += SHARE_SECONDS / 2

    assert turn.has_time()
    loop.now += 2 * SHARE_SECONDS
    for number in range(5):
        assert not turn.has_time()
        turn.defer(partial(serve, number))
    loop.go_on()
    assert served == [0, 1]
    assert len(turn) == 3
    assert not turn.has_time()
    turn.defer(partial(serve, 5))
    loop.go_on()
    loop.go_on()
    assert served == [0, 1, 2, 3, 4, 5]
    loop.now += 10  # nobody asks for long
    loop.go_on()
    assert loop.soon == []
    assert turn.has_time()


def test_one_that_fails_keeps_nobody_waiting(loop: Loop, turn: AcceptBudget) -> None:
    served: list[int] = []

    def fail() -> None:
        raise ValueError

    assert turn.has_time()
    turn.defer(fail)
    turn.defer(partial(served.append, 1))
    with pytest.raises(ValueError):
        loop.go_on()
    loop.go_on()
    assert served == [1]
