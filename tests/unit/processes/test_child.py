"""One process: its failures, and the end of processes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator

import pytest

from fortepiano.net.listeners import Listeners
from fortepiano.processes import child as module
from fortepiano.processes.child import Child, Condition


@pytest.fixture
def child() -> Iterator[Child]:
    with socket.socket() as listener:
        yield Child(1, 2, Listeners((listener,), listener))


def run(program: str) -> int:
    """Run a program of Python in a child of this process."""
    return os.posix_spawn(sys.executable, [sys.executable, "-c", program], os.environ)


class TestFailures:
    def test_they_count_in_a_row(self, child: Child) -> None:
        child.serve()
        child.note_end(-9)
        child.note_end(1)
        assert (child.failures, child.status, child.condition) == (2, 1, Condition.DOWN)
        child.note_end(0)
        assert child.failures == 0

    def test_a_long_service_forgives_those_before(
        self, child: Child, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        child.note_end(1)
        child.note_end(1)
        monkeypatch.setattr(module, "_STEADY_SECONDS", -1.0)
        child.serve()
        child.note_end(1)
        assert child.failures == 1

    def test_one_that_was_given_up_begins_anew(self, child: Child) -> None:
        child.note_end(1)
        child.give_up()
        child.revive()
        assert (child.failures, child.condition) == (0, Condition.DOWN)


def test_only_those_that_run_are_silent(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENT_SECONDS", -1.0)
    assert not child.is_silent()
    child.serve()
    assert child.is_silent()
    monkeypatch.setattr(module, "SILENT_SECONDS", 60.0)
    assert not child.is_silent()


@pytest.mark.parametrize(
    ("program", "status"),
    [("raise SystemExit(2)", 2), ("import os, signal; os.kill(os.getpid(), 9)", -9), ("", 0)],
)
async def test_the_end_of_a_process_is_its_status(child: Child, program: str, status: int) -> None:
    pid = run(program)
    assert await asyncio.wait_for(child.end_of(pid), 30) == status


async def test_a_process_that_is_gone_or_no_child_has_failed(child: Child) -> None:
    gone = run("")
    assert await child.end_of(gone) == 0
    assert await child.end_of(gone) == 1


async def test_one_that_is_not_there_gets_no_signal(child: Child) -> None:
    child.pid = os.getpid()
    child.kill(signal.SIGTERM)
    child.order(b"stop")
