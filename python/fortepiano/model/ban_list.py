"""The bans: one native table to ask, and the store that keeps them."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from fortepiano.model.identity import network_around
from fortepiano.model.texts import settled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fortepiano.native import Bans
    from fortepiano.store.base import BanRecord, Store

__all__ = ["PERMANENT", "SITE", "BanList", "is_network", "subject"]

PERMANENT = 2**64 - 1
"""The end of a ban that has none, as the native table has it."""

SITE = ""
"""The room of bans that hold everywhere."""

_USER_ID = re.compile("[0-9a-f]{24}")

_NETWORK_ID = re.compile("[0-9a-f]{24}/(32|24|64|56|48)")
"""A network that nobody may see, as `Identity.network_id` writes it."""

_SUBSCRIBER_BITS = 64
"""One subscriber has a /64 of IPv6, and every address in it."""

_NEAR_BITS = (24, 48)
"""How near somebody must be to one who is banned for the staff to be told, in IPv4 and IPv6."""

_FEWEST_BITS = {4: 8, 6: 16}
"""The widest networks that may be banned: `/2` for `/24` is quickly typed, and bans a quarter."""


def is_network(one: str) -> bool:
    """Whether a ban's subject is a network; else it is a user id, which has no such characters."""
    return _is_plain(one) or "/" in one


def _is_plain(one: str) -> bool:
    """Whether a ban's subject is a network in plain text."""
    return "." in one or ":" in one


def _nowhere(_address: str) -> Iterable[str]:
    """Know of no network around an address."""
    return ()


def subject(text: str) -> str:
    """Return whom a ban is for, in the one spelling under which it is kept.

    Args:
        text: A user id, or a network's (24 hex digits and `/56`, say); an IPv4 address or network
            (`203.0.113.7`, `203.0.113.0/24`); an IPv6 network (`2001:db8::/32`), where an address
            alone stands for its /64.

    Raises:
        ValueError: It is none of them; the message is for people.
    """
    if _USER_ID.fullmatch(text) or _NETWORK_ID.fullmatch(text):
        return text
    try:
        network = _network(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither a user id (24 hex digits) nor an IP address or network"
        ) from None
    if isinstance(network, ipaddress.IPv6Network):
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return subject(f"{mapped}/{max(0, network.prefixlen - 96)}")
        if "/" not in text:
            network = network.supernet(new_prefix=_SUBSCRIBER_BITS)
    fewest = _FEWEST_BITS[network.version]
    if network.prefixlen < fewest:
        raise ValueError(f"{text} is too wide: at least /{fewest} may be banned")
    is_one = network.prefixlen == network.max_prefixlen == 32
    return str(network.network_address) if is_one else str(network)


