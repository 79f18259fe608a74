"""The front door: uvicorn's HTTP protocol, with the bounds that it lacks.

A request's head has a deadline and a size, and the number of sockets that have not finished one is
bounded. A frame that comes in one segment with the upgrade request is not lost.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from fortepiano.net.upgrade import refusal, request

if TYPE_CHECKING:
    from collections.abc import Callable

    from uvicorn.config import Config
    from uvicorn.server import ServerState

    from fortepiano.net.gate import Gate
    from fortepiano.net.upgrade import Upgrade

__all__ = ["Front"]

_HEAD_END = b"\r\n\r\n"


class Front(HttpToolsProtocol):
    """One connection while it speaks HTTP.

    Args:
        gate: What the front door knows.
        config: uvicorn's configuration.
        server_state: uvicorn's list of connections.
        app_state: uvicorn's state for the application.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        gate: Gate,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._gate = gate
        self._head_size = 0
        self._is_waiting = False
        self._deadline: asyncio.TimerHandle | None = None

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Give the head of the first request its time."""
        super().connection_made(cast("asyncio.Transport", transport))
        gate = self._gate
        if gate.waiting >= gate.limits.handshakes:
            self._refuse(503, "Too many connections at once.")
            return
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Parse what came, within the bounds of a head."""
        self._unset_keepalive_if_required()
        if self._is_waiting and self._is_too_long(data):
            self._refuse(431, "The request's head is too long.")
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse(400, "Invalid HTTP request.")

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    # What the parser calls

    def on_message_begin(self) -> None:
        """Give the head of a further request on the same connection its time."""
        super().on_message_begin()
        if not self._is_waiting:
            self._await_head()

    def on_headers_complete(self) -> None:
        """Take the head as finished."""
        self._stop_waiting()
        super().on_headers_complete()

    # The head's bounds

    def _await_head(self) -> None:
        self._head_size = 0
        self._is_waiting = True
        self._gate.waiting += 1
        self._deadline = self.loop.call_later(
            self._gate.limits.head_seconds,
            self._refuse,
            408,
            "The request's head took too long.",
        )

    def _stop_waiting(self) -> None:
        if self._is_waiting:
            self._is_waiting = False
            self._gate.waiting -= 1
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _is_too_long(self, data: bytes) -> bool:
        """Whether the head does not end within its bound; counts what is part of it."""
        room = self._gate.limits.head_bytes - self._head_size
        self._head_size += len(data)
        return len(data) > room and data.find(_HEAD_END, 0, max(room, 0)) < 0

    def _refuse(self, status: int, why: str) -> None:
        """Answer with an error and close."""
        self._stop_waiting()
        if self.transport.is_closing():
            return
        self.transport.write(refusal(status, why))
        self.transport.close()

    # The upgrade

    def _upgrade(self, tail: bytes) -> None:
        if not self._should_upgrade():
            # httptools stops at any upgrade; the request itself is answered like one without.
            return
        # There is no cycle before the first request, whatever uvicorn's annotation says.
        cycle = cast("RequestResponseCycle | None", self.cycle)
        is_answering = cycle is not None and not cycle.response_complete
        if is_answering or self.transport.get_write_buffer_size():
            # From the upgrade on the hub writes to the socket itself, behind the transport's back.
            self._refuse(400, "An upgrade must wait for the answers to earlier requests.")
            return
        self.connections.discard(self)
        transport, headers, url = self.transport, self.headers, self.url
        method, version = self.scope["method"], self.parser.get_http_version()
        upgrade = cast("Callable[..., Upgrade]", self.ws_protocol_class)(
            config=self.config, server_state=self.server_state, app_state=self.app_state
        )
        # The parser and this object hold each other: without this they wait for the garbage
        # collector, ten thousand of them after a storm of connections.
        self.parser = cast("httptools.HttpRequestParser", None)
        upgrade.answer(transport, request(method, url, version, headers), tail)
