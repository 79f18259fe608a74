"""Close codes: the numbers in close frames, and what they mean to clients."""

from __future__ import annotations

from enum import IntEnum
from typing import Self

__all__ = ["CloseCode"]


class CloseCode(IntEnum):
    """WebSocket close codes that the server sends (docs/protocol.md; 1xxx: RFC 6455 section 7.4).

    The members are generated from the table in rust/core/src/wire/close_code.rs, because handlers
    do not import the binary. 4001, 4003 and 4500 to 4999 have a meaning on MultiplayerPiano.net but
    none here: they are never sent.

    Attributes:
        meaning: The meaning in one line for people: the reason in close frames (at most 123 bytes).
        retry: Whether a client should connect again, after pauses that grow. False if each new
            connection would end in the same way, until a person changes something.
    """

    meaning: str
    retry: bool

    def __new__(cls, number: int, meaning: str = "", retry: bool = False) -> Self:
        """Make a code; its value is the number."""
        code = int.__new__(cls, number)
        code._value_ = number
        code.meaning = meaning
        code.retry = retry
        return code

    # members: made by `make docs`

    NORMAL = (1000, "The connection was ended", False)
    GOING_AWAY = (1001, "One end goes away", True)
    PROTOCOL_ERROR = (1002, "A frame violates RFC 6455", False)
    INVALID_TEXT = (1007, "A text is not UTF-8", False)
    TOO_BIG = (1009, "A message is too large", False)
    INTERNAL_ERROR = (1011, "An error inside the server", True)
    TOO_SLOW = (1013, "The connection was too slow", True)
    RESTART = (4000, "The server restarts", True)
    BYTE_RATE = (4002, "Too many bytes per second", False)
    SILENT = (4004, "The server heard nothing", True)
    NETWORK_REFUSED = (4005, "Nobody is let in from this network", False)
    MESSAGE_RATE = (4007, "Too many messages per second", False)
    BANNED = (4008, "Banned from this site", False)
    TOO_MANY_SOCKETS = (4009, "Too many connections of one user", False)

    # members: end
