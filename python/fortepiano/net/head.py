"""Heads: the first lines of HTTP requests, parsed by httptools."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httptools

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Head"]


class Head:
    """The head of one request.

    Args:
        data: All its bytes, the empty line included.

    Attributes:
        method: Such as "GET".
        target: As sent, such as "/ws?x=1".
        version: Such as "1.1".
        headers: Names and values as sent, in order.
        is_upgrade: Whether it asks for another protocol.

    Raises:
        httptools.HttpParserError: It is no head of a request.
    """

    __slots__ = ("__weakref__", "_target", "headers", "is_upgrade", "method", "version")

    def __init__(self, data: bytes) -> None:
        self._target = b""
        self.headers: list[tuple[str, str]] = []
        # The parser holds this object, and not the other way round: a circle of the two would wait
        # for the garbage collector, ten thousand of them after a storm of connections.
        parser = httptools.HttpRequestParser(self)
        self.is_upgrade = False
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.is_upgrade = True
        self.method = parser.get_method().decode("ascii")
        self.version: str = parser.get_http_version()

    # What the parser calls

    def on_url(self, part: bytes) -> None:
        """Take a part of the target."""
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        # The parser leaves white space at the end, which is no part of a value (RFC 9110, 5.5).
        self.headers.append((name.decode("latin-1"), value.decode("latin-1").rstrip(" \t")))

    # What the server asks

    @property
    def target(self) -> str:
        """The request's target as sent."""
        return self._target.decode("latin-1")

    def values(self, name: str) -> Sequence[str]:
        """Return the values of a header, in order.

        Args:
            name: In lower case.
        """
        return [value for key, value in self.headers if key.lower() == name]

    @property
    def has_body(self) -> bool:
        """Whether more than this head belongs to the request."""
        lengths = self.values("content-length")
        return bool(self.values("transfer-encoding")) or any(one.strip("0 \t") for one in lengths)

    @property
    def wants_socket(self) -> bool:
        """Whether it asks for a WebSocket (RFC 6455 section 4.2.1)."""
        return self.is_upgrade and any(
            "websocket" in value.lower() for value in self.values("upgrade")
        )
