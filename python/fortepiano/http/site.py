"""The site of the public port: the browser client at every path, its assets, health."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from fortepiano.http.health import health_routes

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["internal_site", "public_site"]

_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    # The browser asks each time whether its copy is still right, and is told in a few bytes.
    "cache-control": "no-cache",
}


class _WithHeaders:
    """Adds the headers of the site to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._headers = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._headers]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def public_site(why_not_ready: Callable[[], str | None]) -> ASGIApp:
    """Return the application of the public port.

    Exact assets and health come first; every other path is a room's name and serves the client.

    Args:
        why_not_ready: As of `health_routes`.
    """
    web = files("fortepiano") / "web"
    page = (web / "index.html").read_bytes()

    async def client(request: Request) -> Response:
        path: str = request.scope["path"]
        if "\0" in path or ".." in path.split("/"):
            raise HTTPException(404)
        return Response(page, media_type="text/html")

    async def socket(_request: Request) -> Response:
        return PlainTextResponse("This is the socket of the piano: open / in a browser.\n", 400)

    app = Starlette(
        routes=[
            *health_routes(why_not_ready),
            Mount("/assets", StaticFiles(directory=str(web / "assets"))),
            Route("/ws", socket),
            Route("/{room:path}", client),
        ]
    )
    return _WithHeaders(app)


def internal_site(why_not_ready: Callable[[], str | None]) -> ASGIApp:
    """Return the application of the internal port.

    Args:
        why_not_ready: As of `health_routes`.
    """
    return Starlette(routes=list(health_routes(why_not_ready)))
