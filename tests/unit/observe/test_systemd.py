"""Messages to systemd, over a socket of a test."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fortepiano.observe import systemd
from fortepiano.observe.systemd import MoreTime, notify

EXTENSION = b"EXTEND_TIMEOUT_USEC=10000000"


@pytest.fixture
def ear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The supervisor's end of NOTIFY_SOCKET."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(tmp_path / "notify"))
        made.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield made


def test_more_time_is_asked_for_until_closed(
    ear: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd, "_EXTENSION_PERIOD_SECONDS", 0.01)
    more_time = MoreTime(60)
    assert [ear.recv(100) for _ in range(3)] == [EXTENSION] * 3
    more_time.close()
    notify("READY=1")
    heard = EXTENSION
    while heard == EXTENSION:
        heard = ear.recv(100)
    assert heard == b"READY=1"
    ear.setblocking(False)
    with pytest.raises(BlockingIOError):
        ear.recv(100)


def test_a_quick_start_asks_for_nothing(ear: socket.socket) -> None:
    MoreTime(60).close()
    notify("READY=1")
    assert ear.recv(100) == b"READY=1"


def test_more_time_has_an_end(ear: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systemd, "_EXTENSION_PERIOD_SECONDS", 0.01)
    more_time = MoreTime(0.05)
    assert more_time._thread is not None
    more_time._thread.join(10)
    assert not more_time._thread.is_alive()
    more_time.close()


def test_without_systemd_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    more_time = MoreTime(60)
    assert more_time._thread is None
    more_time.close()
    notify("READY=1")


def test_a_supervisor_that_does_not_read_costs_a_moment(ear: socket.socket) -> None:
    began = time.monotonic()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filler:
        filler.setblocking(False)
        filler.connect(ear.getsockname())
        with pytest.raises(BlockingIOError):
            while True:
                filler.send(b"full")
    notify("WATCHDOG=1")
    assert time.monotonic() - began < 5
