"""Closes all connections of a server that is about to stop."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from fortepiano.model.close_codes import CloseCode
from fortepiano.model.notice_codes import Code
from fortepiano.protocol.notices import notice

if TYPE_CHECKING:
    from fortepiano.native import Engine
    from fortepiano.protocol.outbound import Outbound

__all__ = ["drain"]

_CLOSE_GAP_SECONDS = 0.01
"""The longest pause between two closes; a hundred clients a second may return at once."""

_NOTICE = "The server restarts. You will be back in a few seconds."

_ANSWER_SECONDS = 2.0
"""The time in which clients may answer the close frame before their connections are dropped."""


async def drain(engine: Engine, outbound: Outbound, seconds: float, at_once: asyncio.Event) -> None:
    """Close all connections with 4000, one after another.

    Stock clients connect again 50 ms after a close, so their returns are spread over the same time.

    Args:
        engine: All connections.
        outbound: Sends the notice before the close.
        seconds: The longest time for all closes; seconds.
        at_once: When set, close the remaining connections at once.
    """
    links = engine.connections()
    for link in links:
        if link.session is not None and link.session.user is not None:
            outbound.send(link.session, [notice(_NOTICE, Code.RESTART)])
    loop = asyncio.get_running_loop()
    pause = min(seconds / len(links), _CLOSE_GAP_SECONDS) if links else 0.0
    started = loop.time()
    for number, link in enumerate(links):
        # Relative to the start, so that the time that each close takes does not add up.
        await _sleep_until(started + number * pause, at_once)
        link.close(CloseCode.RESTART)
    deadline = loop.time() + _ANSWER_SECONDS
    while len(engine) and not at_once.is_set() and loop.time() < deadline:
        await _sleep_until(loop.time() + 0.02, at_once)
    for link in engine.connections():
        link.abort()


async def _sleep_until(due: float, at_once: asyncio.Event) -> None:
    """Wait until the loop's clock reaches `due`, or the event is set."""
    left = due - asyncio.get_running_loop().time()
    if left > 0 and not at_once.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(at_once.wait(), left)
