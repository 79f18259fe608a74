"""Listening sockets, which are bound before anything else is started."""

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

_WORLD_WRITABLE = 0o666
"""The mode of a Unix socket. The folder's permissions control access: a proxy is another user."""


@contextlib.contextmanager
def listening(host: str, port: int) -> Generator[socket.socket]:
    """Bind a port or a Unix socket; an address in use is reported in one line.

    Args:
        host: An address or a name; or `unix:/path`, for which there is no port.
        port: The TCP port; 0 for any free one.

    Raises:
        AddressError: The address is in use, or not this machine's.
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
    """Close a listener at the end, and remove the file of its Unix socket.

    Args:
        listener: The listening socket.
        host: The configured host; the file of a Unix socket with another name stays.
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
        path.chmod(_WORLD_WRITABLE)
    except OSError:
        listener.close()
        raise
    return listener


def _is_left_behind(path: Path) -> bool:
    """Return whether there is a Unix socket without a listener, because its server was killed."""
    if not path.exists() or not stat.S_ISSOCK(path.stat().st_mode):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return True
    return False


def name_of(listener: socket.socket) -> str:
    """Return the name of a Unix listener, and of its peers: `unix:/path`; empty for TCP."""
    return f"{UNIX}{listener.getsockname()}" if listener.family == socket.AF_UNIX else ""


def url_of(listener: socket.socket) -> str:
    """Return the URL of a listener, for people to read."""
    if listener.family == socket.AF_UNIX:
        return name_of(listener)
    host, port = listener.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = "localhost"
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"
