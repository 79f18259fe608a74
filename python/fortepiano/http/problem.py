"""Error responses as problem documents (RFC 9457)."""

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
    """A request cannot be carried out.

    Attributes:
        status: The HTTP status.
        detail: The reason, as one sentence for people.
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
        detail: The reason, as one sentence for people.
        errors: One entry for each wrong value: `pointer` (its place) and `detail` (the reason).
        headers: Further headers of the response.
    """
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors is not None:
        document["errors"] = errors
    # Escaped, since the text may quote lone surrogates, which UTF-8 cannot encode.
    content = json.dumps(document, ensure_ascii=True)
    return Response(content, status, headers, media_type=MEDIA_TYPE)


class AsProblems:
    """Turns an application's error responses of other forms into problem documents.

    Some middleware of frameworks responds in plain text, without calling any error handler.

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
