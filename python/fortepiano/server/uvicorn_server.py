"""uvicorn, configured for the public and the internal port."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

import uvicorn

from fortepiano.net.listeners import BACKLOG

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp

__all__ = ["UvicornServer", "uvicorn_server"]

# anyio would import this at the first file that is served, when another version may be installed.
import_module("anyio._backends._asyncio")


class UvicornServer(uvicorn.Server):
    """uvicorn without signal handlers and without its ten ticks a second.

    uvicorn's handlers would raise a caught signal again at the end. Its ticks were half of the work
    of an idle server.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ended = asyncio.Event()
        self._is_accepting = True
        config.load()

    async def begin(self, listener: socket.socket) -> asyncio.Task[None]:
        """Accept connections of a listener; with uvloop the event loop does not turn meanwhile.

        Returns:
            The task that serves them until `end` is called.

        Raises:
            OSError: The listener cannot be used.
        """
        self.lifespan = self.config.lifespan_class(self.config)
        await self.startup(sockets=[listener])
        return asyncio.create_task(self._serve_on(listener))

    def stop_accepting(self) -> None:
        """Accept no further connections, and go on with those that are there."""
        self._is_accepting = False
        for server in self.servers:
            server.close()

    def end(self) -> None:
        """End the server without waiting for open requests."""
        self.force_exit = True
        self._ended.set()

    async def adopt(
        self, connection: socket.socket, protocol: Callable[..., Any], **arguments: Any
    ) -> None:
        """Go on with a connection that another process has accepted.

        Args:
            connection: The connection, which is closed if its peer is gone.
            protocol: Returns its protocol object.
            arguments: Further arguments of that, beside those of uvicorn.
        """
        made = protocol(self.config, self.server_state, {}, **arguments)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: made, connection)
        except OSError:
            connection.close()

    async def _serve_on(self, listener: socket.socket) -> None:
        """Update the `Date` header each second, until `end` is called.

        Raises:
            OSError: The listener does not listen any more.
        """
        while not self._ended.is_set():
            if self._is_accepting:
                _check(listener)
            await self.on_tick(0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), 1)
        await self.shutdown(sockets=[listener])


def _check(listener: socket.socket) -> None:
    """Raise an error if a listener has been closed, by the event loop or by another process."""
    if not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise OSError(errno.EBADF, "the socket does not listen any more")


def uvicorn_server(app: ASGIApp, *, http: Any) -> UvicornServer:
    """Return a server of one application.

    Args:
        app: The application.
        http: Returns the protocol object of a connection.
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
            backlog=BACKLOG,
        )
    )
