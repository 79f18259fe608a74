"""What a server and its successor talk over: messages that may bring sockets along."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import time
from typing import TYPE_CHECKING, TypeVar

import msgspec

from fortepiano.errors import ChannelError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Channel"]

_HEAD = struct.Struct("!QI")
"""The length of a message, and how many sockets come with it."""

_BATCH = 200
"""Sockets that one call passes: the kernel takes 253 (unix(7), SCM_RIGHTS)."""

T = TypeVar("T", bound=msgspec.Struct)


class Channel:
    """One end of it. All calls block, with a bound: nothing else may happen meanwhile.

    Args:
        connection: A Unix stream socket; the channel's from now on.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    @classmethod
    def pair(cls) -> tuple[Channel, socket.socket]:
        """Return one end, and the socket of the other one."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        return cls(ours), theirs

    def close(self) -> None:
        """Let go of this end."""
        self._connection.close()

    def send_message(self, message: msgspec.Struct, within: float) -> None:
        """Send a message.

        Args:
            message: The message.
            within: Seconds.

        Raises:
            ChannelError: It cannot be sent.
        """
        self.send(msgspec.msgpack.encode(message), (), within)

    def receive_message(self, kind: type[T], within: float) -> T:
        """Return the next message.

        Args:
            kind: What it must be.
            within: Seconds.

        Raises:
            ChannelError: It does not come, or is none of that kind.
        """
        data, _ = self.receive(within)
        try:
            return msgspec.msgpack.decode(data, type=kind)
        except msgspec.MsgspecError as error:
            raise ChannelError(f"it is not understood: {error}") from error

    def send(self, data: bytes, sockets: Sequence[int], within: float) -> None:
        """Send bytes and sockets; both ends have those from then on.

        Args:
            data: The bytes.
            sockets: Descriptors.
            within: Seconds.

        Raises:
            ChannelError: They cannot be sent.
        """
        deadline = time.monotonic() + within
        try:
            self._bound(deadline)
            self._connection.sendall(_HEAD.pack(len(data), len(sockets)))
            for start in range(0, len(sockets), _BATCH):
                self._bound(deadline)
                socket.send_fds(self._connection, [b"s"], list(sockets[start : start + _BATCH]))
            self._bound(deadline)
            self._connection.sendall(data)
        except OSError as error:
            raise ChannelError(_reason(error)) from error

    def receive(self, within: float) -> tuple[bytes, list[int]]:
        """Return the next bytes and the descriptors that came with them.

        Args:
            within: Seconds.

        Raises:
            ChannelError: They do not come as a whole.
        """
        deadline = time.monotonic() + within
        sockets: list[int] = []
        try:
            length, count = _HEAD.unpack(self._exactly(_HEAD.size, deadline))
            while len(sockets) < count:
                self._bound(deadline)
                mark, some, _, _ = socket.recv_fds(self._connection, 1, _BATCH)
                if not mark or not some:
                    raise ChannelError("it has ended")
                sockets += some
            return self._exactly(length, deadline), sockets
        except BaseException as error:
            for one in sockets:
                with contextlib.suppress(OSError):
                    os.close(one)
            if isinstance(error, OSError):
                raise ChannelError(_reason(error)) from error
            raise

    def _exactly(self, count: int, deadline: float) -> bytes:
        data = bytearray(count)
        view, done = memoryview(data), 0
        while done < count:
            self._bound(deadline)
            more = self._connection.recv_into(view[done:])
            if not more:
                raise ChannelError("it has ended")
            done += more
        return bytes(data)

    def _bound(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise ChannelError("it takes too long")
        self._connection.settimeout(left)


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "it takes too long"
    if isinstance(error, ConnectionError):
        return "it has ended"
    return error.strerror or str(error)
