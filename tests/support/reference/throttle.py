"""A model of what an address may cost: every deed is remembered with its time."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from fractions import Fraction

HOUR = 3_600_000_000
MILLION = 1_000_000


def plain(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Read an address; IPv4 mapped into IPv6 is IPv4, and None is none."""
    try:
        read = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(read, ipaddress.IPv6Address) and read.ipv4_mapped is not None:
        return read.ipv4_mapped
    return read


class Networks:
    """Some networks."""

    def __init__(self, networks: list[str]) -> None:
        self.networks = [ipaddress.ip_network(one, strict=False) for one in networks]

    def __len__(self) -> int:
        return len(self.networks)

    def holds(self, address: str) -> bool:
        """Tell whether an address is in one of them."""
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
        """Let the tokens come that are due."""
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
class Place:
    """Who shares limits."""

    buckets: dict[str, Bucket]
    sockets: int = 0
    new_users: list[int] = field(default_factory=list)


class Throttle:
    """What each address may cost, under the names of the compiled class."""

    ADMITTED, EXEMPT, CROWDED, HASTY = range(4)

    def __init__(
        self,
        *,
        sockets: int = 16,
        sockets_48: int = 64,
        connects: tuple[int, float] = (20, 5.0),
        rooms: tuple[int, float] = (10, 1.0),
        failures: tuple[int, float] = (10, 0.1),
        new_users: int = 3,
        exempt: list[str] | None = None,
        standing_at: int | None = None,
    ) -> None:
        self.now = 0
        self.sockets, self.sockets_48, self.new_users = sockets, sockets_48, new_users
        self.rates = {"connect": connects, "room": rooms, "failure": failures}
        self.exempt = Networks(exempt or [])
        self.places: dict[str, Place] = {}
        self.wide: dict[str, int] = {}

    def advance_clock(self, seconds: float) -> None:
        """Turn the clock on."""
        self.now += int(seconds * MILLION)

    def _names(self, address: str) -> tuple[str, str] | None:
        """Return the names of an address's place and of its /48; None where nothing is limited."""
        read = plain(address)
        if read is None or self.exempt.holds(address):
            return None
        if read.version == 4:
            return str(read), ""
        nets = (ipaddress.ip_network((int(read), bits), strict=False) for bits in (64, 48))
        narrow, wide = (str(net) for net in nets)
        return narrow, wide

    def _place(self, name: str) -> Place:
        buckets = {
            deed: Bucket(burst, max(1, int(MILLION / per_second)))
            for deed, (burst, per_second) in self.rates.items()
        }
        return self.places.setdefault(name, Place(buckets))

    def connect(self, address: str) -> int:
        """Tell whether an address may connect."""
        names = self._names(address)
        if names is None:
            return self.EXEMPT
        narrow, wide = names
        place = self._place(narrow)
        if place.sockets >= self.sockets or (wide and self.wide.get(wide, 0) >= self.sockets_48):
            return self.CROWDED
        if not place.buckets["connect"].take(self.now):
            return self.HASTY
        place.sockets += 1
        if wide:
            self.wide[wide] = self.wide.get(wide, 0) + 1
        return self.ADMITTED

    def release(self, address: str) -> None:
        """Count a socket less."""
        names = self._names(address)
        if names is None or names[0] not in self.places:
            return
        self.places[names[0]].sockets -= 1
        if names[1]:
            self.wide[names[1]] -= 1

    def open_room(self, address: str) -> bool:
        """Tell whether an address may make a room."""
        names = self._names(address)
        return names is None or self._place(names[0]).buckets["room"].take(self.now)

    def count_failure(self, address: str) -> bool:
        """Count a token that is none."""
        names = self._names(address)
        return names is None or self._place(names[0]).buckets["failure"].take(self.now)

    def may_fail(self, address: str) -> bool:
        """Tell whether `fail` would say so."""
        names = self._names(address)
        return names is None or self._place(names[0]).buckets["failure"].has(self.now)

    def admit_new_user(self, address: str) -> bool:
        """Tell whether an address may bring a new user."""
        names = self._names(address)
        if names is None:
            return True
        place = self._place(names[0])
        lately = [came for came in place.new_users if came + HOUR > self.now]
        place.new_users = lately
        if len(lately) >= self.new_users:
            return False
        lately.append(self.now)
        return True

    def prune(self) -> int:
        """Forget the places of which nothing needs to be known."""
        idle = [name for name, place in self.places.items() if self._is_idle(place)]
        for name in idle:
            del self.places[name]
        return len(idle)

    def _is_idle(self, place: Place) -> bool:
        for bucket in place.buckets.values():
            bucket.fill(self.now)
        is_rested = all(bucket.tokens == bucket.burst for bucket in place.buckets.values())
        lately = any(came + HOUR > self.now for came in place.new_users)
        return place.sockets == 0 and is_rested and not lately
