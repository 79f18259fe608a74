"""The channel between the two processes of an upgrade: passes messages, and sockets with them."""

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

_HEADER = struct.Struct("!QI")
"""The length of a message in bytes, and the number of sockets that come with it."""

_BATCH = 200
"""The most sockets of one call; the kernel's limit is 253 (unix(7), SCM_RIGHTS)."""

T = TypeVar("T", bound=msgspec.Struct)


class Channel:
    """One end of the channel.

    All calls block, up to a time limit: nothing else may happen in the process meanwhile.

    Args:
        connection: A Unix stream socket, which the channel owns from now on.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    @classmethod
    def pair(cls) -> tuple[Channel, socket.socket]:
        """Return one end of a new channel, and the socket of the other end."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        return cls(ours), theirs

    def close(self) -> None:
        """Close this end."""
        self._connection.close()

    def send_message(self, message: msgspec.Struct, within: float) -> None:
        """Send a message.

        Args:
            message: The message.
            within: The time limit; seconds.

        Raises:
            ChannelError: The message cannot be sent in time.
        """
        self.send(msgspec.msgpack.encode(message), (), within)

    def receive_message(self, kind: type[T], within: float) -> T:
        """Return the next message.

        Args:
            kind: The class of the message.
            within: The time limit; seconds.

        Raises:
            ChannelError: No message comes in time, or it is not of that class.
        """
        data, _ = self.receive(within)
        try:
            return msgspec.msgpack.decode(data, type=kind)
        except msgspec.MsgspecError as error:
            raise ChannelError(f"it is not understood: {error}") from error

    def send(self, data: bytes, sockets: Sequence[int], within: float) -> None:
        """Send bytes and sockets; afterwards both processes have the sockets.

        Args:
            data: The bytes.
            sockets: Descriptors of the sockets.
            within: The time limit; seconds.

        Raises:
            ChannelError: The other end does not take everything in time.
        """
        deadline = time.monotonic() + within
        try:
            self._set_timeout(deadline)
            self._connection.sendall(_HEADER.pack(len(data), len(sockets)))
            for start in range(0, len(sockets), _BATCH):
                self._set_timeout(deadline)
                socket.send_fds(self._connection, [b"s"], list(sockets[start : start + _BATCH]))
            self._set_timeout(deadline)
            self._connection.sendall(data)
        except OSError as error:
            raise ChannelError(_reason(error)) from error

    def receive(self, within: float) -> tuple[bytes, list[int]]:
        """Return the next bytes and the descriptors that came with them.

        Args:
            within: The time limit; seconds.

        Raises:
            ChannelError: They do not come completely in time.
        """
        deadline = time.monotonic() + within
        sockets: list[int] = []
        try:
            length, count = _HEADER.unpack(self._receive_exactly(_HEADER.size, deadline))
            while len(sockets) < count:
                self._set_timeout(deadline)
                mark, batch, _, _ = socket.recv_fds(self._connection, 1, _BATCH)
                if not mark or not batch:
                    raise ChannelError("it has ended")
                sockets += batch
            return self._receive_exactly(length, deadline), sockets
        except BaseException as error:
            for descriptor in sockets:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
            if isinstance(error, OSError):
                raise ChannelError(_reason(error)) from error
            raise

    def _receive_exactly(self, count: int, deadline: float) -> bytes:
        data = bytearray(count)
        view, received = memoryview(data), 0
        while received < count:
            self._set_timeout(deadline)
            size = self._connection.recv_into(view[received:])
            if not size:
                raise ChannelError("it has ended")
            received += size
        return bytes(data)

    def _set_timeout(self, deadline: float) -> None:
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
