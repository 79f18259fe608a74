"""A port whose requests wait while an upgrade waits for the last responses."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from fortepiano.net.accept_budget import AcceptBudget
from fortepiano.net.front_door import FrontDoor


class Loop:
    """As much of an event loop as a budget needs."""

    def __init__(self) -> None:
        self.soon: list[Any] = []

    def call_soon(self, call: Any) -> None:
        self.soon.append(call)

    def turn(self) -> None:
        calls, self.soon = self.soon, []
        for call in calls:
            call()


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def door(loop: Loop) -> FrontDoor:
    budget = AcceptBudget(cast("Any", loop), lambda: 0.0)
    parts = SimpleNamespace(budget=budget)
    return FrontDoor(cast("Any", parts), cast("Any", None), cast("Any", None))


def test_requests_wait_until_the_port_is_released(loop: Loop, door: FrontDoor) -> None:
    handled: list[int] = []
    door.hold()
    for number in range(3):
        door.defer(lambda number=number: handled.append(number))  # type: ignore[misc]
    for _ in range(3):
        loop.turn()
    assert (door.is_holding(), handled) == (True, [])
    door.hold()  # again: those that wait stay
    door.release()
    for _ in range(3):
        loop.turn()
    assert (door.is_holding(), handled, loop.soon) == (False, [0, 1, 2], [])


def test_requests_that_wait_join_those_of_a_turn_that_has_begun(
    loop: Loop, door: FrontDoor
) -> None:
    handled: list[str] = []
    assert door.admission.budget.has_time()
    door.defer(lambda: handled.append("deferred"))
    door.hold()
    door.defer(lambda: handled.append("held"))
    door.release()
    for _ in range(3):
        loop.turn()
    assert handled == ["deferred", "held"]


def test_a_port_where_nothing_waits_is_released(loop: Loop, door: FrontDoor) -> None:
    door.release()
    door.hold()
    door.release()
    assert loop.soon == []
