"""Listening sockets, which are bound and listen before anything else is started."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import stat
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fortepiano.config.section import UNIX
from fortepiano.errors import AddressError
from fortepiano.net.inherited import inherited
from fortepiano.net.socket_addresses import (
    address_of,
    name_of,
    names_of,
    overlap,
    resolved,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from fortepiano.config import Settings

__all__ = ["BACKLOG", "Listeners", "Sharing", "closing_listeners", "listening", "opened_listeners"]

BACKLOG = 4096
"""The queue of connections to accept: after a restart all clients connect again at once."""

_WORLD_WRITABLE = 0o666
"""The mode of a Unix socket. The folder's permissions control access: a proxy is another user."""

_OF_PORTS = (errno.EADDRINUSE, errno.EACCES)
"""Errors that another port mends; others are the host's."""


class Sharing(Enum):
    """Whether a TCP port has further listeners (SO_REUSEPORT of socket(7))."""

    ALONE = auto()
    FIRST = auto()
    """Others may join, but no server may have the port already: each of this user could."""

    JOINING = auto()


class Listeners(NamedTuple):
    """The sockets that accept connections.

    Attributes:
        public: Accept clients; several where systemd has bound several.
        internal: Accepts metrics and administration.
        own: Names of the Unix sockets that the server has bound itself, `unix:/path`: their files
            are removed at the end.
    """

    public: tuple[socket.socket, ...]
    internal: socket.socket
    own: tuple[str, ...] = ()


@contextlib.contextmanager
def opened_listeners(settings: Settings) -> Generator[Listeners]:
    """Take the sockets that systemd passes on, and bind those that it does not; all listen.

    Raises:
        AddressError: A port is in use, or an address is not this machine's.
        StartError: It is not clear what a socket of systemd is for.
    """
    given = inherited(settings)
    with contextlib.ExitStack() as stack:
        there = [*given.public, *filter(None, [given.internal])]
        for listener in there:
            stack.enter_context(listener)
        public = given.public or (
            stack.enter_context(listening(settings.host, settings.port, apart_from=there)),
        )
        internal = given.internal or stack.enter_context(
            listening(settings.internal_host, settings.internal_port, "internal_", public)
        )
        own = [one for one in (*public, internal) if one not in there]
        yield Listeners(public, internal, names_of(own))


@contextlib.contextmanager
def closing_listeners(listeners: Listeners, owns_files: Callable[[], bool]) -> Generator[None]:
    """Close listeners at the end, and remove the files of the server's own Unix sockets.

    Args:
        listeners: The listeners.
        owns_files: Returns whether no other process listens on them, so that the files are removed.
    """
    with contextlib.ExitStack() as stack:
        for listener in (*listeners.public, listeners.internal):
            is_own = name_of(listener) in listeners.own
            stack.enter_context(_closing(listener, is_own=is_own, owns_files=owns_files))
        yield


@contextlib.contextmanager
def listening(
    host: str,
    port: int,
    prefix: str = "",
    apart_from: Sequence[socket.socket] = (),
    sharing: Sharing = Sharing.ALONE,
) -> Generator[socket.socket]:
    """Listen on a port or a Unix socket; an address in use is reported in one line.

    Args:
        host: An address or a name; or `unix:/path`, for which there is no port.
        port: The TCP port; 0 for any free one.
        prefix: The beginning of the names of the settings that `host` and `port` come from.
        apart_from: The server's other listeners, which must have other addresses.
        sharing: Whether a port has further listeners.

    Raises:
        AddressError: The address is in use, or not this machine's.
    """
    is_unix = host.startswith(UNIX)
    setting = f"{prefix}host"
    try:
        address = resolved(host, port)
        if any(overlap(address, address_of(one)) for one in apart_from):
            name = "host" if is_unix else "port"
            why = f"{name} and internal_{name} must differ"
            raise AddressError(host, port, why, f"{prefix}{name}")
        listener = _unix(Path(host.removeprefix(UNIX))) if is_unix else _tcp(*address, sharing)
    except OSError as error:
        if error.errno in _OF_PORTS and not is_unix:
            setting = f"{prefix}port"
        raise AddressError(host, port, error.strerror or str(error), setting) from error
    except ValueError as error:  # of IDNA, or a zero byte
        raise AddressError(host, port, "this is no name of a host or file", setting) from error
    with _closing(listener, is_own=is_unix):
        yield listener


@contextlib.contextmanager
def _closing(
    listener: socket.socket, *, is_own: bool, owns_files: Callable[[], bool] = lambda: True
) -> Generator[None]:
    """Close a listener at the end.

    Args:
        listener: The listening socket.
        is_own: Whether the file of a Unix socket is removed too.
        owns_files: As of `closing_listeners`.
    """
    name = name_of(listener)
    with listener:
        try:
            yield
        finally:
            if is_own and name and owns_files():
                Path(name.removeprefix(UNIX)).unlink(missing_ok=True)


def _tcp(family: int, address: tuple[str, int], sharing: Sharing) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sharing is Sharing.JOINING:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
        if sharing is Sharing.FIRST:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.listen(BACKLOG)  # at once: until then another server could bind the port too
    except OSError:
        listener.close()
        raise
    return listener


def _unix(path: Path) -> socket.socket:
    with _locked(path.parent):
        if _is_left_behind(path):
            path.unlink()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(str(path))
            path.chmod(_WORLD_WRITABLE)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
        return listener


@contextlib.contextmanager
def _locked(folder: Path) -> Generator[None]:
    """Let one server at a time bind a socket in a folder, so that none removes another's."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _is_left_behind(path: Path) -> bool:
    """Return whether there is a Unix socket without a listener, because its server was killed."""
    if not path.exists() or not stat.S_ISSOCK(path.stat().st_mode):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # the queue of a server that hangs may be full
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return True
        except BlockingIOError:
            return False
    return False
