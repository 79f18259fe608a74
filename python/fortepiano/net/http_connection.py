"""The front door: what every connection passes before it is a socket or a visit to the page.

It reads the heads of requests, within bounds of size and time. An upgrade is answered here, with
nothing of uvicorn made for it: that is where most of a connection's cost would be. Any other
request goes on to uvicorn's HTTP protocol.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import httptools

from fortepiano.net.handshake import accept_websocket, refusal
from fortepiano.net.page_connection import PageConnection
from fortepiano.net.request_head import RequestHead

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

    from fortepiano.net.admission import AdmissionControl

__all__ = ["HttpConnection"]

_HEAD_END = b"\r\n\r\n"
_METHODS = (b"GET ", b"HEAD ")
_BUFFER = memoryview(bytearray(65_536))


class HttpConnection(asyncio.BufferedProtocol):
    """One connection while it speaks HTTP.

    Args:
        config: uvicorn's configuration.
        server_state: uvicorn's list of connections.
        app_state: uvicorn's state for the application.
        gate: What the front door knows.
        peer: Who is at the other end, if not who the socket says.
    """

    __slots__ = (
        "_app_state",
        "_config",
        "_gate",
        "_head",
        "_is_put_off",
        "_peer",
        "_server_state",
        "_visit",
        "transport",
    )

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        gate: AdmissionControl,
        peer: str | None = None,
    ) -> None:
        self._config = config
        self._server_state = server_state
        self._app_state = app_state
        self._gate = gate
        self._peer = peer
        self._head = b""
        self._is_put_off = False
        self._visit: PageConnection | None = None

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Give the head of the first request its time."""
        self.transport = cast("asyncio.Transport", transport)
        if not self._gate.expect(self):
            self._refuse(503, "Too many connections at once.", 5)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the one buffer of all connections, which is empty again before the next read.

        A link has one too, and with `data_received` here uvloop would keep this object, by that
        method, for as long as the link lives.
        """
        return _BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        """Collect a head; what stands behind it in the same read is not lost."""
        data = bytes(_BUFFER[:nbytes])
        if self.transport.is_closing():
            return
        if self._is_put_off:
            self._head += data
            return
        if self._head:
            data = self._head + data
        elif self._visit is not None:  # a further request of the same connection
            self._gate.awaited.add(self)
        self._read(data, is_due=False)

    def eof_received(self) -> None:
        """Let the transport close: who has said his last word here has asked for nothing more."""

    def pause_writing(self) -> None:
        """Pass it on."""
        if self._visit is not None:
            self._visit.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        if self._visit is not None:
            self._visit.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._gate.awaited.discard(self)
        visit, self._visit = self._visit, None
        if visit is not None:
            visit.connection_lost(exc)

    # What the deadline calls

    def give_up(self) -> None:
        """Refuse a connection whose head has not come in time."""
        self._refuse(408, "The request's head took too long.")

    # The heads

    def _read(self, data: bytes, *, is_due: bool) -> None:
        """Answer the requests in `data`, the first one in this turn of the loop if it is due."""
        gate = self._gate
        while data:
            end = data.find(_HEAD_END, 0, gate.limits.head_bytes)
            if end < 0:
                self._wait_for_more(data)
                return
            if not (is_due or gate.budget.has_time()):
                gate.awaited.discard(self)
                self.transport.pause_reading()
                self._head, self._is_put_off = data, True
                gate.budget.put_off(self._read_on)
                return
            is_due = False
            end += len(_HEAD_END)
            head, data = data[:end], data[end:]
            if not self._answer(head, data):
                return
        self._head = b""

    def _read_on(self) -> None:
        """Answer a request that was put off."""
        self._is_put_off = False
        if not self.transport.is_closing():
            self.transport.resume_reading()
            self._read(self._head, is_due=True)

    def _wait_for_more(self, data: bytes) -> None:
        if len(data) >= self._gate.limits.head_bytes:
            self._refuse(431, "The request's head is too long.")
        elif not any(data.startswith(one[: len(data)]) for one in _METHODS):
            self._refuse_method(data)
        else:
            self._head = data

    def _answer(self, data: bytes, rest: bytes) -> bool:
        """Answer a request; returns whether a further one may follow on this connection."""
        self._gate.awaited.discard(self)
        try:
            head = RequestHead(data)
        except httptools.HttpParserError:
            self._refuse(400, "Invalid HTTP request.")
            return False
        if head.wants_socket:
            self._upgrade(head, rest)
            return False
        if not data.startswith(_METHODS):
            self._refuse_method(data)
        elif head.has_body:
            self._refuse(413, "Nothing is taken here.")
        else:
            self._feed(data)
        return not self.transport.is_closing()

    def _feed(self, head: bytes) -> None:
        visit = self._visit
        if visit is None:
            visit = self._visit = PageConnection(self._config, self._server_state, self._app_state)
            visit.connection_made(self.transport)
            if self._peer is not None:
                visit.client = (self._peer, 0)
        visit.data_received(head)

    def _upgrade(self, head: RequestHead, tail: bytes) -> None:
        visit, self._visit = self._visit, None
        if visit is not None:
            is_answering = visit.is_answering
            visit.release()
            # From the upgrade on the hub writes to the socket itself, behind the transport's back.
            if is_answering or self.transport.get_write_buffer_size():
                self._refuse(400, "An upgrade must wait for the answers to earlier requests.")
                return
        self._head = b""
        peer = self._peer
        if peer is None:
            at = self.transport.get_extra_info("peername")
            peer = at[0] if at else ""
        accept_websocket(self._gate, self.transport, peer, head, tail)

    # Refusals

    def _refuse_method(self, data: bytes) -> None:
        if data.split(b" ", 1)[0].isalpha():
            self._refuse(405, "Only GET and HEAD are answered here.")
        else:
            self._refuse(400, "Invalid HTTP request.")

    def _refuse(self, status: int, why: str, retry_after: int = 0) -> None:
        """Answer with an error and close."""
        self._gate.awaited.discard(self)
        if not self.transport.is_closing():
            self.transport.write(refusal(status, why, retry_after))
            self.transport.close()
