"""The gate: what connections pass on their way to the engine, and who may pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from fortepiano.model.session import Session
from fortepiano.native import frame_bytes
from fortepiano.protocol.outbound import HELLO_CODE

if TYPE_CHECKING:
    import asyncio

    from fortepiano.config import LimitSettings
    from fortepiano.native import Engine

__all__ = ["Gate"]

_TEXT = 1
_HELLO_FRAME = frame_bytes(_TEXT, orjson.dumps([HELLO_CODE]))


@dataclass(slots=True)
class Gate:
    """What the front door knows.

    Attributes:
        engine: What takes connections over.
        limits: What one client may cost.
        waiting: Sockets that have neither upgraded nor had an answer.
        is_draining: Whether the server is stopping, and lets nobody in.
    """

    engine: Engine
    limits: LimitSettings
    waiting: int = 0
    is_draining: bool = False

    def refusal(self) -> int | None:
        """Return the HTTP status with which an upgrade is refused now; None where it may pass."""
        return 503 if self.is_draining else None

    def open(self, transport: asyncio.Transport, response: bytes, tail: bytes) -> None:
        """Turn an upgraded connection into a link with a session.

        Args:
            transport: The connection's transport, with nothing left to write.
            response: The answer to the upgrade request.
            tail: Bytes that came behind the request in the same read.
        """
        link = self.engine.open(transport, response + _HELLO_FRAME)
        peer = transport.get_extra_info("peername")
        link.session = Session(link.client, link, peer[0] if peer else "")
        transport.set_protocol(link)  # type: ignore[arg-type]  # a BufferedProtocol by its methods
        if tail:
            link.feed(tail)
