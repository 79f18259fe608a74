"""The site of the internal port: health, metrics, the admin page, the admin API."""

from __future__ import annotations

import asyncio
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from fortepiano.http.auth import Access, Guard
from fortepiano.http.files import INDEX, Files, FilesSite
from fortepiano.http.health import health_routes
from fortepiano.http.problem import problem
from fortepiano.observe.installation import INSTALLATION

if TYPE_CHECKING:
    from types import ModuleType

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from fortepiano.http.running_server import RunningServer

__all__ = ["BODY_BYTES", "LazyApi", "internal_site"]

BODY_BYTES = 65_536
"""The longest body of a request."""

_API = "fortepiano.http.admin"
_PAGE = Path(__file__).with_name("admin_page")
_PAGE_HEADERS = {
    # Names of users can run no script, and nothing can be sent elsewhere.
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "object-src 'none'; require-trusted-types-for 'script'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
}


def internal_site(server: RunningServer, api: LazyApi) -> ASGIApp:
    """Return the application of the internal port.

    `/metrics`, health, the OpenAPI documents and the page, which has no secrets, are open; so is
    `/clusterz` of a node of a cluster. All else needs a token.

    Args:
        server: The server that the site shows and controls.
        api: The admin API.
    """
    files = Files(_PAGE)
    context = server.context
    access = Access(context.store, context.now, throttle=context.throttle)
    guard = Guard(api, access, server.address_of)

    async def metrics(request: Request) -> Response:
        content, media_type = server.metrics.exposed(request.headers.get("accept", ""))
        return Response(content, headers={"content-type": media_type})

    async def page(_request: Request) -> Response:
        files.refresh()
        return Response(files.content[INDEX], headers=_PAGE_HEADERS, media_type="text/html")

    async def missing(_request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        headers = error.headers if isinstance(error, HTTPException) else None
        return problem(status, "There is nothing of that kind here.", headers=headers)

    return Starlette(
        routes=[
            *health_routes(server.readiness_problem),
            Route("/metrics", metrics),
            *_cluster_routes(server),
            Route("/admin", page),
            Route("/admin/", page),
            Mount("/admin", _PageFiles(files)),
            Route("/openapi.json", api),
            Route("/openapi-deprecated.json", api),
            Mount("", guard),
        ],
        exception_handlers={HTTPException: missing},
    )


def _cluster_routes(server: RunningServer) -> list[Route]:
    """Return the route of `/clusterz`, which a server alone has not."""
    if not server.settings.cluster.url:
        return []
    # Imported here: a server alone does without, and starts sooner.
    from fortepiano.http.asked_calls import about_cluster

    async def clusterz(_request: Request) -> Response:
        assert server.cluster is not None  # noqa: S101 - a server with `cluster.url` is a node
        return JSONResponse(await about_cluster(server, server.cluster))

    return [Route("/clusterz", clusterz)]


class _PageFiles(FilesSite):
    """The files of the page, with the page's headers."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file."""
        response = await super().get_response(path, scope)
        response.headers.update(_PAGE_HEADERS)
        return response


class LazyApi:
    """The admin API, which is imported at the first request.

    Its framework takes ten megabytes and a third of a second. Not every server has an operator who
    uses it, and no server should start later because of it. Not imported any more after another
    version has been installed: that one fits no server of this version.
    """

    def __init__(self, server: RunningServer) -> None:
        self._server = server
        self._app: ASGIApp | None = None
        self._module: ModuleType | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if not self._is_current():
            async with self._server.reload.imports:
                if not self._is_current():
                    # On another thread, so that notes are not delayed meanwhile.
                    await asyncio.to_thread(self._load)
        app = self._app
        if app is None:
            why = INSTALLATION.problem() or "The API could not be imported."
            app = problem(503, why)
        await app(scope, receive, send)

    def _is_current(self) -> bool:
        """Tell whether the module is still in use; a reload of the handlers drops it."""
        return self._module is not None and sys.modules.get(_API) is self._module

    def _load(self) -> None:
        """Import the API; leave none if another version is, or is being, installed."""
        self._app = self._module = None
        if INSTALLATION.problem() is not None:
            return
        try:
            module = import_module(_API)
            app: ASGIApp = module.admin_api(self._server)
        except Exception:
            if INSTALLATION.problem() is None:
                raise
            return
        if INSTALLATION.problem() is None:
            self._app, self._module = app, module
