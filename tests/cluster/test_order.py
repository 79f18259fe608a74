"""One order in each room: every two people hear what both hear in the same order."""

from __future__ import annotations

import asyncio
import itertools
import random

import pytest

from support.cluster import Cluster
from support.websocket_clients import Client, Clients, new_address

PEOPLE = 9  # the first digit of a velocity is the number of its player
GAP_SECONDS = 0.02


async def perform(person: Client, number: int, seconds: float) -> None:
    """Play numbered notes, and speak and change the settings of the room now and then."""
    chance = random.Random(number)
    end = asyncio.get_running_loop().time() + seconds
    for count in itertools.count():
        if asyncio.get_running_loop().time() > end:
            return
        name = f"{number}:{count}"
        what = chance.random()
        if what < 0.9:
            note = {"n": "a1", "v": round((1 + number) / 10 + count / 1e6, 6)}
            await person.send({"m": "n", "t": 1, "n": [note]})
        elif what < 0.98:
            await person.send({"m": "a", "message": name})
        else:
            color = f"#{number:02x}{count % 65536:04x}"
            await person.send({"m": "chset", "set": {"color": color}})
        await asyncio.sleep(GAP_SECONDS * 2 * chance.random())


def heard(person: Client) -> list[str]:
    """Return what one has heard, in order; settings only if somebody may set them."""
    things: list[str] = []
    for message in person.log:
        match message:
            case {"m": "n", "n": [{"v": value}]}:
                things.append(f"note {value}")
            case {"m": "a", "a": text}:
                things.append(f"line {text}")
            case {"m": "ch", "ch": {"settings": {"color": color}}}:
                things.append(f"color {color}")
    return things


def assert_one_order(first: list[str], second: list[str]) -> None:
    """Assert that what is in both lists is in the same order in both."""
    common = set(first) & set(second)
    mine = [thing for thing in first if thing in common]
    other = [thing for thing in second if thing in common]
    assert mine == other


async def an_evening(cluster: Cluster, seconds: float) -> None:
    async with Clients(cluster) as clients:
        people = await clients.group(PEOPLE)
        room = people[0].room
        async with asyncio.TaskGroup() as group:
            for number, person in enumerate(people):
                group.create_task(perform(person, number, seconds))
        for person in people:
            await person.received()
        lists = [heard(person) for person in people]
        for mine, other in itertools.combinations(lists, 2):
            assert_one_order(mine, other)
        assert all(len(things) == len(set(things)) for things in lists), "something came twice"
        notes = [{thing for thing in things if "color" not in thing} for things in lists]
        everything = set().union(*notes)
        for number, things in enumerate(notes):
            # One's own notes do not come back; all else comes to everybody.
            missing = {thing for thing in everything - things if not own(thing, number)}
            assert not missing, (number, sorted(missing)[:5])
        assert len(everything) > PEOPLE * seconds / GAP_SECONDS / 2
        latecomer = await clients.enter(room, address=new_address())
        assert latecomer.room == room


def own(thing: str, number: int) -> bool:
    """Tell whether a thing is a note of this person."""
    return thing.startswith(f"note 0.{1 + number}")


async def test_everybody_hears_one_order(trio: Cluster) -> None:
    await an_evening(trio, seconds=3)


@pytest.mark.cluster
async def test_everybody_hears_one_order_for_long(trio: Cluster) -> None:
    await an_evening(trio, seconds=20)
