"""The holder of a full room changes it in all tabs: the bytes that this causes have a bound."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from support.attacker import Attacker, Attackers
from support.bystanders import untroubled
from support.recovery import until
from support.scrape import metric
from support.server import Server

PEOPLE = 200
SECONDS = 6
MOST_PER_SECOND = 10_000_000

HELLO = {"m": "hi"}
ENTER = {"m": "ch", "_id": "full"}

pytestmark = [pytest.mark.timeout(120)]


async def test_changes_of_a_room_wait_for_the_budget(server: Server) -> None:
    clock = asyncio.get_running_loop().time
    with untroubled(server, "16 tabs change a room of 200"):
        async with Attackers(server) as attackers:
            tabs = [await attackers.connect("127.3.0.1", HELLO, ENTER) for _ in range(16)]
            for i in range(PEOPLE):
                await attackers.connect(f"127.4.0.{i + 1}", HELLO, ENTER)
            # The sixteen tabs are one participant; the bystanders are two.
            await until(lambda: metric(server, "participants") == PEOPLE + 3, 10)
            before, began, numbers = attackers.received, clock(), count()
            while clock() < began + SECONDS:
                for tab in tabs:
                    change(tab, f"#{next(numbers):06x}")
                await asyncio.sleep(0.1)
            assert attackers.received - before <= MOST_PER_SECOND * (clock() - began)
            assert all(attacker.is_open for attacker in attackers.all)


def change(tab: Attacker, color: str) -> None:
    """Change the room and the user, and chat."""
    tab.send({"m": "chset", "set": {"color": color}}, {"m": "coowner", "_id": "f" * 24})
    tab.send({"m": "userset", "set": {"color": color}}, {"m": "a", "message": color * 60})


async def test_a_class_that_comes_back_is_in_within_three_seconds(
    server: Server, attackers: Attackers
) -> None:
    for i in range(100):
        await attackers.connect(f"127.5.0.{i + 1}", HELLO, ENTER)
    await until(lambda: metric(server, "participants") == 100, 10)
    clock = asyncio.get_running_loop().time
    began = clock()
    pupils = [await attackers.connect(f"127.6.0.{1 + i // 15}") for i in range(30)]
    for pupil in pupils:
        pupil.send(HELLO, ENTER, {"m": "+ls"})
    await until(lambda: all(pupil.received > 100 * 100 for pupil in pupils), 3)
    assert clock() < began + 3
