"""Tasks that end before the server does."""

from __future__ import annotations

import asyncio

import structlog

from fortepiano.server.supervisor import Supervisor


class Parts:
    """A supervisor, and whether it has stopped the server."""

    def __init__(self) -> None:
        self.stopped = asyncio.Event()
        self.supervisor = Supervisor(self.stopped.set)

    async def end(self, *, with_error: bool = False) -> list[str]:
        """Let a watched task end; return the events of the log."""

        async def work() -> None:
            if with_error:
                raise OSError("gone")

        with structlog.testing.capture_logs() as logged:
            task = asyncio.create_task(work())
            self.supervisor.watch(task, "a port")
            await asyncio.wait([task])
            await asyncio.sleep(0)
        return [f"{line['log_level']}: {line['part']}" for line in logged]


async def test_a_failure_is_logged_and_stops_the_server() -> None:
    parts = Parts()
    assert await parts.end(with_error=True) == ["error: a port"]
    assert parts.stopped.is_set()
    assert parts.supervisor.has_failed


async def test_a_task_that_just_ends_is_a_failure_too() -> None:
    parts = Parts()
    assert await parts.end() == ["error: a port"]
    assert parts.supervisor.has_failed


async def test_at_the_end_tasks_may_end() -> None:
    parts = Parts()
    parts.supervisor.release()
    assert await parts.end() == []
    assert not parts.stopped.is_set()
    assert not parts.supervisor.has_failed


async def test_a_failure_at_the_end_is_still_one() -> None:
    parts = Parts()
    parts.supervisor.release()
    assert await parts.end(with_error=True) == ["error: a port"]
    assert parts.supervisor.has_failed


async def test_a_cancelled_task_is_none() -> None:
    parts = Parts()
    task = asyncio.create_task(asyncio.sleep(60))
    parts.supervisor.watch(task, "a port")
    task.cancel()
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert not parts.supervisor.has_failed
