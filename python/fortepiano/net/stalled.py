"""Connections whose peers do not take what was written to them."""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct
import termios
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio

    from fortepiano.config.live import Live

__all__ = ["StalledConnections", "Written"]

_INT = struct.Struct("i")
_NO_LINGERING = struct.pack("ii", 1, 0)

_MOST_SECONDS = 1.0
"""The longest time between two looks at the connections."""


class Written(Protocol):
    """A connection that has something to write."""

    transport: asyncio.Transport


class StalledConnections:
    """Connections with unsent bytes; those that take none for `limits.stall_seconds` are aborted.

    A response that nobody takes would keep its socket and its memory for ever, also after
    `transport.close()`. One timer looks at all of them, and runs only while there are any.

    Args:
        loop: The event loop.
        live: The limits in force.

    Attributes:
        aborted: The number of aborted connections.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, live: Live) -> None:
        self._loop = loop
        self._live = live
        self._watched: dict[Written, tuple[int, float]] = {}
        self._is_timer_set = False
        self.aborted = 0

    def __len__(self) -> int:
        return len(self._watched)

    def watch(self, connection: Written) -> None:
        """Begin to watch a connection, if it has unsent bytes; its time starts now."""
        size = connection.transport.get_write_buffer_size()
        if not size:
            return
        self._watched[connection] = size + _in_kernel(connection.transport), self._loop.time()
        if not self._is_timer_set:
            self._set_timer()

    def discard(self, connection: Written) -> None:
        """Stop watching a connection, whose peer took everything, or which has ended."""
        self._watched.pop(connection, None)

    def _set_timer(self) -> None:
        self._is_timer_set = True
        seconds = min(_MOST_SECONDS, self._live.limits.stall_seconds / 4)
        self._loop.call_later(seconds, self._check)

    def _check(self) -> None:
        """Abort the connections that have made no progress for too long."""
        self._is_timer_set = False
        now = self._loop.time()
        latest = now - self._live.limits.stall_seconds
        for connection, (before, since) in list(self._watched.items()):
            size = connection.transport.get_write_buffer_size()
            if not size:
                del self._watched[connection]
                continue
            owed = size + _in_kernel(connection.transport)
            if owed != before:
                self._watched[connection] = owed, now
            elif since <= latest:
                del self._watched[connection]
                self.aborted += 1
                _reset(connection.transport)
        if self._watched:
            self._set_timer()


def _in_kernel(transport: asyncio.Transport) -> int:
    """Return how many written bytes the peer has not acknowledged (tcp(7), SIOCOUTQ).

    The kernel takes more from the transport only when a third of its buffer is free. Over a slow
    line that can take longer than a peer may be without progress.
    """
    try:
        connection: socket.socket = transport.get_extra_info("socket")
        packed = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, b"\0" * _INT.size)
    except OSError:  # the connection is ending
        return 0
    return int(_INT.unpack(packed)[0])


def _reset(transport: asyncio.Transport) -> None:
    """End a connection by a TCP reset: the kernel, too, drops the bytes that nobody takes."""
    connection: socket.socket = transport.get_extra_info("socket")
    with contextlib.suppress(OSError):  # the peer may just have ended it
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
    transport.abort()
