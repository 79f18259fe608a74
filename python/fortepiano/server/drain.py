"""Closes all connections of a server that stops."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from fortepiano.errors import CloseCode
from fortepiano.model.codes import Code
from fortepiano.protocol.notices import notice

if TYPE_CHECKING:
    from fortepiano.native import Engine
    from fortepiano.protocol.outbound import Outbound

__all__ = ["drain"]

_CLOSE_GAP_SECONDS = 0.01
"""The longest pause between two closes: a hundred returning clients are no stampede."""

_FAREWELL = "The server restarts. You will be back in a few seconds."

_ANSWER_SECONDS = 2.0
"""How long closed connections get to answer before they are dropped."""


async def drain(engine: Engine, outbound: Outbound, seconds: float, at_once: asyncio.Event) -> None:
    """Close all connections with 4000, spread over a time so that their return is spread too.

    Stock clients come back 50 ms after a close.

    Args:
        engine: The connections.
        outbound: Sends the notice that comes before the close.
        seconds: How long the closes may be spread.
        at_once: Set when there is no time left.
    """
    links = engine.connections()
    for link in links:
        if link.session is not None and link.session.user is not None:
            outbound.send(link.session, [notice(_FAREWELL, Code.RESTART)])
    loop = asyncio.get_running_loop()
    pause = min(seconds / len(links), _CLOSE_GAP_SECONDS) if links else 0.0
    begun = loop.time()
    for number, link in enumerate(links):
        # By the clock, so that the time of each close does not add up.
        await _sleep_until(begun + number * pause, at_once)
        link.close(CloseCode.RESTART, "The server restarts.")
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
