"""Notices of the processes to their parent, by the protocol that systemd has for services.

To its processes the parent is what systemd is to a server: sd_notify(3) over a socket of its own.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Notice", "Notices"]

_CREDENTIALS = struct.Struct("3i")
_MOST_BYTES = 4096


class Notice(NamedTuple):
    """A message of a process.

    Attributes:
        pid: The process.
        name: The name, such as `READY`.
        value: The value, such as `1`.
    """

    pid: int
    name: str
    value: str


class Notices:
    """The socket to which processes send their notices.

    Its name is abstract (unix(7)), and the kernel says whose a message is.

    Args:
        inherited: The socket, where another program of this process has made it.
    """

    def __init__(self, inherited: socket.socket | None = None) -> None:
        self.socket = inherited or socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        if inherited is None:
            self.socket.bind("")  # the kernel gives it a name
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.setblocking(False)

    @property
    def address(self) -> str:
        """The value of NOTIFY_SOCKET for the processes."""
        name: bytes = self.socket.getsockname()
        return "@" + name[1:].decode()

    def received(self) -> Iterator[Notice]:
        """Yield all that has come."""
        while True:
            try:
                data, ancillary, _, _ = self.socket.recvmsg(_MOST_BYTES, 256)
            except BlockingIOError:
                return
            for _, kind, content in ancillary:
                if kind == socket.SCM_CREDENTIALS and len(content) >= _CREDENTIALS.size:
                    pid, user, _ = _CREDENTIALS.unpack(content[: _CREDENTIALS.size])
                    if user == os.geteuid():
                        yield from _parsed(pid, data)

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()


def _parsed(pid: int, data: bytes) -> Iterator[Notice]:
    for line in data.decode(errors="replace").splitlines():
        name, _, value = line.partition("=")
        yield Notice(pid, name, value)
