"""The head of an HTTP request: its request line and headers, parsed by httptools.

httptools checks the syntax of methods, targets and headers. This module adds what RFC 9112 demands
besides, and what httptools lets pass: about versions, targets, `Host`, and bodies.
"""

from __future__ import annotations

import contextlib
import re

import httptools

from fortepiano.net.authority import is_host

__all__ = ["InvalidHeadError", "RequestHead"]

_MOST_FIELDS = 100
"""The most header lines; each costs as much time to parse as a hundred bytes of one value."""

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# RFC 9112 sections 2 to 5: no bare CR or LF, no NUL, no folded line, no space before a colon.
_HEAD = re.compile(
    rb"(?P<method>" + _TOKEN + rb") (?P<target>[!-~]+) HTTP/(?P<version>[0-9]\.[0-9])\r\n"
    rb"(?:" + _TOKEN + rb":[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n"
)
_ABSOLUTE = re.compile(r"https?://(?P<host>[^/?]*)(?P<path>/[^?]*)?(?P<query>\?.*)?", re.IGNORECASE)

_NOT_A_REQUEST = "Invalid HTTP request."
_BAD_LENGTH = "The request's length is not clear."


class InvalidHeadError(ValueError):
    """The bytes are not the head of a request that can be answered.

    Attributes:
        status: The HTTP status of the answer.
        why: One line for people.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


class RequestHead:
    """The head of one request.

    Args:
        data: All bytes of the head, including the empty line.

    Attributes:
        data: The bytes.
        method: Such as "GET".
        version: Such as "1.1".
        raw_headers: Names and values as sent, in order.
        headers: The value of each header by its name in lower case. The values of a header that was
            sent several times are joined as in RFC 9110 section 5.3.
        is_upgrade: Whether the request asks for another protocol (RFC 9110 section 7.8).
        host: The host and port that the request names; empty where HTTP/1.0 names none.
        body_bytes: The length of the body that follows; bytes.
        is_chunked: Whether a body of unknown length follows.

    Raises:
        InvalidHeadError: The data is not the head of a request, or of one that RFC 9112 forbids.
    """

    __slots__ = (
        "__weakref__",
        "_target",
        "body_bytes",
        "data",
        "headers",
        "host",
        "is_chunked",
        "is_upgrade",
        "method",
        "raw_headers",
        "version",
    )

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._target = b""
        self.raw_headers: list[tuple[str, str]] = []
        self.headers: dict[str, str] = {}
        found = _HEAD.fullmatch(data)
        if found is None:
            raise InvalidHeadError(400, _NOT_A_REQUEST)
        if found["version"] not in (b"1.1", b"1.0"):
            raise InvalidHeadError(505, "Only the versions 1.1 and 1.0 of HTTP are answered here.")
        if data.count(b"\n") > _MOST_FIELDS + 2:
            raise InvalidHeadError(431, "The request has too many headers.")
        self._parse()
        self.host = self._host()
        self._measure_body()

    def _parse(self) -> None:
        # The parser refers to this object. A reference back would make a cycle that waits for the
        # garbage collector: ten thousand of them after a storm of connections.
        parser = httptools.HttpRequestParser(self)
        try:
            with contextlib.suppress(httptools.HttpParserUpgrade):
                parser.feed_data(self.data)
        except httptools.HttpParserInvalidMethodError:
            raise InvalidHeadError(501, "This method is not known here.") from None
        except httptools.HttpParserError:
            raise InvalidHeadError(400, _NOT_A_REQUEST) from None
        self.method = parser.get_method().decode("ascii")
        self.version: str = parser.get_http_version()
        self.is_upgrade = bool(parser.should_upgrade())

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

    # Checks

    def _host(self) -> str:
        """Return the host that the target or `Host` names (RFC 9112 section 3.2)."""
        named = self.headers.get("host")
        if named is None:
            named = ""
            is_valid = self.version == "1.0"
        else:
            # The values of two headers are joined by a space, which no host contains.
            is_valid = is_host(named)
        target = self.target
        if not target.startswith("/"):
            absolute = _ABSOLUTE.fullmatch(target)
            is_valid = is_valid and (absolute is not None and is_host(absolute["host"]))
            named = "" if absolute is None else absolute["host"]
        if not is_valid or "#" in target:
            raise InvalidHeadError(400, "The request names no host, or no valid target.")
        return named

    def _measure_body(self) -> None:
        """Find the length of the body (RFC 9112 section 6); httptools has checked the syntax."""
        headers = self.headers
        self.is_chunked = "transfer-encoding" in headers
        self.body_bytes = int(headers.get("content-length", "0"))
        has_body = self.is_chunked or self.body_bytes > 0
        if (self.is_chunked and self.version == "1.0") or (self.is_upgrade and has_body):
            raise InvalidHeadError(400, _BAD_LENGTH)

    # Called by the server

    @property
    def target(self) -> str:
        """The request's target as sent."""
        return self._target.decode("latin-1")

    @property
    def path(self) -> str:
        """The target's path, without its query."""
        return self._origin_form().partition("?")[0]

    @property
    def wants_websocket(self) -> bool:
        """Whether the request asks for a WebSocket (RFC 6455 section 4.2.1)."""
        return self.is_upgrade and "websocket" in self.headers.get("upgrade", "").lower()

    def plain(self) -> bytes:
        """Return the head without a wish for another protocol, and with its target as a path.

        Any server may ignore such a wish (RFC 9110 section 7.8).
        """
        if self._target.startswith(b"/") and not self.is_upgrade:
            return self.data
        lines = [f"{self.method} {self._origin_form()} HTTP/{self.version}"]
        lines += [
            f"{name}: {self.host if name.lower() == 'host' else value}"
            for name, value in self.raw_headers
            if name.lower() != "upgrade"
        ]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def _origin_form(self) -> str:
        """Return the target as a path with its query (RFC 9112 section 3.2.1)."""
        absolute = _ABSOLUTE.fullmatch(self.target)
        if absolute is None:
            return self.target
        return (absolute["path"] or "/") + (absolute["query"] or "")
