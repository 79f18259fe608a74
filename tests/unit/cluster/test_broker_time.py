"""The broker's time as a node measures and follows it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fortepiano.cluster.broker_time import offset_of
from fortepiano.native import Hub
from fortepiano.store.redis_url import client_for
from support.native_parts import make_test_hub
from support.redis import RedisServer

NOW = 1_795_300_000_000_000


class SlowBroker:
    """A broker whose clock is ahead, on a line that a test makes slow.

    Attributes:
        now: The node's time; microseconds.
    """

    def __init__(self, ahead: int, ways: Iterator[tuple[int, int]]) -> None:
        self.now = NOW
        self._ahead = ahead
        self._ways = ways

    async def execute(self, *words: Any) -> tuple[int, int]:
        assert words == ("TIME",)
        there, back = next(self._ways)
        self.now += there
        answer = divmod(self.now + self._ahead, 1_000_000)
        self.now += back
        return answer

    async def offset(self) -> int:
        return await offset_of(self.execute, lambda: self.now)


@pytest.mark.parametrize("ahead", [0, 1, -1, 40_000, -7_200_000_000, 10**12])
async def test_the_fastest_answer_counts(ahead: int) -> None:
    slow = [(10_000, 100)] * 4
    broker = SlowBroker(ahead, iter([*slow, (90, 110), *slow]))
    assert abs(await broker.offset() - ahead) <= 100


@pytest.mark.parametrize("ways", [(0, 5_000), (5_000, 0), (2_500, 2_500)])
async def test_an_answer_is_off_by_half_of_its_way_at_most(ways: tuple[int, int]) -> None:
    broker = SlowBroker(1_000_000, iter([ways] * 8))
    assert abs(await broker.offset() - 1_000_000) <= 2_500


def steer(hub: Hub, offset: int, seconds: int) -> list[int]:
    """Steer a stopped hub; return its time after each second, less the seconds."""
    hub.steer_clock(offset)
    found: list[int] = []
    for second in range(1, seconds + 1):
        hub.advance_clock(1)
        found.append(hub.now_us() - NOW - second * 1_000_000)
    return found


def test_a_hub_follows_slowly_and_arrives() -> None:
    hub = make_test_hub(standing_at=NOW // 1000)
    assert hub.now_us() == NOW
    assert steer(hub, 1_200, 4) == [500, 1_000, 1_200, 1_200]
    hub = make_test_hub(standing_at=NOW // 1000)
    assert steer(hub, -1_200, 4) == [-500, -1_000, -1_200, -1_200]


def test_a_hub_is_set_before_anybody_is_there() -> None:
    hub = make_test_hub(standing_at=NOW // 1000)
    hub.set_clock(-2_000_000)
    assert hub.now_ms() == NOW // 1000 - 2_000


@pytest.mark.needs("redis-server")
async def test_a_real_broker_and_a_real_clock(redis_server: RedisServer) -> None:
    """Two hubs far apart agree once both are set by the broker."""
    client = client_for(redis_server.url)
    hubs = [make_test_hub() for _ in range(2)]
    hubs[1].set_clock(7_200_000_000)
    try:
        for hub in hubs:
            hub.set_clock(await offset_of(client.execute_command, hub.now_us))
        # Generous: other programs may run between two calls.
        assert abs(await offset_of(client.execute_command, hubs[0].now_us)) < 5_000
        assert abs(hubs[0].now_us() - hubs[1].now_us()) < 10_000
    finally:
        await client.aclose()
