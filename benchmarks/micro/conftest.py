"""Fixtures for benchmarks: rooms of clients."""

from collections.abc import Callable, Iterator

import pytest
from room_of_sockets import Stage


@pytest.fixture
def stage() -> Iterator[Callable[[int], Stage]]:
    """Return a function that makes a stage with a number of clients."""
    stages: list[Stage] = []

    def make(members: int) -> Stage:
        stages.append(Stage(members))
        return stages[-1]

    yield make
    for made in stages:
        made.close()
