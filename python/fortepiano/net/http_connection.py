"""A connection while it speaks HTTP: reads request heads, and answers handshakes itself.

Heads are read within limits of size and time. A handshake is answered without uvicorn's protocol
object, which would be most of the cost of a connection. Any other request goes to that object.

The life of a connection to the public port, from top to bottom. The peer may end it at any time:

| state        | class                 | next state                 | or closed, with              |
|--------------|-----------------------|----------------------------|------------------------------|
| TCP accept   | `UvicornServer`       | PROXY header; request head |                              |
| PROXY header | `ProxiedConnection`   | request head               | 400, 408, 503                |
| request head | `HttpConnection`      | page; admission            | 400, 405, 408, 413, 431, 503 |
| page         | `PageConnection`      | request head               | a response of uvicorn        |
| admission    | `AdmissionControl`    | handshake                  | 400, 403, 429, 503           |
| handshake    | `accept_websocket()`  | link, after 101            | 400, 405, 426                |
| link         | `Link` (ext)          |                            | a close code, or no frame    |
| closed       |                       |                            |                              |

- A PROXY header is read only where `proxy.protocol` is set and the peer is a trusted proxy.
- A connection in the states PROXY header and request head has a deadline (`Deadlines`).
- A complete head may be deferred to a later turn of the loop (`AcceptBudget`), without a deadline.
- Admission precedes the check of the handshake; an invalid handshake withdraws it.
- docs/architecture.md has the events of each state, and the states of a link.
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
        admission: Decides which handshakes are accepted.
        peer: The peer's address, where the socket does not have it.
    """

    __slots__ = (
        "_admission",
        "_app_state",
        "_config",
        "_head",
        "_is_deferred",
        "_page",
        "_peer",
        "_server_state",
        "transport",
    )

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        admission: AdmissionControl,
        peer: str | None = None,
    ) -> None:
        self._config = config
        self._server_state = server_state
        self._app_state = app_state
        self._admission = admission
        self._peer = peer
        self._head = b""
        self._is_deferred = False
        self._page: PageConnection | None = None

    # Called by the event loop (asyncio.BufferedProtocol)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the time for the head of the first request."""
        self.transport = cast("asyncio.Transport", transport)
        if not self._admission.await_request(self):
            self._refuse(503, "Too many connections at once.", 5)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the one buffer of all connections, which is empty again before the next read.

        The link that takes the place of this protocol is a buffered one, too. If this one had
        `data_received`, uvloop would keep its bound method, and so this object, as long as the link
        lives.
        """
        return _BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        """Collect the head of a request, and the bytes that the same read returned after it."""
        data = bytes(_BUFFER[:nbytes])
        if self.transport.is_closing():
            return
        if self._is_deferred:
            self._head += data
            return
        if self._head:
            data = self._head + data
        elif self._page is not None:  # a further request of the same connection
            self._admission.pending.add(self)
        self._read(data, is_due=False)

    def eof_received(self) -> None:
        """Let the transport close: a client that sends no more bytes has no further requests."""

    def pause_writing(self) -> None:
        """Pause uvicorn's protocol."""
        if self._page is not None:
            self._page.pause_writing()

    def resume_writing(self) -> None:
        """Resume uvicorn's protocol."""
        if self._page is not None:
            self._page.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the deadline, and end uvicorn's protocol."""
        self._admission.pending.discard(self)
        page, self._page = self._page, None
        if page is not None:
            page.connection_lost(exc)

    # Called at the deadline

    def time_out(self) -> None:
        """Refuse a connection that has not sent a complete head in time."""
        self._refuse(408, "The request's head took too long.")

    # Requests

    def _read(self, data: bytes, *, is_due: bool) -> None:
        """Handle the requests in `data`, the first one in this turn of the loop if it is due."""
        admission = self._admission
        while data:
            end = data.find(_HEAD_END, 0, admission.limits.head_bytes)
            if end < 0:
                self._wait_for_more(data)
                return
            if not (is_due or admission.budget.has_time()):
                admission.pending.discard(self)
                self.transport.pause_reading()
                self._head, self._is_deferred = data, True
                admission.budget.defer(self._resume)
                return
            is_due = False
            end += len(_HEAD_END)
            head, data = data[:end], data[end:]
            if not self._handle(head, data):
                return
        self._head = b""

    def _resume(self) -> None:
        """Handle a deferred request."""
        self._is_deferred = False
        if not self.transport.is_closing():
            self.transport.resume_reading()
            self._read(self._head, is_due=True)

    def _wait_for_more(self, data: bytes) -> None:
        """Store an incomplete head, unless it is invalid already."""
        if len(data) >= self._admission.limits.head_bytes:
            self._refuse(431, "The request's head is too long.")
        elif not any(data.startswith(method[: len(data)]) for method in _METHODS):
            self._refuse_method(data)
        else:
            self._head = data

    def _handle(self, data: bytes, rest: bytes) -> bool:
        """Handle a request; return whether another one may follow on this connection."""
        self._admission.pending.discard(self)
        try:
            head = RequestHead(data)
        except httptools.HttpParserError:
            self._refuse(400, "Invalid HTTP request.")
            return False
        if head.wants_websocket:
            self._handle_handshake(head, rest)
            return False
        if not data.startswith(_METHODS):
            self._refuse_method(data)
        elif head.has_body:
            self._refuse(413, "Nothing is taken here.")
        else:
            self._handle_page(data)
        return not self.transport.is_closing()

    def _handle_page(self, head: bytes) -> None:
        """Pass a request to uvicorn's protocol, which is made at the first one."""
        page = self._page
        if page is None:
            page = self._page = PageConnection(self._config, self._server_state, self._app_state)
            page.connection_made(self.transport)
            if self._peer is not None:
                page.client = (self._peer, 0)
        page.data_received(head)

    def _handle_handshake(self, head: RequestHead, rest: bytes) -> None:
        page, self._page = self._page, None
        if page is not None:
            is_answering = page.is_answering
            page.release()
            # After the handshake the hub writes to the socket itself, past the transport's buffer.
            if is_answering or self.transport.get_write_buffer_size():
                self._refuse(400, "An upgrade must wait for the answers to earlier requests.")
                return
        self._head = b""
        peer = self._peer
        if peer is None:
            peername = self.transport.get_extra_info("peername")
            peer = peername[0] if peername else ""
        accept_websocket(self._admission, self.transport, peer, head, rest)

    # Refusals

    def _refuse_method(self, data: bytes) -> None:
        if data.split(b" ", 1)[0].isalpha():
            self._refuse(405, "Only GET and HEAD are answered here.")
        else:
            self._refuse(400, "Invalid HTTP request.")

    def _refuse(self, status: int, why: str, retry_after: int = 0) -> None:
        """Answer with an error and close."""
        self._admission.pending.discard(self)
        if not self.transport.is_closing():
            self.transport.write(refusal(status, why, retry_after))
            self.transport.close()
