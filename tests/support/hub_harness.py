"""The hub on socket pairs and a loop that tests turn by hand.

`HubHarness` is the compiled hub behind its link, `ReferenceHarness` the model of it in Python; the
same tests run on both. The clock stands until a test advances it, and nothing else happens by
itself.
"""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from fortepiano import native
from support.native_parts import hub_settings, make_test_hub
from support.raw_peer import CLOSE, PING, PONG, TEXT, frame
from support.reference import hub as reference
from support.reference.frame import Event

START = 1_700_000_000_000
"""Time at which the clock begins: milliseconds since 1970."""

_NAMES = {TEXT: "text", PING: "ping", PONG: "pong"}
_READ = 1 << 20


class Loop:
    """The part of an event loop that the engine uses; tests turn it by hand."""

    def __init__(self) -> None:
        self.ready: list[tuple[Callable[..., object], tuple[Any, ...]]] = []
        self.readers: dict[int, Callable[[], object]] = {}

    def add_reader(self, fd: int, callback: Callable[[], object]) -> None:
        self.readers[fd] = callback

    def remove_reader(self, fd: int) -> None:
        del self.readers[fd]

    def call_soon(self, callback: Callable[..., object], *args: Any) -> None:
        self.ready.append((callback, args))

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        raise AssertionError(context)

    def run_soon(self) -> bool:
        """Run the callbacks of `call_soon`, as the end of a turn; return whether there were any."""
        ready, self.ready = self.ready, []
        for callback, args in ready:
            callback(*args)
        return bool(ready)

    def wake(self) -> None:
        """Run the callbacks of all readers, then those of `call_soon`."""
        for callback in list(self.readers.values()):
            callback()
        self.run_soon()


class Transport:
    """The server's end of a connection."""

    def __init__(
        self,
        connection: socket.socket,
        abort: Callable[[], object],
        resume: Callable[[], object],
    ) -> None:
        self.connection = connection
        self.abort = abort
        self.is_paused = False
        self._resume = resume

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False
        self._resume()

    def get_extra_info(self, name: str) -> socket.socket:
        assert name == "socket"
        return self.connection


class AnyClient(Protocol):
    """A client of either harness."""

    number: int

    def send(self, *pieces: bytes) -> None:
        """Send bytes; each piece is one read of the server."""

    def send_messages(self, *elements: object) -> None:
        """Send one text frame with an array of elements; bytes are JSON already."""

    def received(self) -> list[Event]:
        """Do all that is due, then return the frames that came since the last call."""


class HubClient:
    """A client of the compiled hub."""

    def __init__(self, harness: HubHarness, *, send_buffer: int | None, answer: bytes) -> None:
        self.harness = harness
        self.server_end, self.end = socket.socketpair()
        self.server_end.setblocking(False)
        self.end.setblocking(False)
        if send_buffer is not None:
            self.server_end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        self._transport = Transport(self.server_end, self.abort, self._resume)
        self.unread: list[bytes] = []
        self.link = harness.engine.open(self._transport, answer)  # type: ignore[arg-type]  # stands for one
        self.number = self.link.client
        self.link.session = self.number
        self.bytes = bytearray()
        self.is_aborted = False
        self.is_lost = False

    def adopt(self, link: native.Link) -> None:
        """Go on with another link, of a process that has adopted the connection."""
        self.link, self.number = link, link.client
        link.connection_made(self._transport)  # type: ignore[arg-type]  # stands for one

    def abort(self) -> None:
        """Let the loop report the connection as lost, once."""
        if not self.is_aborted:
            self.is_aborted = True
            self.harness.loop.call_soon(self.vanish)

    def vanish(self) -> None:
        """Lose the connection."""
        if not self.is_lost:
            self.is_lost = True
            self.link.connection_lost(None)
            self.harness.on_lost(self.number)
            self.server_end.close()

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            rest = piece
            while rest:
                if self._transport.is_paused or self.unread:
                    self.unread.append(rest)
                    break
                room = self.link.get_buffer(-1)
                taken, rest = rest[: len(room)], rest[len(room) :]
                room[: len(taken)] = taken
                self.link.buffer_updated(len(taken))

    def _resume(self) -> None:
        """Let the loop read what the client sent while the server did not read."""
        if self.unread:
            self.harness.loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        unread, self.unread = self.unread, []
        self.send(*unread)

    def send_messages(self, *elements: object) -> None:
        self.send(text(*elements))

    def read(self, count: int = _READ) -> int:
        """Read bytes from the socket; return how many."""
        with contextlib.suppress(BlockingIOError):
            taken = self.end.recv(count)
            self.bytes += taken
            return len(taken)
        return 0

    def events(self) -> list[Event]:
        """Take the complete frames off the bytes that were read."""
        return list(unframe(self.bytes))

    def received(self) -> list[Event]:
        self.harness.settle()
        return self.events()

    def close(self) -> None:
        """Close both ends of the socket pair."""
        self.server_end.close()
        self.end.close()


