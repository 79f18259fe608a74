"""`/healthz` and `/readyz`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["health_routes", "no_refusal"]


def no_refusal(_peer: str, _headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return no refusal, for any caller."""
    return {}


def health_routes(
    readiness_problem: Callable[[], str | None],
    refusal_for: Callable[[str, Iterable[tuple[str, str]]], dict[str, str]] = no_refusal,
) -> list[Route]:
    """Return the routes of `/healthz` (alias `/health`) and `/readyz`.

    Args:
        readiness_problem: Returns why no traffic should come now; None if all is well.
        refusal_for: Returns why the caller may not open a WebSocket, as keys of the answer. Gets
            the other end of the connection and the headers of the request. Pages ask for it,
            because browsers hide the status of a failed handshake.
    """

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(request: Request) -> Response:
        peer = "" if request.client is None else request.client.host
        you = refusal_for(peer, request.headers.items())
        reason = readiness_problem()
        if reason is None:
            return JSONResponse({"status": "ready"} | you)
        return JSONResponse({"status": "not ready", "reason": reason} | you, status_code=503)

    return [
        Route("/healthz", healthz),
        Route("/health", healthz),
        Route("/readyz", readyz),
    ]
