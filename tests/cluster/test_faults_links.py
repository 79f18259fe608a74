"""Links to the broker that fail: silent, slow or cut; the people of each node play on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from support.fallible import Fallible, fallible_cluster
from support.websocket_clients import new_room
from support.witness import HEARD_SECONDS, Witnesses, assert_heard, longest_silence

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(150)]

BACK_SECONDS = 8.0
"""How long people may be apart after a link is whole again."""

GONE_SECONDS = 15.0
"""How long the people of a node that is cut off may seem to be there."""


@pytest.fixture(scope="module")
def running() -> Iterator[Fallible]:
    with fallible_cluster(has_links=True) as made:
        yield made


@pytest.mark.parametrize(
    ("which", "directions"),
    [
        pytest.param("home", ("to", "from"), id="home"),
        pytest.param("edge", ("to", "from"), id="edge", marks=pytest.mark.slow),
        pytest.param("edge", ("to",), id="edge-sends"),
        pytest.param("edge", ("from",), id="edge-hears", marks=pytest.mark.slow),
        pytest.param("home", ("to",), id="home-sends", marks=pytest.mark.slow),
        pytest.param("home", ("from",), id="home-hears", marks=pytest.mark.slow),
    ],
)
async def test_a_link_goes_silent(three: Fallible, which: str, directions: tuple[str, ...]) -> None:
    number = ("home", "edge").index(which)
    node, link = three.nodes[number], three.links[number]
    async with Witnesses(new_room()) as room:
        people = await room.crowd(three.nodes)
        apart = [witness for witness in people if witness.client.node is node]
        rest = [witness for witness in people if witness not in apart]
        since = time.monotonic()
        link.silence(*directions)
        await room.together(rest, GONE_SECONDS)
        took = time.monotonic() - since
        print(f"a silent link of the {which}: its people are gone after {took:.1f} s")
        await apart[0].speak("apart")
        await rest[0].speak("the rest")
        await apart[1].until(lambda: "apart" in apart[1].texts, 2)
        assert took < GONE_SECONDS
        link.heal()
        three.touched()
        took = await room.together(people, BACK_SECONDS)
        print(f"a link that was silent: one room again after {took:.1f} s")
        for witness in people:
            await witness.until(
                lambda it=witness: sorted(it.texts) == ["apart", "the rest"], BACK_SECONDS
            )
        assert_heard(people, since)


async def test_a_link_is_silent_for_a_moment(three: Fallible) -> None:
    async with Witnesses(new_room()) as room:
        people = await room.crowd(three.nodes)
        since = time.monotonic()
        three.links[1].silence()
        await asyncio.sleep(2)
        three.links[1].heal()
        three.touched()
        took = await room.together(people, BACK_SECONDS)
        print(f"a link silent for 2 s: one room again after {took:.1f} s")
        assert_heard(people, since)
        for witness in people:
            for each in people:
                assert witness.gone(each.id, since) == 0


@pytest.mark.parametrize("which", ["home", pytest.param("edge", marks=pytest.mark.slow)])
async def test_a_node_is_cut_off(three: Fallible, which: str) -> None:
    number = ("home", "edge").index(which)
    node, link = three.nodes[number], three.links[number]
    async with Witnesses(new_room()) as room:
        people = await room.crowd(three.nodes)
        apart = [witness for witness in people if witness.client.node is node]
        rest = [witness for witness in people if witness not in apart]
        since = time.monotonic()
        link.cut()
        took = await room.together(rest, GONE_SECONDS)
        print(f"a {which} is cut off: its people are gone after {took:.1f} s")
        await room.together(apart, GONE_SECONDS)
        link.heal()
        three.touched()
        took = await room.together(people, BACK_SECONDS)
        print(f"a {which} that was cut off: one room again after {took:.1f} s")
        assert_heard(people, since)


@pytest.mark.slow
async def test_two_nodes_are_cut_off_and_the_third_goes_on(three: Fallible) -> None:
    async with Witnesses(new_room()) as room:
        people = await room.crowd(three.nodes)
        since = time.monotonic()
        for link in three.links[:2]:
            link.cut()
        await room.together([people[4]], GONE_SECONDS)
        for link in three.links[:2]:
            link.heal()
        three.touched()
        took = await room.together(people, BACK_SECONDS)
        print(f"two nodes that were cut off: one room again after {took:.1f} s")
        assert_heard(people, since)


async def test_a_slow_link_slows_nobody_else(three: Fallible) -> None:
    async with Witnesses(new_room()) as room:
        people = await room.crowd(three.nodes)
        since = time.monotonic()
        three.links[1].slow(rate=4_000)  # less than what this room and its beats need
        await asyncio.sleep(10)
        silence = longest_silence(people[4], people[0], since)
        print(f"a slow link of another node: longest silence between two others {silence:.2f} s")
        assert silence < HEARD_SECONDS
        three.links[1].heal()
        three.touched()
        took = await room.together(people, BACK_SECONDS)
        print(f"a link that was slow: one room again after {took:.1f} s")
        assert_heard(people, since)


async def test_a_link_with_a_long_way(three: Fallible) -> None:
    async with Witnesses(new_room()) as room:
        people = await room.crowd(three.nodes)
        since = time.monotonic()
        three.links[1].slow(delay=0.1)
        await asyncio.sleep(5)
        silence = longest_silence(people[4], people[2], since + 1)
        print(f"a link with a delay of 0.1 s: longest silence {silence:.2f} s")
        assert silence < HEARD_SECONDS
        assert_heard(people, since)
        three.links[1].heal()
        await room.together(people, BACK_SECONDS)
        for witness in people:
            for each in people:
                assert witness.gone(each.id, since) == 0
