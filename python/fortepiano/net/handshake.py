"""The upgrade: websockets' Sans-I/O handshake, then the link."""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING

from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.utils import accept_key

from fortepiano.net.admission import Refusal
from fortepiano.net.user_agent import is_program

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

    from fortepiano.net.admission import AdmissionControl
    from fortepiano.net.request_head import RequestHead

__all__ = ["accept_websocket", "refusal"]

_LOGGER = logging.getLogger("websockets.server")
"""Looked up once: otherwise each handshake would."""

_KEY = re.compile("[A-Za-z0-9+/]{22}==")
"""16 bytes in base64."""

_SAMPLE_KEY = "dGhlIHNhbXBsZSBub25jZQ=="

_JUDGED = {
    *("connection", "upgrade", "origin"),
    *("sec-websocket-version", "sec-websocket-protocol", "sec-websocket-extensions"),
}
"""The headers that make a handshake good or bad, but for its key."""

_ACCEPTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: %b\r\n\r\n"
)
"""RFC 6455 section 4.2.2; neither an extension nor a subprotocol is agreed on."""


def accept_websocket(
    gate: AdmissionControl, transport: asyncio.Transport, peer: str, head: RequestHead, tail: bytes
) -> None:
    """Make a link of a connection that asks for an upgrade, or refuse it.

    It is refused before the upgrade, never accepted and then closed: stock clients count an
    accepted connection as a success and would come back every 50 ms.

    Args:
        gate: What the front door knows.
        transport: The connection's transport, with nothing left to write.
        peer: The address at the other end; empty for a Unix socket.
        head: The upgrade request.
        tail: Bytes that came behind it in the same read.
    """
    admission = gate.admit(peer, head.headers)
    if isinstance(admission, Refusal):
        _, status, why, retry_after = admission
        transport.write(refusal(status, why, retry_after))
        transport.close()
        return
    said = head.said
    key = said.get("sec-websocket-key", "")
    asks = tuple(pair for pair in head.headers if pair[0].lower() in _JUDGED)
    if not (_KEY.fullmatch(key) and _is_handshake(head.method, head.version, asks)):
        gate.withdraw(admission)
        transport.write(_accept(head.headers, head.target, head.method, head.version))
        transport.close()
        return
    answer = _ACCEPTED % accept_key(key).encode("ascii")
    gate.open(transport, admission, answer, tail, is_bot=is_program(said))


@lru_cache(maxsize=256)
def _is_handshake(method: str, version: str, headers: tuple[tuple[str, str], ...]) -> bool:
    """Whether a request with these headers and a good key asks for a WebSocket as it should.

    Browsers and libraries ask in a handful of ways, so that websockets is asked once for each:
    parsing and checking every request anew took a sixth of the time of a connection.
    """
    answer = _accept([*headers, ("Sec-WebSocket-Key", _SAMPLE_KEY)], "/", method, version)
    return answer.startswith(b"HTTP/1.1 101 ")


def _accept(headers: Iterable[tuple[str, str]], target: str, method: str, version: str) -> bytes:
    """Return what websockets answers to a request."""
    asked = Request(target, Headers(headers), method, f"HTTP/{version}")
    return ServerProtocol(logger=_LOGGER).accept(asked).serialize()


def refusal(status: int, why: str, retry_after: int = 0) -> bytes:
    """Return a plain HTTP error that closes the connection.

    Args:
        status: The HTTP status; with 405 an `Allow` goes along.
        why: One line for people.
        retry_after: When to come again; seconds, 0 where that would not help.
    """
    more = "Allow: GET, HEAD\r\n" if status == HTTPStatus.METHOD_NOT_ALLOWED else ""
    if retry_after:
        more += f"Retry-After: {retry_after}\r\n"
    body = f"{why}\n".encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n{more}Connection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
