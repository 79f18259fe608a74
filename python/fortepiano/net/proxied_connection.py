"""The porch: where a proxy says who comes, before the front door is reached.

It stands there only where the PROXY protocol is set up (`proxy.protocol`).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from fortepiano.net.handshake import refusal
from fortepiano.net.http_connection import HttpConnection
from fortepiano.net.proxy_header import MalformedProxyHeader, read_preface

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

    from fortepiano.net.admission import AdmissionControl

__all__ = ["ProxiedConnection"]


class ProxiedConnection(asyncio.Protocol):
    """One connection until its preface has come; that of somebody who is not trusted has none.

    Args:
        config: uvicorn's configuration.
        server_state: uvicorn's list of connections.
        app_state: uvicorn's state for the application.
        gate: What the front door knows.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        gate: AdmissionControl,
    ) -> None:
        self._for_front = (config, server_state, app_state)
        self._gate = gate
        self._data = b""
        self._peer = ""

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let in who needs no preface; give the others their time."""
        self._transport = cast("asyncio.Transport", transport)
        gate = self._gate
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if peer else gate.name
        if not gate.addresses.trusts(self._peer):
            self._let_in(self._peer, b"")
        elif not gate.expect(self):
            self._refuse(503, "Too many connections at once.", 5)

    def data_received(self, data: bytes) -> None:
        """Collect the preface."""
        if self._transport.is_closing():
            return
        self._data += data
        try:
            preface = read_preface(self._data)
        except MalformedProxyHeader:
            self._gate.refused["bad_preface"] += 1
            self._refuse(400, "A preface of the PROXY protocol must come first.")
            return
        if preface is not None:
            self._gate.awaited.discard(self)
            address = self._peer if preface.address is None else preface.address
            self._let_in(address, self._data[preface.size :])

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._gate.awaited.discard(self)

    # What the deadline calls

    def give_up(self) -> None:
        """Refuse a connection whose preface has not come in time."""
        self._refuse(408, "The request took too long.")

    def _let_in(self, peer: str, rest: bytes) -> None:
        front = HttpConnection(*self._for_front, gate=self._gate, peer=peer)
        self._transport.set_protocol(front)
        front.connection_made(self._transport)
        while rest and not self._transport.is_closing():
            # Both the front door and the link it may be replaced by have a buffer.
            inside = cast("asyncio.BufferedProtocol", self._transport.get_protocol())
            window = cast("memoryview", inside.get_buffer(len(rest)))
            count = min(len(window), len(rest))
            window[:count] = rest[:count]
            inside.buffer_updated(count)
            rest = rest[count:]

    def _refuse(self, status: int, why: str, retry_after: int = 0) -> None:
        self._gate.awaited.discard(self)
        if not self._transport.is_closing():
            self._transport.write(refusal(status, why, retry_after))
            self._transport.close()
