"""Heads of requests that RFC 9112 forbids, with the status of the answer; odd ones it allows."""

from __future__ import annotations

__all__ = ["BAD_HEADS", "GOOD_HEADS"]

_END = b"\r\n\r\n"
_HOST = b"\r\nHost: localhost"


def _get(*lines: bytes, request: bytes = b"GET / HTTP/1.1", host: bytes = _HOST) -> bytes:
    return request + host + b"".join(b"\r\n" + line for line in lines) + _END


_UPGRADE = (b"Connection: Upgrade", b"Upgrade: websocket")

_BAD_REQUEST_LINES = {
    "no version": b"GET /",
    "only a method": b"GET",
    "no method": b"/ HTTP/1.1",
    "no target": b"GET  HTTP/1.1",
    "two spaces before the target": b"GET  / HTTP/1.1",
    "two spaces before the version": b"GET /  HTTP/1.1",
    "a space at the end": b"GET / HTTP/1.1 ",
    "a space at the beginning": b" GET / HTTP/1.1",
    "a tab": b"GET\t/ HTTP/1.1",
    "a version in lower case": b"GET / http/1.1",
    "a version without minor": b"GET / HTTP/1",
    "a long version": b"GET / HTTP/1.10",
    "another protocol": b"GET / RTSP/1.0",
    "a relative target": b"GET x HTTP/1.1",
    "a fragment": b"GET /#a HTTP/1.1",
    "an asterisk": b"GET * HTTP/1.1",
    "an authority": b"GET localhost:80 HTTP/1.1",
    "a tunnel": b"CONNECT localhost:80 HTTP/1.1",
    "an empty authority": b"GET http:// HTTP/1.1",
    "no authority": b"GET http:///a HTTP/1.1",
    "a bad authority": b"GET http://a@b/ HTTP/1.1",
    "another scheme": b"GET ftp://localhost/ HTTP/1.1",
    "a space in the target": b"GET /a b HTTP/1.1",
    "NUL in the target": b"GET /\0 HTTP/1.1",
    "DEL in the target": b"GET /\x7f HTTP/1.1",
    "a target outside of ASCII": b"GET /\xe4 HTTP/1.1",
    "a bare CR in the target": b"GET /\r HTTP/1.1",
}

_BAD_HOSTS = {
    "no host": b"",
    "two hosts": _HOST + _HOST,
    "two hosts apart": _HOST + b"\r\nX: y\r\nhost: other",
    "an empty host": b"\r\nHost:",
    "a blank host": b"\r\nHost:  \t",
    "a host with a space": b"\r\nHost: a b",
    "a host with a path": b"\r\nHost: a/b",
    "a host with a user": b"\r\nHost: a@b",
    "a host with a bad port": b"\r\nHost: a:x",
    "a host with two ports": b"\r\nHost: a:1:2",
    "a host with a long port": b"\r\nHost: a:123456",
    "a host that is a URL": b"\r\nHost: http://a",
    "a host in open brackets": b"\r\nHost: [::1",
    "a host in wrong brackets": b"\r\nHost: [a]",
    "a host with a broken escape": b"\r\nHost: a%2",
    "a host outside of ASCII": b"\r\nHost: \xe4",
    "a very long host": b"\r\nHost: " + b"a" * 300,
}

