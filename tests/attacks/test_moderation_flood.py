"""One address bans and unbans strangers without end, and reconnects for fresh rates.

Limits: the defaults; the clock is the test's.
"""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from collections import Counter
from typing import Any

import pytest

from fortepiano.model.ban_list import BanList
from fortepiano.native import Bans
from fortepiano.store.memory import MemoryStore
from fortepiano.store.records import AuditQuery, BanRecord
from support.attacker import Attackers
from support.bystanders import untroubled
from support.dispatch_harness import START, DispatchHarness, FakeClient
from support.server import Server
from support.websocket_clients import Clients

pytestmark = pytest.mark.timeout(120)

BURST, PER_SECOND = 50, 5
LONG = "あ" * 512
"""The longest name of a room: three bytes a character."""


class Attacker:
    """One address (a /64 of IPv6) with as many users and connections as it likes."""

    def __init__(self, harness: DispatchHarness) -> None:
        self.harness = harness
        self.codes: Counter[str] = Counter()
        self._count = 0

    def connect(self, room: str) -> FakeClient:
        """Come as a new user from another address of the /64, into a room of one's own."""
        self._count += 1
        client = self.harness.open(
            f"{self._count:024x}", address=f"2001:db8::{self._count % 60_000:x}", is_limited=True
        )
        client.send("hi")
        client.send("ch", id_=room)
        client.received()
        return client

    def flood(self, seconds: int, *messages: dict[str, Any]) -> None:
        """Send as much as the rates of a connection allow, 16 connections a second."""
        for _ in range(seconds):
            for number in range(16):
                client = self.connect(f"{LONG[:-6]}{number:06}")
                for message in messages * 10:
                    client.send(**message)
                self.codes.update(one["code"] for one in client.received() if "code" in one)
                self.harness.end(client)
            self.harness.wait(1)


@pytest.fixture
def harness() -> DispatchHarness:
    return DispatchHarness()


def rows(harness: DispatchHarness) -> int:
    return len(harness.context.store.audit(AuditQuery(limit=100_000)))


def test_kickban_and_unban_write_five_rows_a_second(harness: DispatchHarness) -> None:
    stranger, attacker = harness.enter(), Attacker(harness)
    ban = {"m": "kickban", "id_": stranger.id, "ms": 3_600_000}
    attacker.flood(15, ban, {"m": "unban", "id_": stranger.id})
    assert BURST <= rows(harness) <= BURST + 15 * PER_SECOND
    assert attacker.codes["too_fast"] > 0
    acts = harness.context.store.audit(AuditQuery(limit=1000, action="kickban"))
    written = {(act.room, act.subject, act.at, act.actor) for act in acts}
    made = {(ban.room, ban.subject, ban.at, ban.by) for ban in harness.context.bans.all()}
    assert made and made <= written, "nothing is done without its row"


def test_mutes_are_counted_too(harness: DispatchHarness) -> None:
    attacker = Attacker(harness)
    for number in range(40):
        holder, guest = attacker.connect(f"stage {number}"), attacker.connect(f"stage {number}")
        user_id = guest.session.user_id
        for step in range(10):
            holder.send("mute", id_=user_id, chat=step % 2 == 0)
        harness.wait(0.1)
        harness.end(holder)
        harness.end(guest)
    assert BURST <= rows(harness) <= BURST + 4 * PER_SECOND


def test_others_moderate_meanwhile(harness: DispatchHarness) -> None:
    stranger, attacker = harness.enter(), Attacker(harness)
    attacker.flood(3, {"m": "kickban", "id_": stranger.id})
    before = rows(harness)
    holder = harness.open("f" * 24, address="2001:db8:0:1::1", is_limited=True)
    holder.send("hi")
    holder.send("ch", id_="elsewhere")
    holder.send("kickban", id_=stranger.id)
    staff = harness.staff()
    staff.send("siteban", id=stranger.id, permanent=True)
    assert rows(harness) == before + 2


def test_sixteen_bans_a_second_for_an_hour_stay_a_thousand() -> None:
    harness = DispatchHarness()
    victims = [harness.enter().id for _ in range(1500)]
    holder = harness.open("e" * 24, address="192.0.2.1", is_limited=True)
    holder.send("hi")
    holder.send("ch", id_=LONG)
    most = 0
    for second in range(3600):
        for number in range(16):
            holder.send("kickban", id_=victims[(second * 2 + number) % 1500], ms=86_400_000)
        holder.received()
        harness.outbound.broadcasts.clear()
        harness.wait(1)
        most = max(most, len(harness.context.bans.all()))
    assert most == 1000
    assert len(harness.context.store.bans()) == 1000


def a_hundred_thousand() -> tuple[BanList, MemoryStore]:
    """Return bans of the site, as of an import: of rooms there cannot be so many."""
    store = MemoryStore()
    bans = BanList(Bans(), store)
    for number in range(100_000):
        bans.ban(BanRecord("", f"{number:024x}", START + number % 7, "cli", "", START))
    return bans, store


def test_a_hundred_thousand_bans_end_in_small_steps() -> None:
    bans, store = a_hundred_thousand()
    steps: list[float] = []
    while store.bans():
        began = time.thread_time()
        bans.prune(START + 10)
        steps.append(time.thread_time() - began)
    steps.sort()
    print(
        f"{len(steps)} steps of {steps[len(steps) // 2] * 1000:.1f} ms, {steps[-1] * 1000:.1f} ms"
    )
    assert len(steps) == 200
    assert steps[len(steps) // 2] < 0.005, "the median; a collection of garbage may be in the rest"
    bans, _ = a_hundred_thousand()
    began = time.thread_time()
    bans.prune(START - 1)
    assert time.thread_time() - began < 0.001, "nothing ends: nothing is looked at"


def test_bans_that_have_ended_leave_the_memory() -> None:
    tracemalloc.start()
    bans, store = a_hundred_thousand()
    held, _ = tracemalloc.get_traced_memory()
    while store.bans():
        bans.prune(START + 10)
    left, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"{held / 1e6:.0f} MB, then {left / 1e6:.0f} MB")
    assert held < 100e6
    assert left < 0.5 * held, "dictionaries keep their size"


async def test_a_flood_of_bans_delays_nobody(server: Server, clients: Clients) -> None:
    stranger = await clients.enter(address="127.8.0.1")
    ban, unban = ({"m": kind, "_id": stranger.id} for kind in ("kickban", "unban"))
    with untroubled(server, "bans and unbans by 16 sockets that return"):
        for turn in range(4):
            async with Attackers(server) as attackers:
                for number in range(16):
                    enter = {"m": "ch", "_id": f"{LONG[:-6]}{turn}{number:05}"}
                    attacker = await attackers.connect("127.8.0.2", {"m": "hi"}, enter)
                    attacker.send(*[ban, unban] * 10)
                await asyncio.sleep(1)  # for what is done with them
