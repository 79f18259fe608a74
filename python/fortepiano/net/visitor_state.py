"""The state of a connection that speaks HTTP, for the next process of an upgrade."""

from __future__ import annotations

from msgspec import Struct

__all__ = ["VisitorState"]


class VisitorState(Struct):
    """A connection between two requests, or with an incomplete or deferred one.

    Attributes:
        is_internal: Whether it came to the internal port.
        data: The bytes that were received and not handled yet.
        seconds_left: The time in which the request must be complete; None between two requests.
        peer: The address at the other end, as its PROXY header says; empty for that of its socket.
        awaits_proxy: Whether its PROXY header is not complete yet.
        listener: The number of the public listener that it came to.
    """

    is_internal: bool
    data: bytes
    seconds_left: float | None
    peer: str = ""
    awaits_proxy: bool = False
    listener: int = 0