_BAD_LINES = {
    "a folded line": (b"A: b", b" c"),
    "a folded line by tab": (b"A: b", b"\tc"),
    "a space before the colon": (b"A : b",),
    "a tab before the colon": (b"A\t: b",),
    "no colon": (b"A",),
    "no name": (b": a",),
    "a name with a quote": (b'A"B: c',),
    "a name outside of ASCII": (b"\xe4: c",),
    "NUL in a value": (b"A: b\0c",),
    "NUL in a name": (b"A\0: b",),
    "a control character in a value": (b"A: b\x01c",),
    "DEL in a value": (b"A: b\x7f",),
    "a bare CR in a value": (b"A: b\rc",),
    "a bare CR at the end of a value": (b"A: b\r",),
    "a bare LF": (b"A: b\nC: d",),
    "two lengths": (b"Content-Length: 5", b"Content-Length: 6"),
    "the same length twice": (b"Content-Length: 5", b"Content-Length: 5"),
    "a list of lengths": (b"Content-Length: 5, 5",),
    "a negative length": (b"Content-Length: -1",),
    "a length with a sign": (b"Content-Length: +5",),
    "a hexadecimal length": (b"Content-Length: 0x5",),
    "an empty length": (b"Content-Length:",),
    "a huge length": (b"Content-Length: 99999999999999999999999",),
    "a length beside chunks": (b"Transfer-Encoding: chunked", b"Content-Length: 5"),
    "chunks beside a length": (b"Content-Length: 5", b"Transfer-Encoding: chunked"),
    "an unknown coding": (b"Transfer-Encoding: xchunked",),
    "a coding after chunks": (b"Transfer-Encoding: chunked, identity",),
    "a coding with a space": (b"Transfer-Encoding : chunked",),
    "an upgrade with a body": (*_UPGRADE, b"Content-Length: 5"),
    "an upgrade with chunks": (*_UPGRADE, b"Transfer-Encoding: chunked"),
}

BAD_HEADS: dict[str, tuple[bytes, int]] = {
    **{name: (_get(request=line), 400) for name, line in _BAD_REQUEST_LINES.items()},
    **{name: (_get(host=host), 400) for name, host in _BAD_HOSTS.items()},
    **{name: (_get(*lines), 400) for name, lines in _BAD_LINES.items()},
    "chunks in HTTP/1.0": (_get(b"Transfer-Encoding: chunked", request=b"GET / HTTP/1.0"), 400),
    "two hosts in HTTP/1.0": (_get(request=b"GET / HTTP/1.0", host=_HOST * 2), 400),
    "an end of two LF": (b"GET / HTTP/1.1\nHost: localhost\n" + _END, 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01" + _END, 400),
    "HTTP/2": (b"PRI * HTTP/2.0" + _END, 505),
    "version 2.0": (_get(request=b"GET / HTTP/2.0"), 505),
    "version 0.9": (_get(request=b"GET / HTTP/0.9"), 505),
    "version 1.2": (_get(request=b"GET / HTTP/1.2"), 505),
    "an unknown method": (_get(request=b"FOO / HTTP/1.1"), 501),
    "a method in lower case": (_get(request=b"get / HTTP/1.1"), 501),
    "many headers": (_get(*[b"A: b"] * 200), 431),
}
"""The bytes of each head, and the status of the answer on either port."""

GOOD_HEADS: dict[str, bytes] = {
    "version 1.0 without a host": b"GET / HTTP/1.0" + _END,
    "a host with a port": _get(host=b"\r\nHost: localhost:8080"),
    "a host with an empty port": _get(host=b"\r\nHost: localhost:"),
    "an IPv6 host": _get(host=b"\r\nhOST:[::1]:8080"),
    "an escaped host": _get(host=b"\r\nHost: a%20b_c"),
    "an absolute target": _get(request=b"GET http://localhost HTTP/1.1"),
    "a target with odd characters": _get(request=b"GET /|^[]{}~!$&'()*+,;=:@%zz HTTP/1.1"),
    "a value outside of ASCII": _get(b"A: \xe4\t b"),
    "an empty value": _get(b"A:"),
    "a name with odd characters": _get(b"!#$%&'*+.^_`|~: a"),
    "a length of zero": _get(b"Content-Length: 0"),
    "an upgrade with a length of zero": _get(*_UPGRADE, b"Content-Length: 0"),
    "another method": _get(request=b"OPTIONS / HTTP/1.1"),
}
"""Heads that are unusual, and have to be read."""
