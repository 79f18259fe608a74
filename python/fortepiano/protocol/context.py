"""The context of handlers: all objects that outlive a reload of the handlers' code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fortepiano.model.elsewhere import Alone
from fortepiano.model.network_lists import NetworkLists
from fortepiano.observe.counters import Counters

if TYPE_CHECKING:
    from collections.abc import Callable

    from fortepiano.config import LimitSettings
    from fortepiano.config.live import Live
    from fortepiano.config.rules import Rules
    from fortepiano.model.ban_list import BanList
    from fortepiano.model.directory import Directory
    from fortepiano.model.elsewhere import Elsewhere
    from fortepiano.model.identity import Identity
    from fortepiano.model.rates import Rates
    from fortepiano.model.tokens import TokenWatch
    from fortepiano.model.world import World
    from fortepiano.native import Hub, Throttle
    from fortepiano.observe.events import Events
    from fortepiano.protocol.audit_log import AuditLog
    from fortepiano.protocol.chat_archive import Archive
    from fortepiano.protocol.clock import Clock
    from fortepiano.protocol.outbound import Outbound
    from fortepiano.protocol.output_budget import OutputBudget
    from fortepiano.protocol.room_list import RoomList
    from fortepiano.protocol.text_filter import TextFilter
    from fortepiano.protocol.waiting_messages import WaitingMessages
    from fortepiano.store.base import Store

__all__ = ["Context"]


@dataclass(eq=False, slots=True)
class Context:
    """All that handlers work with; `server/assembly.py` makes it.

    Attributes:
        live: The settings in force, and the rules of play.
        clock: The server's time.
        hub: The hub: clients, rooms and participants.
        directory: All users and rooms.
        world: Moves users into and out of rooms.
        bans: Bans from rooms and from the site.
        identity: Makes user ids, and signs and reads tokens.
        throttle: Counts what each subscriber has cost.
        store: Keeps what survives a restart.
        archive: Stores chat.
        outbound: Sends messages to clients.
        room_list: Sends the list of rooms and its changes.
        filter: Masks swear words in chat and names.
        events: Publishes events to staff who watch.
        audit: Writes what staff and moderators did.
        budget: What each subscriber may make the server send.
        waiting: The messages of subscribers without budget.
        stop: Stops the server.
        tokens: Decides when the tokens of open sessions have to be looked at again.
        rates: Limits how fast users and subscribers may send messages.
        networks: Network lists, whose users may not enter, or not chat.
        counters: Counts for metrics.
        elsewhere: The other nodes of the cluster.
    """

    live: Live
    clock: Clock
    hub: Hub
    directory: Directory
    world: World
    bans: BanList
    identity: Identity
    throttle: Throttle
    store: Store
    archive: Archive
    outbound: Outbound
    room_list: RoomList
    filter: TextFilter
    events: Events
    audit: AuditLog
    budget: OutputBudget
    waiting: WaitingMessages
    stop: Callable[[], None]
    tokens: TokenWatch
    rates: Rates
    networks: NetworkLists = field(default_factory=NetworkLists)
    counters: Counters = field(default_factory=Counters)
    elsewhere: Elsewhere = field(default_factory=Alone)

    def __post_init__(self) -> None:
        self.outbound.appearance.masked = lambda name: self.filter.masked_name(name)

    @property
    def rules(self) -> Rules:
        """The rules of play in force."""
        return self.live.rules

    @property
    def limits(self) -> LimitSettings:
        """The limits for clients in force."""
        return self.live.limits

    @property
    def motd(self) -> str:
        """The message of the day."""
        return self.live.settings.motd

    def now(self) -> int:
        """Return the time in milliseconds since 1970; it never jumps."""
        return self.clock.now()
