"""The head of an HTTP request: its request line and headers, parsed by httptools."""

from __future__ import annotations

import httptools

__all__ = ["RequestHead"]


class RequestHead:
    """The head of one request.

    Args:
        data: All bytes of the head, including the empty line.

    Attributes:
        method: Such as "GET".
        target: As sent, such as "/ws?x=1".
        version: Such as "1.1".
        raw_headers: Names and values as sent, in order.
        headers: The value of each header by its name in lower case. The values of a header that was
            sent several times are joined as in RFC 9110 section 5.3.
        is_upgrade: Whether the request asks for another protocol (RFC 9110 section 7.8).

    Raises:
        httptools.HttpParserError: The data is not the head of a request.
    """

    __slots__ = (
        "__weakref__",
        "_target",
        "headers",
        "is_upgrade",
        "method",
        "raw_headers",
        "version",
    )

    def __init__(self, data: bytes) -> None:
        self._target = b""
        self.raw_headers: list[tuple[str, str]] = []
        self.headers: dict[str, str] = {}
        # The parser refers to this object. A reference back would make a cycle that waits for the
        # garbage collector: ten thousand of them after a storm of connections.
        parser = httptools.HttpRequestParser(self)
        self.is_upgrade = False
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.is_upgrade = True
        self.method = parser.get_method().decode("ascii")
        self.version: str = parser.get_http_version()

    # Called by the parser

    def on_url(self, part: bytes) -> None:
        """Append a part of the target."""
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header."""
        # The parser leaves white space after a value, which is not part of it (RFC 9110, 5.5).
        raw_name, text = name.decode("latin-1"), value.decode("latin-1").rstrip(" \t")
        self.raw_headers.append((raw_name, text))
        key = raw_name.lower()
        before = self.headers.get(key)
        self.headers[key] = text if before is None else f"{before}, {text}"

    # Called by the server

    @property
    def target(self) -> str:
        """The request's target as sent."""
        return self._target.decode("latin-1")

    @property
    def has_body(self) -> bool:
        """Whether a body follows the head."""
        length = self.headers.get("content-length", "")
        return "transfer-encoding" in self.headers or length.strip("0 \t") != ""

    @property
    def wants_websocket(self) -> bool:
        """Whether the request asks for a WebSocket (RFC 6455 section 4.2.1)."""
        return self.is_upgrade and "websocket" in self.headers.get("upgrade", "").lower()
