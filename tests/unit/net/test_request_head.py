"""Heads of requests, and what the front door reads out of them."""

from __future__ import annotations

import gc
import weakref

import httptools
import pytest

from fortepiano.net.request_head import RequestHead


def head(*lines: str, request: str = "GET / HTTP/1.1") -> RequestHead:
    return RequestHead("".join(f"{line}\r\n" for line in (request, *lines, "")).encode("latin-1"))


def test_a_head_has_its_parts() -> None:
    found = head("Host: localhost", "X: 1", "x:  2 ", request="GET /a%20b?c=d HTTP/1.1")
    assert (found.method, found.target, found.version) == ("GET", "/a%20b?c=d", "1.1")
    assert found.headers == {"host": "localhost", "x": "1, 2"}
    assert found.raw_headers == [("Host", "localhost"), ("X", "1"), ("x", "2")]
    assert not found.has_body
    assert not found.wants_websocket


@pytest.mark.parametrize(
    ("lines", "wants"),
    [
        (("Upgrade: websocket", "Connection: Upgrade"), True),
        (("upgrade: WebSocket", "connection: keep-alive, upgrade"), True),
        (("Upgrade: h2c", "Connection: Upgrade"), False),
        (("Upgrade: websocket",), False),
        (("Connection: Upgrade",), False),
    ],
)
def test_who_wants_a_socket(lines: tuple[str, ...], *, wants: bool) -> None:
    assert head(*lines).wants_websocket is wants


@pytest.mark.parametrize(
    ("line", "has"),
    [
        ("Content-Length: 0", False),
        ("Content-Length: 12", True),
        ("Transfer-Encoding: chunked", True),
        ("X: y", False),
    ],
)
def test_what_has_a_body(line: str, *, has: bool) -> None:
    assert head(line, request="POST / HTTP/1.1").has_body is has


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length : 5\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    ],
)
def test_what_is_no_head(data: bytes) -> None:
    with pytest.raises(httptools.HttpParserError):
        RequestHead(data)


def test_a_head_goes_without_the_garbage_collector() -> None:
    gc.disable()
    try:
        found = head("Host: localhost")
        gone = weakref.ref(found)
        del found
        assert gone() is None
    finally:
        gc.enable()
