"""Rate limits for each kind of message, of users and of subscribers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fortepiano.config.rules import Rate, Rules
    from fortepiano.model.session import Session
    from fortepiano.native import Buckets, MessageRates

__all__ = ["Rates"]

_ACT = "an act"
"""The name of the bucket for acts, which is no kind of message."""


class Rates:
    """Decides whose token buckets a message takes tokens from; the native table has the buckets.

    A user's buckets are in `User.buckets`: all the user's connections share them. Before `hi` the
    user of a connection is not known, and the connection has buckets of its own
    (`Session.buckets`). The buckets of subscribers are in the table; exempt networks have none.

    A message takes a token from the user's and from the subscriber's bucket, or from neither.

    Args:
        table: The native table, empty.
    """

    def __init__(self, table: MessageRates) -> None:
        self._table = table

    def __len__(self) -> int:
        """Return the number of subscribers that are remembered."""
        return len(self._table)

    def take(self, session: Session, kind: str, rate: Rate, now: int) -> bool:
        """Take a token for a message; return whether there was one.

        Args:
            session: The session that sent the message.
            kind: The message's `m`.
            rate: The rate of one user.
            now: Milliseconds since 1970.
        """
        return self._table.take(
            self._buckets_of(session),
            _counted_address(session),
            kind,
            rate.burst,
            rate.per_second,
            _is_first(session, kind),
            now,
        )

    def take_share(
        self, session: Session, kind: str, amount: float, window_ms: int, now: int
    ) -> bool:
        """Take a part of what a subscriber may send in a window; return whether enough was left.

        Args:
            session: The session that sent the message.
            kind: The message's `m`.
            amount: The part to take; 1 is all that one user may send in the window.
            window_ms: The length of the window.
            now: Milliseconds since 1970.
        """
        return self._table.take_share(_counted_address(session), kind, amount, window_ms, now)

    def take_act(self, session: Session, burst: int, per_second: float, now: int) -> bool:
        """Take a token for an act that the audit log records; return whether there was one.

        All users of a subscriber share one bucket, which no reconnect fills. In exempt networks
        each user has one.

        Args:
            session: The session that acts.
            burst: The acts of one subscriber that may come at once.
            per_second: The acts that are regained per second.
            now: Milliseconds since 1970.
        """
        own, address = self._buckets_of(session), _counted_address(session)
        return self._table.take_shared(own, address, _ACT, burst, per_second, now)

    def settle(self, session: Session, rules: Rules, now: int) -> None:
        """Charge a user for the messages that a connection sent before its user was known.

        Args:
            session: The connection, which has its user now.
            rules: The rules of play.
            now: Milliseconds since 1970.
        """
        sent, session.buckets = session.buckets, None
        if sent is None:
            return
        buckets = self._buckets_of(session)
        for kind, full in sent.full_at_ms().items():
            rate = rules.rate(kind)
            if rate is not None and full > now:
                buckets.charge(kind, full - now, rate.burst, rate.per_second, now)

    def _buckets_of(self, session: Session) -> Buckets:
        """Return the buckets of a connection's user; the connection's own before `hi`."""
        owner = session.user or session
        buckets = owner.buckets
        if buckets is None:
            buckets = owner.buckets = self._table.new_buckets()
        return buckets


def _counted_address(session: Session) -> str | None:
    """Return the address whose subscriber is limited; None for exempt networks."""
    return session.address if session.is_limited else None


def _is_first(session: Session, kind: str) -> bool:
    """Tell whether this is a connection's first `ch` or `devices`, to which no user's rate applies.

    All tabs of a user come back together after a restart. The number of connections is limited
    elsewhere. Each tab must be able to enter its room, and to send `devices` without a notice.
    """
    if kind == "ch":
        return not session.is_in_room
    return kind == "devices" and not session.has_sent_devices
