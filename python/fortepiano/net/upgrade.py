"""The upgrade: websockets' Sans-I/O handshake, then the link."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake
from websockets.http11 import Request
from websockets.server import ServerProtocol

from fortepiano.net.gate import Refusal

if TYPE_CHECKING:
    import asyncio

    from fortepiano.net.gate import Gate
    from fortepiano.net.head import Head

__all__ = ["refusal", "take_over"]

_LOGGER = logging.getLogger("websockets.server")
"""Looked up once: otherwise each handshake would."""

_HANDSHAKE = ServerProtocol(logger=_LOGGER)
"""Checks all requests, one after the other: it keeps nothing of one that the next would find."""

_ACCEPTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: %b\r\n\r\n"
)
"""RFC 6455 section 4.2.2; neither an extension nor a subprotocol is agreed on."""


def take_over(gate: Gate, transport: asyncio.Transport, peer: str, head: Head, tail: bytes) -> None:
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
    headers = Headers()
    for name, value in head.headers:
        headers[name] = value
    asked = Request(head.target, headers, head.method, f"HTTP/{head.version}")
    try:
        key, _, _ = _HANDSHAKE.process_request(asked)
    except InvalidHandshake:
        # Asked again for what it answers: this is not the way that has to be fast.
        gate.withdraw(admission)
        transport.write(ServerProtocol(logger=_LOGGER).accept(asked).serialize())
        transport.close()
        return
    agent = headers.get("User-Agent", "")
    gate.open(transport, admission, agent, _ACCEPTED % key.encode("ascii"), tail)


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
    return (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(why) + 1}\r\n{more}Connection: close\r\n\r\n{why}\n"
    ).encode("ascii")
