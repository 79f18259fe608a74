"""The paths without a version (`/api/bans`), which are the calls of v1 under their old names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from starlette.datastructures import MutableHeaders

from fortepiano.http.admin.deprecated_names import (
    CHANGES,
    NO_CHANGES,
    Changes,
    new_body,
    new_query,
    old_event,
    old_pointer,
    old_value,
    unknown_names,
)
from fortepiano.http.admin.request_body import read_whole, replay
from fortepiano.http.problem import MEDIA_TYPE, problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["OLD", "V1", "DeprecatedPaths"]

OLD: Final = "/api"
V1: Final = "/api/v1"

_DEPRECATION: Final = "@1795737600"
"""The time from which the old paths are deprecated (RFC 9745): 2026-11-27."""


class DeprecatedPaths:
    """Middleware that passes requests for old paths to v1, and translates names and units.

    There is no `Sunset`: the paths end with a version, whose date is not known.

    Args:
        app: The application, which knows the paths of v1 only.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path: str = scope.get("path", "")
        if not path.startswith(f"{OLD}/") or path.startswith(f"{V1}/"):
            await self._app(scope, receive, send)
            return
        call = path.removeprefix(OLD)
        changes = CHANGES.get((scope["method"], call), NO_CHANGES)
        query = new_query(scope["query_string"].decode("latin-1"), changes.query)
        # A copy, in which the application notes the route that it finds; `_begin` looks for it.
        scope = {**scope, "path": V1 + call, "query_string": query.encode(), "route": None}
        answer = _Answer(changes, scope, send)
        if changes.body:
            first = await read_whole(receive)
            wrong = _translate(first, changes)
            if wrong:
                refusal = problem(422, "Some values cannot be used.", errors=wrong)
                await refusal(scope, receive, send)
                return
            receive = replay(first, receive)
        await self._app(scope, receive, answer)


def _translate(message: Message, changes: Changes) -> list[dict[str, str]]:
    """Translate a request in its message, and return what is wrong with it."""
    try:
        body = json.loads(message.get("body", b""))
    except (ValueError, RecursionError):
        return []  # the application refuses it, as under v1
    message["body"] = json.dumps(new_body(body, changes.body)).encode()
    return [
        {"pointer": f"body/{name}", "detail": "Extra inputs are not permitted"}
        for name in unknown_names(body, changes.body)
    ]


class _Answer:
    """Sends a response under the old names.

    Args:
        changes: The differences of the call.
        scope: The scope of the request to v1.
        send: Sends to the client.
    """

    def __init__(self, changes: Changes, scope: Scope, send: Send) -> None:
        self._changes = changes
        self._scope = scope
        self._send = send
        self._start: Message = {}
        self._kind = ""
        self._body = b""

    async def __call__(self, message: Message) -> None:
        """Send a part of the response, or keep it until the rest is there."""
        if message["type"] == "http.response.start":
            await self._begin(message)
        elif message["type"] != "http.response.body" or self._kind == "":
            await self._send(message)
        elif self._kind == "text/event-stream":
            await self._send({**message, "body": self._events(message.get("body", b""))})
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._finish()

    async def _begin(self, start: Message) -> None:
        headers = MutableHeaders(scope=start)
        if self._scope["route"] is not None:
            headers["Deprecation"] = _DEPRECATION
            headers["Link"] = f'<{quote(self._scope["path"])}>; rel="successor-version"'
        kind = headers.get("content-type", "").partition(";")[0]
        is_translated = kind == "text/event-stream" or (
            self._changes != NO_CHANGES and kind in (MEDIA_TYPE, "application/json")
        )
        self._start, self._kind = start, kind if is_translated else ""
        if self._kind in ("", "text/event-stream"):
            await self._send(start)

    async def _finish(self) -> None:
        value: Any = json.loads(self._body)
        if self._kind == MEDIA_TYPE:
            for error in value.get("errors", ()):
                error["pointer"] = old_pointer(error["pointer"], self._changes)
        else:
            value = old_value(value, self._changes.response)
        body = json.dumps(value).encode()
        MutableHeaders(scope=self._start)["content-length"] = str(len(body))
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": body})

    def _events(self, part: bytes) -> bytes:
        """Return the lines that are complete now, with events under their old names."""
        *lines, self._body = (self._body + part).split(b"\n")
        return b"".join(_old_line(line) + b"\n" for line in lines)


def _old_line(line: bytes) -> bytes:
    mark = b"data: "
    if not line.startswith(mark):
        return line
    return mark + json.dumps(old_event(json.loads(line.removeprefix(mark)))).encode()
