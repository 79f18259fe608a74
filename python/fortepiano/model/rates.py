"""Rates: how fast users, and all who share an address, may send each kind of message."""

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
"""How many times as much as a user all those may send together who share an address: a class in a
school must not be starved by one of them."""

_FEW = 1024
"""Addresses that are always remembered before any are forgotten."""

_AT_MOST = 20_000
"""Addresses that are remembered: whoever has more of them fills no memory with them."""

_ROUNDING_MS = 0.1
"""By how much a sum of times may be off: today's date in milliseconds leaves a double few bits."""

# Written out anew for each message, an IPv6 address would cost more than the rest of it.
_place_of = lru_cache(maxsize=_FEW)(subscriber)


class Rates:
    """Buckets of tokens, each of which is one number: the time at which it is full again.

    Those of a user lie with the user (`User.buckets`), whatever connections they have, and are
    remembered with them. Before `hi` nobody knows the user, and a connection has buckets of its own
    (`Session.buckets`). Those of addresses lie here; an exempt network has none.

    What a bucket refuses costs nothing in any other.
    """

    def __init__(self) -> None:
        self._places: dict[str, Buckets] = {}
        self._crowd = _FEW

    def __len__(self) -> int:
        """Return how many addresses are remembered."""
        return len(self._places)

    def take(self, session: Session, kind: str, rate: Rate, now: int) -> bool:
        """Take a token for a message; returns whether there was one.

        Args:
            session: Where it came from.
            kind: Its `m`.
            rate: How many a user may send.
            now: Milliseconds since 1970.
        """
        interval = 1000 / rate.per_second
        lasts = rate.burst * interval
        place = self._place(session, now)
        shared = _after(place, kind, now, interval / SHARE)
        own = _own(session)
        full = _after(own, kind, now, interval)
        if full > now + lasts + _ROUNDING_MS:
            if not _is_first(session, kind):
                return False
            full = now + lasts
        if not self._may(place, kind, shared, now + lasts):
            return False
        # Interned: else ten thousand users keep ten thousand copies of each kind.
        own[sys.intern(kind)] = full
        return True

    def take_share(
        self, session: Session, kind: str, amount: float, window_ms: int, now: int
    ) -> bool:
        """Take a part of what an address may send in a window; returns whether it was left.

        Args:
            session: Where it came from.
            kind: The message's `m`.
            amount: How much it is, where 1 is all that one user may send.
            window_ms: The window.
            now: Milliseconds since 1970.
        """
        place = self._place(session, now)
        full = _after(place, kind, now, amount * window_ms / SHARE)
        return self._may(place, kind, full, now + window_ms)

    def settle(self, session: Session, rules: Rules, now: int) -> None:
        """Charge a user for what a connection sent before it was known whose it is.

        Args:
            session: The connection, which has its user now.
            rules: The rules of play.
            now: Milliseconds since 1970.
        """
        sent, session.buckets = session.buckets or {}, None
        buckets = _own(session) if sent else {}
        for kind, full in sent.items():
            rate = rules.rate(kind)
            if rate is not None:
                lasts = rate.burst * 1000 / rate.per_second
                after = _after(buckets, kind, now, max(0, full - now))
                buckets[sys.intern(kind)] = min(after, now + lasts)

    def _place(self, session: Session, now: int) -> Buckets | None:
        """Return the buckets of a connection's address; None where nothing is counted."""
        if not session.is_limited:
            return None
        key = _place_of(session.address)
        place = self._places.get(key)
        if place is None:
            if len(self._places) >= self._crowd:
                self._prune(now)
            place = self._places[key] = {}
        return place

    def _may(self, place: Buckets | None, kind: str, full: float, latest: float) -> bool:
        """Take what an address's bucket has; returns whether it is enough."""
        if place is None:
            return True
        if full > latest + _ROUNDING_MS:
            return False
        place[sys.intern(kind)] = full
        return True

    def _prune(self, now: int) -> None:
        """Forget the addresses whose buckets are full, and of too many those known for longest."""
        self._places = {
            key: place
            for key, place in self._places.items()
            if any(full > now for full in place.values())
        }
        if len(self._places) >= _AT_MOST:
            for key in list(islice(self._places, _AT_MOST // 2)):
                del self._places[key]
        # Twice as many: so each is looked at twice on the average, however many come.
        self._crowd = min(_AT_MOST, max(_FEW, 2 * len(self._places)))


def _own(session: Session) -> Buckets:
    """Return the buckets of a connection's user; its own where nobody knows who that is."""
    holder = session.user or session
    buckets = holder.buckets
    if buckets is None:
        buckets = holder.buckets = {}
    return buckets


def _after(buckets: Buckets | None, kind: str, now: int, time: float) -> float:
    """Return when a bucket will be full again if so much time's tokens are taken from it now."""
    return max(buckets.get(kind, 0.0) if buckets else 0.0, now) + time


def _is_first(session: Session, kind: str) -> bool:
    """Whether a connection could not go on without this message.

    All tabs of a user come back together after a restart. They are bounded as connections, and
    must all find their rooms, and not be told off for what they do by themselves.
    """
    if kind == "ch":
        return session.participant is None
    return kind == "devices" and not session.has_sent_devices
