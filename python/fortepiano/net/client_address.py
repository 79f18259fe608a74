"""Client addresses, also behind trusted proxies.

Only a trusted proxy's header is read, and only the one that this proxy writes: it passes on the
others as any client wrote them. A header is a list to which each proxy appends the address that it
received the request from. Therefore it is read from the end, up to the first address that is not a
trusted proxy's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fortepiano.config.section import UNIX
from fortepiano.model.addresses import parsed_address
from fortepiano.native import Networks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fortepiano.config import ProxySettings

__all__ = ["ClientAddresses", "canonical", "plain_peer"]

# RFC 9110 section 5.6.2 and 5.6.4: tokens and quoted strings.
_LETTERS = r"!#$%&'*+.^_`|~0-9A-Za-z-"
_QUOTED = r'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'
# RFC 7239 section 4: commas separate elements, semicolons separate pairs. `for=192.0.2.1:80` needs
# quotes there but is often written without.
_PAIR = re.compile(rf"(?P<name>[{_LETTERS}]+)=(?P<value>{_QUOTED}|[\[\]:{_LETTERS}]+)")
_GAP = re.compile(r"[ \t]*([;,]|\Z)[ \t]*")

# `192.0.2.1:80`, `[2001:db8::1]` and `[2001:db8::1]:80`; a port is a number, or a name with `_`
# (RFC 7239 section 6).
_PORTED = re.compile(r"(?:\[(?P<six>[^\[\]]*)\]|(?P<four>[0-9.]+))(?::(?:[0-9]{1,5}|_[\w.-]+))?")


class ClientAddresses:
    """Finds the address of a client.

    Args:
        settings: The trusted proxies, and the header that they write.
    """

    def __init__(self, settings: ProxySettings) -> None:
        self._sockets = frozenset(text for text in settings.trusted if text.startswith(UNIX))
        self._networks = Networks([text for text in settings.trusted if text not in self._sockets])
        self.header = settings.header
        """The header that trusted proxies write."""
        self.any_trusted = bool(settings.trusted) and settings.header != "none"
        """Whether headers must be read at all."""

    def trusts(self, peer: str) -> bool:
        """Return whether an address, or a Unix socket as `unix:/path`, is a trusted proxy's."""
        return peer in self._sockets or self._networks.holds(peer)

    def of(self, peer: str, headers: Iterable[tuple[str, str]]) -> str | None:
        """Return the address of a client; None where a trusted proxy does not name it.

        Args:
            peer: The address at the other end of the socket, or `unix:/path`.
            headers: Names and values of the request as sent, in order.
        """
        if not (self.any_trusted and self.trusts(peer)):
            return peer
        values = [value for name, value in headers if name.lower() == self.header]
        if not values:
            # A client on the proxy's machine that connects without the proxy.
            return peer
        farthest: str | None = None
        for hop in self._hops(values):
            farthest = canonical(hop)
            if farthest is None or not self.trusts(farthest):
                break
        return farthest

    def _hops(self, values: Sequence[str]) -> Iterator[str]:
        """Yield the entry of each hop in a header, the nearest hop first."""
        if self.header == "x-real-ip":
            yield values[-1]
        elif self.header == "forwarded":
            yield from _forwarded(", ".join(values))
        else:
            for value in reversed(values):
                while value:
                    value, _, hop = value.rpartition(",")
                    yield hop.strip(" \t")


def plain_peer(peer: str) -> str:
    """Return the canonical spelling of a peer's address, as the kernel has it, or `unix:/path`."""
    if peer.startswith("::ffff:") or "%" in peer:
        # Only these two need it: all other addresses from the kernel are canonical already.
        return canonical(peer) or peer
    return peer


def canonical(text: str) -> str | None:
    """Return the canonical spelling of an address; None for a text that is no address.

    Brackets, a port and the zone of a link-local address are removed. IPv4 mapped into IPv6
    becomes IPv4.

    Args:
        text: Such as `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1` or `[2001:db8::1]:80`.
    """
    ported = _PORTED.fullmatch(text)
    if ported is not None:
        text = ported["four"] if ported["six"] is None else ported["six"]
        if ported["six"] is not None and ":" not in text:
            return None  # brackets are for IPv6
    try:
        return str(parsed_address(text))
    except ValueError:
        return None


def _forwarded(text: str) -> Iterator[str]:
    """Yield the `for` of each element of `Forwarded` (RFC 7239), the last element first.

    A malformed header yields one text that is no address, since it cannot be trusted: a quotation
    mark that a client left open would swallow the proxy's entry after it.
    """
    hops: list[str] = []
    hop: str | None = None  # `for` of the current element; None before its first pair
    position, separator = 0, ","
    while separator:
        pair = _PAIR.match(text, position)
        if pair is not None:
            hop = hop or ""
            if pair["name"].lower() == "for":
                value = pair["value"]
                hop = re.sub(r"\\(.)", r"\1", value[1:-1]) if value[0] == '"' else value
        gap = _GAP.match(text, position if pair is None else pair.end())
        if gap is None:
            yield ""
            return
        separator, position = gap[1], gap.end()
        # Elements and pairs may be empty (RFC 9110 section 5.6.1).
        if separator != ";" and hop is not None:
            hops.append(hop)
            hop = None
    yield from reversed(hops)
