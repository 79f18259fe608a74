"""Nodes with a hub and a connection to the broker, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from fortepiano.cluster.bus import Bus, OnDown, OnEvent, OnUp
from fortepiano.native import Engine
from support.native_parts import make_test_hub

__all__ = ["EVERYBODY", "BusNode", "MakeBus", "TestedBus", "inbox_of", "until"]

EVERYBODY = b"{test}:a"

_NODES = range(1, 5)


def inbox_of(nid: int) -> bytes:
    """The inbox of a node by its number."""
    return b"{test}:n:%d" % nid


class TestedBus(Bus, Protocol):
    """A bus with the functions that only its owner calls."""

    __test__ = False

    def start(self) -> None: ...
    async def close(self) -> None: ...
    def stats(self) -> dict[str, int]: ...


class MakeBus(Protocol):
    """The constructor of a bus."""

    def __call__(
        self,
        engine: Engine,
        url: str,
        inbox: bytes,
        channels: list[bytes],
        *,
        name: str,
        on_event: OnEvent,
        on_up: OnUp,
        on_down: OnDown,
    ) -> TestedBus: ...


class BusNode:
    """A node on the running loop.

    Attributes:
        events: The events of the hub.
        on_event: Called with each of them.
        states: "up" for each connection, and the reasons of all ends.
    """

    def __init__(self, make: MakeBus, url: str, nid: int) -> None:
        self.hub = make_test_hub()
        self.engine = Engine(self.hub, asyncio.get_running_loop(), _ignore, _ignore)
        self.hub.join_cluster(nid, inbox_of(nid), EVERYBODY, b"{test}:r:", 2.0)
        for other in _NODES:
            if other != nid:
                self.hub.add_node(other, inbox_of(other))
        self.events: list[tuple[Any, ...]] = []
        self.on_event: OnEvent = _ignore
        self.states: list[str] = []
        self.bus = make(
            self.engine,
            url,
            inbox_of(nid),
            [EVERYBODY],
            name=f"node {nid}",
            on_event=self._receive,
            on_up=lambda: self.states.append("up"),
            on_down=self.states.append,
        )
        self.bus.start()

    def _receive(self, event: tuple[Any, ...]) -> None:
        self.events.append(event)
        self.on_event(event)

    def heard(self) -> list[bytes]:
        """The payloads of all posts that came."""
        return [event[2] for event in self.events if event[0] == "message"]

    async def close(self) -> None:
        await self.bus.close()
        self.engine.close()


def _ignore(*_: object) -> None:
    """Stand for the handlers of clients."""


async def until(reached: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait on this loop until something is true.

    Raises:
        AssertionError: It took longer.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not reached():
        assert loop.time() < end, f"not within {seconds} s"
        await asyncio.sleep(0.01)
