"""The site of the public port: the browser client at every path, its assets, health."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from fortepiano.http.assets import Client
from fortepiano.http.health import health_routes, no_refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["public_site"]

_WEB = Path(__file__).parents[1] / "web"
_HEADERS = {
    "content-security-policy": (
        # In connect-src, 'self' includes the WebSocket of this host (CSP level 3).
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
        "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'self'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    # The browser revalidates its copy each time, which takes a few bytes.
    "cache-control": "no-cache",
}


class _WithHeaders:
    """Adds the headers of the site to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._headers = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                more = [header for header in self._headers if header[0] not in present]
                message["headers"] = [*message["headers"], *more]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def public_site(
    readiness_problem: Callable[[], str | None],
    web: Path = _WEB,
    refusal_for: Callable[[str, Iterable[tuple[str, str]]], dict[str, str]] = no_refusal,
) -> ASGIApp:
    """Return the application of the public port.

    Assets and health have fixed paths. Every other path is a room's name and serves the browser
    client.

    Args:
        readiness_problem: See `health_routes`.
        web: The folder of the browser client.
        refusal_for: See `health_routes`.
    """
    client = Client(web)

    async def page(request: Request) -> Response:
        path: str = request.scope["path"]
        if "\0" in path or ".." in path.split("/"):
            raise HTTPException(404)
        return Response(client.page(), media_type="text/html")

    async def socket(_request: Request) -> Response:
        return PlainTextResponse("This is the socket of the piano: open / in a browser.\n", 400)

    app = Starlette(
        routes=[
            *health_routes(readiness_problem, refusal_for),
            *client.routes(),
            Route("/ws", socket),
            Route("/{room:path}", page),
        ]
    )
    return _WithHeaders(app)
