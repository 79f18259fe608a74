"""Networks that settings name: private ones, those that are too wide, and Cloudflare's."""

import ipaddress
from collections.abc import Iterable
from typing import Final, TypeAlias

__all__ = ["CLOUDFLARE", "is_private", "is_too_wide", "missing_of_cloudflare", "parsed"]

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

CLOUDFLARE: Final = (
    "173.245.48.0/20",
    "103.21.244.0/22",
    "103.22.200.0/22",
    "103.31.4.0/22",
    "141.101.64.0/18",
    "108.162.192.0/18",
    "190.93.240.0/20",
    "188.114.96.0/20",
    "197.234.240.0/22",
    "198.41.128.0/17",
    "162.158.0.0/15",
    "104.16.0.0/13",
    "104.24.0.0/14",
    "172.64.0.0/13",
    "131.0.72.0/22",
    "2400:cb00::/32",
    "2606:4700::/32",
    "2803:f800::/32",
    "2405:b500::/32",
    "2405:8100::/32",
    "2a06:98c0::/29",
    "2c0f:f248::/32",
)
"""The networks of Cloudflare's edges, as https://www.cloudflare.com/ips/ lists them.

No person connects from there by themselves.
"""

_PRIVATE: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8"),
        *("169.254.0.0/16", "fc00::/7", "fe80::/10", "::1/128"),
    )
)

_NARROWEST = {4: 8, 6: 16}
"""Prefix lengths: wider networks are a good part of the internet."""


def parsed(text: str) -> Network:
    """Return the network that a checked setting names."""
    return ipaddress.ip_network(text)


def is_private(network: Network) -> bool:
    """Return whether a network lies in one that is not reached over the internet."""
    return any(_lies_in(network, outer) for outer in _PRIVATE)


def is_too_wide(network: Network) -> bool:
    """Return whether a network is a good part of the internet."""
    return network.prefixlen < _NARROWEST[network.version] and not is_private(network)


def missing_of_cloudflare(networks: Iterable[Network]) -> list[str]:
    """Return Cloudflare's networks that are missing from some networks; none if all are.

    Args:
        networks: The networks of proxies.
    """
    given = list(networks)
    known = {text: parsed(text) for text in CLOUDFLARE}
    if not any(_lies_in(one, edge) for one in given for edge in known.values()):
        return []
    return [
        text for text, edge in known.items() if not any(_lies_in(edge, outer) for outer in given)
    ]


def _lies_in(inner: Network, outer: Network) -> bool:
    if isinstance(inner, ipaddress.IPv4Network):
        return isinstance(outer, ipaddress.IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, ipaddress.IPv6Network) and inner.subnet_of(outer)
