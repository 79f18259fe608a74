"""`/healthz` and `/readyz`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["health_routes"]


def health_routes(why_not_ready: Callable[[], str | None]) -> list[Route]:
    """Return the routes of `/healthz` (alias `/health`) and `/readyz`.

    Args:
        why_not_ready: Tells why no traffic should come now; None where all is well.
    """

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_request: Request) -> Response:
        reason = why_not_ready()
        if reason is None:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready", "reason": reason}, status_code=503)

    return [
        Route("/healthz", healthz),
        Route("/health", healthz),
        Route("/readyz", readyz),
    ]
