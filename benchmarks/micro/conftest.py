"""Fixtures for benchmarks: rooms of clients."""

from collections.abc import Callable, Iterator

import pytest
from room_of_sockets import RoomOfSockets


@pytest.fixture
def room_with() -> Iterator[Callable[[int], RoomOfSockets]]:
    """Return a function that makes a room with a number of clients."""
    rooms: list[RoomOfSockets] = []

    def make(members: int) -> RoomOfSockets:
        rooms.append(RoomOfSockets(members))
        return rooms[-1]

    yield make
    for made in rooms:
        made.close()
