"""A process whose parent, a child of ours, has exited: the new server after an upgrade."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess

__all__ = ["OrphanProcess", "adopt_orphans"]

_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Become the parent of processes that our children leave behind (prctl(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


class OrphanProcess:
    """The part of the interface of `subprocess.Popen` that tests use, for an orphan.

    Attributes:
        pid: The process id.
        returncode: The exit status; None while the process runs, or until `poll` or `wait`.
    """

    def __init__(self, pid: int) -> None:
        """Watch a process that is, or is about to become, our child."""
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit status; None while the process runs."""
        if self.returncode is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the process to exit, and return its exit status."""
        if self.returncode is None:
            descriptor = os.pidfd_open(self.pid)
            try:
                poll = select.poll()
                poll.register(descriptor, select.POLLIN)
                ended = poll.poll(None if timeout is None else timeout * 1000)
            finally:
                os.close(descriptor)
            if not ended:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
            self.poll()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, unless the process has exited."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill the process (SIGKILL)."""
        self.send_signal(signal.SIGKILL)
