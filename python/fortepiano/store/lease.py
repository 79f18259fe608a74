"""The lease of a prefix in Redis: one server, or one `restore`, owns the prefix at a time.

    {fortepiano}:owner        the owner as JSON; Redis forgets the key `LEASE_MS` after each renewal

Each transaction of the owner looks at the key first, in the same script: missing, it is taken
again; of another owner, nothing else is done. So no server writes over the data of another one,
however long it was frozen. The transactions also renew the lease.

Another server takes the lease of a process that is known to be dead at once. Of any other owner it
takes the lease only after watching for `LEASE_MS` that nobody renews it.

All nodes of a cluster have one value, so they share the lease: it lasts as long as one of them
writes. The registry keeps apart two nodes of one name.
"""

import threading
import time
from collections.abc import Callable
from enum import Enum, auto
from typing import NamedTuple

import msgspec

from fortepiano.store.owner import Fate, Owner, fate_of, owner_of
from fortepiano.store.writer import UnwritableError

__all__ = ["LEASE_MS", "RENEW_MS", "Lease", "OwnedError", "Terms", "Verdict"]

LEASE_MS = 6000
"""How long a lease lasts without being renewed; milliseconds."""

RENEW_MS = 2000
"""The age at which a lease is renewed; milliseconds."""

_OF_CLUSTER = b'{"is_cluster":true}'
"""The value of the nodes of a cluster, whichever version they are of."""

_JITTER_MS = 200
"""Differences of a lease's remaining time that are no renewal: the network, clocks of replicas."""


class OwnedError(UnwritableError):
    """Another process owns the prefix.

    Attributes:
        value: The other owner's lease.
        remaining: How long that lasts; milliseconds, -1 for ever.
    """

    def __init__(self, prefix: str, value: bytes, remaining: int) -> None:
        super().__init__(prefix, value, remaining)
        self.prefix = prefix
        self.value = value
        self.remaining = remaining

    def __str__(self) -> str:
        what = "stop it, or choose another `store.prefix`"
        if self.value == _OF_CLUSTER:
            what = "set `cluster.url` to be a node of it, or stop all its nodes"
        return f"{owner_of(self.value)} uses the prefix {self.prefix}; {what}"


class Verdict(Enum):
    """The answer to a lease of another owner."""

    TAKE = auto()
    """That owner is gone: the next transaction takes the lease."""

    WAIT = auto()
    """That owner may be gone: look again."""

    REFUSE = auto()
    """That owner lives."""


class Terms(NamedTuple):
    """The values that a transaction writes and accepts.

    Attributes:
        value: The value of the key while this process owns it.
        replaced: Another value that the transaction may replace; empty for none.
    """

    value: bytes
    replaced: bytes = b""


class _Watch(NamedTuple):
    value: bytes
    remaining: int
    began: float


class Lease:
    """The lease of this process, or the claim to it.

    The event loop's thread and the writer's may use one at the same time.

    Args:
        owner: This process.
        inherited: The value of the old process, which a successor shares until `take_over`.
        is_of_cluster: Whether this process is a node of a cluster, which shares the lease with the
            other nodes.
        clock: Returns a monotonic time; seconds.
        fate: Returns whether another owner still runs.

    Attributes:
        is_shared: Whether another process of an upgrade has the same lease, so that the end of this
            process is not the end of the lease.
        was_held: Whether a transaction of this process has had the lease.
        on_take_over: Called when the old process's value is to be replaced.
    """

    def __init__(
        self,
        owner: Owner,
        inherited: bytes = b"",
        *,
        is_of_cluster: bool = False,
        clock: Callable[[], float] = time.monotonic,
        fate: Callable[[Owner, Owner], Fate] = fate_of,
    ) -> None:
        self._owner = owner
        self._clock = clock
        self._fate = fate
        self._guard = threading.Lock()  # of the terms
        self._is_of_cluster = is_of_cluster
        self._terms = Terms(inherited or self._value())
        self._watch: _Watch | None = None
        self.is_shared = bool(inherited)
        self.was_held = False
        self.on_take_over: Callable[[], object] = lambda: None

    @property
    def outlives_process(self) -> bool:
        """Whether others go on with the lease when this process ends."""
        return self.is_shared or self._is_of_cluster

    def _value(self) -> bytes:
        return _OF_CLUSTER if self._is_of_cluster else msgspec.json.encode(self._owner)

    @property
    def terms(self) -> Terms:
        """The terms of the next transaction."""
        return self._terms

    def name(self, owner: Owner) -> None:
        """Set what others read of this process; nothing while the old process's value is shared."""
        if not self.is_shared:
            self._replace(owner)

    def take_over(self, owner: Owner) -> None:
        """Replace the old process's value, or an earlier one of this process."""
        self.is_shared = False
        self._replace(owner)
        self.on_take_over()

    def _replace(self, owner: Owner) -> None:
        with self._guard:
            self._owner = owner
            self._terms = Terms(self._value(), self._terms.value)

    def taken(self, terms: Terms) -> None:
        """Note that a transaction with these terms has succeeded: nothing is replaced any more."""
        with self._guard:
            if self._terms is terms and terms.replaced:
                self._terms = Terms(terms.value)
        self._watch = None
        self.was_held = True

    def judge(self, other: OwnedError) -> Verdict:
        """Return what to do about another owner, whom a transaction has found."""
        fate = self._fate(owner_of(other.value), self._owner)
        if fate is Fate.UNKNOWN:
            return self._watched(other)
        self._watch = None
        return self._take(other) if fate is Fate.DEAD else Verdict.REFUSE

    def _watched(self, other: OwnedError) -> Verdict:
        now = self._clock()
        watch = self._watch
        if watch is None:
            self._watch = _Watch(other.value, other.remaining, now)
            return Verdict.WAIT
        elapsed = (now - watch.began) * 1000
        if _is_renewed(watch, other, elapsed):
            self._watch = None
            return Verdict.REFUSE
        if elapsed < LEASE_MS:
            return Verdict.WAIT
        self._watch = None
        return self._take(other)

    def _take(self, other: OwnedError) -> Verdict:
        with self._guard:
            self._terms = Terms(self._terms.value, other.value)
        return Verdict.TAKE


def _is_renewed(watch: _Watch, now: OwnedError, elapsed: float) -> bool:
    """Return whether a lease was written since `elapsed` milliseconds ago."""
    if now.value != watch.value or (now.remaining < 0) != (watch.remaining < 0):
        return True
    return now.remaining > max(watch.remaining - elapsed, 0) + _JITTER_MS
