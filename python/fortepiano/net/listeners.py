"""Listeners: the sockets that are bound before anything else is started."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from fortepiano.config.section import UNIX
from fortepiano.errors import AddressError

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["closing_listener", "listening", "name_of", "url_of"]

_FOR_ALL = 0o666
"""Who may connect is for the folder to say, as a proxy runs as another user."""


@contextlib.contextmanager
def listening(host: str, port: int) -> Generator[socket.socket]:
    """Bind a port or a Unix socket, so that a taken one is told in one line.

    Args:
        host: An address or a name; or `unix:/path`, which has no port.
        port: The TCP port; 0 takes a free one.

    Raises:
        AddressError: It is taken, or not ours.
    """
    try:
        if host.startswith(UNIX):
            listener = _unix(Path(host.removeprefix(UNIX)))
        else:
            listener = _tcp(host, port)
    except OSError as error:
        raise AddressError(host, port, error.strerror or str(error)) from error
    with closing_listener(listener, host):
        yield listener


@contextlib.contextmanager
def closing_listener(listener: socket.socket, host: str) -> Generator[socket.socket]:
    """Keep a listener, and let nothing of it be left behind.

    Args:
        listener: What is listened on.
        host: What was asked for; a Unix socket of another name is not ours.
    """
    is_ours = name_of(listener) == host
    with listener:
        try:
            yield listener
        finally:
            if is_ours:
                Path(host.removeprefix(UNIX)).unlink(missing_ok=True)


def _tcp(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def _unix(path: Path) -> socket.socket:
    if _is_left_behind(path):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        path.chmod(_FOR_ALL)
    except OSError:
        listener.close()
        raise
    return listener


def _is_left_behind(path: Path) -> bool:
    """Whether a socket is there that nobody listens on: its server was killed."""
    if not path.exists() or not stat.S_ISSOCK(path.stat().st_mode):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return True
    return False


def name_of(listener: socket.socket) -> str:
    """Return what peers without an address are called: `unix:/path`; empty for TCP."""
    return f"{UNIX}{listener.getsockname()}" if listener.family == socket.AF_UNIX else ""


def url_of(listener: socket.socket) -> str:
    """Return where to connect, for people to read."""
    if listener.family == socket.AF_UNIX:
        return name_of(listener)
    host, port = listener.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = "localhost"
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"
