"""Heads: the first lines of HTTP requests, parsed by httptools."""

from __future__ import annotations

import httptools

__all__ = ["RequestHead"]


class RequestHead:
    """The head of one request.

    Args:
        data: All its bytes, the empty line included.

    Attributes:
        method: Such as "GET".
        target: As sent, such as "/ws?x=1".
        version: Such as "1.1".
        headers: Names and values as sent, in order.
        said: The value of each header by its name in lower case; of one that was sent several times
            all values, as RFC 9110 (5.3) joins them.
        is_upgrade: Whether it asks for another protocol.

    Raises:
        httptools.HttpParserError: It is no head of a request.
    """

    __slots__ = ("__weakref__", "_target", "headers", "is_upgrade", "method", "said", "version")

    def __init__(self, data: bytes) -> None:
        self._target = b""
        self.headers: list[tuple[str, str]] = []
        self.said: dict[str, str] = {}
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
        named, said = name.decode("latin-1"), value.decode("latin-1").rstrip(" \t")
        self.headers.append((named, said))
        key = named.lower()
        before = self.said.get(key)
        self.said[key] = said if before is None else f"{before}, {said}"

    # What the server asks

    @property
    def target(self) -> str:
        """The request's target as sent."""
        return self._target.decode("latin-1")

    @property
    def has_body(self) -> bool:
        """Whether more than this head belongs to the request."""
        length = self.said.get("content-length", "")
        return "transfer-encoding" in self.said or length.strip("0 \t") != ""

    @property
    def wants_socket(self) -> bool:
        """Whether it asks for a WebSocket (RFC 6455 section 4.2.1)."""
        return self.is_upgrade and "websocket" in self.said.get("upgrade", "").lower()
