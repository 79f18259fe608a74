"""Hosts and origins, as requests name them (RFC 3986 section 3.2, RFC 6454 section 7)."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from fortepiano.config.origins import canonical_origin, without_default_port

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["is_host", "is_known_host", "is_permitted_origin"]

_MOST_CHARACTERS = 255 + len(":65535")
# RFC 3986 section 3.2.2: an address in brackets, or a registered name.
_HOST = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+))"
    r"(?::(?P<port>[0-9]{0,5}))?"
)


def is_host(text: str) -> bool:
    """Return whether a text is a valid value of `Host` that is not empty."""
    return len(text) <= _MOST_CHARACTERS and _is_host(text)


@lru_cache(maxsize=256)
def _is_host(text: str) -> bool:
    found = _HOST.fullmatch(text)
    return found is not None and (found["six"] is None or _is_address(found["six"]))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_known_host(host: str, names: Collection[str]) -> bool:
    """Return whether a host is an address, `localhost`, or one of some names.

    A page on the internet can let its own name point to this machine, but cannot change the name.

    Args:
        host: A valid value of `Host`; with or without a port.
        names: The names, in lower case and without ports.
    """
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    name = (found["six"] or found["name"]).lower().removesuffix(".")
    return name == "localhost" or name in names or _is_address(name)


def is_permitted_origin(origin: str, host: str, permitted: Collection[str]) -> bool:
    """Return whether a page of an origin may connect.

    Args:
        origin: The value of `Origin`.
        host: The value of `Host`: pages of this host may always connect.
        permitted: Origins as `canonical_origin` returns them; empty to permit all.
    """
    if not permitted:
        return True
    plain = canonical_origin(origin)
    # The scheme is not compared: a proxy may have ended TLS.
    scheme, _, own = plain.partition("://")
    is_own = bool(host and own) and own == without_default_port(host.lower(), scheme)
    return is_own or plain in permitted
