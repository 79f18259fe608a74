"""Bans: a native table for fast look-ups, and the store that keeps the bans."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from fortepiano.model.addresses import NETWORK_BITS, network_around, parsed_address
from fortepiano.model.ban_bounds import BanBounds, Key, RoomBans
from fortepiano.model.expiry import Expiry
from fortepiano.model.texts import settled
from fortepiano.model.user_ids import USER_ID, is_user_id
from fortepiano.store.records import SITE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fortepiano.native import Bans
    from fortepiano.store.base import BanRecord, Store

__all__ = ["LONGEST_REASON", "PERMANENT", "SITE", "BanList", "is_network", "parse_subject"]

PERMANENT = 2**64 - 1
"""The native table's end of a ban that lasts for ever."""

LONGEST_REASON = 512
"""The longest reason of a ban; characters."""

_SIZES = "|".join(str(bits) for sizes in NETWORK_BITS.values() for bits in sizes)
_NETWORK_ID = re.compile(f"{USER_ID}/({_SIZES})")
"""A network's id, as `Identity.network_id` makes it: its address stays secret."""

_NEAR_BITS = {version: sizes[-1] for version, sizes in NETWORK_BITS.items()}
"""The prefix length, by IP version, of the network whose other users staff are told about.

The network is the widest one that has an id.
"""

_FEWEST_BITS = {4: 8, 6: 16}
"""The widest networks that may be banned, by IP version.

A typing error like `/2` for `/24` would ban a quarter of the internet.
"""

_STEP = 500
"""How many ended bans one call forgets: that takes two milliseconds."""


def is_network(subject: str) -> bool:
    """Tell whether a ban is for a network; else for a user id, which has no such characters."""
    return _is_plain_network(subject) or "/" in subject


def _is_plain_network(subject: str) -> bool:
    """Tell whether a ban is for a network whose address is written out, not for a network's id."""
    return "." in subject or ":" in subject


def _no_networks(_address: str) -> Iterable[str]:
    """Default `networks`: return no network around an address."""
    return ()


def parse_subject(text: str) -> str:
    """Return the subject of a ban in the only spelling in which bans are stored and compared.

    Args:
        text: One of: a user id; a network's id (24 hex digits and, say, `/56`); an IPv4 address or
            network (`203.0.113.7`, `203.0.113.0/24`); an IPv6 network (`2001:db8::/32`). An IPv6
            address alone stands for its /64.

    Raises:
        ValueError: The text is none of these; the message can be shown to users.
    """
    if is_user_id(text) or _NETWORK_ID.fullmatch(text):
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
            return parse_subject(f"{mapped}/{max(0, network.prefixlen - 96)}")
        if "/" not in text:
            network = network.supernet(new_prefix=NETWORK_BITS[6][0])  # that of one subscriber
    fewest = _FEWEST_BITS[network.version]
    if network.prefixlen < fewest:
        raise ValueError(f"{text} is too wide: at least /{fewest} may be banned")
    is_one_address = network.prefixlen == network.max_prefixlen == 32
    return str(network.network_address) if is_one_address else str(network)


