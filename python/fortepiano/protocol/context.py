"""The context of handlers: all objects that outlive a reload of the handlers' code."""

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
    from fortepiano.model.audit_actions import AuditAction
    from fortepiano.model.ban_list import BanList
    from fortepiano.model.directory import Directory
    from fortepiano.model.identity import Identity
    from fortepiano.model.session import Session
    from fortepiano.model.world import World
    from fortepiano.native import Hub, Throttle
    from fortepiano.protocol.chat_archive import Archive
    from fortepiano.protocol.outbound import Outbound
    from fortepiano.protocol.text_filter import TextFilter
    from fortepiano.store.base import Store

__all__ = ["Context"]


@dataclass(eq=False, slots=True)
class Context:
    """All that handlers work with; a reload of settings changes parts of it while people play.

    Attributes:
        hub: The hub: clients, rooms and participants.
        directory: All users and rooms.
        world: Moves users into and out of rooms.
        outbound: Sends messages to clients.
        store: Keeps what survives a restart.
        rules: The rules of play.
        bans: Bans from rooms and from the site.
        identity: Makes user ids, and signs and reads tokens.
        throttle: Counts what each subscriber has cost.
        limits: The limits for clients.
        filter: Masks swear words in chat and names.
        motd: The message of the day.
        later: Calls a function after a number of seconds.
        stop: Stops the server.
        archive: Stores chat.
        rates: Limits how fast users and subscribers may send messages.
        counters: Counts for metrics.
        events: Publishes events to staff who watch.
        room_list: Sends the list of rooms and its changes.
        networks: Network lists, whose users may not enter, or not chat.
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
        self.outbound.appearance.masked = lambda name: self.filter.masked_name(name)

    def apply(self, settings: Settings, words: TextFilter) -> None:
        """Apply other settings from now on; counts and connections stay.

        Args:
            settings: The settings.
            words: The text filter that these settings name.
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
        action: AuditAction,
        *,
        room: str = "",
        subject: str = "",
        reason: str = "",
        **details: str | int | bool | None,
    ) -> None:
        """Write an act of moderation to the audit log, and publish it to staff who watch.

        Args:
            by: The user, by session, or the token with which the act was requested.
            action: The kind of act.
            room: The room's name; empty for acts that concern no room.
            subject: The user or thing that the act concerns.
            reason: The reason that was given.
            details: Further facts about the act.
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
                AuditRecord.next_id(now), now, actor, action.value, room, subject, reason, details
            )
        )
        self.events.publish(
            action.value, by=actor, room=room, subject=subject, reason=reason, details=details
        )
