"""The audit log: what staff and moderators did."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from fortepiano.store.records import AuditRecord, TokenRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fortepiano.model.audit_actions import AuditAction
    from fortepiano.model.session import Session
    from fortepiano.observe.events import Events
    from fortepiano.protocol.clock import Clock
    from fortepiano.store.base import Store

__all__ = ["AuditLog", "Fact", "author_id", "write_act"]

Fact: TypeAlias = "str | int | bool | None"
"""A detail of an act."""

_LONGEST = 4096
"""The most characters of a reason or a fact that are stored.

All texts that people write fit; the HTML of a notice may have a mebibyte.
"""


def author_id(by: Session | TokenRecord) -> str:
    """Return the id under which the author of an act is recorded: of a token, or of a user."""
    if isinstance(by, TokenRecord):
        return by.id
    return by.user_id if by.user is None else by.user.id


def write_act(
    store: Store,
    at: int,
    actor: str,
    action: AuditAction,
    *,
    room: str = "",
    subject: str = "",
    reason: str = "",
    details: Mapping[str, Fact] | None = None,
) -> AuditRecord:
    """Write an act of moderation to the audit log of a store; long texts are cut.

    Room and subject stay whole, since acts are searched by them.

    Args:
        store: The store.
        at: The time of the act; milliseconds since 1970.
        actor: The author, as the log names it.
        action: The kind of act.
        room: The room's name; empty for acts that concern no room.
        subject: The user or thing that the act concerns.
        reason: The reason that was given.
        details: Further facts about the act.

    Returns:
        The act as it is stored.
    """
    facts = {name: _bounded(fact) for name, fact in (details or {}).items()}
    act = AuditRecord(
        AuditRecord.next_id(at), at, actor, action.value, room, subject, reason[:_LONGEST], facts
    )
    store.add_audit(act)
    return act


def _bounded(fact: Fact) -> Fact:
    return fact[:_LONGEST] if isinstance(fact, str) else fact


class AuditLog:
    """Writes acts of moderation to the store, and publishes them to staff who watch.

    Args:
        store: Keeps the log.
        events: Publishes events to staff who watch.
        clock: The server's time.
    """

    def __init__(self, store: Store, events: Events, clock: Clock) -> None:
        self._store = store
        self._events = events
        self._clock = clock

    def __call__(
        self,
        by: Session | TokenRecord,
        action: AuditAction,
        *,
        room: str = "",
        subject: str = "",
        reason: str = "",
        **details: Fact,
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
        actor = author_id(by)
        if by.scope is not None:
            details["scope"] = by.scope
        act = write_act(
            self._store,
            self._clock.now(),
            actor,
            action,
            room=room,
            subject=subject,
            reason=reason,
            details=details,
        )
        self._events.publish(
            act.action,
            actor=actor,
            room=room,
            subject=subject,
            reason=act.reason,
            details=dict(act.details),
        )
