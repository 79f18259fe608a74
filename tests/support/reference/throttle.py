"""A model of the throttle: exact fractions of tokens instead of integers."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

HOUR = 3_600_000_000
MILLION = 1_000_000


def plain(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Parse an address; IPv4 mapped into IPv6 is IPv4. Return None for anything else."""
    try:
        read = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(read, ipaddress.IPv6Address) and read.ipv4_mapped is not None:
        return read.ipv4_mapped
    return read


class Networks:
    """A set of networks."""

    def __init__(self, networks: Iterable[str]) -> None:
        self.networks = [ipaddress.ip_network(one, strict=False) for one in networks]

    def __len__(self) -> int:
        return len(self.networks)

    def holds(self, address: str) -> bool:
        """Return whether an address is in one of the networks."""
        read = plain(address)
        return read is not None and any(read in one for one in self.networks)


@dataclass
class Bucket:
    """A bucket of tokens, counted in fractions of one."""

    burst: int
    interval: int
    tokens: Fraction = field(init=False)
    at: int = 0

    def __post_init__(self) -> None:
        self.tokens = Fraction(self.burst)

    def fill(self, now: int) -> None:
        """Add the tokens that have come since the last call."""
        self.tokens = min(
            Fraction(self.burst), self.tokens + Fraction(now - self.at, self.interval)
        )
        self.at = now

    def has(self, now: int) -> bool:
        """Tell whether there is a token."""
        self.fill(now)
        return self.tokens >= 1

    def take(self, now: int) -> bool:
        """Take a token, if there is one."""
        if not self.has(now):
            return False
        self.tokens -= 1
        return True


@dataclass
class Subscriber:
    """The usage of one subscriber: an IPv4 address or an IPv6 /64."""

    buckets: dict[str, Bucket]
    sockets: int = 0
    http: int = 0
    new_users: list[int] = field(default_factory=list)


class Throttle:
    """The throttle, with the interface of the compiled class."""

    ADMITTED, EXEMPT, CROWDED, HASTY = range(4)

    def __init__(self, settings: Mapping[str, Any], *, standing_at: int | None = None) -> None:
        self.now = 0
        self.connections = settings["connections_per_address"]
        self.connections_48 = 4 * self.connections
        self.sockets = settings["sockets_per_address"]
        self.sockets_48 = settings["sockets_per_48"]
        self.new_users = settings["new_users_per_hour"]
        minutely = settings["failed_tokens_per_minute"]
        self.rates: dict[str, tuple[int, float]] = {
            "connect": (settings["connect_burst"], settings["connects_per_second"]),
            "room": (settings["room_burst"], settings["rooms_per_second"]),
            "failure": (settings["failed_token_burst"], minutely / 60),
        }
        self.exempt = Networks(settings["exempt"])
        self.subscribers: dict[str, Subscriber] = {}
        self.wide: dict[str, int] = {}
        self.wide_http: dict[str, int] = {}

    def advance_clock(self, seconds: float) -> None:
        """Advance the clock."""
        self.now += int(seconds * MILLION)

    def _names(self, address: str, always: bool = False) -> tuple[str, str] | None:
        """Return the names of an address's subscriber and of its /48; None for exempt ones."""
        read = plain(address)
        if read is None or (self.exempt.holds(address) and not always):
            return None
        if read.version == 4:
            return str(read), ""
        nets = (ipaddress.ip_network((int(read), bits), strict=False) for bits in (64, 48))
        narrow, wide = (str(net) for net in nets)
        return narrow, wide

    def _subscriber(self, name: str) -> Subscriber:
        buckets = {
            kind: Bucket(burst, max(1, int(MILLION / per_second)))
            for kind, (burst, per_second) in self.rates.items()
        }
        return self.subscribers.setdefault(name, Subscriber(buckets))

    def limit_connections(self, most: int) -> None:
        """Set the largest number of connections of any address."""
        self.connections = min(self.connections, most)
        self.connections_48 = min(self.connections_48, most)

    def accept(self, address: str, always: bool = False) -> int:
        """Tell whether a connection of an address may speak HTTP."""
        names = self._names(address, always)
        if names is None:
            return self.EXEMPT
        narrow, wide = names
        subscriber = self._subscriber(narrow)
        open_48 = self.wide.get(wide, 0) + self.wide_http.get(wide, 0)
        if subscriber.sockets + subscriber.http >= self.connections or (
            wide and open_48 >= self.connections_48
        ):
            return self.CROWDED
        subscriber.http += 1
        if wide:
            self.wide_http[wide] = self.wide_http.get(wide, 0) + 1
        return self.ADMITTED

    def hang_up(self, address: str) -> None:
        """Count one connection less that speaks HTTP."""
        names = self._names(address, always=True)
        if names is not None and names[0] in self.subscribers:
            self.subscribers[names[0]].http -= 1
            if names[1]:
                self.wide_http[names[1]] -= 1

    def connect(self, address: str, always: bool = False) -> int:
        """Tell whether an address may connect."""
        names = self._names(address, always)
        if names is None:
            return self.EXEMPT
        narrow, wide = names
        subscriber = self._subscriber(narrow)
        if subscriber.sockets >= self.sockets or (
            wide and self.wide.get(wide, 0) >= self.sockets_48
        ):
            return self.CROWDED
        if not subscriber.buckets["connect"].take(self.now):
            return self.HASTY
        subscriber.sockets += 1
        if wide:
            self.wide[wide] = self.wide.get(wide, 0) + 1
        return self.ADMITTED

    def release(self, address: str) -> None:
        """Count one socket less."""
        names = self._names(address, always=True)
        if names is None or names[0] not in self.subscribers:
            return
        self.subscribers[names[0]].sockets -= 1
        if names[1]:
            self.wide[names[1]] -= 1

    def open_room(self, address: str, always: bool = False) -> bool:
        """Tell whether an address may make a room."""
        names = self._names(address, always)
        return names is None or self._subscriber(names[0]).buckets["room"].take(self.now)

    def count_failure(self, address: str) -> bool:
        """Count a wrong token; return False if there were too many."""
        names = self._names(address)
        return names is None or self._subscriber(names[0]).buckets["failure"].take(self.now)

    def may_fail(self, address: str) -> bool:
        """Return what `count_failure` would return, without counting."""
        names = self._names(address)
        return names is None or self._subscriber(names[0]).buckets["failure"].has(self.now)

    def admit_new_user(self, address: str, always: bool = False) -> bool:
        """Tell whether an address may bring a new user."""
        names = self._names(address, always)
        if names is None:
            return True
        subscriber = self._subscriber(names[0])
        lately = [came for came in subscriber.new_users if came + HOUR > self.now]
        subscriber.new_users = lately
        if len(lately) >= self.new_users:
            return False
        lately.append(self.now)
        return True

    def prune(self) -> int:
        """Forget subscribers whose limits are all as at the beginning; return how many."""
        idle = [name for name, subscriber in self.subscribers.items() if self._is_idle(subscriber)]
        for name in idle:
            del self.subscribers[name]
        return len(idle)

    def _is_idle(self, subscriber: Subscriber) -> bool:
        for bucket in subscriber.buckets.values():
            bucket.fill(self.now)
        is_rested = all(bucket.tokens == bucket.burst for bucket in subscriber.buckets.values())
        lately = any(came + HOUR > self.now for came in subscriber.new_users)
        return subscriber.sockets == subscriber.http == 0 and is_rested and not lately
