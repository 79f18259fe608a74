"""A site accepts once `begin` has returned, and a listener that is gone ends it."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from fortepiano.server.uvicorn_server import UvicornServer, uvicorn_server


class Silent(asyncio.Protocol):
    """A protocol that hears nothing."""

    def __init__(self, **_options: Any) -> None:
        """Take uvicorn's arguments."""


def server() -> UvicornServer:
    async def application(_scope: Any, _receive: Any, _send: Any) -> None:
        """Answer nothing."""

    return uvicorn_server(application, http=Silent)


async def test_it_accepts_when_it_has_begun() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        site = server()
        task = await site.begin(listener)
        assert site.started
        _, writer = await asyncio.open_connection(*listener.getsockname())
        writer.close()
        site.end()
        await asyncio.wait_for(task, 10)


async def test_a_listener_that_cannot_be_used() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pass
    with pytest.raises((OSError, ValueError)):
        await server().begin(listener)


async def test_a_listener_that_goes_ends_the_task() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, listener.dup() as other:
        task = await server().begin(listener)
        other.shutdown(socket.SHUT_RDWR)
        with pytest.raises(OSError, match="does not listen"):
            await asyncio.wait_for(task, 10)