class HubHarness:
    """The compiled hub with its engine.

    Attributes:
        dispatched: The messages that were passed to Python: client and JSON text.
        ended: The clients that have ended, in order.
        on_receive: Called with each of those messages.
        on_end: Called with each client that has ended.
        on_lost: Called with each client whose connection is lost.
    """

    def __init__(self, **settings: Any) -> None:
        self.dispatched: list[tuple[int, bytes]] = []
        self.ended: list[int] = []
        self.on_receive: Callable[[int, bytes], object] = lambda client, raw: None
        self.on_end: Callable[[int], object] = lambda client: None
        self.on_lost: Callable[[int], object] = lambda client: None
        self.clients: list[HubClient] = []
        self.loop = Loop()
        self.hub = make_test_hub(**{"standing_at": START} | settings)
        self.engine = native.Engine(self.hub, self.loop, self._receive, self._end, self._receive)  # type: ignore[arg-type]  # stands for one

    def _receive(self, client: int, raw: bytes) -> None:
        self.dispatched.append((client, raw))
        self.on_receive(client, raw)

    def _end(self, client: int) -> None:
        self.ended.append(client)
        self.on_end(client)

    def open(self, *, send_buffer: int | None = None, answer: bytes = b"") -> HubClient:
        """Connect a client.

        Args:
            send_buffer: The size of the send buffer; 1 is the least that the kernel allows.
            answer: The first bytes that are sent, such as the response of a handshake.
        """
        client = HubClient(self, send_buffer=send_buffer, answer=answer)
        self.clients.append(client)
        return client

    def dismiss(self, client: int, code: int, reason: str = "") -> None:
        """Close a connection on behalf of the server."""
        for each in self.clients:
            if each.number == client and not each.is_lost:
                each.link.close(code, reason)

    def turn(self, seconds: float = 0) -> None:
        """Advance the clock, then do what is due."""
        self.hub.advance_clock(seconds)
        self.loop.run_soon()
        self.loop.wake()

    def settle(self) -> None:
        """Turn and read until no client receives anything more."""
        self.turn()
        while sum(client.read() for client in self.clients):
            self.turn()

    def close(self) -> None:
        """Close the engine and all clients."""
        self.engine.close()
        for client in self.clients:
            client.close()


class ReferenceClient:
    """A client of the model."""

    def __init__(self, harness: ReferenceHarness) -> None:
        self.harness = harness
        self.number = harness.hub.attach()
        it = harness.hub.clients.get(self.number)
        assert it
        self.sent = it.sent
        self.seen = 0

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.harness.hub.feed(self.number, piece)

    def send_messages(self, *elements: object) -> None:
        self.send(text(*elements))

    def vanish(self) -> None:
        """Lose the connection."""
        self.harness.hub.detach(self.number)

    def received(self) -> list[Event]:
        self.harness.turn()
        new = [sent.event for sent in self.sent[self.seen :]]
        self.seen = len(self.sent)
        return new


class ReferenceHarness:
    """The model of the hub, with the interface of `HubHarness`."""

    def __init__(self, **settings: Any) -> None:
        self.dispatched: list[tuple[int, bytes]] = []
        self.ended: list[int] = []
        self.on_receive: Callable[[int, bytes], object] = lambda client, raw: None
        self.on_end: Callable[[int], object] = lambda client: None
        self.hub = reference.Hub(
            self._receive, self._end, hub_settings(**settings), standing_at=START
        )

    def _receive(self, client: int, raw: bytes) -> None:
        self.dispatched.append((client, raw))
        self.on_receive(client, raw)

    def _end(self, client: int) -> None:
        self.ended.append(client)
        self.on_end(client)

    def open(self) -> ReferenceClient:
        """Connect a client."""
        return ReferenceClient(self)

    def dismiss(self, client: int, code: int, reason: str = "") -> None:
        """Close a connection on behalf of the server."""
        self.hub.dismiss(client, code, reason)

    def turn(self, seconds: float = 0) -> None:
        """Advance the clock, then do what is due."""
        self.hub.advance_clock(seconds)
        self.hub.wake()

    def close(self) -> None:
        """Do nothing: the model has no resources."""


def text(*elements: object) -> bytes:
    """Return a client's text frame with an array of elements; bytes are JSON already."""
    parts = [
        element if isinstance(element, bytes) else json.dumps(element).encode()
        for element in elements
    ]
    return frame(TEXT, b"[" + b",".join(parts) + b"]")


def payloads(events: Iterable[Event]) -> list[bytes]:
    """Return the payloads of texts, pings and pongs."""
    return [event[1] for event in events if isinstance(event[1], bytes)]


def unframe(data: bytearray) -> Iterable[Event]:
    """Take complete frames off the front of a server's bytes, and check them (RFC 6455)."""
    while len(data) >= 2:
        first, length = data[0], data[1]
        assert first & 0xF0 == 0x80, "frames of a server are final and have no reserved bits"
        assert length < 0x80, "frames of a server are not masked"
        at = 2
        if length >= 126:
            at += 2 if length == 126 else 8
            if len(data) < at:
                return
            length = int.from_bytes(data[2:at])
        if len(data) < at + length:
            return
        payload = bytes(data[at : at + length])
        del data[: at + length]
        if first & 0x0F == CLOSE:
            code = int.from_bytes(payload[:2]) if payload else 1005
            yield ("close", code, payload[2:])
        else:
            yield (_NAMES[first & 0x0F], payload)
