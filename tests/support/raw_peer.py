"""A raw TCP client: handshakes by hand, and frames, valid or not (RFC 6455)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from typing import NamedTuple

from support.server import Server

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""Key and accept value of the example in RFC 6455, section 1.3."""

_BUFFER_BYTES = 16 * 1024 * 1024
_PATIENCE = 10.0


class Frame(NamedTuple):
    """A frame that the server sent."""

    first: int
    """The first byte: FIN, RSV and opcode."""
    payload: bytes


class Response(NamedTuple):
    """The head of an HTTP response."""

    status: int
    headers: dict[str, str]
    """By lower-case name."""


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    masked: bool = True,
    length: int | None = None,
) -> bytes:
    """Return the bytes of a client's frame.

    Args:
        opcode: Any number from 0 to 15, also those that RFC 6455 does not know.
        payload: The bytes after the header.
        fin: Whether the frame ends its message.
        rsv: The three reserved bits, 0 to 7.
        masked: Whether to mask the payload, as clients must.
        length: The length to write into the header, if not the true one.
    """
    size = len(payload) if length is None else length
    head = bytes([fin << 7 | rsv << 4 | opcode])
    mask_bit = 0x80 if masked else 0
    if size < 126:
        head += bytes([mask_bit | size])
    elif size < 1 << 16:
        head += struct.pack(">BH", mask_bit | 126, size)
    else:
        head += struct.pack(">BQ", mask_bit | 127, size)
    if not masked:
        return head + payload
    mask = b"\x37\xfa\x21\x3d"
    stream = mask * (len(payload) // 4 + 1)
    return head + mask + bytes(a ^ b for a, b in zip(payload, stream, strict=False))


def handshake_request(path: str = "/ws", *headers: str) -> bytes:
    """Return the request that opens a WebSocket."""
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {KEY}",
        "Sec-WebSocket-Version: 13",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def arrival(room: str) -> bytes:
    """Return the bytes with which a client comes and joins a room, as one segment."""
    messages = [{"m": "hi"}, {"m": "ch", "_id": room}]
    return handshake_request() + frame(TEXT, json.dumps(messages).encode())


def reset_on_close(connection: socket.socket) -> None:
    """Let `close` end a connection by a TCP reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class RawPeer:
    """A TCP connection to the public port of a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Wrap a connection; see `connect`."""
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(
        cls, server: Server, *, address: str | None = None, port: int | None = None
    ) -> RawPeer:
        """Connect and send nothing; from and to other than the usual addresses if given."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1",
            server.next_node().port if port is None else port,
            local_addr=(address, 0) if address else None,
            limit=_BUFFER_BYTES,
        )
        # Without Nagle each write is one segment: a test decides which bytes arrive together.
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(reader, writer)

    async def send(self, *pieces: bytes) -> None:
        """Send `pieces`, in one segment if they fit."""
        self.writer.write(b"".join(pieces))
        # A server that has refused the connection may reset it; its response is still readable.
        with contextlib.suppress(ConnectionError):
            await self.writer.drain()

    async def handshake(self, *behind: bytes, path: str = "/ws") -> Response:
        """Open the WebSocket, with the bytes `behind` in the same segment as the request."""
        await self.send(handshake_request(path), *behind)
        response = await self.response()
        assert response.status == 101, response
        assert response.headers["sec-websocket-accept"] == ACCEPT, response
        return response

    async def response(self) -> Response:
        """Read the head of an HTTP response."""
        async with asyncio.timeout(_PATIENCE):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status, *lines = head.rstrip("\r\n").split("\r\n")
        pairs = (line.split(":", 1) for line in lines)
        return Response(
            int(status.split(" ", 2)[1]), {name.lower(): value.strip() for name, value in pairs}
        )

    async def body(self, response: Response) -> bytes:
        """Read the body of `response`, which must have a content-length."""
        async with asyncio.timeout(_PATIENCE):
            return await self.reader.readexactly(int(response.headers["content-length"]))

    async def receive(self, *, within: float = _PATIENCE) -> Frame:
        """Read one frame.

        Raises:
            EOFError: The connection ended.
        """
        async with asyncio.timeout(within):
            first, size = await self.reader.readexactly(2)
            assert size < 0x80, "a server's frame must not be masked"
            if size == 126:
                (size,) = struct.unpack(">H", await self.reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack(">Q", await self.reader.readexactly(8))
            return Frame(first, await self.reader.readexactly(size))

    async def expect(self, opcode: int) -> bytes:
        """Return the payload of the next unfragmented message with this opcode, skipping others."""
        while True:
            frame = await self.receive()
            if frame.first == 0x80 | opcode:
                return frame.payload

    async def close_code(self) -> int | None:
        """Read until the close frame of the server and answer it; return its code, None if none."""
        try:
            payload = await self.expect(CLOSE)
        except (EOFError, ConnectionError):
            return None
        code: int | None = struct.unpack(">H", payload[:2])[0] if payload else None
        await self.send(frame(CLOSE, payload[:2]))
        return code

    async def ended(self, *, within: float = _PATIENCE) -> bool:
        """Wait until the server closes the TCP connection; return False if it does not."""
        try:
            async with asyncio.timeout(within):
                while await self.reader.read(1 << 16):
                    pass
        except TimeoutError:
            return False
        except ConnectionError:
            pass
        return True

    async def vanish(self) -> None:
        """End the connection by a TCP reset, unless it has ended already."""
        connection = self.writer.get_extra_info("socket")
        if connection.fileno() >= 0:
            reset_on_close(connection)
        self.writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()
