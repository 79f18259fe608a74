"""Nodes that die or freeze: their people are gone in time, and all others play on."""

from __future__ import annotations

import asyncio
import time

import pytest

from support.fallible import Fallible
from support.websocket_clients import new_address, new_room
from support.witness import HEARD_SECONDS, Witnesses, longest_silence

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]


async def test_an_edge_is_killed(three: Fallible) -> None:
    home, edge, other = three.nodes
    address = new_address()
    async with Witnesses(new_room()) as room:
        host = await room.enter(home)
        lost = await room.enter(edge)
        tab = await room.enter(edge, address)
        stays = await room.enter(other, address)
        await room.together([host, lost, stays], 5)
        since = time.monotonic()
        await asyncio.to_thread(edge.kill)
        await host.until(lambda: lost.id not in host.people, 5)
        await stays.until(lambda: lost.id not in stays.people, 5)
        print(f"an edge is killed: its people are gone after {time.monotonic() - since:.1f} s")
        await asyncio.sleep(1)
        assert host.gone(lost.id, since) == 1
        assert host.gone(tab.id, since) == 0
        assert longest_silence(host, stays, since) < HEARD_SECONDS
        await room.together([host, stays], 1)


async def test_a_home_is_killed(three: Fallible) -> None:
    home, edge, other = three.nodes
    async with Witnesses(new_room()) as room:
        lost = await room.enter(home)
        one, two = await room.enter(edge), await room.enter(edge)
        far = await room.enter(other)
        await lost.client.send({"m": "chset", "set": {"color": "#123456"}})
        await far.until(lambda: far.channel["settings"]["color"] == "#123456", 2)
        await lost.client.send({"m": "chown", "id": one.id})
        await one.until(lambda: one.channel["crown"].get("participantId") == one.id, 2)
        await two.speak("said at the end")
        await asyncio.sleep(0.5)
        since = time.monotonic()
        await asyncio.to_thread(home.kill)
        took = await room.together([one, two, far], 5)
        print(f"a home is killed: one room again after {took:.1f} s")
        silence = longest_silence(one, two, since)
        print(f"a home is killed: longest silence on one node {silence:.2f} s")
        assert silence < HEARD_SECONDS
        await far.speak("goes on")
        for each in (one, two, far):
            await each.until(lambda it=each: it.lines[-1:] and it.lines[-1]["a"] == "goes on", 2)
            assert each.gone(lost.id, since) == 1
        late = await room.enter(other)
        assert [line["a"] for line in late.lines] == ["said at the end", "goes on"]
        assert late.channel["settings"]["color"] == "#123456"
        assert late.channel["crown"]["participantId"] == one.id


async def test_the_crown_of_a_killed_home_lies_reserved(three: Fallible) -> None:
    home, edge, _ = three.nodes
    address = new_address()
    async with Witnesses(new_room()) as room:
        holder = await room.enter(home, address)
        guest = await room.enter(edge)
        await room.together([holder, guest], 3)
        since = time.monotonic()
        await asyncio.to_thread(home.kill)
        await guest.until(lambda: holder.id not in guest.people, 5)
        assert guest.gone(holder.id, since) == 0  # a `ch` instead
        assert "participantId" not in guest.channel["crown"]
        back = await room.enter(edge, address)
        await guest.until(lambda: guest.channel["crown"].get("participantId") == back.id, 2)


async def test_a_node_stands_still_for_five_seconds(three: Fallible) -> None:
    home, edge, other = three.nodes
    async with Witnesses(new_room()) as room:
        people = [await room.enter(node) for node in (home, home, edge, edge, other)]
        await room.together(people, 3)
        since = time.monotonic()
        for node in (home, edge):
            three.freeze(node)
            await asyncio.sleep(5)
            three.thaw(node)
            await room.together(people, 5)
        for witness in people:
            for each in people:
                assert witness.gone(each.id, since) == 0
        await asyncio.sleep(1)
        notes = [number for _, number in people[4].notes_of(people[0])]
        assert notes == sorted(set(notes))
        assert notes == list(range(notes[0], notes[0] + len(notes))), "a note is lost"


@pytest.mark.parametrize("which", ["home", pytest.param("edge", marks=pytest.mark.slow)])
async def test_a_node_stands_still_for_twenty_seconds(three: Fallible, which: str) -> None:
    home, edge, other = three.nodes
    victim = home if which == "home" else edge
    async with Witnesses(new_room()) as room:
        people = [await room.enter(node) for node in (home, home, edge, edge, other)]
        await room.together(people, 3)
        frozen = [witness for witness in people if witness.client.node is victim]
        rest = [witness for witness in people if witness not in frozen]
        since = time.monotonic()
        three.freeze(victim)
        took = await room.together(rest, 15)
        print(f"a frozen {which}: one room again after {took:.1f} s")
        if which == "home":
            assert longest_silence(people[2], people[3], since) < HEARD_SECONDS
        await asyncio.sleep(max(0, 20 - (time.monotonic() - since)))
        three.thaw(victim)
        took = await room.together(people, 10)
        print(f"a thawed {which}: its people are back after {took:.1f} s")
        await people[0].speak("back")
        for witness in people:
            await witness.until(lambda it=witness: it.lines[-1:] and it.lines[-1]["a"] == "back", 2)
