"""The header of the PROXY protocol, which precedes the first byte of a connection.

Both versions of https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt are read. Trusted
proxies must send a header, and nobody else may: a server that guesses whether a header comes can be
deceived.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import NamedTuple

from fortepiano.net.client_address import canonical

__all__ = ["MAX_BYTES", "MalformedProxyHeader", "ProxyHeader", "read_proxy_header"]

MAX_BYTES = 2048
"""The largest header; addresses need up to 232 bytes, the rest is for what proxies add."""

_LINE = b"PROXY "
_MAX_LINE_BYTES = 107
_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_FIXED_PART = struct.Struct(">12sBBH")
_LOCAL, _PROXY = 0x20, 0x21
_ADDRESS_SIZES = {1: 4, 2: 16}
"""The bytes of an address by family. A header has two addresses, and two ports of two bytes."""


class MalformedProxyHeader(ValueError):  # noqa: N818 - the name says all that went wrong
    """The first bytes of a connection are no header of the PROXY protocol."""


class ProxyHeader(NamedTuple):
    """The header of a connection.

    Attributes:
        size: The length of the header; bytes.
        address: The address of the proxy's client; None where the proxy connects for itself, or
            does not know the address.
    """

    size: int
    address: str | None


def read_proxy_header(data: bytes) -> ProxyHeader | None:
    """Read a header of either version.

    Args:
        data: The first bytes of a connection.

    Returns:
        The header; None where more bytes are needed.

    Raises:
        MalformedProxyHeader: The bytes are no header, or it is too long.
    """
    if data.startswith(_SIGNATURE[: len(data)]):
        return _read_binary(data)
    if data.startswith(_LINE[: len(data)]):
        return _read_line(data)
    raise MalformedProxyHeader


def _read_line(data: bytes) -> ProxyHeader | None:
    """Read version 1: one line of ASCII."""
    end = data.find(b"\r\n", 0, _MAX_LINE_BYTES)
    if end < 0:
        if len(data) >= _MAX_LINE_BYTES:
            raise MalformedProxyHeader
        return None
    parts = data[:end].split(b" ")
    if parts[1] == b"UNKNOWN":
        return ProxyHeader(end + 2, None)
    versions = {b"TCP4": 4, b"TCP6": 6}
    if len(parts) != 6 or parts[1] not in versions or not all(map(_is_port, parts[4:])):
        raise MalformedProxyHeader
    try:
        source, target = (ipaddress.ip_address(part.decode("ascii")) for part in parts[2:4])
    except ValueError:
        raise MalformedProxyHeader from None
    if not source.version == target.version == versions[parts[1]]:
        raise MalformedProxyHeader
    return ProxyHeader(end + 2, canonical(str(source)))


def _is_port(text: bytes) -> bool:
    return text.isdigit() and len(text) <= 5 and int(text) < 1 << 16


def _read_binary(data: bytes) -> ProxyHeader | None:
    """Read version 2: a signature, a command, a family, and addresses as bytes."""
    if len(data) < _FIXED_PART.size:
        return None
    _, command, family, length = _FIXED_PART.unpack_from(data)
    size = _FIXED_PART.size + length
    if command not in (_LOCAL, _PROXY) or size > MAX_BYTES:
        raise MalformedProxyHeader
    if len(data) < size:
        return None
    width = _ADDRESS_SIZES.get(family >> 4)
    if command == _LOCAL or width is None:
        return ProxyHeader(size, None)
    if length < 2 * (width + 2):
        raise MalformedProxyHeader
    source = data[_FIXED_PART.size : _FIXED_PART.size + width]
    return ProxyHeader(size, canonical(str(ipaddress.ip_address(source))))
