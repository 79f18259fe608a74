"""Addresses of clients behind proxies."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fortepiano.config import ProxySettings
from fortepiano.net.client_address import ClientAddresses, canonical

NGINX = "10.0.0.1"
PROXIES = ("10.0.0.0/8", "2001:db8:ffff::/48", "unix:/run/proxy.sock")


def made(header: str = "x-forwarded-for", trusted: tuple[str, ...] = PROXIES) -> ClientAddresses:
    return ClientAddresses(ProxySettings(trusted=trusted, header=header))  # type: ignore[arg-type]  # pydantic checks it


class TestCanonical:
    @pytest.mark.parametrize(
        ("text", "address"),
        [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:8080", "192.0.2.1"),
            ("192.0.2.1:_hidden", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("[fe80::1%25eth0]:80", "fe80::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::ffff:c000:201", "192.0.2.1"),
            ("[::ffff:192.0.2.1]:80", "192.0.2.1"),
        ],
    )
    def test_an_address_has_one_spelling(self, text: str, address: str) -> None:
        assert canonical(text) == address

    @pytest.mark.parametrize(
        "text",
        [
            *("", " ", "unknown", "_hidden", "localhost", "1.2.3", "1.2.3.4.5", "256.1.1.1"),
            *("01.2.3.4", "1.2.3.4:", "1.2.3.4:x", "1.2.3.4:123456", "[1.2.3.4]", "[::1", "::1]"),
            *("[]", "[]:80", "::1::", "1.2.3.4, 5.6.7.8", "1.2.3.4\n", "१.2.3.4", "0x7f.1", "::g"),
        ],
    )
    def test_garbage_is_none(self, text: str) -> None:
        assert canonical(text) is None

    @given(st.ip_addresses(), st.integers(0, 65535))
    def test_ports_and_brackets_are_left_out(
        self, address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int
    ) -> None:
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        expected = str(mapped or address)
        ported = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
        assert canonical(str(address)) == canonical(ported) == expected
        assert canonical(expected) == expected

    @given(st.text())
    def test_nothing_fails(self, text: str) -> None:
        found = canonical(text)
        assert found is None or canonical(found) == found


class TestTrust:
    def test_nobody_is_believed_by_default(self) -> None:
        addresses = ClientAddresses(ProxySettings())
        assert not addresses.any_trusted
        headers = [("X-Forwarded-For", "1.1.1.1"), ("Forwarded", "for=1.1.1.1")]
        for peer in ("127.0.0.1", "::1", NGINX, "unix:/run/proxy.sock"):
            assert not addresses.trusts(peer)
            assert addresses.of(peer, headers) == peer

    @pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip"])
    @pytest.mark.parametrize("peer", ["192.0.2.9", "127.0.0.1", "11.0.0.1", "unix:/tmp/x", "::1"])
    def test_only_those_who_are_trusted_are_believed(self, header: str, peer: str) -> None:
        headers = [("X-Forwarded-For", "1.1.1.1"), ("Forwarded", "for=1.1.1.1")]
        assert made(header).of(peer, [*headers, ("X-Real-IP", "1.1.1.1")]) == peer

    @pytest.mark.parametrize("peer", [NGINX, "2001:db8:ffff::7", "unix:/run/proxy.sock"])
    def test_networks_and_sockets_can_be_trusted(self, peer: str) -> None:
        assert made().of(peer, [("X-Forwarded-For", "192.0.2.1")]) == "192.0.2.1"

    @pytest.mark.parametrize(
        ("header", "honest"),
        [
            ("x-forwarded-for", ("X-Forwarded-For", "192.0.2.1")),
            ("forwarded", ("Forwarded", "for=192.0.2.1")),
            ("x-real-ip", ("X-Real-IP", "192.0.2.1")),
        ],
    )
    def test_headers_the_proxy_does_not_write_are_not_read(
        self, header: str, honest: tuple[str, str]
    ) -> None:
        spoofs = [
            ("X-Forwarded-For", "1.1.1.1"),
            ("Forwarded", "for=1.1.1.1"),
            ("X-Real-IP", "1.1.1.1"),
            ("CF-Connecting-IP", "1.1.1.1"),
            ("True-Client-IP", "1.1.1.1"),
        ]
        headers = [*(one for one in spoofs if one[0].lower() != header), honest]
        assert made(header).of(NGINX, headers) == "192.0.2.1"
        assert made(header).of(NGINX, headers[:-1]) == NGINX

    def test_none_reads_no_header(self) -> None:
        addresses = made("none")
        assert addresses.of(NGINX, [("X-Forwarded-For", "1.1.1.1")]) == NGINX
        assert addresses.trusts(NGINX)


class TestForwardedFor:
    @pytest.mark.parametrize(
        ("value", "address"),
        [
            ("192.0.2.1", "192.0.2.1"),
            ("1.1.1.1, 192.0.2.1", "192.0.2.1"),
            ("1.1.1.1,192.0.2.1 ,\t10.0.0.2", "192.0.2.1"),
            ("1.1.1.1, 10.9.9.9, 192.0.2.1, 10.0.0.2, 10.0.0.3", "192.0.2.1"),
            ("garbage, 192.0.2.1", "192.0.2.1"),
            ('"; DROP TABLE, [2001:db8::5]:123', "2001:db8::5"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("1.1.1.1, ::ffff:10.0.0.2", "1.1.1.1"),
            ("10.0.0.4, 10.0.0.5", "10.0.0.4"),
        ],
    )
    def test_the_nearest_who_is_not_trusted_is_who_asks(self, value: str, address: str) -> None:
        assert made().of(NGINX, [("x-FORWARDED-for", value)]) == address

    @pytest.mark.parametrize("value", ["", "garbage", "1.1.1.1, unknown", "1.1.1.1, ,", "1.1.1.1,"])
    def test_a_nearest_hop_that_is_none_tells_nothing(self, value: str) -> None:
        assert made().of(NGINX, [("X-Forwarded-For", value)]) is None

    def test_garbage_behind_a_trusted_hop_tells_nothing_either(self) -> None:
        assert made().of(NGINX, [("X-Forwarded-For", "unknown, 10.0.0.2")]) is None

    def test_several_lines_are_one_list(self) -> None:
        lines = [("X-Forwarded-For", "1.1.1.1, 192.0.2.1"), ("X-Forwarded-For", "10.0.0.2")]
        assert made().of(NGINX, lines) == "192.0.2.1"

    def test_a_hundred_hops(self) -> None:
        spoofed = ", ".join(f"198.51.100.{n}" for n in range(100))
        assert made().of(NGINX, [("X-Forwarded-For", f"{spoofed}, 192.0.2.1")]) == "192.0.2.1"
        trusted = ", ".join(f"10.0.0.{n}" for n in range(100))
        headers = [("X-Forwarded-For", f"1.1.1.1, 192.0.2.1, {trusted}")]
        assert made().of(NGINX, headers) == "192.0.2.1"

    @given(st.text(st.characters(max_codepoint=255)), st.ip_addresses())
    def test_whatever_a_client_sends_the_proxy_has_the_last_word(
        self, spoof: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address
    ) -> None:
        asked = canonical(str(address))
        assert asked is not None
        if not made().trusts(asked):
            assert made().of(NGINX, [("X-Forwarded-For", f"{spoof}, {address}")]) == asked


class TestRealIp:
    def test_the_last_line_is_the_proxys(self) -> None:
        lines = [("X-Real-IP", "1.1.1.1"), ("X-Real-IP", "192.0.2.1")]
        assert made("x-real-ip").of(NGINX, lines) == "192.0.2.1"

    @pytest.mark.parametrize("value", ["", "x", "1.1.1.1, 192.0.2.1"])
    def test_it_is_one_address(self, value: str) -> None:
        assert made("x-real-ip").of(NGINX, [("X-Real-IP", value)]) is None


class TestForwarded:
    @pytest.mark.parametrize(
        ("value", "address"),
        [
            ("for=192.0.2.1", "192.0.2.1"),
            ("For=192.0.2.1:47011", "192.0.2.1"),
            (",for=192.0.2.1;", "192.0.2.1"),
            (" , ;for=192.0.2.1 ;; ,, ", "192.0.2.1"),
            ('for="192.0.2.1:47011"', "192.0.2.1"),
            ('FOR="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::17"),
            ("for=[2001:db8:cafe::17]", "2001:db8:cafe::17"),
            ("for=192.0.2.1;proto=https;by=203.0.113.43", "192.0.2.1"),
            ('proto=https;by="[2001:db8::1]";for=192.0.2.1', "192.0.2.1"),
            ("for=1.1.1.1, for=192.0.2.1, for=10.0.0.2", "192.0.2.1"),
            ('for="_a\\"b", for=192.0.2.1', "192.0.2.1"),
            ('for="1\\92.0.2.1"', "192.0.2.1"),
            ('for=1.1.1.1;host="a,b;for=2.2.2.2", for=192.0.2.1', "192.0.2.1"),
        ],
    )
    def test_elements_are_hops(self, value: str, address: str) -> None:
        assert made("forwarded").of(NGINX, [("Forwarded", value)]) == address

    @pytest.mark.parametrize(
        "value",
        [
            *("", "for", "for=", "=1.1.1.1", "for=unknown", "for=_hidden", "by=192.0.2.1"),
            *(" ", ",", ";,;", "for=1.1.1.1 for=2.2.2.2", 'for="1.1.1.1'),
            *("for=1.1.1.1, by=10.0.0.1", "for = 192.0.2.1"),
        ],
    )
    def test_where_the_last_is_not_told_nothing_is(self, value: str) -> None:
        assert made("forwarded").of(NGINX, [("Forwarded", value)]) is None

    @pytest.mark.parametrize(
        "spoof", ['for="', 'for=1.1.1.1, for="', 'for=1.1.1.1;host="', '"', 'for="\\', "for=("]
    )
    @pytest.mark.parametrize(
        "honest", ["for=192.0.2.1", 'for="[2001:db8::1]:80";by="10.0.0.1"', "for=192.0.2.1;by=x"]
    )
    def test_a_quotation_mark_left_open_does_not_hide_the_proxys_own(
        self, spoof: str, honest: str
    ) -> None:
        for headers in (
            [("Forwarded", f"{spoof}, {honest}")],
            [("Forwarded", spoof), ("Forwarded", honest)],
        ):
            assert made("forwarded").of(NGINX, headers) != "1.1.1.1"

    @given(st.text(st.sampled_from('for=by;,"\\ [].:12ab_\t')))
    def test_a_client_never_chooses_the_address(self, spoof: str) -> None:
        headers = [("Forwarded", f"{spoof}, for=192.0.2.1")]
        assert made("forwarded").of(NGINX, headers) in {"192.0.2.1", None}

    def test_a_long_value_takes_no_long_time(self) -> None:
        for part in ('for="\\"', "a=b;", "for=1.1.1.1, ", "for=[", "for=" + "a" * 50 + ";"):
            made("forwarded").of(NGINX, [("Forwarded", part * (16_384 // len(part)))])
