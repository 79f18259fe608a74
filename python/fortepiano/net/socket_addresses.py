"""Addresses of listening sockets: their names, their URLs, and whether two are the same."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from typing import TYPE_CHECKING, Any, TypeAlias

from fortepiano.config.section import UNIX
from fortepiano.model.addresses import parsed_address
from fortepiano.store.daemon_executor import DaemonExecutor

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "SocketAddress",
    "address_of",
    "is_local",
    "name_of",
    "names_of",
    "overlap",
    "port_of",
    "resolved",
    "url_of",
]

_RESOLVE_SECONDS = 3.0
"""How long a name may take to be resolved: a start with two of them fails within ten seconds."""

SocketAddress: TypeAlias = tuple[int, Any]
"""The family of a socket, and its address as `socket.getsockname` returns it."""


def resolved(host: str, port: int) -> SocketAddress:
    """Return the family and the address of a host in the settings, which may be `unix:/path`.

    Raises:
        OSError: The name is not known, or nobody says so in time.
        ValueError: This is no name.
    """
    if host.startswith(UNIX):
        return socket.AF_UNIX, host.removeprefix(UNIX)
    looking = DaemonExecutor().submit(
        socket.getaddrinfo, host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    try:
        family, _, _, _, address = looking.result(_RESOLVE_SECONDS)[0]
    except TimeoutError:
        why = f"no name server knows the name within {_RESOLVE_SECONDS:g} s"
        raise OSError(errno.ETIMEDOUT, why) from None
    return family, address


def address_of(listener: socket.socket) -> SocketAddress:
    """Return the address of a listener."""
    return listener.family, listener.getsockname()


def port_of(listener: socket.socket) -> int | None:
    """Return the TCP port of a listener; None for a Unix socket."""
    return None if listener.family == socket.AF_UNIX else int(listener.getsockname()[1])


def name_of(listener: socket.socket) -> str:
    """Return the name of a Unix listener, and of its peers: `unix:/path`; empty for TCP."""
    return f"{UNIX}{listener.getsockname()}" if listener.family == socket.AF_UNIX else ""


def names_of(listeners: Iterable[socket.socket]) -> tuple[str, ...]:
    """Return the names of the Unix listeners among some."""
    return tuple(name for listener in listeners if (name := name_of(listener)))


def url_of(listener: socket.socket) -> str:
    """Return the URL of a listener, for people to read."""
    if listener.family == socket.AF_UNIX:
        return name_of(listener)
    host, port = listener.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = "localhost"
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"


def is_local(listener: socket.socket) -> bool:
    """Return whether only programs on this machine can reach a listener."""
    return (
        listener.family == socket.AF_UNIX or parsed_address(listener.getsockname()[0]).is_loopback
    )


def overlap(one: SocketAddress, other: SocketAddress) -> bool:
    """Return whether a client can mean both of two addresses.

    All loopback addresses count as one, since `localhost` is several of them.
    """
    (family, address), (other_family, other_address) = one, other
    if socket.AF_UNIX in (family, other_family):
        return family == other_family and _path(address) == _path(other_address)
    if address[1] != other_address[1]:
        return False
    here, there = parsed_address(address[0]), parsed_address(other_address[0])
    is_any = here.is_unspecified or there.is_unspecified
    return is_any or here == there or (here.is_loopback and there.is_loopback)


def _path(address: str | bytes) -> bytes:
    """Return the path of a Unix socket without symbolic links; abstract names as they are."""
    name = os.fsencode(address)
    return name if name.startswith(b"\0") else os.path.realpath(name)
