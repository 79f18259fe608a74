"""The protocols between systemd and a service: readiness, the watchdog, more time.

See sd_notify(3) and sd_watchdog_enabled(3). If systemd has not started the
server, all functions do nothing.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

__all__ = ["MoreTime", "Watchdog", "notify"]

_SEND_SECONDS = 0.2
"""How long a message waits for a supervisor that does not read; then it is dropped."""

_EXTENSION_PERIOD_SECONDS = 1.0
_EXTENSION_SECONDS = 10
"""The time that each message asks for: a machine under load may be late with the next one."""


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
        sender.settimeout(_SEND_SECONDS)
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


class MoreTime:
    """Asks systemd for more time, each second, while the start or the stop of a server takes long.

    A thread does so, since the main one may be in a call of the store. After a second nothing was
    asked for yet: most servers start in less.

    Args:
        most_seconds: When to ask no more, so that systemd ends a server that hangs.
    """

    def __init__(self, most_seconds: float) -> None:
        self._until = time.monotonic() + most_seconds
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        if os.environ.get("NOTIFY_SOCKET"):
            self._thread = threading.Thread(target=self._ask, name="more-time", daemon=True)
            self._thread.start()

    def _ask(self) -> None:
        while not self._ended.wait(_EXTENSION_PERIOD_SECONDS) and time.monotonic() < self._until:
            notify(f"EXTEND_TIMEOUT_USEC={_EXTENSION_SECONDS * 1_000_000}")

    def close(self) -> None:
        """Ask no more."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
