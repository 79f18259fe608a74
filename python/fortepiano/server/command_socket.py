"""How `fortepiano reload` and `upgrade` reach the server that runs on the same data.

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
from collections.abc import Awaitable, Callable
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from fortepiano.errors import ControlError, ReloadError
from fortepiano.observe.logs import logger

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from pathlib import Path

__all__ = ["Answer", "Order", "Question", "ask", "controlled"]

Answer: TypeAlias = Callable[[dict[str, Any]], None]
"""Gives an answer, which JSON can hold, at once: by the time a turn of the loop is over, this
process may be gone."""

Order: TypeAlias = Callable[[Answer], Awaitable[dict[str, Any]]]
"""What may be ordered; returns its answer, unless it gave it."""

Question: TypeAlias = Callable[[str], dict[str, Any]]
"""What may be asked, with what stands behind its name."""

_CREDENTIALS = struct.Struct("3i")
_ROOT = 0
_LONGEST = 1 << 20
_PATIENCE_SECONDS = 60.0


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
    folder: Path,
    orders: Mapping[str, Order],
    listener: socket.socket | None = None,
    questions: Mapping[str, Question] = MappingProxyType({}),
) -> AsyncGenerator[socket.socket | None]:
    """Carry out orders of commands that name the same data folder.

    Args:
        folder: The data folder.
        orders: What may be ordered.
        listener: Where orders come in, if another process has made it.
        questions: What may be asked.

    Yields:
        Where orders come in; None where they go to another server on the same data.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(ConnectionError, TimeoutError):
            if not _is_ours(writer.get_extra_info("socket")):
                return
            async with asyncio.timeout(_PATIENCE_SECONDS):
                said = (await reader.readline()).decode("ascii", "replace").strip()
                name, _, rest = said.partition(" ")
                order, question = orders.get(said), questions.get(name)
                if order is not None:
                    at_once = partial(_write_answer, writer.get_extra_info("socket").fileno())
                    writer.write(_packed(await order(at_once)))
                elif question is not None:
                    writer.write(_packed(question(rest)))
                await writer.drain()

    if listener is None:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(_name(folder))
        except OSError:
            # Another server on the same data: signals still reach this one.
            listener.close()
            log = logger(__name__)
            log.warning("`fortepiano reload` reaches another server on this data folder")
            yield None
            return
    server = await asyncio.start_unix_server(serve, sock=listener)
    try:
        yield listener
    finally:
        server.close()


def _packed(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer, default=str).encode()


def _write_answer(descriptor: int, answer: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # nobody need wait for the answer
        os.write(descriptor, _packed(answer))


def ask(folder: Path, order: str) -> dict[str, Any]:
    """Give an order to the server on a data folder and return its answer.

    Args:
        folder: The data folder.
        order: One word; of a question, what it asks about stands behind it.

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
