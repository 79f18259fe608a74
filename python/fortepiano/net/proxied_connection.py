"""PROXY protocol: reads the header that a proxy sends, then becomes an `HttpConnection`.

Used only where the setting `proxy.protocol` is on.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from fortepiano.net.front_door import BUSY
from fortepiano.net.handshake import refusal
from fortepiano.net.http_connection import HttpConnection
from fortepiano.net.proxy_header import MalformedProxyHeader, read_proxy_header
from fortepiano.net.visitor_state import VisitorState

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

    from fortepiano.net.front_door import FrontDoor

__all__ = ["ProxiedConnection"]


class ProxiedConnection(asyncio.Protocol):
    """One connection until its PROXY header is complete; only trusted proxies send one.

    Args:
        config: uvicorn's configuration.
        server_state: uvicorn's list of connections.
        app_state: uvicorn's state for the application.
        door: The bounds of the port.
        resumed: What another process has left of the connection; None for a new one.

    Attributes:
        transport: The connection's transport.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        door: FrontDoor,
        resumed: VisitorState | None = None,
    ) -> None:
        self._resumed = resumed
        self._uvicorn_arguments = (config, server_state, app_state)
        self._door = door
        self._admission = door.admission
        self._data = b""
        self._peer = ""

    # Called by the event loop (asyncio.Protocol)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Switch to HTTP if the peer is not a trusted proxy; else start the time for the header."""
        self.transport = cast("asyncio.Transport", transport)
        admission = self._admission
        self._peer = self._door.peer_of(self.transport)
        resumed, self._resumed = self._resumed, None
        if not admission.addresses.trusts(self._peer):
            self._switch_to_http(self._peer, b"" if resumed is None else resumed.data)
            return
        self._door.inside.add(self)
        if not admission.await_request(self, None if resumed is None else resumed.seconds_left):
            self._refuse(*BUSY)
        elif resumed is not None and resumed.data:
            self.data_received(resumed.data)

    def data_received(self, data: bytes) -> None:
        """Collect the PROXY header, and switch to HTTP when it is complete."""
        if self.transport.is_closing():
            return
        self._data += data
        try:
            header = read_proxy_header(self._data)
        except MalformedProxyHeader:
            self._admission.refused["bad_preface"] += 1
            self._refuse(400, "A preface of the PROXY protocol must come first.")
            return
        if header is not None:
            self._admission.pending.discard(self)
            address = self._peer if header.address is None else header.address
            self._door.inside.discard(self)
            self._switch_to_http(address, self._data[header.size :])

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the deadlines."""
        self._door.inside.discard(self)
        self._admission.pending.discard(self)
        self._door.stalled.discard(self)

    # Called around an upgrade

    @property
    def is_owed(self) -> bool:
        """Whether the peer waits for a response; only to one that is refused."""
        return self.transport.get_write_buffer_size() > 0

    def state(self) -> VisitorState | None:
        """Return what another process needs to go on; None for a connection that is refused."""
        left = self._admission.pending.seconds_left(self)
        if left is None or self.transport.is_closing():
            return None
        return VisitorState(
            is_internal=False, data=self._data, seconds_left=left, awaits_proxy=True
        )

    # Called at the deadline

    def time_out(self) -> None:
        """Refuse a connection whose PROXY header is not complete in time."""
        self._refuse(408, "The request took too long.")

    def _switch_to_http(self, peer: str, rest: bytes) -> None:
        """Replace this protocol by an `HttpConnection`, and pass on the bytes after the header."""
        http = HttpConnection(*self._uvicorn_arguments, door=self._door, peer=peer)
        self.transport.set_protocol(http)
        http.connection_made(self.transport)
        while rest and not self.transport.is_closing():
            # The protocol may change to a link meanwhile; both kinds have a buffer to write to.
            protocol = cast("asyncio.BufferedProtocol", self.transport.get_protocol())
            buffer = cast("memoryview", protocol.get_buffer(len(rest)))
            count = min(len(buffer), len(rest))
            buffer[:count] = rest[:count]
            protocol.buffer_updated(count)
            rest = rest[count:]

    def _refuse(self, status: int, why: str, retry_after: int = 0) -> None:
        """Answer with an error and close."""
        self._door.dismiss(self, refusal(status, why, retry_after))
