"""uvicorn, as the public and the internal port use it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, cast

import uvicorn

if TYPE_CHECKING:
    from collections.abc import Generator

    from starlette.types import ASGIApp

__all__ = ["UvicornServer", "uvicorn_server"]

_BACKLOG = 4096
"""Connections that wait to be accepted: after a restart all clients come back at once."""


class UvicornServer(uvicorn.Server):
    """uvicorn without signal handlers and without its ten ticks a second.

    Its signal handlers would raise a caught signal again at the end; its ticks were half of what an
    idle server did.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ended = asyncio.Event()

    def end(self) -> None:
        """Finish without waiting for open requests."""
        self.force_exit = True
        self._ended.set()

    async def main_loop(self) -> None:
        """Refresh the `Date` header each second, until the end."""
        while not self._ended.is_set():
            await self.on_tick(0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), 1)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals to `Server`."""
        yield


def uvicorn_server(app: ASGIApp, *, http: Any) -> UvicornServer:
    """Return a server of one application.

    Args:
        app: The application.
        http: Makes the protocol object of each connection.
    """
    return UvicornServer(
        uvicorn.Config(
            cast("Any", app),
            http=http,
            ws="none",
            loop="uvloop",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=_BACKLOG,
        )
    )