class BanList:
    """Bans from rooms, and from the whole site.

    Args:
        table: The native table, empty; looked up at each join and each connect.
        store: Keeps bans over restarts.
        networks: Returns the ids of the networks around an address; a ban may name such an id, so
            that nobody learns the address.
        bounds: Returns how many bans from rooms there may be.
    """

    def __init__(
        self,
        table: Bans,
        store: Store,
        networks: Callable[[str], Iterable[str]] = _no_networks,
        bounds: Callable[[], BanBounds] = BanBounds,
    ) -> None:
        self._table = table
        self._store = store
        self._networks = networks
        self._bounds = bounds
        self._revision = -1
        self._known: dict[Key, BanRecord] = {}
        self._expiry = Expiry()
        self._of_rooms = RoomBans()
        self._banned_network_ids: set[str] = set()
        self._nearby_networks: dict[str, str] = {}  # ids of wide networks -> a banned user there
        self.refresh()

    def refresh(self) -> set[str]:
        """Merge what another process, such as the command line, has changed in the store.

        Returns:
            The names of the rooms whose bans have changed, or `SITE`.
        """
        if self._store.revision == self._revision:
            return set()
        self._revision = self._store.revision
        stored = self._stored()
        removed = self._known.keys() - stored.keys()
        changed = {key for key, record in stored.items() if self._known.get(key) != record}
        for key in removed:
            self._forget(key)
        for key in sorted(changed, key=lambda key: stored[key].at):
            self._hold(key, stored[key])
        self._known = stored  # else equal records would be held here and in the store
        return {room for room, _ in removed | changed}

    def _stored(self) -> dict[Key, BanRecord]:
        """Return the bans of the store that can be used, by room and subject."""
        found: dict[Key, BanRecord] = {}
        for record in self._store.bans():
            key = record.room, record.subject
            if self._known.get(key) is not record:
                if not _is_valid(record):
                    continue
                # Another program may have written a room's name in another form.
                key = record.room and settled(record.room), record.subject
            found[key] = record
        return found

    def ban(self, record: BanRecord) -> None:
        """Add a ban, which holds from now on; it replaces an older one of the same subject."""
        key = record.room, record.subject
        self._hold(key, record)
        self._store.save_ban(record)
        if record.room != SITE:
            for oldest in self._of_rooms.surplus(record.room, record.by, self._bounds()):
                self._drop(oldest)

    def lift(self, room: str, subject: str) -> bool:
        """Lift a ban; return whether there was one.

        Args:
            room: The room's name, or `SITE`.
            subject: The user or network, as `parse_subject` spells it.
        """
        is_known = self.holds(room, subject)
        if is_known:
            self._drop((room, subject))
        return is_known

    def holds(self, room: str, subject: str) -> bool:
        """Tell whether there is a ban, which may have ended a moment ago; arguments as `lift`."""
        return (room, subject) in self._known

    def _hold(self, key: Key, record: BanRecord) -> None:
        """Add a ban to all tables, or replace it there."""
        room, subject = key
        self._known[key] = record
        self._expiry.add(key, record.until)
        if room != SITE:
            self._of_rooms.add(key, record.by)
        if _is_plain_network(subject):
            self._table.add_network(subject, record.until)
            return
        self._table.add(room, subject, record.until)
        if is_network(subject):
            self._banned_network_ids.add(subject)

    def _drop(self, key: Key) -> None:
        """Remove a ban from all tables and from the store."""
        self._store.remove_ban(self._known[key].room, key[1])
        self._forget(key)

    def _forget(self, key: Key) -> None:
        """Remove a ban from all tables."""
        room, subject = key
        del self._known[key]
        self._expiry.discard(key)
        self._of_rooms.discard(key)
        if _is_plain_network(subject):
            self._table.remove_network(subject)
            return
        self._table.remove(room, subject)
        self._banned_network_ids.discard(subject)

    def banned_until(self, room: str, user_id: str, now: int) -> int | None:
        """Return when a user's ban ends, in milliseconds since 1970; None without a ban.

        A ban for ever ends at `PERMANENT`.

        Args:
            room: The room's name, or `SITE`.
            user_id: The user.
            now: Milliseconds since 1970.
        """
        return self._table.banned_until(room, user_id, now)

    def rooms_banning(self, user_id: str) -> list[str]:
        """Return the rooms with a ban of a user; it may have ended a moment ago."""
        return self._of_rooms.rooms_of(user_id)

    def refuses(self, user_id: str, address: str, now: int) -> bool:
        """Tell whether a user is banned from the site, by user id or by address.

        Args:
            user_id: The user.
            address: The user's IP address, as text; any other text counts as not banned.
            now: Milliseconds since 1970.
        """
        table = self._table
        by_id = table.banned_until(SITE, user_id, now)
        return (
            by_id is not None
            or table.address_banned_until(address, now) is not None
            or (bool(self._banned_network_ids) and self._network_id(address, now) is not None)
        )

    def _network_id(self, address: str, now: int) -> str | None:
        """Return the id of a network around an address if the ban list has it; else None."""
        for network_id in self._networks(address):
            is_listed = network_id in self._banned_network_ids
            if is_listed and self._table.banned_until(SITE, network_id, now) is not None:
                return network_id
        return None

    def remember_networks(self, subject: str, address: str) -> None:
        """Remember the wide networks around a banned user, for `nearby_ban`, until the ban ends."""
        for network_id in self._networks(address):
            if int(network_id.rpartition("/")[2]) in _NEAR_BITS.values():
                self._nearby_networks[network_id] = subject

    def nearby_ban(self, address: str, now: int) -> tuple[str, str] | None:
        """Find a banned user or network within the same /24 of IPv4, or /48 of IPv6.

        Args:
            address: The address of a user who is not banned.
            now: Milliseconds since 1970.

        Returns:
            The network's size, such as `/48`, and the banned subject: a user, or a network's id.
            The subject is empty where a network is banned in plain text: it would show the address.
        """
        for network_id in self._networks(address):
            subject = self._nearby_networks.get(network_id)
            if subject is not None:
                if self._table.banned_until(SITE, subject, now) is not None:
                    return f"/{network_id.rpartition('/')[2]}", subject
                del self._nearby_networks[network_id]
        try:
            bits = _NEAR_BITS[parsed_address(address).version]
        except ValueError:
            return None
        around = network_around(address, bits)
        return (f"/{bits}", "") if self._table.is_any_within(around) else None

    def site_ban_of(self, user_id: str, address: str, now: int) -> BanRecord | None:
        """Return the ban from the site that holds for a user; arguments as for `refuses`."""
        if not self.refuses(user_id, address, now):
            return None
        record = self._known.get((SITE, user_id))
        if record is not None and self._table.banned_until(SITE, user_id, now) is not None:
            return record
        network = self._table.network_around(address, now) or self._network_id(address, now) or ""
        record = self._known.get((SITE, network))
        # Other programs may write a network into the store in another spelling.
        return record or max(self._bans_around(address, now), key=_prefix_length, default=None)

    def _bans_around(self, address: str, now: int) -> list[BanRecord]:
        """Return the bans in force whose plain networks contain an address."""
        here = parsed_address(address)
        return [
            record
            for (room, subject), record in self._known.items()
            if room == SITE
            and _is_plain_network(subject)
            and (record.until is None or now < record.until)
            and here in _network(subject)
        ]

    def bans_of(self, room: str) -> list[tuple[str, int]]:
        """Return the users banned from a room, each with the end of the ban.

        Bans that have ended are included until `prune`.
        """
        return self._table.bans_of(room)

    def all(self) -> list[BanRecord]:
        """Return all bans; those that have ended are included until `prune`."""
        return list(self._known.values())

    def prune(self, now: int) -> None:
        """Forget some of the bans that have ended, here and in the store; the next call goes on."""
        ended = self._expiry.ended(now, _STEP)
        for key in ended:
            self._drop(key)
        gone = {subject for room, subject in ended if room == SITE}
        if gone:
            self._nearby_networks = {
                network_id: subject
                for network_id, subject in self._nearby_networks.items()
                if subject not in gone
            }


def _is_valid(record: BanRecord) -> bool:
    """Tell whether a ban can be used: other programs write into the store too."""
    if not is_network(record.subject):
        return True
    if _is_plain_network(record.subject):
        try:
            _network(record.subject)
        except ValueError:
            return False
    elif not _NETWORK_ID.fullmatch(record.subject):
        return False
    return record.room == SITE


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(text, strict=False)


def _prefix_length(record: BanRecord) -> int:
    return _network(record.subject).prefixlen
