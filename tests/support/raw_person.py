"""People on plain sockets, for loads and times that a client library would spoil."""

from __future__ import annotations

import itertools
import json
import selectors
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from support.raw_peer import TEXT, frame, handshake_request, reset_on_close
from support.server import Server

__all__ = ["RawPerson", "delays", "draining", "joins_per_second", "play_together"]

_PATIENCE = 20.0
_TURN_SECONDS = 0.005
_numbers = itertools.count()


class RawPerson:
    """One WebSocket of one user, with an address of its own.

    Attributes:
        socket: The connection, which blocks.
        received: What has come since the last `wait`.
    """

    def __init__(self, node: Server, room: str | None = None) -> None:
        """Connect to a node, send `hi`, and join a room if one is given."""
        number = next(_numbers)
        address = f"127.{100 + number // 62_500}.{number // 250 % 250}.{1 + number % 250}"
        target = ("127.0.0.1", node.port)
        self.socket = socket.create_connection(target, source_address=(address, 0))
        self.socket.settimeout(_PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reset_on_close(self.socket)
        self.received = b""
        self.socket.sendall(handshake_request())
        self.send({"m": "hi"})
        self.wait(b'"m":"hi"')
        if room is not None:
            self.join(room)

    def send(self, *messages: dict[str, Any]) -> None:
        """Send messages in one frame."""
        self.socket.sendall(frame(TEXT, json.dumps(messages).encode()))

    def join(self, room: str) -> None:
        """Join a room, and wait for the answer."""
        self.send({"m": "ch", "_id": room})
        self.wait(b'"m":"ch"')

    def read(self) -> int:
        """Read what has come, once; return how many bytes."""
        data = self.socket.recv(1 << 18)
        assert data, "the server has closed the connection"
        self.received = self.received[-64:] + data
        return len(data)

    def wait(self, text: bytes) -> None:
        """Read until a text has come, and forget all that came."""
        while text not in self.received:
            self.read()
        self.received = b""

    def close(self) -> None:
        """End the connection by a reset."""
        self.socket.close()


def delays(player: RawPerson, listener: RawPerson, *, count: int, gap: float) -> list[float]:
    """Let one play notes for another, one at a time; return how long each took, in seconds."""
    found: list[float] = []
    for number in range(count):
        began = time.perf_counter()
        player.send({"m": "n", "t": 0, "n": [{"n": "a1", "v": 0.5}], "number": number})
        listener.wait(b'"m":"n"')
        found.append(time.perf_counter() - began)
        time.sleep(gap)
    return sorted(found)


@contextmanager
def draining(people: Sequence[RawPerson]) -> Iterator[None]:
    """Read and forget, on another thread, all that people get while the block runs."""
    over = threading.Event()
    with selectors.DefaultSelector() as selector:
        for person in people:
            selector.register(person.socket, selectors.EVENT_READ, person)

        def drain() -> None:
            while not over.is_set():
                for key, _ in selector.select(0.05):
                    key.data.read()

        thread = threading.Thread(target=drain)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def play_together(players: Sequence[RawPerson], rate: float, seconds: float) -> int:
    """Let people play so many messages a second together, evenly; return how many they played."""
    note = json.dumps({"m": "n", "t": 0, "n": [{"n": "a1", "v": 0.5}]})
    began = time.monotonic()
    played = 0
    while (passed := time.monotonic() - began) < seconds:
        due = int(rate * passed) - played
        for number, player in enumerate(players):
            share = due // len(players) + (number < due % len(players))
            if share:
                player.socket.sendall(frame(TEXT, f"[{','.join([note] * share)}]".encode()))
        played += due
        time.sleep(_TURN_SECONDS if rate > 1 / _TURN_SECONDS else 1 / rate)
    return played


def joins_per_second(node: Server, room: str, count: int) -> float:
    """Let people who are connected to a node join one room at once; return how fast they came."""
    with ExitStack() as stack:
        people = [RawPerson(node) for _ in range(count)]
        for person in people:
            stack.callback(person.close)
        began = time.monotonic()
        for person in people:
            person.send({"m": "ch", "_id": room})
        _wait_for_all(people)
        return count / (time.monotonic() - began)


def _wait_for_all(people: Sequence[RawPerson]) -> None:
    """Read until each has the answer to their `ch`; those who have it go on reading."""
    end = time.monotonic() + _PATIENCE
    waiting = set(people)
    with selectors.DefaultSelector() as selector:
        for person in people:
            selector.register(person.socket, selectors.EVENT_READ, person)
        while waiting:
            assert time.monotonic() < end, f"{len(waiting)} of {len(people)} are not in the room"
            for key, _ in selector.select(1):
                key.data.read()
                if b'"m":"nq"' in key.data.received:
                    waiting.discard(key.data)
