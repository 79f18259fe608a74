"""Listening sockets that systemd, or another supervisor, has bound and passes on.

See sd_listen_fds(3). `FileDescriptorName=` of the socket unit says what a socket is for: `public`,
as many as there are addresses, or `internal`, one. The internal one has the staff's pages, so
sockets whose purpose is not clear are refused.
"""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from fortepiano.errors import StartError
from fortepiano.net.socket_addresses import address_of, is_local, overlap, port_of, url_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fortepiano.config import Settings

__all__ = ["Inherited", "are_passed_on", "inherited", "sorted_by_name"]

_FIRST_DESCRIPTOR = 3
_MOST = 64
"""More sockets than any unit has: a larger number is a mistake."""

_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID")
_FAMILIES = (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)
_PUBLIC, _INTERNAL = "public", "internal"
_ADVICE = f"name them by FileDescriptorName={_PUBLIC} and ={_INTERNAL} (systemd.socket(5))"


class Inherited(NamedTuple):
    """The sockets that systemd passes on.

    Attributes:
        public: Accept clients.
        internal: Accepts metrics and administration; None where the server has to bind one.
    """

    public: tuple[socket.socket, ...] = ()
    internal: socket.socket | None = None


def are_passed_on() -> bool:
    """Return whether systemd passes sockets on to this process."""
    return os.environ.get("LISTEN_PID") == str(os.getpid())


def inherited(settings: Settings) -> Inherited:
    """Return the sockets that systemd passes on to this process.

    Args:
        settings: All settings.

    Raises:
        StartError: The sockets cannot be used, or it is not clear what they are for.
    """
    is_for_us = are_passed_on()
    variables = {name: os.environ.pop(name, "") for name in _VARIABLES}  # not meant for children
    if not is_for_us:
        return Inherited()
    count = _number(variables["LISTEN_FDS"])
    names = variables["LISTEN_FDNAMES"].split(":") if variables["LISTEN_FDNAMES"] else [""] * count
    if len(names) != count:
        _refuse(f"LISTEN_FDNAMES has {len(names)} names for {count} sockets")
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(_listener(_FIRST_DESCRIPTOR + number)) for number in range(count)
        ]
        found = sorted_by_name(sockets, names, settings)
        stack.pop_all()
    return found


def _refuse(why: str) -> NoReturn:
    raise StartError(f"sockets from systemd: {why}")


def _number(text: str) -> int:
    """Return the number in LISTEN_FDS."""
    if not (text.isascii() and text.isdecimal() and int(text) <= _MOST):
        _refuse(f"LISTEN_FDS is {text!r}, which is no number of sockets")
    return int(text)


def _listener(descriptor: int) -> socket.socket:
    """Return an inherited listening socket."""
    try:
        os.set_inheritable(descriptor, False)
        found = socket.socket(fileno=descriptor)
    except OSError as error:
        _refuse(f"descriptor {descriptor} is no socket: {error.strerror or error}")
    is_stream = found.family in _FAMILIES and found.type == socket.SOCK_STREAM
    if not is_stream or not found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        found.close()
        _refuse(f"descriptor {descriptor} is no listening socket of TCP or a Unix stream")
    return found


def sorted_by_name(
    sockets: Sequence[socket.socket], names: Sequence[str], settings: Settings
) -> Inherited:
    """Return sockets by what they are for.

    Args:
        sockets: Listening sockets.
        names: The name of each; by default systemd takes that of the socket unit.
        settings: All settings.

    Raises:
        StartError: It is not clear what a socket is for.
    """
    if all(_is_default(name) for name in names):
        found = _by_order(sockets, names, settings)
    else:
        found = _by_name(sockets, names)
    internal = found.internal
    if internal is not None:
        for one in found.public:
            if overlap(address_of(one), address_of(internal)):
                _refuse(f"{url_of(internal)} would be public and internal: {_ADVICE}")
    return found


def _is_default(name: str) -> bool:
    """Return whether a name says nothing: none was set in the socket unit."""
    return name in ("", "unknown") or name.endswith(".socket")


def _by_name(sockets: Sequence[socket.socket], names: Sequence[str]) -> Inherited:
    for name in names:
        if name not in (_PUBLIC, _INTERNAL):
            _refuse(f"the name {name!r} is neither {_PUBLIC} nor {_INTERNAL}: {_ADVICE}")
    named = list(zip(names, sockets, strict=True))
    internal = [one for name, one in named if name == _INTERNAL]
    if len(internal) > 1:
        _refuse(f"{len(internal)} have the name {_INTERNAL}, and one may")
    public = tuple(one for name, one in named if name == _PUBLIC)
    return Inherited(public, internal[0] if internal else None)


def _by_order(
    sockets: Sequence[socket.socket], names: Sequence[str], settings: Settings
) -> Inherited:
    """Return one or two sockets without names: the first is public, the second internal."""
    if not sockets:
        return Inherited()
    if len(sockets) == 1:
        return Inherited((sockets[0],))
    first, second, *others = sockets
    if others:
        _refuse(f"{len(sockets)} have no names: {_ADVICE}")
    is_swapped = port_of(second) == settings.port or port_of(first) == settings.internal_port
    if names[0] != names[1] or is_swapped or not is_local(second):
        _refuse(f"two have no names, and {url_of(second)} may be public: {_ADVICE}")
    return Inherited((first,), second)
