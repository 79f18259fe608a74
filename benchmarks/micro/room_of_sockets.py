"""Clients on socket pairs, driven without an event loop."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from fortepiano.config import FlushSettings, LimitSettings, RuleSettings, Settings
from fortepiano.native import Engine, Link
from fortepiano.server.assembly import make_hub

KEY = b"\x37\xfa\x21\x3d"


def masked(payload: bytes) -> bytes:
    """Return a client's text frame."""
    length = len(payload)
    header = bytes([0x81, 0x80 | length]) if length < 126 else b"\x81\xfe%b" % length.to_bytes(2)
    return header + KEY + bytes(byte ^ KEY[index % 4] for index, byte in enumerate(payload))


class HandLoop:
    """An event loop that runs due callbacks only when `turn` or `settle` is called."""

    def __init__(self) -> None:
        self.due: list[Callable[[], object]] = []

    def add_reader(self, fd: int, callback: Callable[[], object]) -> None:
        self.wake = callback

    def remove_reader(self, fd: int) -> None:
        """Do nothing: no socket is watched."""

    def call_soon(self, callback: Callable[[], object]) -> None:
        self.due.append(callback)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        raise AssertionError(context)

    def settle(self) -> None:
        """Run turns until no callback is due: a large room is flushed over several turns."""
        while self.due:
            self.turn()

    def turn(self) -> None:
        due, self.due = self.due, []
        for callback in due:
            callback()


class Transport:
    """A transport that only knows its socket, and whether its link reads."""

    def __init__(self, sock: socket.socket, paused: set[Transport]) -> None:
        self.sock = sock
        self._paused = paused

    def pause_reading(self) -> None:
        self._paused.add(self)

    def resume_reading(self) -> None:
        self._paused.discard(self)

    def get_extra_info(self, name: str) -> socket.socket:
        return self.sock

    def abort(self) -> None:
        raise AssertionError("a benchmark's client was dropped")


class RoomOfSockets:
    """A hub with one room, whose members are clients on socket pairs.

    Attributes:
        peers: The clients' ends of the socket pairs.
        links: The links of the clients.
        paused: Transports whose links read nothing until handlers have caught up.
        received: Cold messages, which Python would handle.
        on_receive: Called with each cold message; by default appends it to `received`.
    """

    def __init__(self, members: int) -> None:
        self.hub = make_hub(
            Settings(
                # Members may lag for as long as a benchmark lasts.
                limits=LimitSettings(message_bytes=65536, lag_hard_bytes=1 << 26),
                flush=FlushSettings(duty=1, rest_ms=0),
                rules=RuleSettings(quota_tick_ms=10),
            )
        )
        self.loop = HandLoop()
        self.received: list[bytes] = []
        self.on_receive: Callable[[bytes], object] = self.received.append
        self.engine = Engine(
            self.hub,
            self.loop,  # type: ignore[arg-type]
            lambda _session, raw: self.on_receive(raw),
            lambda _session: None,
        )
        self.room = self.hub.open_room()
        self.paused: set[Transport] = set()
        self.ends: list[socket.socket] = []
        self.peers: list[socket.socket] = []
        self.links: list[Link] = []
        for number in range(members):
            ours, theirs = socket.socketpair()
            ours.setblocking(False)
            theirs.setblocking(False)
            link = self.engine.open(Transport(ours, self.paused), b"")  # type: ignore[arg-type]
            link.session = number
            self.hub.start_session(link.client, self.hub.add_quota(1_000_000, 10_000_000))
            head = b'{"id":"%d","_id":"%d","name":"Anonymous","color":"#000000"' % (number, number)
            person = self.hub.add_participant(self.room, b'"%d"' % number, head, b"1", b"1")
            self.hub.enter(link.client, self.room, person)
            self.ends.append(ours)
            self.peers.append(theirs)
            self.links.append(link)

    def send(self, link: Link, data: bytes) -> None:
        """Hand bytes to a link, as if its client had sent them."""
        while self.paused:
            self.loop.turn()  # renews what handlers may spend
        link.get_buffer(-1)[: len(data)] = data
        link.buffer_updated(len(data))

    def drain(self) -> int:
        """Read all bytes that the clients have got, and return their number."""
        count = 0
        for peer in self.peers:
            try:
                while data := peer.recv(1 << 20):
                    count += len(data)
            except BlockingIOError:
                continue
        return count

    def close(self) -> None:
        """End all connections."""
        for link, ours, theirs in zip(self.links, self.ends, self.peers, strict=True):
            link.connection_lost(None)
            ours.close()
            theirs.close()
        self.engine.close()
