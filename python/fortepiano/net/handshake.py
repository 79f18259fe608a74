"""The WebSocket handshake, checked by the Sans-I/O protocol of the websockets library."""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING

import orjson
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
"""Passed to websockets, which otherwise looks the logger up at each handshake."""

_KEY = re.compile("[A-Za-z0-9+/]{22}==")
"""16 bytes in base64."""

_SAMPLE_KEY = "dGhlIHNhbXBsZSBub25jZQ=="

_CHECKED_HEADERS = {
    *("connection", "upgrade", "origin"),
    *("sec-websocket-version", "sec-websocket-protocol", "sec-websocket-extensions"),
}
"""The headers that make a handshake valid or not, except for its key."""

_ACCEPTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: %b\r\n\r\n"
)
"""RFC 6455 section 4.2.2; neither an extension nor a subprotocol is agreed on."""


def accept_websocket(
    admission: AdmissionControl,
    transport: asyncio.Transport,
    peer: str,
    head: RequestHead,
    rest: bytes,
    *,
    is_forwarded: bool = False,
) -> bool:
    """Make a link of a connection that sent a handshake, or refuse it.

    A refusal comes before the connection is a WebSocket, never as a close after it. Stock clients
    count an accepted connection as a success and would connect again every 50 ms.

    Args:
        admission: Decides whether the client may connect.
        transport: The connection's transport, with an empty write buffer.
        peer: The address at the other end; empty for a Unix socket.
        head: The head of the handshake request.
        rest: Bytes that the same read returned after the request.
        is_forwarded: Whether a proxy that is not trusted sent the request, which is never exempt.

    Returns:
        Whether the connection has become a link.
    """
    admitted = admission.origin_refusal(
        head.headers.get("origin"), head.host, peer
    ) or admission.admit(peer, head.raw_headers, always=is_forwarded)
    if isinstance(admitted, Refusal):
        code, why = admitted
        transport.write(refusal(code.status, why, code.retry_after))
        transport.close()
        return False
    key = head.headers.get("sec-websocket-key", "")
    checked = tuple(pair for pair in head.raw_headers if pair[0].lower() in _CHECKED_HEADERS)
    if not (_KEY.fullmatch(key) and _is_handshake(head.method, head.version, checked)):
        admission.withdraw(admitted)
        transport.write(
            _websockets_response(head.raw_headers, head.target, head.method, head.version)
        )
        transport.close()
        return False
    response = _ACCEPTED % accept_key(key).encode("ascii")
    admission.open(transport, admitted, response, rest, is_bot=is_program(head.headers))
    return True


@lru_cache(maxsize=256)
def _is_handshake(method: str, version: str, headers: tuple[tuple[str, str], ...]) -> bool:
    """Return whether a request with these headers and a valid key is a valid handshake.

    The answer is cached, since browsers and libraries send only a handful of different sets.
    Parsing and checking every request anew took a sixth of the time of a connection.
    """
    keyed = [*headers, ("Sec-WebSocket-Key", _SAMPLE_KEY)]
    return _websockets_response(keyed, "/", method, version).startswith(b"HTTP/1.1 101 ")


def _websockets_response(
    headers: Iterable[tuple[str, str]], target: str, method: str, version: str
) -> bytes:
    """Return the response of the websockets library to a request."""
    request = Request(target, Headers(headers), method, f"HTTP/{version}")
    return ServerProtocol(logger=_LOGGER).accept(request).serialize()


def refusal(status: int, why: str, retry_after: int = 0, *, as_problem: bool = False) -> bytes:
    """Return an HTTP error that closes the connection.

    Args:
        status: The HTTP status; 405 comes with an `Allow` header.
        why: One line for people.
        retry_after: When to connect again; seconds, 0 where that would not help.
        as_problem: Whether the body is a problem document (RFC 9457); a plain text otherwise.
    """
    more = "Allow: GET, HEAD\r\n" if status == HTTPStatus.METHOD_NOT_ALLOWED else ""
    if retry_after:
        more += f"Retry-After: {retry_after}\r\n"
    phrase = HTTPStatus(status).phrase
    if as_problem:
        media_type = "application/problem+json"
        document = {"type": "about:blank", "title": phrase, "status": status, "detail": why}
        body = orjson.dumps(document)
    else:
        media_type, body = "text/plain; charset=utf-8", f"{why}\n".encode()
    head = (
        f"HTTP/1.1 {status} {phrase}\r\nContent-Type: {media_type}\r\n"
        f"Content-Length: {len(body)}\r\n{more}Connection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
