"""Peers that hold a connection and are not there: some vanish, others never read."""

from __future__ import annotations

import asyncio
import ctypes
import socket
import struct
import time
from collections.abc import Callable

from support.raw_peer import PONG, arrival, frame, reset_on_close
from support.server import Server

__all__ = ["AbsentPeers"]

_SO_ATTACH_FILTER = 26
_RETURN = 0x06
"""The instruction of a BPF program that passes so many bytes of a segment (bpf(4))."""

_RECEIVE_BYTES = 16 * 1024
_PATIENCE = 10.0


class AbsentPeers:
    """Absent peers of one server; `close` ends all.

    Each peer has joined a room before it is absent. A peer that has **vanished** is half open: its
    kernel drops every segment of the server, and sends no acknowledgement, FIN or RST. So it looks
    as behind a cable that was pulled, and needs no network namespace. A **deaf** peer goes on
    sending, and so passes every check for silence, but never reads.

    Args:
        server: The server to connect to.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._vanished: list[tuple[float, socket.socket]] = []
        self._deaf: list[tuple[float, socket.socket]] = []

    async def add_vanished(self, address: str, room: str) -> None:
        """Connect a peer that vanishes as soon as it has joined."""
        await self._add(self._vanished, address, room, _drop_all_segments)

    async def add_deaf(self, address: str, room: str) -> None:
        """Connect a peer that never reads on once it has joined."""
        await self._add(self._deaf, address, room, lambda _: None)

    def count_since(self, age: float) -> int:
        """Return how many peers came within the last `age` seconds."""
        since = time.monotonic() - age
        return sum(born > since for born, _ in [*self._vanished, *self._deaf])

    def keep_awake(self) -> None:
        """Let each deaf peer send a pong, so that the server can only object to its not reading."""
        for _, peer in self._deaf:
            try:
                peer.send(frame(PONG))
            except OSError:
                continue  # the server has closed it

    def forget(self, age: float) -> None:
        """Close the sockets of peers that came more than `age` seconds ago."""
        since = time.monotonic() - age
        for peers in (self._vanished, self._deaf):
            for born, peer in [one for one in peers if one[0] <= since]:
                reset_on_close(peer)
                peer.close()
                peers.remove((born, peer))

    def close(self) -> None:
        """End all by a reset."""
        self.forget(0.0)

    async def _add(
        self,
        peers: list[tuple[float, socket.socket]],
        address: str,
        room: str,
        leave: Callable[[socket.socket], None],
    ) -> None:
        peer = await _joined(self._server, address, room)
        if peer is not None:
            leave(peer)
            peers.append((time.monotonic(), peer))


async def _joined(server: Server, address: str, room: str) -> socket.socket | None:
    """Connect and join a room; return None where an upgrade has ended the handshake."""
    loop = asyncio.get_running_loop()
    peer = socket.socket()
    # A small window, so that little is under way when the peer stops reading.
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
    peer.setblocking(False)
    peer.bind((address, 0))
    received = b""
    try:
        async with asyncio.timeout(_PATIENCE):
            await loop.sock_connect(peer, ("127.0.0.1", server.port))
            await loop.sock_sendall(peer, arrival(room))
            while b'"m":"ch"' not in received:
                some = await loop.sock_recv(peer, 1 << 16)
                if not some:
                    raise ConnectionResetError
                received += some
    except ConnectionError:
        peer.close()
        return None
    return peer


def _drop_all_segments(peer: socket.socket) -> None:
    """Attach a filter to a socket that drops every incoming segment (socket(7))."""
    program = ctypes.create_string_buffer(struct.pack("HBBI", _RETURN, 0, 0, 0))
    described = struct.pack("HP", 1, ctypes.addressof(program))
    peer.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, described)
