"""The upgrade: websockets' Sans-I/O handshake, then the link."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.server import ServerProtocol

if TYPE_CHECKING:
    import asyncio

    from uvicorn.config import Config
    from uvicorn.server import ServerState

    from fortepiano.net.gate import Gate

_LOGGER = logging.getLogger("websockets.server")
"""Looked up once: otherwise each handshake would."""

__all__ = ["Upgrade", "refusal", "request"]


class Upgrade:
    """Answers one upgrade request; the class that uvicorn is given as `ws=`.

    Args:
        gate: What the front door knows.
        config: uvicorn's configuration.
        server_state: uvicorn's list of connections, which links are not part of.
        app_state: uvicorn's state for the application.
    """

    __slots__ = ("_gate",)

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        *,
        gate: Gate,
    ) -> None:
        self._gate = gate

    def answer(self, transport: asyncio.Transport, asked: Request, tail: bytes) -> None:
        """Take the connection over, or refuse it.

        It is refused before the upgrade, never accepted and then closed: stock clients count an
        accepted connection as a success and would come back every 50 ms.

        Args:
            transport: The connection's transport, with nothing left to write.
            asked: The upgrade request.
            tail: Bytes that came behind it in the same read.
        """
        peer = transport.get_extra_info("peername")
        address: str = peer[0] if peer else ""
        user_id = self._gate.identity.user_id(address)
        status = self._gate.refusal(user_id)
        if status is not None:
            transport.write(refusal(status, "The server does not take this connection."))
            transport.close()
            return
        response = ServerProtocol(logger=_LOGGER).accept(asked)
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            transport.write(response.serialize())
            transport.close()
            return
        agent = asked.headers.get("User-Agent", "")
        self._gate.open(transport, user_id, agent, response.serialize(), tail)


def request(method: str, url: bytes, version: str, headers: list[tuple[bytes, bytes]]) -> Request:
    """Return a parsed HTTP request as the handshake wants it.

    Args:
        method: Such as "GET".
        url: The target as sent.
        version: Such as "1.1".
        headers: Names and values as sent.
    """
    pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
    return Request(url.decode("latin-1"), Headers(pairs), method, f"HTTP/{version}")


def refusal(status: int, why: str) -> bytes:
    """Return a plain HTTP error that closes the connection.

    Args:
        status: The HTTP status; with 429 and 503 a `Retry-After` goes along.
        why: One line for people.
    """
    retry = "Retry-After: 5\r\n" if status in (429, 503) else ""
    return (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(why) + 1}\r\n{retry}Connection: close\r\n\r\n{why}\n"
    ).encode("ascii")
