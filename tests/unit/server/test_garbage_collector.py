"""The cycle collector under our own hand: what is new is looked at, what is old is frozen."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator

import pytest

from fortepiano.server.garbage_collector import COLLECT_SECONDS, MOST_NEW, GarbageCollector


class Node:
    """Something that holds itself."""

    def __init__(self) -> None:
        self.itself = self


class Later:
    """Planned calls, which tests run by hand."""

    def __init__(self) -> None:
        self.planned: list[Callable[[], None]] = []

    def __call__(self, seconds: float, call: Callable[[], None]) -> None:
        assert seconds == COLLECT_SECONDS
        self.planned.append(call)

    def look(self) -> None:
        (call,) = self.planned
        self.planned.clear()
        call()


@pytest.fixture
def later() -> Later:
    return Later()


@pytest.fixture
def look(garbage: GarbageCollector) -> Callable[[], None]:
    return garbage.collect


@pytest.fixture
def people() -> list[str]:
    """The list of connected people."""
    return []


@pytest.fixture
def garbage(later: Later, people: list[str]) -> Iterator[GarbageCollector]:
    garbage = GarbageCollector(people.__len__, later)
    garbage.start()
    yield garbage
    garbage.close()
    assert gc.get_threshold()[1] < MOST_NEW
    assert gc.get_freeze_count() == 0


@pytest.mark.usefixtures("garbage")
def test_what_was_there_before_is_frozen() -> None:
    assert gc.get_freeze_count() > 1000


@pytest.mark.usefixtures("garbage")
def test_very_many_new_ones_are_looked_at_without_waiting(people: list[str]) -> None:
    people.append("ann")
    node = Node()
    gone = weakref.ref(node)
    del node
    many: list[list[int]] = [[] for _ in range(2 * MOST_NEW)]
    assert gone() is None
    assert len(gc.get_objects()) < len(many)  # the rest is frozen


def test_new_cycles_go_while_people_are_there(look: Callable[[], None], people: list[str]) -> None:
    people.append("ann")
    node = Node()
    gone = weakref.ref(node)
    del node
    assert gone() is not None
    look()
    assert gone() is None


def test_a_silent_server_is_left_alone(
    garbage: GarbageCollector, later: Later, people: list[str]
) -> None:
    people.append("ann")
    assert later.planned == []
    garbage.on_activity()
    garbage.on_activity()
    node = Node()
    gone = weakref.ref(node)
    del node
    later.look()
    assert gone() is None
    assert later.planned == []


def test_nothing_old_is_looked_at_while_people_are_there(
    look: Callable[[], None], people: list[str]
) -> None:
    people.append("ann")
    node = Node()
    gone = weakref.ref(node)
    look()
    assert not any(one is node for one in gc.get_objects())
    del node
    look()
    assert gone() is not None
    # A full collection comes once, when nobody is there whom it would disturb.
    people.clear()
    look()
    assert gone() is None


def test_everything_can_be_collected_while_people_are_there(
    garbage: GarbageCollector, look: Callable[[], None], people: list[str]
) -> None:
    people.append("ann")
    node = Node()
    gone = weakref.ref(node)
    look()
    del node
    garbage.collect_all()
    assert gone() is None
    assert gc.get_freeze_count() > 1000


def test_an_empty_server_is_swept_once(look: Callable[[], None], people: list[str]) -> None:
    seen: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            seen.append(info["generation"])

    gc.callbacks.append(note)
    try:
        look()
        look()
        assert seen == []
        people.append("ann")
        look()
        people.clear()
        look()
        look()
        assert seen == [0, 2]
    finally:
        gc.callbacks.remove(note)


def test_after_its_end_it_looks_no_more(later: Later, people: list[str]) -> None:
    garbage = GarbageCollector(people.__len__, later)
    garbage.start()
    garbage.on_activity()
    garbage.close()
    people.append("ann")
    later.look()
    assert gc.get_freeze_count() == 0


def test_nothing_is_collected_before_the_start(later: Later, people: list[str]) -> None:
    gc.disable()
    try:
        garbage = GarbageCollector(people.__len__, later)
        assert not gc.isenabled()
        garbage.start()
        assert gc.isenabled()
        garbage.close()
    finally:
        gc.enable()
