"""Connections whose peers take nothing, on a loop whose time stands until the test turns it."""

from __future__ import annotations

import socket
from typing import Any, cast

import pytest

from fortepiano.config import LimitSettings, Settings
from fortepiano.config.live import Live
from fortepiano.net.stalled import StalledConnections
from support.turned_loop import TurnedLoop


class Connection:
    """A connection, which is its transport too."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.is_aborted = False
        self.socket, self.other = socket.socketpair()

    @property
    def transport(self) -> Any:
        return self

    def get_write_buffer_size(self) -> int:
        return self.size

    def get_extra_info(self, _name: str) -> socket.socket:
        return self.socket

    def abort(self) -> None:
        self.is_aborted = True
        self.close()

    def close(self) -> None:
        self.socket.close()
        self.other.close()


@pytest.fixture
def loop() -> TurnedLoop:
    return TurnedLoop()


@pytest.fixture
def stalled(loop: TurnedLoop) -> StalledConnections:
    live = Live(Settings(limits=LimitSettings(stall_seconds=10)))
    return StalledConnections(cast("Any", loop), live)


def test_a_peer_that_takes_nothing_is_cut_off(
    loop: TurnedLoop, stalled: StalledConnections
) -> None:
    connection = Connection(500)
    stalled.watch(connection)
    loop.turn(9.5)
    assert not connection.is_aborted
    loop.turn(2)
    assert connection.is_aborted
    assert (stalled.aborted, len(stalled), loop.calls) == (1, 0, [])


def test_a_peer_that_takes_a_little_may_stay(loop: TurnedLoop, stalled: StalledConnections) -> None:
    connection = Connection(500)
    stalled.watch(connection)
    for _ in range(5):
        loop.turn(9)
        connection.size -= 1
    assert not connection.is_aborted
    loop.turn(12)
    assert connection.is_aborted


def test_bytes_that_leave_the_kernel_are_progress(
    loop: TurnedLoop, stalled: StalledConnections
) -> None:
    connection = Connection(500)
    for _ in range(3):
        connection.socket.send(b"x" * 10_000)
    stalled.watch(connection)
    for _ in range(3):
        loop.turn(9)
        connection.other.recv(10_000)
    loop.turn(9)
    assert not connection.is_aborted
    connection.close()


def test_a_peer_that_took_everything_is_not_watched(
    loop: TurnedLoop, stalled: StalledConnections
) -> None:
    connection, other = Connection(500), Connection(500)
    stalled.watch(connection)
    stalled.watch(other)
    stalled.discard(other)
    connection.size = 0
    loop.turn(1)
    assert (len(stalled), loop.calls) == (0, [])
    loop.turn(30)
    assert not (connection.is_aborted or other.is_aborted)
    for one in (connection, other):
        one.close()


def test_without_unsent_bytes_there_is_nothing_to_watch(
    loop: TurnedLoop, stalled: StalledConnections
) -> None:
    connection = Connection(0)
    stalled.watch(connection)
    assert (len(stalled), loop.calls) == (0, [])
    connection.close()
