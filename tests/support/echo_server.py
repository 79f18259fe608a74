"""A server that sends each message back, on the server's own handshake, link and hub.

Autobahn's suite needs one. The hub reads a text as an array of messages, so it cannot send back any
text: a second reader of the same codec says what the text was. All else is the link's: checks,
pongs, closes, and binary messages.

    python -m support.echo_server LIMITS
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import uvloop

from fortepiano.native import Engine, FrameReader, Hub, Link, frame_bytes
from fortepiano.net.handshake import accept_websocket
from fortepiano.net.request_head import RequestHead
from support.native_parts import hub_settings, make_test_hub
from support.raw_peer import TEXT
from support.server import environment

_READ = 1 << 16
_END_OF_HEAD = b"\r\n\r\n"


class FrameEnds:
    """Cuts what a client sends at the ends of its frames."""

    def __init__(self) -> None:
        self._head = b""
        self._missing = 0

    def cut(self, data: bytes) -> Iterator[bytes]:
        """Return the pieces of `data`: only the last one may lack the end of its frame."""
        start = at = 0
        while at < len(data):
            at = self._walk(data, at)
            if not self._head and not self._missing:
                yield data[start:at]
                start = at
        if start < at:
            yield data[start:at]

    def _walk(self, data: bytes, at: int) -> int:
        """Go on by a byte of a header, or by what has come of a payload; return the new place."""
        if self._missing:
            end = min(len(data), at + self._missing)
            self._missing -= end - at
            return end
        self._head += data[at : at + 1]
        size = {126: 8, 127: 14}.get(self._head[1] & 0x7F, 6) if len(self._head) > 1 else 2
        if len(self._head) == size > 2:
            length = int.from_bytes(self._head[2:-4]) if size > 6 else self._head[1] & 0x7F
            self._head, self._missing = b"", length
        return at + 1


class EchoLink(asyncio.BufferedProtocol):
    """A link, and what is sent back on it.

    Args:
        hub: The hub of the link.
        link: The link.
        reader: Reads the same frames once more.
    """

    def __init__(self, hub: Hub, link: Link, reader: FrameReader) -> None:
        self._hub, self._link, self._reader = hub, link, reader
        self._buffer = bytearray(_READ)
        self._ends = FrameEnds()

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.feed(bytes(self._buffer[:nbytes]))

    def feed(self, data: bytes) -> None:
        """Pass bytes on, frame by frame: an echo comes before the pong to the next frame."""
        for piece in self._ends.cut(data):
            self._pass_on(piece)
            for event in self._reader.feed(piece):
                if event[0] == "text":
                    self._hub.send_raw(
                        self._link.client, frame_bytes(TEXT, cast("bytes", event[1]))
                    )

    def _pass_on(self, data: bytes) -> None:
        """Give the link bytes as the loop would."""
        while data:
            window = self._link.get_buffer(-1)
            count = min(len(window), len(data))
            window[:count] = data[:count]
            self._link.buffer_updated(count)
            data = data[count:]

    def eof_received(self) -> bool | None:
        return self._link.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._link.connection_lost(exc)


class EchoServer:
    """The engine, and the part of admission that the handshake calls: everybody is admitted.

    Args:
        limits: Settings of the hub other than its defaults.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, limits: dict[str, Any]) -> None:
        self.hub = make_test_hub(**limits)
        settings = hub_settings(**limits)
        self.frame_limits = {name: settings[name] for name in ("message_bytes", "fragments")}
        self.engine = Engine(self.hub, loop, self.ignore, self.ignore, self.hub.send_binary)
        self.quota = self.hub.add_quota(400, 1200)

    def ignore(self, *_: object) -> None:
        """Stand for the handlers of messages and of ends."""

    def origin_refusal(self, *_: object) -> None:
        """Permit every origin."""

    def admit(self, *_: object, **_always: object) -> None:
        """Admit everybody."""

    def withdraw(self, _admitted: None) -> None:
        """Forget an admission whose handshake was no valid one."""

    def open(
        self, transport: Any, _admitted: None, response: bytes, rest: bytes, **_: object
    ) -> None:
        """Make a link; its session, by which binary messages come back, is its own number."""
        link = self.engine.open(transport, response)
        link.session = link.client
        self.hub.start_session(link.client, self.quota)
        echo = EchoLink(self.hub, link, FrameReader(**self.frame_limits))
        transport.set_protocol(echo)
        echo.feed(rest)


class Handshake(asyncio.Protocol):
    """A connection that has not sent its whole request."""

    def __init__(self, server: EchoServer) -> None:
        self._server = server
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, rest = self._received.partition(_END_OF_HEAD)
        if end:
            request = RequestHead(head + end)
            accept_websocket(cast("Any", self._server), self._transport, "", request, rest)


async def serve(limits: dict[str, Any]) -> None:
    """Print the port, and serve until the process is ended."""
    loop = asyncio.get_running_loop()
    server = EchoServer(loop, limits)
    listener = await loop.create_server(lambda: Handshake(server), "127.0.0.1", 0)
    print(listener.sockets[0].getsockname()[1], flush=True)
    await listener.serve_forever()


@contextmanager
def run_echo_server(**limits: int) -> Iterator[int]:
    """Run an echo server in a process of its own, and return its port."""
    command = [sys.executable, "-m", "support.echo_server", json.dumps(limits)]
    paths = environment(PYTHONPATH=os.pathsep.join(sys.path))
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=paths, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
            assert process.poll() is None, "the server has ended"
        finally:
            process.terminate()


if __name__ == "__main__":
    uvloop.run(serve(json.loads(sys.argv[1])))
