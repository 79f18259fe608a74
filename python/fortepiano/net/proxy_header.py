"""Prefaces: what the PROXY protocol puts before the first byte of a connection.

Both versions of https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt. A preface is expected
from trusted proxies only, and there always: whoever guesses whether one comes can be fooled.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import NamedTuple

from fortepiano.net.client_address import canonical

__all__ = ["LONGEST", "MalformedProxyHeader", "ProxyHeader", "read_preface"]

LONGEST = 2048
"""Bytes that a preface may have; addresses need up to 232, the rest is what proxies add."""

_LINE = b"PROXY "
_LONGEST_LINE = 107
_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_HEAD = struct.Struct(">12sBBH")
_LOCAL, _PROXY = 0x20, 0x21
_ADDRESS_SIZES = {1: 4, 2: 16}
"""Bytes of an address by family; two of them and two ports of two bytes are sent."""


class MalformedProxyHeader(ValueError):  # noqa: N818 - it is one, and nothing else went wrong
    """What came is no preface."""


class ProxyHeader(NamedTuple):
    """What a proxy says about a connection.

    Attributes:
        size: Bytes of it.
        address: Who connected to the proxy; None where it speaks for itself or cannot tell.
    """

    size: int
    address: str | None


def read_preface(data: bytes) -> ProxyHeader | None:
    """Read a preface of either version.

    Args:
        data: The first bytes of a connection.

    Returns:
        The preface; None where more bytes are needed.

    Raises:
        MalformedProxyHeader: It is none, or is too long.
    """
    if data.startswith(_SIGNATURE[: len(data)]):
        return _binary(data)
    if data.startswith(_LINE[: len(data)]):
        return _line(data)
    raise MalformedProxyHeader


def _line(data: bytes) -> ProxyHeader | None:
    """Read version 1: one line of ASCII."""
    end = data.find(b"\r\n", 0, _LONGEST_LINE)
    if end < 0:
        if len(data) >= _LONGEST_LINE:
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


def _binary(data: bytes) -> ProxyHeader | None:
    """Read version 2."""
    if len(data) < _HEAD.size:
        return None
    _, command, family, length = _HEAD.unpack_from(data)
    size = _HEAD.size + length
    if command not in (_LOCAL, _PROXY) or size > LONGEST:
        raise MalformedProxyHeader
    if len(data) < size:
        return None
    width = _ADDRESS_SIZES.get(family >> 4)
    if command == _LOCAL or width is None:
        return ProxyHeader(size, None)
    if length < 2 * (width + 2):
        raise MalformedProxyHeader
    source = data[_HEAD.size : _HEAD.size + width]
    return ProxyHeader(size, canonical(str(ipaddress.ip_address(source))))
