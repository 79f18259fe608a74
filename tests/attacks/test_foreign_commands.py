"""Another user of the machine gives the server commands, or answers in its place.

Limits: none are concerned.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from fortepiano.errors import ControlError
from fortepiano.server import command_socket
from fortepiano.server.command_socket import ask, serving_commands
from support.bystanders import untroubled
from support.server import run_server

OWN, ROOT, OTHER = 1000, 0, 65_534


@contextmanager
def acting_as(user: int) -> Iterator[None]:
    """Be another user, as the kernel tells the peers of sockets that are opened meanwhile."""
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(ROOT)


@pytest.fixture
def seem(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Let this process seem to be one user's, and all others another's."""

    def seem(own: int, peer: int) -> None:
        def is_run_by(_connection: socket.socket, *users: int) -> bool:
            return peer in (ROOT, *users)

        monkeypatch.setattr(command_socket, "_is_run_by", is_run_by)
        monkeypatch.setattr(os, "geteuid", lambda: own)

    return seem


@pytest.mark.parametrize(
    ("server", "caller", "is_done"),
    [
        (ROOT, OTHER, False),
        (ROOT, OWN, False),
        (OWN, OTHER, False),
        (ROOT, ROOT, True),
        (OWN, ROOT, True),
        (OWN, OWN, True),
    ],
)
async def test_only_root_and_the_servers_user_are_obeyed(
    tmp_path: Path, seem: Callable[[int, int], None], server: int, caller: int, is_done: bool
) -> None:
    done: list[str] = []

    async def reload(_answer: object) -> dict[str, Any]:
        done.append("reload")
        return {"changed": {}}

    def networks(_arguments: str) -> dict[str, Any]:
        done.append("networks")
        return {}

    seem(server, caller)
    async with serving_commands(tmp_path, {"reload": reload}, queries={"networks": networks}):
        for line in (b"reload\n", b"networks x 64\n"):
            name = command_socket._socket_name(tmp_path)
            reader, writer = await asyncio.open_unix_connection(name)
            writer.write(line)
            received = b""
            with suppress(ConnectionError):
                received = await reader.read()
            writer.close()
            assert bool(received) is is_done
    assert done == (["reload", "networks"] if is_done else [])


@pytest.mark.skipif(os.geteuid() != ROOT, reason="only root can act as another user")
def test_a_server_of_root_does_not_obey_another_user() -> None:
    with run_server() as server:
        name, pid = command_socket._socket_name(server.folder / "data"), server.pid
        for command in (b"reload\n", b"upgrade\n"):
            with acting_as(OTHER), socket.socket(socket.AF_UNIX) as connection:
                connection.connect(name)
                with suppress(ConnectionError):
                    connection.sendall(command)
                    assert connection.recv(1000) == b""
        assert server.is_ready()
        assert server.pid == pid
        assert '"reloaded"' not in server.log
        assert ask(server.folder / "data", "reload")["changed"] == {}


@pytest.mark.skipif(os.geteuid() != ROOT, reason="only root can act as another user")
def test_root_does_not_ask_whoever_took_the_sockets_name(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as taken:
        with acting_as(OTHER):
            taken.bind(command_socket._socket_name(tmp_path))
            taken.listen()
        with pytest.raises(ControlError, match="another user"):
            ask(tmp_path, "reload")


@pytest.mark.skipif(os.geteuid() != ROOT, reason="only root can act as another user")
def test_a_flood_of_commands_delays_nobody() -> None:
    with run_server() as server, untroubled(server, "commands of another user"):
        name, end = command_socket._socket_name(server.folder / "data"), time.monotonic() + 4
        while time.monotonic() < end:
            with acting_as(OTHER), socket.socket(socket.AF_UNIX) as connection:
                connection.connect(name)
                with suppress(ConnectionError):
                    connection.sendall(b"reload\n" * 1000)
                    assert connection.recv(1000) == b""
