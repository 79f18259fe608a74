"""The gate: what connections pass on their way to the engine, and who may pass."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from fortepiano.model.banlist import SITE
from fortepiano.model.session import Session
from fortepiano.native import frame_bytes
from fortepiano.protocol.outbound import HELLO_CODE

if TYPE_CHECKING:
    import asyncio

    from fortepiano.config import LimitSettings
    from fortepiano.model.banlist import BanList
    from fortepiano.model.identity import Identity
    from fortepiano.native import Engine
    from fortepiano.net.deadline import Deadlines

__all__ = ["Gate"]

_TEXT = 1
_HELLO_FRAME = frame_bytes(_TEXT, orjson.dumps([HELLO_CODE]))


@dataclass(slots=True)
class Gate:
    """What the front door knows.

    Attributes:
        engine: What takes connections over.
        limits: What one client may cost.
        identity: Who comes from which address.
        bans: Who is banned from the site.
        awaited: Connections whose request has not come yet.
        is_draining: Whether the server is stopping, and lets nobody in.
        refused: How many connections were refused, by reason, for metrics.
    """

    engine: Engine
    limits: LimitSettings
    identity: Identity
    bans: BanList
    awaited: Deadlines
    is_draining: bool = False
    refused: Counter[str] = field(default_factory=Counter[str])

    def refusal(self, user_id: str) -> int | None:
        """Return the HTTP status with which an upgrade is refused; None where it may pass.

        Args:
            user_id: Who wants to connect.
        """
        if self.is_draining:
            self.refused["draining"] += 1
            return 503
        now = self.engine.owner.stamp()
        if self.bans.until(SITE, user_id, now) is None:
            return None
        self.refused["site_ban"] += 1
        return 403

    def open(
        self, transport: asyncio.Transport, user_id: str, agent: str, response: bytes, tail: bytes
    ) -> None:
        """Turn an upgraded connection into a link with a session.

        Args:
            transport: The connection's transport, with nothing left to write.
            user_id: Who it is.
            agent: Its `User-Agent`.
            response: The answer to the upgrade request.
            tail: Bytes that came behind the request in the same read.
        """
        link = self.engine.open(transport, response + _HELLO_FRAME)
        # Every browser says so since the first one; no bot library does.
        is_bot = not agent.startswith("Mozilla/")
        link.session = Session(link.client, link, user_id, is_bot=is_bot)
        transport.set_protocol(link)  # type: ignore[arg-type]  # a BufferedProtocol by its methods
        if tail:
            link.feed(tail)
