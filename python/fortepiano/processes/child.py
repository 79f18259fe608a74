"""One of the processes: starts it, sends it orders, and waits for its end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from contextlib import ExitStack, suppress
from enum import Enum, auto
from typing import TYPE_CHECKING

from fortepiano.observe.program import MEMBER, RESUME, command, environment
from fortepiano.server.member import pass_on

if TYPE_CHECKING:
    from fortepiano.net.listeners import Listeners

__all__ = ["SILENT_SECONDS", "Child", "Condition"]

SILENT_SECONDS = 30.0
"""How long a process may give no sign of life; as the watchdog of our systemd unit."""

_START_SECONDS = 180.0
"""Likewise before it serves. A slow start asks for more time each second, once it is under way."""

_STEADY_SECONDS = 60.0
"""After so long a service the failures before it do not count any more."""

_UNKNOWN = 1
"""The exit status of a process that was no child of this one."""


class Condition(Enum):
    """The condition of a process."""

    DOWN = auto()
    """Not started yet, or between its end and the next start."""

    STARTING = auto()
    SERVING = auto()
    STOPPING = auto()
    GIVEN_UP = auto()


class Child:
    """One of the processes.

    Args:
        number: Its number, from 1.
        count: How many there are.
        listeners: Its listeners.

    Attributes:
        number: Likewise.
        listeners: Likewise.
        pid: The process id; 0 before the first start.
        channel: The parent's end of the channel; None while there is no process.
        condition: Its condition.
        status: The exit status of its last end; minus the signal that killed it.
        failures: How often in a row it has failed.
        changed: Set when its condition changes.
    """

    def __init__(self, number: int, count: int, listeners: Listeners) -> None:
        self.number = number
        self.listeners = listeners
        self.pid = 0
        self.channel: socket.socket | None = None
        self.condition = Condition.DOWN
        self.status = 0
        self.failures = 0
        self.changed = asyncio.Event()
        self._count = count
        self._heard_at = self._served_at = 0.0

    def start(self, lock: int, notices: str) -> None:
        """Start the process.

        Args:
            lock: The descriptor of the data folder's lock; -1 for none.
            notices: The address to which it sends its notices.

        Raises:
            OSError: The program cannot be run.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs, ExitStack() as failure:
            failure.callback(ours.close)
            pass_on(ours, self.listeners, lock)
            theirs.set_inheritable(True)
            line = command(without=(RESUME,))
            line += [MEMBER, f"{self.number},{self._count},{theirs.fileno()}"]
            # A group of its own, so that Ctrl-C at a terminal reaches the parent alone.
            self.pid = os.posix_spawn(
                line[0], line, _environment(notices), setpgroup=0, setsigmask=()
            )
            failure.pop_all()
        self.channel = ours
        self.hear()
        self._set(Condition.STARTING)

    def resume(self, pid: int, channel: socket.socket, failures: int) -> None:
        """Go on with a process that the program before this one has started, and that serves.

        Args:
            pid: The process id.
            channel: The parent's end of the channel.
            failures: How often in a row it has failed.
        """
        self.pid, self.channel, self.failures = pid, channel, failures
        channel.setblocking(False)
        self.serve()

    def _set(self, condition: Condition) -> None:
        self.condition = condition
        self.changed.set()

    # Its notices

    def hear(self) -> None:
        """Note a sign of life."""
        self._heard_at = time.monotonic()

    def serve(self) -> None:
        """Note that it serves."""
        self.hear()
        self._served_at = time.monotonic()
        self._set(Condition.SERVING)

    def leave(self) -> None:
        """Note that it stops."""
        self._set(Condition.STOPPING)

    def give_up(self) -> None:
        """Start it no more."""
        self._set(Condition.GIVEN_UP)

    def revive(self) -> None:
        """Let it be started again, as if it had never failed."""
        self.failures = 0
        self._set(Condition.DOWN)

    def is_silent(self) -> bool:
        """Return whether it runs and gives no sign of life."""
        runs = self.condition not in (Condition.DOWN, Condition.GIVEN_UP)
        most = _START_SECONDS if self.condition is Condition.STARTING else SILENT_SECONDS
        return runs and time.monotonic() - self._heard_at > most

    # Orders and its end

    def order(self, word: bytes) -> None:
        """Send it an order; one that does not follow orders yet is ended by SIGTERM."""
        if self.condition is Condition.STARTING:
            self.kill(signal.SIGTERM)
        elif self.channel is not None:
            with suppress(OSError):
                self.channel.send(word)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send it a signal."""
        if self.condition not in (Condition.DOWN, Condition.GIVEN_UP):
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def follow(self, pid: int) -> None:
        """Take another process for it, which has taken over by an upgrade.

        Args:
            pid: The new process.
        """
        self.pid = pid
        self.hear()

    async def end_of(self, pid: int) -> int:
        """Wait for the end of a process, and return its exit status.

        Args:
            pid: The process id, of a child of this process.
        """
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return _UNKNOWN
        loop.add_reader(descriptor, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
        return _exit_status_of(pid)

    def note_end(self, status: int) -> None:
        """Note that it has ended; one that was told to end has not failed.

        Args:
            status: Its exit status.
        """
        if self.channel is not None:
            self.channel.close()
        self.channel = None
        self.status = status
        has_served = self._served_at and time.monotonic() - self._served_at > _STEADY_SECONDS
        self._served_at = 0.0
        self.failures = 0 if status == 0 else 1 if has_served else self.failures + 1
        self._set(Condition.DOWN)


def _exit_status_of(pid: int) -> int:
    """Return the exit status of a process that has ended; minus the signal that killed it."""
    try:
        _, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return _UNKNOWN
    return os.waitstatus_to_exitcode(status)


def _environment(notices: str) -> dict[str, str]:
    """Return the environment of a process, to which this one is what systemd is to a service."""
    return environment() | {
        "NOTIFY_SOCKET": notices,
        "WATCHDOG_USEC": str(round(SILENT_SECONDS * 1_000_000)),
    }
