"""What goes wrong, as problem documents (RFC 9457)."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["MEDIA_TYPE", "AsProblems", "ProblemError", "problem"]

MEDIA_TYPE = "application/problem+json"


class ProblemError(Exception):
    """What a caller asked for cannot be done.

    Attributes:
        status: The HTTP status.
        detail: Why, as one sentence for people.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail


def problem(
    status: int,
    detail: str,
    *,
    errors: list[dict[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem document.

    Args:
        status: The HTTP status; its name is the title, as for all problems of the type
            `about:blank`.
        detail: What is wrong, as one sentence for people.
        errors: One entry for each wrong value: `pointer` (where) and `detail` (why).
        headers: More headers of the answer.
    """
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors is not None:
        document["errors"] = errors
    # Escaped, since it may quote what no encoding has room for.
    content = json.dumps(document, ensure_ascii=True)
    return Response(content, status, headers, media_type=MEDIA_TYPE)


class AsProblems:
    """Turns refusals that an application answers in another form into problem documents.

    Middleware of frameworks answers in plain text, past all handlers of errors.

    Args:
        app: The application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        answer: Response | None = None

        async def send_as_problem(message: Message) -> None:
            nonlocal answer
            if message["type"] == "http.response.start":
                headers = dict(message["headers"])
                is_refusal = message["status"] >= HTTPStatus.BAD_REQUEST
                if is_refusal and headers.get(b"content-type") != MEDIA_TYPE.encode():
                    status = HTTPStatus(message["status"])
                    answer = problem(status, f"{status.description or status.phrase}.")
                    await answer(scope, receive, send)
            if answer is None:
                await send(message)

        await self._app(scope, receive, send_as_problem)
