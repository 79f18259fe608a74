"""The upgrade: whatever is asked, it is answered as websockets would answer it."""

from __future__ import annotations

from typing import Any, cast

from hypothesis import assume, given
from hypothesis import strategies as st
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.server import ServerProtocol

from fortepiano.net.admission import Admitted
from fortepiano.net.handshake import accept_websocket
from fortepiano.net.request_head import InvalidHeadError, RequestHead

ADMISSION = Admitted("192.0.2.1", "0" * 24, is_limited=True)
KEY = "dGhlIHNhbXBsZSBub25jZQ=="

CONNECTIONS = [
    "Upgrade",
    "upgrade",
    "keep-alive, Upgrade",
    "keep-alive,,upgrade",
    "close",
    ",",
    "a b",
]
UPGRADES = ["websocket", "WebSocket", "websocket, h2c", "websocket/13", "xwebsocket", "h2c"]
KEYS = [
    KEY,
    KEY[:-1],
    KEY + "=",
    "*" * 24,
    "A" * 22 + "==",
    "A" * 23 + "=",
    "B" * 24,
    "",
    f"{KEY} ",
]
VERSIONS = ["13", "8", "13, 13", "013", ""]


class AdmissionControl:
    """As much of a gate as the upgrade asks."""

    def __init__(self) -> None:
        self.opened: list[tuple[bool, bytes, bytes]] = []
        self.withdrawn: list[Admitted] = []

    def admit(self, _peer: str, _headers: object, *, always: bool) -> Admitted:
        assert not always
        return ADMISSION

    def origin_refusal(self, _origin: str | None, _host: str, _peer: str) -> None:
        """Let in pages of all origins."""

    def withdraw(self, admission: Admitted) -> None:
        self.withdrawn.append(admission)

    def open(
        self, _on: Transport, _who: Admitted, answer: bytes, tail: bytes, *, is_bot: bool
    ) -> None:
        self.opened.append((is_bot, answer, tail))


class Transport:
    """A transport that records the bytes sent."""

    def __init__(self) -> None:
        self.sent = b""
        self.is_closed = False

    def write(self, data: bytes) -> None:
        self.sent += data

    def close(self) -> None:
        self.is_closed = True


def ask(head: RequestHead, tail: bytes = b"") -> tuple[AdmissionControl, Transport]:
    gate, transport = AdmissionControl(), Transport()
    accept_websocket(cast("Any", gate), cast("Any", transport), "192.0.2.1", head, tail)
    return gate, transport


OTHERS = [
    ("Origin", "http://localhost"),
    ("Sec-WebSocket-Protocol", "chat"),
    ("Sec-WebSocket-Protocol", "ch\xe4t"),
    ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
    ("Sec-WebSocket-Extensions", ";;"),
    ("X-Other", "1"),
]


@st.composite
def requests(draw: st.DrawFn) -> RequestHead:
    lines = [("Host", "localhost")]
    for name, values in (
        ("Connection", CONNECTIONS),
        ("Upgrade", UPGRADES),
        ("Sec-WebSocket-Key", KEYS),
        ("Sec-WebSocket-Version", VERSIONS),
    ):
        # The right one mostly: of requests with several mistakes only one would be seen.
        one = st.just(values[0]) | st.sampled_from(values)
        lines += [(name, value) for value in draw(st.just([values[0]]) | st.lists(one, max_size=2))]
    lines += draw(st.lists(st.sampled_from(OTHERS), max_size=2))
    method = draw(st.sampled_from(["GET", "GET", "GET", "HEAD", "POST"]))
    version = draw(st.sampled_from(["1.1", "1.1", "1.0"]))
    text = "".join(f"{name}: {value}\r\n" for name, value in draw(st.permutations(lines)))
    try:
        return RequestHead(f"{method} /ws HTTP/{version}\r\n{text}\r\n".encode("latin-1"))
    except InvalidHeadError:
        assume(False)
        raise


@given(requests())
def test_it_answers_as_the_library_does(head: RequestHead) -> None:
    asked = Request(head.target, Headers(head.raw_headers), head.method, f"HTTP/{head.version}")
    expected = ServerProtocol().accept(asked)
    gate, transport = ask(head)
    if expected.status_code == 101:
        [(_, answer, _)] = gate.opened
        accepted = expected.headers["Sec-WebSocket-Accept"]
        assert f"Sec-WebSocket-Accept: {accepted}\r\n".encode() in answer
        assert (transport.sent, gate.withdrawn) == (b"", [])
    else:
        assert gate.opened == []
        assert gate.withdrawn == [ADMISSION]
        assert transport.sent.startswith(f"HTTP/1.1 {expected.status_code} ".encode())
        assert transport.is_closed


def test_what_comes_along_is_handed_on() -> None:
    lines = (
        "GET / HTTP/1.1",
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {KEY}",
        "Sec-WebSocket-Version: 13",
        "User-Agent: Mozilla/5.0",
        "\r\n",
    )
    gate, _ = ask(RequestHead("\r\n".join(lines).encode()), b"behind")
    [(is_bot, answer, tail)] = gate.opened
    assert (is_bot, tail) == (False, b"behind")
    assert answer.endswith(b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
