"""The application of the admin API: its routers, its OpenAPI documents, its error responses."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from fortepiano import __version__
from fortepiano.http.admin import bans, live, notices, rooms, users
from fortepiano.http.admin import server as server_calls
from fortepiano.http.admin.deprecated_paths import V1, DeprecatedPaths
from fortepiano.http.admin.documents import deprecated_document, v1_document
from fortepiano.http.admin.over_nodes import OverNodes
from fortepiano.http.internal_site import BODY_BYTES
from fortepiano.http.problem import AsProblems, ProblemError, problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi.routing import APIRoute
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from fortepiano.http.running_server import RunningServer

__all__ = ["admin_api", "application"]

_ABOUT = """
The staff's view of a server, and their control of it. Every path but `/openapi.json`,
`/openapi-deprecated.json`, `/metrics`, `/healthz` and `/readyz` needs a bearer token of the staff
(`fortepiano token create`). Its scope is `read`, `moderate` or `admin`; each scope includes those
before it.

Errors are problem documents (RFC 9457). Five wrong tokens within a minute lock an address out for
the rest of that minute. A change of bans is answered when it is on the disk.

Times are milliseconds since 1970 (`format: unix-ms`), and durations are milliseconds (`…_ms`). The
`actor` acts and the `subject` is acted on. Settings of rooms have the names and units of the
protocol. New calls, optional fields of requests and fields of responses may be added to v1.

Any node of a cluster answers for all of them: its lists have the people and rooms of all nodes, and
`missing_nodes` names those that have not answered within a second. An act is done where its room or
its user is; the header `Fortepiano-Nodes` names the nodes that have done it, and
`Fortepiano-Missing-Nodes` those that were asked in vain.
"""


def admin_api(server: RunningServer) -> ASGIApp:
    """Return the application for a server.

    Args:
        server: The server that the API shows and controls.
    """
    app = application()
    app.state.server = server
    return AsProblems(app)


def application() -> FastAPI:
    """Return the application; its calls need a server as `state.server`, its documents do not."""
    app = _Api(
        title="fortepiano",
        summary="The admin API of a Multiplayer Piano server.",
        description=_ABOUT.strip(),
        version=__version__,
        docs_url=None,  # both pages would fetch scripts from other hosts
        redoc_url=None,
        max_body_size=BODY_BYTES,
        generate_unique_id_function=_operation_id,
        exception_handlers={
            HTTPException: _refused,
            RequestValidationError: _invalid,
            ProblemError: _impossible,
            Exception: _failed,
        },
    )
    for topic in (server_calls, live, rooms, users, bans, notices):
        app.include_router(topic.router, prefix=V1)
    app.include_router(server_calls.reloading, prefix=V1)
    app.add_route("/openapi-deprecated.json", _deprecated_calls)
    app.add_middleware(OverNodes)
    app.add_middleware(DeprecatedPaths)
    return app


def _operation_id(route: APIRoute) -> str:
    """Return the name of a call for generated clients: that of its function."""
    return route.name


async def _deprecated_calls(request: Request) -> Response:
    return JSONResponse(deprecated_document(request.app.openapi()))


class _Api(FastAPI):
    """FastAPI, with the schemas of problems and events in its OpenAPI document."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        if self.openapi_schema is None:
            self.openapi_schema = v1_document(self)
        return self.openapi_schema


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - see exception_handlers above
    detail, headers = error.detail, error.headers
    if error.status_code == HTTPStatus.NOT_FOUND:
        detail = "There is nothing of that kind here."
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        # Starlette's own response names the methods of the first route with this path only.
        methods = _methods(request.app.openapi()["paths"], request.url.path)
        detail, headers = f"Only {' and '.join(methods)} work here.", {"Allow": ", ".join(methods)}
    return problem(error.status_code, detail, headers=headers)


def _methods(paths: Mapping[str, Mapping[str, Any]], path: str) -> list[str]:
    """Return the methods that the OpenAPI document has for a path."""
    steps = path.split("/")
    return sorted(
        method.upper()
        for template, operations in paths.items()
        if len(steps) == len(known := template.split("/"))
        and all(a == b or a.startswith("{") for a, b in zip(known, steps, strict=True))
        for method in operations
    )


async def _impossible(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)  # noqa: S101 - see exception_handlers above
    return problem(error.status, error.detail)


async def _failed(_request: Request, _error: Exception) -> Response:
    """Respond to an unexpected exception, which is then raised again and logged."""
    return problem(500, "The server failed; its log says how.")


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - see exception_handlers above
    found: list[Mapping[str, Any]] = list(error.errors())
    errors = [
        {"pointer": "/".join(str(step) for step in entry["loc"]), "detail": str(entry["msg"])}
        for entry in found
    ]
    return problem(422, "Some values cannot be used.", errors=errors)
