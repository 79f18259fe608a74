"""Who a connection belongs to: the user's id, made from his address."""

import hashlib
import ipaddress
import secrets
from typing import Literal

__all__ = ["Identity", "default_color"]

_ID_BYTES = 12
"""24 hex digits, as every client expects of `_id`."""

_SUBNET_BITS = 64
"""One subscriber has a /64 of IPv6 and changes the other half of the address at will."""


class Identity:
    """Makes user ids; the same address gives the same id as long as the salts stay.

    The address itself is never kept or shown: the salts keep others from finding it by hashing all
    addresses there are.

    Args:
        mode: "development" gives everybody a new random id, so that several users can be tried
            from one machine; any other mode derives the id from the address.
        salt1: Hashed before the address.
        salt2: Hashed after the address.
    """

    def __init__(
        self, mode: Literal["development", "production", "test"], salt1: str, salt2: str
    ) -> None:
        self._random = mode == "development"
        self._salt1 = salt1
        self._salt2 = salt2

    def user_id(self, address: str) -> str:
        """Return the id of the user at an address.

        Args:
            address: An IP address as text. Anything else, such as the name of a Unix socket, is
                taken as it stands.

        Returns:
            24 lower-case hex digits: the first half of SHA-256(salt1 + address + salt2).
        """
        if self._random:
            return secrets.token_hex(_ID_BYTES)
        salted = f"{self._salt1}{_subscriber(address)}{self._salt2}"
        return hashlib.sha256(salted.encode()).hexdigest()[: 2 * _ID_BYTES]


def default_color(user_id: str) -> str:
    """Return the colour of a user who has not chosen one: `#rrggbb`, the first digits of his id."""
    return f"#{user_id[:6]}"


def _subscriber(address: str) -> str:
    """Write the part of an address that stays with one subscriber, in one spelling."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(ip), _SUBNET_BITS), strict=False))
