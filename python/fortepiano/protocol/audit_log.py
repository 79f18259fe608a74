"""The audit log: what staff and moderators did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortepiano.store.records import AuditRecord, TokenRecord

if TYPE_CHECKING:
    from fortepiano.model.audit_actions import AuditAction
    from fortepiano.model.session import Session
    from fortepiano.observe.events import Events
    from fortepiano.protocol.clock import Clock
    from fortepiano.store.base import Store

__all__ = ["AuditLog", "author_id"]


def author_id(by: Session | TokenRecord) -> str:
    """Return the id under which the author of an act is recorded: of a token, or of a user."""
    if isinstance(by, TokenRecord):
        return by.id
    return by.user_id if by.user is None else by.user.id


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
        actor = author_id(by)
        if by.scope is not None:
            details["scope"] = by.scope
        now = self._clock.now()
        self._store.add_audit(
            AuditRecord(
                AuditRecord.next_id(now), now, actor, action.value, room, subject, reason, details
            )
        )
        self._events.publish(
            action.value, actor=actor, room=room, subject=subject, reason=reason, details=details
        )
