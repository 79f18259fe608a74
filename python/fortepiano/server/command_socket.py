"""The socket by which `fortepiano reload` and `upgrade` reach the server on the same data folder.

An abstract Unix socket (unix(7)), whose name is made from the path of the data folder. A killed
server leaves no file of it behind, and each end asks the kernel for the user of the other end.
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

__all__ = ["Answer", "Command", "Query", "ask", "serving_commands"]

Answer: TypeAlias = Callable[[dict[str, Any]], None]
"""Writes an answer, as JSON, at once: before the turn of the loop ends, this process may end."""

Command: TypeAlias = Callable[[Answer], Awaitable[dict[str, Any]]]
"""Carries out a command and returns the answer, or passes it to `Answer` and ends this process."""

Query: TypeAlias = Callable[[str], dict[str, Any]]
"""Returns the answer to a query, whose arguments are one text."""

_CREDENTIALS = struct.Struct("3i")
_ROOT = 0
_MAX_ANSWER_BYTES = 1 << 20
_TIMEOUT_SECONDS = 180.0


def _socket_name(folder: Path) -> str:
    digest = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()
    return f"\0fortepiano-{digest[:32]}"


def _is_run_by(connection: socket.socket, *users: int) -> bool:
    """Return whether root or one of some users runs the other end."""
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(packed)
    return user in (_ROOT, *users)


def _servers_of(folder: Path) -> set[int]:
    """Return the users who may run the server on a data folder.

    A server may have dropped root's rights, and then the folder is its user's. Root trusts that
    user, and nobody else who has taken the socket's name.
    """
    own = os.geteuid()
    if own != _ROOT:
        return {own}
    with contextlib.suppress(OSError):
        return {own, folder.stat().st_uid}
    return {own}


@contextlib.asynccontextmanager
async def serving_commands(
    folder: Path,
    commands: Mapping[str, Command],
    listener: socket.socket | None = None,
    queries: Mapping[str, Query] = MappingProxyType({}),
    otherwise: Callable[[str], Awaitable[dict[str, Any]]] | None = None,
) -> AsyncGenerator[socket.socket | None]:
    """Answer commands and queries for a data folder until the context ends.

    Args:
        folder: The data folder.
        commands: The commands by name.
        listener: The inherited listening socket, if there is one.
        queries: The queries by name; a space and the arguments follow the name.
        otherwise: Answers all other lines; None where nothing does.

    Yields:
        The listening socket; None where another server on the same data folder has it.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(ConnectionError, TimeoutError):
            if not _is_run_by(writer.get_extra_info("socket"), os.geteuid()):
                return
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                line = (await reader.readline()).decode("ascii", "replace").strip()
                name, _, arguments = line.partition(" ")
                command, query = commands.get(line), queries.get(name)
                if command is not None:
                    answer = partial(_write_answer, writer.get_extra_info("socket").fileno())
                    writer.write(_as_json(await command(answer)))
                elif query is not None:
                    writer.write(_as_json(query(arguments)))
                elif otherwise is not None:
                    writer.write(_as_json(await otherwise(line)))
                await writer.drain()

    if listener is None:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(_socket_name(folder))
        except OSError:
            # Another server runs on the same data folder. Signals still reach this one.
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


def _as_json(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer, default=str).encode()


def _write_answer(descriptor: int, answer: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # the command may have been interrupted
        os.write(descriptor, _as_json(answer))


def ask(folder: Path, line: str, seconds: float = _TIMEOUT_SECONDS) -> dict[str, Any]:
    """Send a command or a query to the server on a data folder and return the answer.

    Args:
        folder: The data folder.
        line: The name of a command; or of a query, a space and its arguments.
        seconds: How long to wait for each part of the answer.

    Raises:
        ControlError: This user has no server on the data folder, or it does not answer.
        ReloadError: The server refuses.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(seconds)
        try:
            connection.connect(_socket_name(folder))
            if not _is_run_by(connection, *_servers_of(folder)):
                raise ControlError(folder, "its name is taken by another user's program")
            connection.sendall(line.encode() + b"\n")
            with connection.makefile("rb") as stream:
                received = stream.read(_MAX_ANSWER_BYTES)
        except ConnectionRefusedError:
            raise ControlError(folder, "no server runs with this data folder") from None
        except OSError as error:
            raise ControlError(folder, f"the server does not answer: {error}") from None
    if not received:
        raise ControlError(folder, "the server does not take orders of this user")
    answer: dict[str, Any] = json.loads(received)
    if "problems" in answer:
        raise ReloadError(answer["problems"])
    return answer
