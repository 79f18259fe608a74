"""The change of the parent's program in an upgrade: the process stays, and what it holds.

The parent keeps its process id, by which systemd knows the service, and stays the parent of its
processes. What the new program needs is in a file in memory; the sockets are passed on open.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import msgspec

from fortepiano.errors import StartError
from fortepiano.net.listeners import Listeners
from fortepiano.observe import logs
from fortepiano.observe.program import RESUME, command, environment, interpreter

if TYPE_CHECKING:
    from fortepiano.processes.child import Child

__all__ = [
    "WAITING_SIGNALS",
    "ChildState",
    "Held",
    "become_new_program",
    "passed_on",
    "resumed",
    "state_of",
    "why_not",
]

WAITING_SIGNALS = signal.SIGTERM, signal.SIGINT, signal.SIGHUP
"""Signals that wait until the new program handles them."""

_CHECK_SECONDS = 60.0
_MOST_BYTES = 1 << 20


class ChildState(msgspec.Struct):
    """A process, as the new program takes it over.

    Attributes:
        pid: The process id; 0 where it has been given up, or does not run.
        channel: The descriptor of the parent's end of the channel; -1 for none.
        failures: How often in a row it has failed.
        public: The descriptors of its public listeners.
        internal: That of its internal one.
        own: The names of Unix sockets whose files are removed at the end.
    """

    pid: int
    channel: int
    failures: int
    public: list[int]
    internal: int
    own: list[str]

    def listeners(self, known: dict[int, socket.socket]) -> Listeners:
        """Return the listeners.

        Args:
            known: The sockets so far, by descriptor: several processes may share one.
        """
        found = [
            known[number] if number in known else known.setdefault(number, _socket_of(number))
            for number in (*self.public, self.internal)
        ]
        return Listeners(tuple(found[:-1]), found[-1], tuple(self.own))


class Held(msgspec.Struct):
    """The descriptors that the parent holds, and what it knows of its processes.

    Attributes:
        children: The processes.
        is_balanced: Whether each has a public listener of its own.
        lock: The descriptor of the data folder's lock; -1 for none.
        notices: That of the socket for notices.
        commands: That of the socket for commands; -1 for none.
    """

    children: list[ChildState]
    is_balanced: bool
    lock: int
    notices: int
    commands: int

    def descriptors(self) -> list[int]:
        """Return all descriptors."""
        found = [self.lock, self.notices, self.commands]
        for child in self.children:
            found += [child.channel, *child.public, child.internal]
        return [number for number in found if number >= 0]


def passed_on(descriptor: int) -> socket.socket | None:
    """Return a socket that the program before this one has passed on; None for -1."""
    return None if descriptor < 0 else _socket_of(descriptor)


def _socket_of(descriptor: int) -> socket.socket:
    os.set_inheritable(descriptor, False)
    return socket.socket(fileno=descriptor)


def state_of(child: Child) -> ChildState:
    """Return a process as the new program takes it over."""
    channel, listeners = child.channel, child.listeners
    return ChildState(
        child.pid if channel is not None else 0,
        channel.fileno() if channel is not None else -1,
        child.failures,
        [it.fileno() for it in listeners.public],
        listeners.internal.fileno(),
        list(listeners.own),
    )


def why_not() -> str:
    """Return why the program that is installed now cannot be this one's successor, else nothing."""
    test = [*interpreter(), "-c", "import fortepiano.processes.parent"]
    try:
        subprocess.run(  # noqa: S603 - this process's own program
            test, env=environment(), check=True, capture_output=True, timeout=_CHECK_SECONDS
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or str(error).encode()
        return said.decode(errors="replace").strip().rpartition("\n")[2]
    return ""


def become_new_program(held: Held) -> None:
    """Run the program that is installed now in this process; returns only if that fails.

    Args:
        held: What the parent holds.

    Raises:
        OSError: The program cannot be run.
    """
    with ExitStack() as stack:
        state = os.memfd_create("fortepiano")
        stack.callback(os.close, state)
        os.write(state, msgspec.json.encode(held))
        os.lseek(state, 0, os.SEEK_SET)
        for number in (*held.descriptors(), state):
            stack.callback(os.set_inheritable, number, False)
            os.set_inheritable(number, True)
        stack.callback(signal.pthread_sigmask, signal.SIG_UNBLOCK, WAITING_SIGNALS)
        signal.pthread_sigmask(signal.SIG_BLOCK, WAITING_SIGNALS)
        logs.flush()
        line = [*command(without=(RESUME,)), RESUME, str(state)]
        sys.stderr.flush()
        os.execve(line[0], line, environment())  # noqa: S606 - no shell is wanted


def resumed(descriptor: int) -> Held:
    """Return what the program before this one held.

    Args:
        descriptor: The value of the option `--resume`.

    Raises:
        StartError: No program has passed it on.
    """
    try:
        with open(descriptor, "rb") as state:
            return msgspec.json.decode(state.read(_MOST_BYTES), type=Held)
    except (OSError, ValueError):  # the latter also of msgspec
        raise StartError("only a running `serve --processes` starts its successor") from None
