"""All processes: a program that cannot be run is an end like any other."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from fortepiano.errors import ExitStatus
from fortepiano.net.listener_group import ListenerGroup
from fortepiano.net.listeners import Listeners
from fortepiano.processes import child as module
from fortepiano.processes.child import Condition
from fortepiano.processes.children import Children
from fortepiano.processes.notices import Notices


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> Iterator[Children]:
    """Two processes whose program is not there."""
    monkeypatch.setattr(module, "command", lambda **_: ["/nowhere/python"])
    notices = Notices()
    with socket.create_server(("127.0.0.1", 0)) as listener, notices.socket:
        members = [Listeners((listener,), listener)] * 2
        group = ListenerGroup(members, is_balanced=False)
        yield Children(group, -1, list, notices)


async def test_a_program_that_is_not_there_ends_the_start(children: Children) -> None:
    async with asyncio.timeout(10):
        await children.start()
    assert children.stop.is_set()
    assert children.status() is ExitStatus.BUG
    first, second = children.all
    assert (first.condition, first.channel, first.failures) == (Condition.DOWN, None, 1)
    assert second.pid == 0


async def test_a_program_that_is_away_for_a_while_is_tried_again(children: Children) -> None:
    children.is_complete = True
    children.resume()
    first, second = children.all
    async with asyncio.timeout(10):
        while min(first.failures, second.failures) < 2:
            await first.changed.wait()
            first.changed.clear()
            await asyncio.sleep(0)
    children.stop.set()
    async with asyncio.timeout(10):
        await children.ended()
    assert (first.channel, second.channel) == (None, None)
