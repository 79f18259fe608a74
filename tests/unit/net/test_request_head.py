"""Heads of requests: what is read out of them, and which are refused."""

from __future__ import annotations

import contextlib
import gc
import weakref

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fortepiano.net.request_head import InvalidHeadError, RequestHead
from support.bad_heads import BAD_HEADS, GOOD_HEADS


def head(*lines: str, request: str = "GET / HTTP/1.1", host: str = "localhost") -> RequestHead:
    whole = (request, f"Host: {host}", *lines, "")
    return RequestHead("".join(f"{line}\r\n" for line in whole).encode("latin-1"))


def test_a_head_has_its_parts() -> None:
    found = head("X: 1", "x:  2 ", request="GET /a%20b?c=d HTTP/1.1")
    assert (found.method, found.target, found.version) == ("GET", "/a%20b?c=d", "1.1")
    assert found.headers == {"host": "localhost", "x": "1, 2"}
    assert found.raw_headers == [("Host", "localhost"), ("X", "1"), ("x", "2")]
    assert (found.host, found.path) == ("localhost", "/a%20b")
    assert (found.body_bytes, found.is_chunked) == (0, False)
    assert not found.wants_websocket


@pytest.mark.parametrize(
    ("lines", "wants"),
    [
        (("Upgrade: websocket", "Connection: Upgrade"), True),
        (("upgrade: WebSocket", "connection: keep-alive, upgrade"), True),
        (("Upgrade: h2c", "Connection: Upgrade"), False),
        (("Upgrade: websocket",), False),
        (("Connection: Upgrade",), False),
        (("Upgrade: websocket", "Connection: Upgrade", "Content-Length: 0"), True),
    ],
)
def test_which_heads_want_a_socket(lines: tuple[str, ...], *, wants: bool) -> None:
    assert head(*lines).wants_websocket is wants


@pytest.mark.parametrize(
    ("line", "length", "is_chunked"),
    [
        ("Content-Length: 0", 0, False),
        ("Content-Length: 012", 12, False),
        ("Transfer-Encoding: chunked", 0, True),
        ("X: y", 0, False),
    ],
)
def test_which_heads_have_a_body(line: str, length: int, *, is_chunked: bool) -> None:
    found = head(line, request="POST / HTTP/1.1")
    assert (found.body_bytes, found.is_chunked) == (length, is_chunked)


@pytest.mark.parametrize(("data", "status"), BAD_HEADS.values(), ids=BAD_HEADS.keys())
def test_bad_heads_are_refused(data: bytes, status: int) -> None:
    with pytest.raises(InvalidHeadError) as caught:
        RequestHead(data)
    assert caught.value.status == status


@pytest.mark.parametrize("data", GOOD_HEADS.values(), ids=GOOD_HEADS.keys())
def test_unusual_heads_that_are_valid_are_read(data: bytes) -> None:
    assert RequestHead(data).method in {"GET", "OPTIONS"}


def test_the_host_of_the_target_comes_before_the_header() -> None:
    found = head(request="GET http://Other:81/a?b HTTP/1.1")
    assert (found.host, found.path) == ("Other:81", "/a")
    assert found.plain() == b"GET /a?b HTTP/1.1\r\nHost: Other:81\r\n\r\n"
    assert head(request="GET http://x?q HTTP/1.1").plain().startswith(b"GET /?q HTTP/1.1\r\n")


def test_a_wish_for_another_protocol_is_left_out() -> None:
    found = head("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "X: \xe4")
    rest = b"Connection: Upgrade, HTTP2-Settings\r\nX: \xe4\r\n\r\n"
    assert found.plain() == b"GET / HTTP/1.1\r\nHost: localhost\r\n" + rest
    assert not RequestHead(found.plain()).is_upgrade


def test_a_plain_head_is_passed_on_as_it_came() -> None:
    found = head("X: y")
    assert found.plain() is found.data


_TOKENS = st.text("aZ-_.!1:\t \x00\xe4", min_size=1, max_size=4)
_LINES = st.sampled_from(
    [
        *("Connection: Upgrade", "connection: keep-alive , upgrade", "Upgrade: websocket"),
        *(
            "Content-Length: 5",
            "Content-Length:",
            "content-length: 1x",
            "Transfer-Encoding: chunked",
        ),
        *("Transfer-Encoding: gzip, chunked", "X : y", " folded", "X", "Host: other", "A: \xe4 \t"),
    ]
) | st.builds("{}:{}".format, _TOKENS, _TOKENS)


@given(st.lists(_LINES, max_size=5), st.sampled_from(["/", "/a?b", "http://x/", "*", "/\xe4"]))
def test_what_is_read_is_what_httptools_reads(lines: list[str], target: str) -> None:
    found: dict[str, str] = {}

    class Reader:
        def on_header(self, name: bytes, value: bytes) -> None:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1").strip(" \t")
            found[key] = f"{found[key]}, {text}" if key in found else text

    try:
        ours = head(*lines, request=f"GET {target} HTTP/1.1")
    except InvalidHeadError:
        return  # httptools lets more pass
    parser = httptools.HttpRequestParser(Reader())
    with contextlib.suppress(httptools.HttpParserUpgrade):
        parser.feed_data(ours.data)
    assert found == ours.headers
    assert bool(parser.should_upgrade()) is ours.is_upgrade


def test_a_head_goes_without_the_garbage_collector() -> None:
    gc.disable()
    try:
        found = head()
        gone = weakref.ref(found)
        del found
        assert gone() is None
    finally:
        gc.enable()
