"""The header of the PROXY protocol, before the first byte of a request."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fortepiano.net.client_address import canonical
from fortepiano.net.proxy_header import (
    MAX_BYTES,
    MalformedProxyHeader,
    ProxyHeader,
    read_proxy_header,
)

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
LOCAL, PROXY = 0x20, 0x21


def binary(command: int, family: int, body: bytes) -> bytes:
    return SIGNATURE + struct.pack(">BBH", command, family, len(body)) + body


def ends(source: str, target: str = "") -> bytes:
    one, other = ipaddress.ip_address(source), ipaddress.ip_address(target or source)
    return one.packed + other.packed + struct.pack(">HH", 40000, 80)


class TestLines:
    @pytest.mark.parametrize(
        ("line", "address"),
        [
            (b"PROXY TCP4 192.0.2.1 10.0.0.1 56324 443", "192.0.2.1"),
            (b"PROXY TCP6 2001:db8::1 2001:db8::2 56324 443", "2001:db8::1"),
            (b"PROXY TCP6 ::ffff:192.0.2.1 ::1 1 65535", "192.0.2.1"),
            (b"PROXY UNKNOWN", None),
            (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535", None),
        ],
    )
    def test_one_line_tells(self, line: bytes, address: str | None) -> None:
        assert read_proxy_header(line + b"\r\nGET / HTTP/1.1\r\n") == ProxyHeader(
            len(line) + 2, address
        )

    @pytest.mark.parametrize(
        "line",
        [
            *(b"GET / HTTP/1.1", b"proxy TCP4 1.1.1.1 1.1.1.1 1 1", b"PROXY ", b"PROXY TCP4"),
            *(b"PROXY TCP4 1.1.1.1 1.1.1.1 1", b"PROXY TCP4 1.1.1.1 1.1.1.1 1 1 1"),
            *(b"PROXY TCP4 ::1 ::1 1 1", b"PROXY TCP6 1.1.1.1 1.1.1.1 1 1", b"PROXY UDP4 1 1 1 1"),
            *(b"PROXY TCP4 1.1.1.1 1.1.1.1 1 65536", b"PROXY TCP4 1.1.1.1 1.1.1.1 -1 1"),
            *(b"PROXY TCP4 1.1.1.256 1.1.1.1 1 1", b"PROXY TCP4  1.1.1.1 1.1.1.1 1 1"),
            *(b"PROXY TCP4 \xff.1.1.1 1.1.1.1 1 1", b"PROXY TCP4 1.1.1.1 1.1.1.1 1 \xb2"),
        ],
    )
    def test_anything_else_is_malformed(self, line: bytes) -> None:
        with pytest.raises(MalformedProxyHeader):
            read_proxy_header(line + b"\r\n")

    def test_a_line_has_an_end(self) -> None:
        assert read_proxy_header(b"PROXY UNKNOWN " + b"x" * 80) is None
        with pytest.raises(MalformedProxyHeader):
            read_proxy_header(b"PROXY UNKNOWN " + b"x" * 100)


class TestBinary:
    @pytest.mark.parametrize("family", [0x11, 0x12])
    def test_ipv4(self, family: int) -> None:
        data = binary(PROXY, family, ends("192.0.2.1", "10.0.0.1"))
        assert read_proxy_header(data + b"GET") == ProxyHeader(28, "192.0.2.1")

    @pytest.mark.parametrize(
        ("told", "address"), [("2001:db8::1", "2001:db8::1"), ("::ffff:192.0.2.1", "192.0.2.1")]
    )
    def test_ipv6(self, told: str, address: str) -> None:
        assert read_proxy_header(binary(PROXY, 0x21, ends(told))) == ProxyHeader(52, address)

    def test_what_proxies_add_is_passed_over(self) -> None:
        data = binary(PROXY, 0x11, ends("192.0.2.1") + b"\x04\x00\x03abc")
        assert read_proxy_header(data + b"rest") == ProxyHeader(len(data), "192.0.2.1")

    @pytest.mark.parametrize(
        "data",
        [
            binary(LOCAL, 0x00, b""),
            binary(LOCAL, 0x11, ends("192.0.2.1")),
            binary(PROXY, 0x00, b"anything"),
            binary(PROXY, 0x31, b"\0" * 216),
        ],
    )
    def test_a_proxy_may_speak_for_itself(self, data: bytes) -> None:
        assert read_proxy_header(data) == ProxyHeader(len(data), None)

    @pytest.mark.parametrize(
        "data",
        [
            binary(PROXY, 0x11, b"short"),
            binary(PROXY, 0x21, ends("192.0.2.1")),
            binary(0x22, 0x11, ends("192.0.2.1")),
            binary(0x11, 0x11, ends("192.0.2.1")),
            binary(PROXY, 0x11, ends("192.0.2.1") + b"\0" * MAX_BYTES),
            b"\r\n\r\n\x00\r\nQUIX\n",
            b"\x16\x03\x01",
            b"\0" * 16,
        ],
    )
    def test_anything_else_is_malformed(self, data: bytes) -> None:
        with pytest.raises(MalformedProxyHeader):
            read_proxy_header(data)


@given(st.ip_addresses(), st.booleans(), st.binary(max_size=20))
def test_it_may_come_byte_by_byte(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, is_line: bool, rest: bytes
) -> None:
    if is_line:
        data = f"PROXY TCP{address.version} {address} {address} 1 2\r\n".encode()
    else:
        data = binary(PROXY, 0x11 if address.version == 4 else 0x21, ends(str(address)))
    for end in range(len(data)):
        assert read_proxy_header(data[:end]) is None
    assert read_proxy_header(data + rest) == ProxyHeader(len(data), canonical(str(address)))


@given(
    st.binary(max_size=300)
    | st.binary(max_size=80).map(lambda rest: SIGNATURE + rest)
    | st.binary(max_size=120).map(lambda rest: b"PROXY TCP4 " + rest)
)
def test_nothing_else_fails(data: bytes) -> None:
    try:
        preface = read_proxy_header(data)
    except MalformedProxyHeader:
        return
    assert preface is None or 0 < preface.size <= len(data)