class BanList:
    """Who may not enter which room, or the site at all.

    Args:
        table: The native table, empty; asked at each join and each connect.
        store: Where bans survive.
        networks: Returns the ids of the networks around an address, under which they are banned
            where nobody may see them.
    """

    def __init__(
        self, table: Bans, store: Store, networks: Callable[[str], Iterable[str]] = _nowhere
    ) -> None:
        self._table = table
        self._store = store
        self._networks = networks
        self._revision = -1
        self._known: dict[tuple[str, str], BanRecord] = {}
        self._hidden: set[str] = set()  # networks that are banned by their id
        self._whereabouts: dict[str, str] = {}  # wide networks, by id, of those who were banned
        self.refresh()

    def refresh(self) -> bool:
        """Take over what another process, such as the command line, has changed in the store.

        Returns:
            Whether there was anything.
        """
        if self._store.revision == self._revision:
            return False
        self._revision = self._store.revision
        kept = {
            # Another program may spell a room otherwise.
            (record.room and settled(record.room), record.subject): record
            for record in self._store.bans()
            if _makes_sense(record)
        }
        for room, who in self._known.keys() - kept.keys():
            self._drop(room, who)
        for key, record in kept.items():
            if self._known.get(key) != record:
                self._put(record, key[0])
        self._known = kept
        return True

    def ban(self, record: BanRecord) -> None:
        """Keep somebody out, from now on; a new ban replaces an old one."""
        self._put(record, record.room)
        self._known[record.room, record.subject] = record
        self._store.save_ban(record)

    def lift(self, room: str, who: str) -> bool:
        """Let somebody in again; whether he was banned.

        Args:
            room: The room's name, or `SITE`.
            who: Its subject, as `subject` spells it.
        """
        known = self._known.get((room, who))
        self._store.remove_ban(room if known is None else known.room, who)
        # The table knows networks without a room, and takes nothing for one that is none.
        return self._known.pop((room, who), None) is not None and self._drop(room, who)

    def _put(self, record: BanRecord, room: str) -> None:
        if _is_plain(record.subject):
            self._table.add_network(record.subject, record.until)
            return
        self._table.add(room, record.subject, record.until)
        if is_network(record.subject):
            self._hidden.add(record.subject)

    def _drop(self, room: str, who: str) -> bool:
        if _is_plain(who):
            return self._table.remove_network(who)
        self._hidden.discard(who)
        return self._table.remove(room, who)

    def banned_until(self, room: str, user_id: str, now: int) -> int | None:
        """Return when somebody's ban ends; None where he has none.

        Args:
            room: The room's name, or `SITE`.
            user_id: Who.
            now: Milliseconds since 1970, as is what is returned; a ban for ever ends at
                `PERMANENT`.
        """
        return self._table.banned_until(room, user_id, now)

    def refuses(self, user_id: str, address: str, now: int) -> bool:
        """Whether somebody is banned from the site, by who he is or by where he comes from.

        Args:
            user_id: Who.
            address: His IP address, as text; anything else is not banned.
            now: Milliseconds since 1970.
        """
        table = self._table
        by_id = table.banned_until(SITE, user_id, now)
        return (
            by_id is not None
            or table.address_banned_until(address, now) is not None
            or (bool(self._hidden) and self._network_id(address, now) is not None)
        )

    def _network_id(self, address: str, now: int) -> str | None:
        """Return the id of the network around an address that is banned by it; None for none."""
        for one in self._networks(address):
            if one in self._hidden and self._table.banned_until(SITE, one, now) is not None:
                return one
        return None

    def remember(self, who: str, address: str) -> None:
        """Remember where somebody was who is banned, as long as that lasts; see `near`."""
        for one in self._networks(address):
            if int(one.rpartition("/")[2]) in _NEAR_BITS:
                self._whereabouts[one] = who

    def near(self, address: str, now: int) -> tuple[str, str] | None:
        """Tell whether somebody is banned from the site who was in the same /24, or /48 of IPv6.

        Args:
            address: Where somebody is who is not banned.
            now: Milliseconds since 1970.

        Returns:
            How near, such as `/48`, and who is banned: a user, or a network's id. In its place is
            nothing where a network is banned in plain text, which would tell the address.
        """
        bits = 24 if "." in address else 48
        for one in self._networks(address):
            who = self._whereabouts.get(one)
            if who is not None:
                if self._table.banned_until(SITE, who, now) is not None:
                    return f"/{one.rpartition('/')[2]}", who
                del self._whereabouts[one]
        try:
            around = network_around(address, bits)
        except ValueError:
            return None
        return (f"/{bits}", "") if self._table.is_any_within(around) else None

    def from_site(self, user_id: str, address: str, now: int) -> BanRecord | None:
        """Return the ban that keeps somebody out of the site, if there is one: see `refuses`."""
        if not self.refuses(user_id, address, now):
            return None
        record = self._known.get((SITE, user_id))
        if record is not None and self._table.banned_until(SITE, user_id, now) is not None:
            return record
        network = self._table.network_around(address, now) or self._network_id(address, now) or ""
        record = self._known.get((SITE, network))
        # Other programs write networks into the store as they like.
        return record or max(self._around(address, now), key=_bits, default=None)

    def _around(self, address: str, now: int) -> list[BanRecord]:
        """Return the bans of the networks around an address that are in force."""
        here = ipaddress.ip_address(address)
        mapped = here.ipv4_mapped if isinstance(here, ipaddress.IPv6Address) else None
        return [
            record
            for (room, who), record in self._known.items()
            if room == SITE
            and _is_plain(who)
            and (record.until is None or now < record.until)
            and (mapped or here) in _network(who)
        ]

    def bans_of(self, room: str) -> list[tuple[str, int]]:
        """Return the users banned from a room with the ends, those that have ended included."""
        return self._table.bans_of(room)

    def all(self) -> list[BanRecord]:
        """Return all bans, those that have ended a moment ago included."""
        return list(self._known.values())

    def prune(self, now: int) -> None:
        """Forget the bans that have ended."""
        if self._table.prune(now):
            self._known = {
                key: record
                for key, record in self._known.items()
                if record.until is None or now < record.until
            }
            banned = {who for _, who in self._known}
            self._hidden &= banned
            self._whereabouts = {
                one: who for one, who in self._whereabouts.items() if who in banned
            }


def _makes_sense(record: BanRecord) -> bool:
    """Whether a ban means something: other programs write into the store too."""
    if not is_network(record.subject):
        return True
    if _is_plain(record.subject):
        try:
            _network(record.subject)
        except ValueError:
            return False
    elif not _NETWORK_ID.fullmatch(record.subject):
        return False
    return record.room == SITE


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(text, strict=False)


def _bits(record: BanRecord) -> int:
    return _network(record.subject).prefixlen
