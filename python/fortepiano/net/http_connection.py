"""A connection while it speaks HTTP: reads request heads, and answers handshakes itself.

Heads are read within limits of size and time. A handshake is answered without uvicorn's protocol
object, which would be most of the cost of a connection. Any other request goes to that object.

The life of a connection to the public port, from top to bottom. The peer may end it at any time.
The internal port is the same without the PROXY header, WebSockets, and links:

| state        | class                 | next state                 | or closed, with              |
|--------------|-----------------------|----------------------------|------------------------------|
| TCP accept   | `UvicornServer`       | PROXY header; request head |                              |
| PROXY header | `ProxiedConnection`   | request head               | 400, 408, 503                |
| request head | `HttpConnection`      | page; admission            | 4xx, 501, 503, 505           |
| page         | `PageConnection`      | request head               | a response of uvicorn        |
| admission    | `AdmissionControl`    | handshake                  | 400, 403, 429, 503           |
| handshake    | `accept_websocket()`  | link, after 101            | 400, 405, 426                |
| link         | `Link` (ext)          |                            | a close code, or no frame    |
| closed       |                       |                            |                              |

- A PROXY header is read only where `proxy.protocol` is set and the peer is a trusted proxy.
- A connection in the states PROXY header and request head has a deadline (`Deadlines`).
- A complete head may be deferred to a later turn of the loop (`AcceptBudget`), without a deadline.
- The next request waits until the peer has taken the response to the last (`StalledConnections`).
- Admission precedes the check of the handshake; an invalid handshake withdraws it.
- docs/architecture.md has the events of each state, and the states of a link.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, cast

from fortepiano.net.front_door import METHOD
from fortepiano.net.handshake import accept_websocket, refusal
from fortepiano.net.page_connection import PageConnection
from fortepiano.net.request_head import InvalidHeadError, RequestHead
from fortepiano.net.visitor_state import VisitorState

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

    from fortepiano.net.front_door import FrontDoor, Objection

__all__ = ["HttpConnection"]

_HEAD_END = b"\r\n\r\n"
_METHODS = (b"GET ", b"HEAD ")
_METHOD = re.compile(rb"[A-Za-z-]{1,20}(?: |\Z)")
_BUFFER = memoryview(bytearray(65_536))
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_PAGE_SECONDS = 0.000_2
"""The time that a request for a page takes in later steps of the loop; measured 0.07 to 0.2 ms."""


class HttpConnection(asyncio.BufferedProtocol):
    """One connection while it speaks HTTP, one request at a time.

    From a complete request until the peer has taken its response, further bytes wait, and only some
    are read: the rest stays with the kernel. Reading goes on until then, to notice the peer's end.

    Args:
        config: uvicorn's configuration.
        server_state: uvicorn's list of connections.
        app_state: uvicorn's state for the application.
        door: The bounds of the port.
        peer: The peer's address, where the socket does not have it.
        resumed: What another process has left of the connection; None for a new one.

    Attributes:
        transport: The connection's transport.
        peer: The address at the other end, or `unix:/path`.
        counted: The address that the connection is counted for; empty where it is not counted.
        is_forwarded: Whether a proxy that is not trusted has forwarded the last request.
    """

    __slots__ = (
        "_app_state",
        "_awaited",
        "_config",
        "_data",
        "_door",
        "_ends",
        "_is_busy",
        "_page",
        "_resumed",
        "_server_state",
        "counted",
        "is_forwarded",
        "peer",
        "transport",
    )

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        door: FrontDoor,
        peer: str = "",
        resumed: VisitorState | None = None,
    ) -> None:
        self._config = config
        self._server_state = server_state
        self._app_state = app_state
        self._door = door
        self._data = b""
        self._awaited: RequestHead | None = None  # a head whose body is incomplete
        self._is_busy = False  # whether a request is deferred, or its response not yet taken
        self._ends = False  # whether the connection ends after the response
        self._page: PageConnection | None = None
        self._resumed = resumed
        self.peer = peer
        self.counted = ""
        self.is_forwarded = False

    # Called by the event loop (asyncio.BufferedProtocol)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the time for the head of the first request."""
        self.transport = cast("asyncio.Transport", transport)
        self.peer = self.peer or self._door.peer_of(self.transport)
        resumed, self._resumed = self._resumed, None
        refused = self._door.enter(self, None if resumed is None else resumed.seconds_left)
        if refused is not None:
            self._refuse(refused)
        elif resumed is not None:
            self._resume_state(resumed)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the one buffer of all connections, which is empty again before the next read.

        The link that takes the place of this protocol is a buffered one, too. If this one had
        `data_received`, uvloop would keep its bound method, and so this object, as long as the link
        lives.
        """
        return _BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        """Collect a request, and the bytes that the same read returned after it."""
        data = bytes(_BUFFER[:nbytes])
        if self.transport.is_closing():
            return
        if self._is_busy:
            self._hold(data)
            return
        if self._data:
            data = self._data + data
        elif self._page is not None:
            self._expect_request()
        self._read(data)

    def eof_received(self) -> None:
        """Let the transport close: a client that sends no more bytes has no further requests."""

    def pause_writing(self) -> None:
        """Pause uvicorn's protocol, and give the peer a time to take what was written."""
        self._door.stalled.watch(self)
        if self._page is not None:
            self._page.pause_writing()

    def resume_writing(self) -> None:
        """Resume uvicorn's protocol, or read the next request if the response is complete."""
        self._door.stalled.discard(self)
        if self._page is not None:
            self._page.resume_writing()
            self._continue()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the deadlines, and end uvicorn's protocol."""
        self._door.admission.pending.discard(self)
        self._door.stalled.discard(self)
        self._door.leave(self)
        self._data, self._awaited = b"", None
        page, self._page = self._page, None
        if page is not None:
            page.connection_lost(exc)

    # Called around an upgrade

    @property
    def is_owed(self) -> bool:
        """Whether the peer waits for a response, or for the rest of one; not of a stream."""
        page = self._page
        is_stream = self._door.is_internal and page is not None and page.has_begun
        is_answering = page is not None and page.is_answering and not is_stream
        return is_answering or self.transport.get_write_buffer_size() > 0

    def state(self) -> VisitorState | None:
        """Return what another process needs to go on; None where a response is incomplete."""
        page = self._page
        is_answering = page is not None and page.is_answering
        if is_answering or self._ends or self.is_owed or self.transport.is_closing():
            return None
        left = self._door.admission.pending.seconds_left(self)
        if left is None and self._data:  # deferred
            left = self._door.limits.head_seconds
        return VisitorState(self._door.is_internal, self._data, left, self.peer)

    def _resume_state(self, resumed: VisitorState) -> None:
        """Go on where the other process was."""
        if resumed.seconds_left is None:
            self._door.admission.pending.discard(self)
            self._make_page().begin_idle_time()
        elif resumed.data:
            self._read(resumed.data)

    # Called at the deadline

    def time_out(self) -> None:
        """Refuse a connection that has not sent a complete request in time."""
        self._reject(408, "The request took too long.")

    # Requests

    def _expect_request(self) -> None:
        """Start the time for a further request."""
        if self._page is not None:
            self._page.end_idle_time()
        self._door.admission.pending.add(self)

    def _read(self, data: bytes, *, is_due: bool = False) -> None:
        """Handle the request in `data` if it is complete, in this turn if it is due."""
        admission = self._door.admission
        head = self._awaited
        if head is not None:
            self._read_body(head, data[len(head.data) :])
            return
        end = data.find(_HEAD_END, 0, self._door.head_bytes)
        if end < 0:
            self._wait_for_more(data)
        elif not self._door.is_holding() and (is_due or admission.budget.has_time()):
            end += len(_HEAD_END)
            self._handle(data[:end], data[end:])
        else:
            admission.pending.discard(self)
            self._is_busy, self._data = True, data
            self.transport.pause_reading()
            self._door.defer(self._handle_deferred)

    def _handle_deferred(self) -> None:
        """Handle a deferred request."""
        if not self.transport.is_closing():
            self._door.admission.pending.add(self)
            self._read(self._resume(), is_due=True)

    def _wait_for_more(self, data: bytes) -> None:
        """Store an incomplete head, unless it is invalid already."""
        if len(data) >= self._door.head_bytes:
            self._refuse(self._door.long_head)
        elif self._may_begin(data):
            self._data = data
        elif not self._door.is_internal and data.split(b" ", 1)[0].isalpha():
            self._refuse(METHOD)
        else:
            self._reject(400, "Invalid HTTP request.")

    def _may_begin(self, data: bytes) -> bool:
        """Return whether a request may begin with these bytes."""
        if self._door.is_internal:
            return _METHOD.match(data) is not None
        return any(data.startswith(method[: len(data)]) for method in _METHODS)

    def _handle(self, data: bytes, rest: bytes) -> None:
        """Handle a complete head.

        Args:
            data: The head.
            rest: The bytes after it.
        """
        try:
            head = RequestHead(data)
        except InvalidHeadError as error:
            self._reject(error.status, error.why)
            return
        is_handshake = head.wants_websocket and not self._door.is_internal
        refused = None if is_handshake else self._door.objection(head)
        refused = refused or self._door.recount(self, head)
        if refused is not None:
            self._refuse(refused)
        elif is_handshake:
            self._handle_handshake(head, rest)
        else:
            self._read_body(head, rest)

    def _read_body(self, head: RequestHead, rest: bytes) -> None:
        """Pass a request to the site when its body is complete."""
        if len(rest) >= head.body_bytes:
            self._awaited = None
            self._request_page(head, rest[: head.body_bytes], rest[head.body_bytes :])
            return
        if self._awaited is None and head.headers.get("expect", "").lower() == "100-continue":
            self.transport.write(_CONTINUE)
        self._awaited, self._data = head, head.data + rest

    def _request_page(self, head: RequestHead, body: bytes, rest: bytes) -> None:
        """Pass a request to uvicorn's protocol, which is made at the first one."""
        admission = self._door.admission
        admission.pending.discard(self)
        admission.budget.charge(_PAGE_SECONDS)
        self._is_busy, self._data = True, b""
        self._hold(rest)
        page = self._page or self._make_page()
        page.data_received(head.plain() + body)

    def _make_page(self) -> PageConnection:
        page = self._page = PageConnection(
            self._config, self._server_state, self._app_state, self._on_answered
        )
        page.connection_made(self.transport)
        if self.peer != self._door.unix_peer:
            page.client = (self.peer, 0)
        return page

    def _on_answered(self) -> None:
        """Read the next request when the peer has taken the response, which is complete."""
        if not self.transport.get_write_buffer_size():
            self._continue()

    def _continue(self) -> None:
        """Read the next request, if none is in the works, or end the connection."""
        page = self._page
        if not self._is_busy or page is None or page.is_answering or self.transport.is_closing():
            return
        if self._ends:
            self.transport.close()
            return
        self._door.end_request(self)
        data = self._resume()
        if data:
            self._expect_request()
            self._read(data)
        else:
            page.begin_idle_time()

    # Reading

    def _hold(self, data: bytes) -> None:
        """Keep bytes of later requests within bounds; beyond these the connection ends early."""
        if len(self._data) + len(data) > self._door.head_bytes:
            self._ends = True
            self.transport.pause_reading()
        if not self._ends:
            self._data += data

    def _resume(self) -> bytes:
        """Read on, and return the bytes that were kept."""
        data, self._data = self._data, b""
        self._is_busy = False
        self.transport.resume_reading()
        return data

    # Handshakes and refusals

    def _handle_handshake(self, head: RequestHead, rest: bytes) -> None:
        """Make a link of this connection, or refuse it."""
        if self._ends:
            self._reject(400, "Too much follows the handshake.")
            return
        door = self._door
        door.admission.pending.discard(self)
        page, self._page = self._page, None
        if page is not None:
            page.release()
        transport = self.transport
        is_link = accept_websocket(
            door.admission, transport, self.peer, head, rest, is_forwarded=self.is_forwarded
        )
        if is_link:
            door.leave(self)
        else:
            door.stalled.watch(self)

    def _refuse(self, refused: Objection) -> None:
        """Answer with a refusal and close."""
        self._reject(refused.status, refused.why, refused.retry_after)

    def _reject(self, status: int, why: str, retry_after: int = 0) -> None:
        """Answer with an error and close."""
        response = refusal(status, why, retry_after, as_problem=self._door.is_internal)
        self._door.dismiss(self, response)
