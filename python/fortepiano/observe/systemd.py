"""The protocols between systemd and a service: inherited sockets, readiness, the watchdog.

See sd_listen_fds(3), sd_notify(3) and sd_watchdog_enabled(3). If systemd has not started the
server, all functions do nothing.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

__all__ = ["Watchdog", "inherited", "notify"]

_FIRST_DESCRIPTOR = 3


def inherited() -> list[socket.socket]:
    """Return the listening sockets that systemd passed on, in the order of the socket unit."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(os.environ.get("LISTEN_FDS", "0"))
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)  # not meant for child processes
    sockets: list[socket.socket] = []
    for descriptor in range(_FIRST_DESCRIPTOR, _FIRST_DESCRIPTOR + count):
        os.set_inheritable(descriptor, False)
        sockets.append(socket.socket(fileno=descriptor))
    return sockets


def notify(state: str) -> None:
    """Send systemd a state such as `READY=1`; errors are ignored.

    Args:
        state: Assignments, one in each line.
    """
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        try:
            sender.connect(address)
            sender.send(state.encode())
        except OSError:
            return


class Watchdog:
    """Sends keep-alive pings to systemd's watchdog while the event loop runs.

    The interval is half the time after which systemd would kill the server.

    Args:
        loop: The event loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        wanted = os.environ.get("WATCHDOG_PID") in (None, str(os.getpid()))
        microseconds = int(os.environ.get("WATCHDOG_USEC", "0")) if wanted else 0
        self._seconds = microseconds / 2_000_000
        if self._seconds:
            self._live()

    def _live(self) -> None:
        notify("WATCHDOG=1")
        self._timer = self._loop.call_later(self._seconds, self._live)

    def close(self) -> None:
        """Stop sending pings."""
        if self._timer is not None:
            self._timer.cancel()
