"""How `fortepiano reload` reaches the server that runs on the same data.

By an abstract Unix socket (unix(7)) whose name is made from the data folder: nothing of it is left
behind by a server that was killed, and each end asks the kernel whose the other one is.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import socket
import struct
from typing import TYPE_CHECKING, Any

from fortepiano.errors import ControlError, ReloadError
from fortepiano.logs import logger

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path

__all__ = ["ask", "controlled"]

_CREDENTIALS = struct.Struct("3i")
_ROOT = 0
_LONGEST = 1 << 20
_PATIENCE_SECONDS = 30.0


def _name(folder: Path) -> str:
    digest = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()
    return f"\0fortepiano-{digest[:32]}"


def _is_ours(connection: socket.socket) -> bool:
    """Whether root or the user we are is at the other end."""
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(packed)
    return user in (_ROOT, os.geteuid()) or os.geteuid() == _ROOT


@contextlib.asynccontextmanager
async def controlled(
    folder: Path, orders: dict[str, Callable[[], Awaitable[dict[str, Any]]]]
) -> AsyncGenerator[None]:
    """Carry out orders of commands that name the same data folder.

    Args:
        folder: The data folder.
        orders: What may be ordered; each returns an answer that JSON can hold.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(ConnectionError, TimeoutError):
            if not _is_ours(writer.get_extra_info("socket")):
                return
            async with asyncio.timeout(_PATIENCE_SECONDS):
                order = orders.get((await reader.readline()).decode("ascii", "replace").strip())
            if order is not None:
                writer.write(json.dumps(await order(), default=str).encode())
                await writer.drain()

    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(_name(folder))
    except OSError:
        # Another server on the same data: signals still reach this one.
        listener.close()
        logger(__name__).warning("`fortepiano reload` reaches another server on this data folder")
        yield
        return
    server = await asyncio.start_unix_server(serve, sock=listener)
    try:
        yield
    finally:
        server.close()


def ask(folder: Path, order: str) -> dict[str, Any]:
    """Give an order to the server on a data folder and return its answer.

    Args:
        folder: The data folder.
        order: One word.

    Raises:
        ControlError: No server of ours runs there, or it does not answer.
        ReloadError: It refuses.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_PATIENCE_SECONDS)
        try:
            connection.connect(_name(folder))
            if not _is_ours(connection):
                raise ControlError(folder, "its name is taken by another user's program")
            connection.sendall(order.encode() + b"\n")
            with connection.makefile("rb") as stream:
                said = stream.read(_LONGEST)
        except ConnectionRefusedError:
            raise ControlError(folder, "no server runs with this data folder") from None
        except OSError as error:
            raise ControlError(folder, f"the server does not answer: {error}") from None
    if not said:
        raise ControlError(folder, "the server does not take orders of this user")
    answer: dict[str, Any] = json.loads(said)
    if "problems" in answer:
        raise ReloadError(answer["problems"])
    return answer
