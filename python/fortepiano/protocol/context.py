"""What handlers work with: everything that outlives a reload of their code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fortepiano.model.counters import Counters
from fortepiano.model.events import Events

if TYPE_CHECKING:
    from collections.abc import Callable

    from fortepiano.model.banlist import BanList
    from fortepiano.model.directory import Directory
    from fortepiano.model.world import World
    from fortepiano.native import Hub
    from fortepiano.protocol.filter import Filter
    from fortepiano.protocol.outbound import Outbound
    from fortepiano.rules import Rules
    from fortepiano.store.base import Store

__all__ = ["Context"]


@dataclass(frozen=True, slots=True)
class Context:
    """The world and the ways to change it.

    Attributes:
        hub: The native side.
        directory: All users and rooms.
        world: Who is where.
        outbound: What is said to clients.
        store: What survives.
        rules: The rules of play.
        bans: Who may not enter which room, or the site at all.
        filter: What chat is cleaned by.
        motd: The message of the day.
        later: Calls a function after so many seconds.
        stop: Stops the server.
        counters: What is counted for metrics.
        events: Tells the staff who watch what happens.
    """

    hub: Hub
    directory: Directory
    world: World
    outbound: Outbound
    store: Store
    rules: Rules
    bans: BanList
    filter: Filter
    motd: str
    later: Callable[[float, Callable[[], None]], object]
    stop: Callable[[], None]
    counters: Counters = field(default_factory=Counters)
    events: Events = field(default_factory=Events)

    def now(self) -> int:
        """Return the time in milliseconds since 1970; it never jumps."""
        return self.hub.stamp()
