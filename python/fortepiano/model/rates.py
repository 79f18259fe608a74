"""Rate limits for each kind of message, of users and of subscribers."""

from __future__ import annotations

import sys
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from fortepiano.model.identity import subscriber

if TYPE_CHECKING:
    from fortepiano.config.rules import Rate, Rules
    from fortepiano.model.session import Session

__all__ = ["SHARE", "Buckets", "Rates"]

Buckets = dict[str, float]
"""When the bucket of each kind of message is full again; milliseconds since 1970."""

SHARE = 30
"""A subscriber's rate is this many times that of a user.

One user of an address must not leave too little for the others, such as a class in a school.
"""

_FEWEST = 1024
"""Up to this many subscribers are remembered without any pruning."""

_MOST = 20_000
"""The most subscribers that are remembered: addresses are cheap, and must not fill the memory."""

_ROUNDING_MS = 0.1
"""The rounding error of a sum of times: today's date in milliseconds leaves a double few bits."""

# Cached: to parse an IPv6 address for each message would cost more than the rest of the check.
_cached_subscriber = lru_cache(maxsize=_FEWEST)(subscriber)


class Rates:
    """Token buckets, each of which is one number: the time at which it is full again.

    A user's buckets are in `User.buckets`: all the user's connections share them. Before `hi` the
    user of a connection is not known, and the connection has buckets of its own
    (`Session.buckets`). The buckets of subscribers are here; exempt networks have none.

    A message takes a token from the user's and from the subscriber's bucket, or from neither.
    """

    def __init__(self) -> None:
        self._subscribers: dict[str, Buckets] = {}
        self._prune_at = _FEWEST

    def __len__(self) -> int:
        """Return the number of subscribers that are remembered."""
        return len(self._subscribers)

    def take(self, session: Session, kind: str, rate: Rate, now: int) -> bool:
        """Take a token for a message; return whether there was one.

        Args:
            session: The session that sent the message.
            kind: The message's `m`.
            rate: The rate of one user.
            now: Milliseconds since 1970.
        """
        interval = 1000 / rate.per_second
        refill_ms = rate.burst * interval
        shared = self._shared_buckets(session, now)
        shared_full = _full_after(shared, kind, now, interval / SHARE)
        own = _own_buckets(session)
        own_full = _full_after(own, kind, now, interval)
        if own_full > now + refill_ms + _ROUNDING_MS:
            if not _is_first(session, kind):
                return False
            own_full = now + refill_ms
        if not self._take_shared(shared, kind, shared_full, now + refill_ms):
            return False
        # Interned: else ten thousand users keep ten thousand copies of each kind.
        own[sys.intern(kind)] = own_full
        return True

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
        shared = self._shared_buckets(session, now)
        full = _full_after(shared, kind, now, amount * window_ms / SHARE)
        return self._take_shared(shared, kind, full, now + window_ms)

    def settle(self, session: Session, rules: Rules, now: int) -> None:
        """Charge a user for the messages that a connection sent before its user was known.

        Args:
            session: The connection, which has its user now.
            rules: The rules of play.
            now: Milliseconds since 1970.
        """
        sent, session.buckets = session.buckets or {}, None
        buckets = _own_buckets(session) if sent else {}
        for kind, full in sent.items():
            rate = rules.rate(kind)
            if rate is not None:
                refill_ms = rate.burst * 1000 / rate.per_second
                after = _full_after(buckets, kind, now, max(0, full - now))
                buckets[sys.intern(kind)] = min(after, now + refill_ms)

    def _shared_buckets(self, session: Session, now: int) -> Buckets | None:
        """Return the buckets of a connection's subscriber; None for exempt networks."""
        if not session.is_limited:
            return None
        key = _cached_subscriber(session.address)
        buckets = self._subscribers.get(key)
        if buckets is None:
            if len(self._subscribers) >= self._prune_at:
                self._prune(now)
            buckets = self._subscribers[key] = {}
        return buckets

    def _take_shared(self, buckets: Buckets | None, kind: str, full: float, latest: float) -> bool:
        """Take tokens from a subscriber's bucket; return whether there were enough.

        Args:
            buckets: The subscriber's buckets; None for exempt networks.
            kind: The kind of message.
            full: When the bucket is full again, once these tokens are taken.
            latest: When it would be full again if it were empty now.
        """
        if buckets is None:
            return True
        if full > latest + _ROUNDING_MS:
            return False
        buckets[sys.intern(kind)] = full
        return True

    def _prune(self, now: int) -> None:
        """Forget subscribers whose buckets are full; of too many also those known for longest."""
        self._subscribers = {
            key: buckets
            for key, buckets in self._subscribers.items()
            if any(full > now for full in buckets.values())
        }
        if len(self._subscribers) >= _MOST:
            for key in list(islice(self._subscribers, _MOST // 2)):
                del self._subscribers[key]
        # Doubled, so that pruning looks at each new subscriber twice on the average.
        self._prune_at = min(_MOST, max(_FEWEST, 2 * len(self._subscribers)))


def _own_buckets(session: Session) -> Buckets:
    """Return the buckets of a connection's user; the connection's own before `hi`."""
    owner = session.user or session
    buckets = owner.buckets
    if buckets is None:
        buckets = owner.buckets = {}
    return buckets


def _full_after(buckets: Buckets | None, kind: str, now: int, time: float) -> float:
    """Return when a bucket will be full again if tokens that take `time` to refill are taken."""
    return max(buckets.get(kind, 0.0) if buckets else 0.0, now) + time


def _is_first(session: Session, kind: str) -> bool:
    """Tell whether this is a connection's first `ch` or `devices`, to which no user's rate applies.

    All tabs of a user come back together after a restart. The number of connections is limited
    elsewhere. Each tab must be able to enter its room, and to send `devices` without a notice.
    """
    if kind == "ch":
        return session.participant is None
    return kind == "devices" and not session.has_sent_devices
