"""This process as one of several that serve one port, and its channel to their parent.

The parent passes on listeners and the lock of the data folder, and later orders to stop. The end of
the channel is the end of the parent: then this process stops too.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from fortepiano.errors import StartError
from fortepiano.net.listeners import Listeners

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

__all__ = ["STOP", "STOP_NOW", "Member", "command_folder", "pass_on"]

STOP, STOP_NOW = b"stop", b"stop now"
"""The orders of the parent: to drain and stop, and to stop without draining further."""

_MOST_BYTES = 16
_MOST_SOCKETS = 128
_HAS_LOCK, _NO_LOCK = b"lock", b"no lock"


def command_folder(data_dir: Path, number: int) -> Path:
    """Return the folder after which the command socket of a process is named; it need not exist.

    Args:
        data_dir: The data folder of all.
        number: The number of the process.
    """
    return data_dir / "processes" / str(number)


def pass_on(channel: socket.socket, listeners: Listeners, lock: int) -> None:
    """Pass listeners and the lock on to a process that the parent starts.

    Args:
        channel: The parent's end of the channel.
        listeners: The listeners of the process.
        lock: The descriptor of the data folder's lock; -1 for none.
    """
    descriptors = [it.fileno() for it in (*listeners.public, listeners.internal)]
    has_lock = [lock] if lock >= 0 else []
    word = _HAS_LOCK if has_lock else _NO_LOCK
    socket.send_fds(channel, [word], [*descriptors, *has_lock])


class Member:
    """This process as one of several.

    Args:
        number: Its number, from 1.
        count: How many there are.
        channel: The channel to the parent.

    Attributes:
        number: Likewise.
        count: Likewise.
        lock: The descriptor of the data folder's lock; -1 for none, and before `receive`.
        is_ordered: Whether the parent has ordered to stop, as it orders all.
    """

    def __init__(self, number: int, count: int, channel: socket.socket) -> None:
        self.number = number
        self.count = count
        self.lock = -1
        self.is_ordered = False
        self._channel = channel

    @classmethod
    def of(cls, text: str) -> Member:
        """Return a process by the value of the option `--member`.

        Raises:
            StartError: Nobody has started this process as one of several.
        """
        try:
            number, count, descriptor = map(int, text.split(","))
            channel = socket.socket(fileno=descriptor)
        except (ValueError, OSError):
            raise StartError("only `serve --processes` starts one of several processes") from None
        os.set_inheritable(descriptor, False)
        return cls(number, count, channel)

    @property
    def descriptor(self) -> int:
        """The descriptor of the channel."""
        return self._channel.fileno()

    def name(self, common: str) -> str:
        """Return the name of this process as a node.

        Args:
            common: The name of all.
        """
        return f"{common}/{self.number}"

    def receive(self) -> Listeners:
        """Wait for what the parent passes on; return the listeners.

        Raises:
            StartError: The parent is gone.
        """
        try:
            word, descriptors, _, _ = socket.recv_fds(self._channel, _MOST_BYTES, _MOST_SOCKETS)
        except OSError:
            word, descriptors = b"", []
        if not word:
            raise StartError("the parent of this process is gone")
        if word == _HAS_LOCK:
            self.lock = descriptors.pop()
        listeners = _listeners(descriptors)
        return Listeners(tuple(listeners[:-1]), listeners[-1])

    def obey(
        self,
        loop: asyncio.AbstractEventLoop,
        stop: Callable[[], object],
        stop_now: Callable[[], object],
    ) -> None:
        """Follow the orders of the parent from now on.

        Args:
            loop: The event loop.
            stop: Drains and stops; may be called several times.
            stop_now: Ends the drain.
        """

        def on_order() -> None:
            order = b""
            with suppress(ConnectionError):
                order = self._channel.recv(_MOST_BYTES)
            if not order:  # a parent that was killed
                loop.remove_reader(self._channel)
            self.is_ordered = True
            stop()
            if order == STOP_NOW:
                stop_now()

        self._channel.setblocking(False)
        loop.add_reader(self._channel, on_order)


def _listeners(descriptors: Sequence[int]) -> list[socket.socket]:
    found: list[socket.socket] = []
    for descriptor in descriptors:
        listener = socket.socket(fileno=descriptor)
        listener.setblocking(False)
        found.append(listener)
    return found
