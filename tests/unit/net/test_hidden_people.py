"""People whose addresses a proxy or a bridge hides: counted, and told once a day."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest
import structlog.testing

from fortepiano.net.hidden_people import HiddenPeople

HOUR = 3_600_000


@dataclass
class One:
    address: str


@dataclass
class Link:
    session: One | None


@dataclass
class World:
    """Sockets by address, and a clock."""

    links: list[Link] = field(default_factory=list[Link])
    now: int = 0

    def connections(self) -> list[Link]:
        return self.links

    def put(self, address: str, count: int) -> None:
        self.links += [Link(One(address)) for _ in range(count)]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def hidden(world: World) -> HiddenPeople:
    return HiddenPeople(cast("Any", world), lambda: world.now)


@pytest.mark.parametrize(
    ("addresses", "count", "told"),
    [
        (["172.70.1.1"], 4, "Cloudflare"),
        (["172.70.1.1", "172.71.2.2", "104.17.0.1", "2606:4700::1"], 1, "Cloudflare"),
        (["172.30.0.1"], 12, "share one address"),
        (["10.88.0.1"], 16, "share one address"),
        (["fd00::1"], 12, "share one address"),
        (["127.0.0.1"], 12, "share one address"),
        (["unix:/run/s"], 12, "share one address"),
    ],
)
def test_many_behind_a_proxy_are_told(
    world: World, hidden: HiddenPeople, addresses: list[str], count: int, told: str
) -> None:
    for address in addresses:
        world.put(address, count)
    with structlog.testing.capture_logs() as lines:
        hidden.look()
    (line,) = lines
    assert (line["log_level"], line["sockets"]) == ("warning", count * len(addresses))
    assert told in line["event"]
    assert hidden.sockets == count * len(addresses)


@pytest.mark.parametrize(
    ("addresses", "count"),
    [
        (["172.70.1.1"], 3),
        (["203.0.113.7", "2001:db8::1"], 300),
        ([f"192.168.0.{number}" for number in range(100)], 3),
        (["104.28.1.1"], 100),
    ],
)
def test_others_are_not(
    world: World, hidden: HiddenPeople, addresses: list[str], count: int
) -> None:
    for address in addresses:
        world.put(address, count)
    world.links.append(Link(None))
    with structlog.testing.capture_logs() as lines:
        hidden.look()
    assert (lines, hidden.sockets) == ([], 0)


def test_it_is_told_once_a_day(world: World, hidden: HiddenPeople) -> None:
    world.put("172.70.1.1", 4)
    with structlog.testing.capture_logs() as lines:
        for world.now in range(HOUR, 26 * HOUR, HOUR // 2):
            hidden.look()
    assert len(lines) == 2
    world.links.clear()
    hidden.look()
    assert hidden.sockets == 0
