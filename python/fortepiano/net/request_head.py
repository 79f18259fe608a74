"""The head of an HTTP request: its request line and headers, as RFC 9112 wants them.

One regular expression checks the syntax, so that splitting lines is enough to read it. Parsing by
httptools, which calls Python for each header, took four times as long: a third of the time of a
connection. uvicorn's httptools reads only heads that are passed to a site.
"""

from __future__ import annotations

import re

from fortepiano.net.authority import is_host

__all__ = ["InvalidHeadError", "RequestHead"]

_MOST_FIELDS = 100
"""The most header lines; each costs as much time to parse as a hundred bytes of one value."""

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# RFC 9112 sections 2 to 5: no bare CR or LF, no NUL, no folded line, no space before a colon.
_HEAD = re.compile(
    rb"(" + _TOKEN + rb") ([!-~]+) HTTP/([0-9]\.[0-9])\r\n"
    rb"(?:" + _TOKEN + rb":[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n"
)
_LENGTH = re.compile("[0-9]{1,15}")
_ABSOLUTE = re.compile(r"https?://(?P<host>[^/?]*)(?P<path>/[^?]*)?(?P<query>\?.*)?", re.IGNORECASE)

_METHODS = frozenset(
    "GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH QUERY COPY LOCK MKCOL MOVE PROPFIND"
    " PROPPATCH SEARCH UNLOCK BIND REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE PURGE"
    " MKCALENDAR LINK UNLINK".split()
)
"""The registered methods (RFC 9110 section 16.1.1) that httptools knows."""

_NOT_A_REQUEST = "Invalid HTTP request."


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
        target: As sent, such as "/ws?x=1".
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
        "body_bytes",
        "data",
        "headers",
        "host",
        "is_chunked",
        "is_upgrade",
        "method",
        "raw_headers",
        "target",
        "version",
    )

    def __init__(self, data: bytes) -> None:
        found = _HEAD.fullmatch(data)
        if found is None:
            raise InvalidHeadError(400, _NOT_A_REQUEST)
        method, target, version = found.groups()
        if version not in (b"1.1", b"1.0"):
            raise InvalidHeadError(505, "Only the versions 1.1 and 1.0 of HTTP are answered here.")
        if data.count(b"\n") > _MOST_FIELDS + 2:
            raise InvalidHeadError(431, "The request has too many headers.")
        self.data = data
        self.method = method.decode("ascii")
        self.target = target.decode("ascii")
        self.version = version.decode("ascii")
        if self.method not in _METHODS:
            raise InvalidHeadError(501, "This method is not known here.")
        self.raw_headers: list[tuple[str, str]] = []
        self.headers: dict[str, str] = {}
        self._read_headers()
        self.is_upgrade = "upgrade" in self.headers and self._wants_upgrade()
        self.host = self._host()
        self._measure_body()

    def _read_headers(self) -> None:
        headers, raw_headers = self.headers, self.raw_headers
        for line in self.data.decode("latin-1").split("\r\n")[1:-2]:
            name, _, value = line.partition(":")
            value = value.strip(" \t")
            raw_headers.append((name, value))
            key = name.lower()
            before = headers.get(key)
            headers[key] = value if before is None else f"{before}, {value}"

    def _wants_upgrade(self) -> bool:
        options = self.headers.get("connection", "").lower().split(",")
        return any(option.strip(" \t") == "upgrade" for option in options)

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
        """Find the length of the body (RFC 9112 section 6)."""
        length = self.headers.get("content-length")
        coding = self.headers.get("transfer-encoding")
        self.is_chunked, self.body_bytes = coding is not None, 0
        if length is None and coding is None:
            return
        if coding is None:
            is_clear = length is not None and _LENGTH.fullmatch(length) is not None
        else:
            is_clear = length is None and coding.lower() == "chunked" and self.version == "1.1"
        if is_clear and length is not None:
            self.body_bytes = int(length)
        if not is_clear or (self.is_upgrade and (self.is_chunked or self.body_bytes)):
            raise InvalidHeadError(400, "The request's length is not clear.")

    # Called by the server

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
        if self.target.startswith("/") and not self.is_upgrade:
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
