"""The codes of refused connections: programs go by them, because the sentences may change."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

__all__ = ["RefusalCode"]


class RefusalCode(StrEnum):
    """The reason why a connection is not admitted; the value is its name in metrics and `/readyz`.

    Attributes:
        status: The HTTP status of the response.
        why: The body of the response, one line for people; empty where a network list has it.
        retry_after: When to connect again; seconds, 0 where that would not help.
        you: The older name in `/readyz`, one for several codes; empty where the caller is not told.
        words: The text that `/readyz` has for people; empty where a network list has it.
    """

    status: int
    why: str
    retry_after: int
    you: str
    words: str

    def __new__(
        cls,
        value: str,
        status: int = 400,
        why: str = "",
        retry_after: int = 0,
        you: str = "",
        words: str = "",
    ) -> Self:
        """Make a code; its value is the name."""
        code = str.__new__(cls, value)
        code._value_ = value
        code.status = status
        code.why = why
        code.retry_after = retry_after
        code.you = you
        code.words = words
        return code

    DRAINING = ("draining", 503, "The server is stopping.", 5)
    SERVER_FULL = ("server_full", 503, "The server is full.", 30, "full", "The server is full")
    BAD_PROXY_HEADER = ("bad_proxy_header", 400, "The proxy does not tell who connects.")
    TOO_MANY_SOCKETS = (
        "too_many_sockets",
        429,
        "Too many connections from your address.",
        10,
        "too_many",
        "Too many people from your network are here",
    )
    TOO_MANY_CONNECTIONS = (
        "too_many_connections",
        429,
        "Too many connections from your address.",
        10,
    )
    CONNECT_RATE = (
        "connect_rate",
        429,
        "Too many new connections from your address.",
        1,
        "too_many",
        "Too many people from your network are here",
    )
    SITE_BAN = (
        "site_ban",
        403,
        "You are banned from this site.",
        0,
        "banned",
        "You are banned from this server",
    )
    LISTED_NETWORK = ("listed_network", 403, "", 0, "network_refused")
    FOREIGN_ORIGIN = ("foreign_origin", 403, "Pages of this origin may not connect.")
    WRONG_HOST = (
        "wrong_host",
        421,
        "This port is called by its address, by localhost or by a name in `internal_hosts`.",
    )
