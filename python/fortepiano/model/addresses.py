"""IP addresses as text, and the networks around them."""

import ipaddress

__all__ = ["NETWORK_BITS", "network_around", "parsed_address"]

NETWORK_BITS = {4: (32, 24), 6: (64, 56, 48)}
"""The prefix lengths of networks that get an id, by IP version; the narrowest first.

A provider gives a subscriber a /64, a /56 or a /48 of IPv6, or one address of IPv4 from a /24.
"""


def parsed_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Parse an IP address, with or without a zone; IPv4 mapped into IPv6 becomes IPv4.

    RFC 4291 section 2.5.5.2 describes these mapped addresses.

    Raises:
        ValueError: The text is no IP address.
    """
    ip = ipaddress.ip_address(text.partition("%")[0])
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return ip if mapped is None else mapped


def network_around(address: str, bits: int) -> str:
    """Return the network of a prefix length around an IP address, such as `203.0.113.0/24`.

    Raises:
        ValueError: The text is no IP address, or the address has fewer bits.
    """
    return str(ipaddress.ip_network(f"{parsed_address(address)}/{bits}", strict=False))
