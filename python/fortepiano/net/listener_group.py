"""The listeners of several processes: each has its own on one public TCP port, or all share one.

On a TCP port the source address of a connection chooses the process (`source_program`). Unix
sockets, and sockets that systemd passes on, are shared: the first process that is free accepts.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from typing import TYPE_CHECKING

from fortepiano.config.section import UNIX
from fortepiano.net.inherited import inherited
from fortepiano.net.listeners import Listeners, Sharing, closing_listeners, listening
from fortepiano.net.socket_addresses import name_of, names_of, port_of
from fortepiano.net.source_program import attach, program
from fortepiano.observe.logs import logger

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Sequence

    from fortepiano.config import Settings

__all__ = ["ListenerGroup", "opened_group", "resumed_group"]

_log = logger(__name__)


class ListenerGroup:
    """The listeners of several processes.

    Args:
        members: The listeners of each process.
        is_balanced: Whether each process has a public listener of its own.

    Attributes:
        members: Likewise.
        is_balanced: Likewise.
    """

    def __init__(self, members: Sequence[Listeners], *, is_balanced: bool) -> None:
        self.members = tuple(members)
        self.is_balanced = is_balanced
        self._refusal = ""

    @property
    def public(self) -> list[socket.socket]:
        """Public listeners by place: one of each process where they are balanced."""
        return [member.public[0] for member in self.members]

    def balance(self, trusted: Sequence[str], without: Collection[int] = ()) -> None:
        """Let source addresses choose among the processes; say once where the kernel refuses.

        Then it is the kernel that chooses, by addresses and ports.

        Args:
            trusted: `proxy.trusted`.
            without: The places of processes that get no new connections; all of them for none.
        """
        if not self.is_balanced:
            return
        count = len(self.members)
        left_out = () if len(without) == count else without
        networks = [ipaddress.ip_network(it) for it in trusted if not it.startswith(UNIX)]
        try:
            attach(self.public[0], program(count, left_out, networks))
        except OSError as error:
            why = error.strerror or str(error)
            if self._refusal != why:
                text = "source addresses do not choose the process: each may have several"
                _log.warning(text, why=why)
            self._refusal = why


@contextlib.contextmanager
def opened_group(settings: Settings, count: int) -> Generator[ListenerGroup]:
    """Take the sockets that systemd passes on, and bind those that it does not; all listen.

    Args:
        settings: The settings.
        count: How many processes there are.

    Raises:
        AddressError: A port is in use, or an address is not this machine's.
        StartError: It is not clear what a socket of systemd is for.
    """
    given = inherited(settings)
    with contextlib.ExitStack() as stack:
        there = [*given.public, *filter(None, [given.internal])]
        for listener in there:
            stack.enter_context(listener)
        public = (
            [given.public] * count if given.public else _bind_public(settings, count, stack, there)
        )
        staff = _bind_internal(settings, count, stack, given.internal, public[0])
        members = [
            Listeners(some, one, names_of(it for it in (*some, one) if it not in there))
            for some, one in zip(public, staff, strict=True)
        ]
        is_balanced = count == len({id(some[0]) for some in public})
        yield ListenerGroup(members, is_balanced=is_balanced)


@contextlib.contextmanager
def resumed_group(members: Sequence[Listeners], *, is_balanced: bool) -> Generator[ListenerGroup]:
    """Go on with the listeners that the program before this one has opened; close them at the end.

    Args:
        members: The listeners of each process; `own` of each has the names of Unix sockets whose
            files are removed.
        is_balanced: As of `ListenerGroup`.
    """
    with contextlib.ExitStack() as stack:
        for member in members:
            stack.enter_context(closing_listeners(member, lambda: True))
        yield ListenerGroup(members, is_balanced=is_balanced)


def _bind_public(
    settings: Settings,
    count: int,
    stack: contextlib.ExitStack,
    apart_from: Sequence[socket.socket],
) -> list[tuple[socket.socket, ...]]:
    """Return the public listeners of each process: one for all, or one for each on one port."""
    host = settings.host
    if host.startswith(UNIX):
        shared = stack.enter_context(listening(host, settings.port, "", apart_from))
        return [(shared,)] * count
    first = stack.enter_context(listening(host, settings.port, "", apart_from, Sharing.FIRST))
    port = port_of(first) or 0
    others = [
        stack.enter_context(listening(host, port, sharing=Sharing.JOINING))
        for _ in range(count - 1)
    ]
    return [(one,) for one in (first, *others)]


def _bind_internal(
    settings: Settings,
    count: int,
    stack: contextlib.ExitStack,
    given: socket.socket | None,
    public: Sequence[socket.socket],
) -> list[socket.socket]:
    """Return the internal listener of each process: the first's, and those on the next ports.

    Args:
        settings: The settings.
        count: How many processes there are.
        stack: Closes them.
        given: The first one, where systemd passes it on.
        public: The public listeners, which must have other addresses.
    """
    host, port = settings.internal_host, settings.internal_port
    if given is not None:
        host, port = name_of(given) or given.getsockname()[0], port_of(given) or 0
    found = [] if given is None else [given]
    for number in range(len(found), count):
        place = f"{host}.{number + 1}" if number and host.startswith(UNIX) else host
        its_port = port + number if port else 0
        found.append(
            stack.enter_context(listening(place, its_port, "internal_", (*public, *found)))
        )
    return found
