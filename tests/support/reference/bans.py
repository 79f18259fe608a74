"""A model of the bans: two dictionaries, and the standard library's networks."""

from __future__ import annotations

import ipaddress

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Bans:
    """Bans of users and networks, with the times at which they end."""

    PERMANENT = 2**64 - 1

    def __init__(self) -> None:
        self.ends: dict[tuple[str, str], int] = {}
        self.networks: dict[Network, int] = {}

    def __len__(self) -> int:
        return len(self.ends) + len(self.networks)

    def add(self, scope: str, user: str, until_ms: int | None) -> None:
        """Ban a user; None means without end."""
        self.ends[scope, user] = self.PERMANENT if until_ms is None else until_ms

    def remove(self, scope: str, user: str) -> bool:
        """Lift a ban."""
        return self.ends.pop((scope, user), None) is not None

    def add_network(self, network: str, until_ms: int | None) -> None:
        """Ban a network from the site."""
        self.networks[_network(network)] = self.PERMANENT if until_ms is None else until_ms

    def remove_network(self, network: str) -> bool:
        """Lift the ban of a network."""
        return self.networks.pop(_network(network), None) is not None

    def banned_until(self, scope: str, user: str, now_ms: int) -> int | None:
        """Return when the ban of a user ends, None without a ban in force."""
        end = self.ends.get((scope, user))
        return end if end is not None and self.holds(end, now_ms) else None

    def address_banned_until(self, address: str, now_ms: int) -> int | None:
        """Return when the ban of the smallest network around an address ends."""
        try:
            here = _network(str(ipaddress.ip_address(address.split("%")[0])))
        except ValueError:
            return None
        around = [
            (network.prefixlen, end)
            for network, end in self.networks.items()
            if here.network_address in network and self.holds(end, now_ms)
        ]
        return max(around)[1] if around else None

    def prune(self, now_ms: int) -> int:
        """Forget bans that have ended; return how many."""
        before = len(self)
        self.ends = {key: end for key, end in self.ends.items() if self.holds(end, now_ms)}
        self.networks = {key: end for key, end in self.networks.items() if self.holds(end, now_ms)}
        return before - len(self)

    def bans_of(self, scope: str) -> list[tuple[str, int]]:
        """List the bans of one scope."""
        return [(user, end) for (where, user), end in self.ends.items() if where == scope]

    def holds(self, end: int, now_ms: int) -> bool:
        """Tell whether a ban is in force."""
        return end == self.PERMANENT or now_ms < end


def _network(text: str) -> Network:
    """Read an address or a network; IPv4 mapped into IPv6 is IPv4."""
    network = ipaddress.ip_network(text, strict=False)
    mapped = network.network_address
    if isinstance(mapped, ipaddress.IPv6Address) and mapped.ipv4_mapped is not None:
        if network.prefixlen >= 96:
            return ipaddress.IPv4Network((mapped.ipv4_mapped, network.prefixlen - 96))
    return network
