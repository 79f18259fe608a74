"""What handlers work with: everything that outlives a reload of their code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fortepiano.model.network_lists import NetworkLists
from fortepiano.model.rates import Rates
from fortepiano.observe.counters import Counters
from fortepiano.observe.events import Events
from fortepiano.protocol.room_list import RoomList
from fortepiano.store.records import AuditRecord, TokenRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from fortepiano.config import LimitSettings, Settings
    from fortepiano.config.rules import Rules
    from fortepiano.model.ban_list import BanList
    from fortepiano.model.directory import Directory
    from fortepiano.model.identity import Identity
    from fortepiano.model.session import Session
    from fortepiano.model.world import World
    from fortepiano.native import Hub, Throttle
    from fortepiano.protocol.archive import Archive
    from fortepiano.protocol.outbound import Outbound
    from fortepiano.protocol.text_filter import TextFilter
    from fortepiano.store.base import Store

__all__ = ["Context"]


@dataclass(eq=False, slots=True)
class Context:
    """The world and the ways to change it; what is set may be set anew while people play.

    Attributes:
        hub: The native side.
        directory: All users and rooms.
        world: Who is where.
        outbound: What is said to clients.
        store: What survives.
        rules: The rules of play.
        bans: Who may not enter which room, or the site at all.
        identity: Who is who.
        throttle: What each address has cost.
        limits: What clients may cost.
        filter: What chat is cleaned by.
        motd: The message of the day.
        later: Calls a function after so many seconds.
        stop: Stops the server.
        archive: The chat that survives a restart.
        rates: How fast users and addresses may send.
        counters: What is counted for metrics.
        events: Tells the staff who watch what happens.
        room_list: Sends the list of rooms and its changes.
        networks: Lists of networks whose people may not enter, or not chat.
    """

    hub: Hub
    directory: Directory
    world: World
    outbound: Outbound
    store: Store
    rules: Rules
    bans: BanList
    identity: Identity
    throttle: Throttle
    limits: LimitSettings
    filter: TextFilter
    motd: str
    later: Callable[[float, Callable[[], None]], object]
    stop: Callable[[], None]
    archive: Archive
    rates: Rates = field(default_factory=Rates)
    counters: Counters = field(default_factory=Counters)
    events: Events = field(default_factory=Events)
    networks: NetworkLists = field(default_factory=NetworkLists)
    room_list: RoomList = field(init=False)

    def __post_init__(self) -> None:
        self.room_list = RoomList(self.hub, self.outbound, self.rules, self.bans, self.later)
        self.outbound.shown.masked = lambda name: self.filter.masked_name(name)

    def apply(self, settings: Settings, words: TextFilter) -> None:
        """Go by other settings from now on; what is counted and who is connected stays.

        Args:
            settings: The settings.
            words: The filter of the settings' words.
        """
        self.filter, self.motd, self.limits = words, settings.motd, settings.limits
        self.archive.retention = settings.chat.keep
        rules = settings.rules.resolved()
        for holder in (self, self.world, self.directory, self.outbound, self.room_list):
            holder.rules = rules

    def now(self) -> int:
        """Return the time in milliseconds since 1970; it never jumps."""
        return self.hub.now_ms()

    def audit(
        self,
        by: Session | TokenRecord,
        action: str,
        *,
        room: str = "",
        subject: str = "",
        reason: str = "",
        **details: str | int | bool | None,
    ) -> None:
        """Write an act of moderation down, for ever, and tell the staff who watch.

        Args:
            by: Who acts: somebody here, or who has shown a token.
            action: What he does, as one word.
            room: Where; empty where it is no room's matter.
            subject: To whom, or to what.
            reason: Why, as he says.
            details: What else there is to know.
        """
        if isinstance(by, TokenRecord):
            actor = by.id
        else:
            actor = by.user.id if by.user is not None else by.user_id
        if by.scope is not None:
            details["scope"] = by.scope
        now = self.now()
        self.store.add_audit(
            AuditRecord(
                AuditRecord.next_id(now), now, actor, action, room, subject, reason, details
            )
        )
        self.events.publish(
            action, by=actor, room=room, subject=subject, reason=reason, details=details
        )
