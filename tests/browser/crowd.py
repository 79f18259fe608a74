"""Participants that play and move their pointers without listening, all from one thread."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import threading
import time

from support.raw_peer import TEXT, arrival, frame
from support.server import Server

TICK = 0.02
PHRASE = 0.4
"""Seconds between two phrases of one participant."""


class Crowd:
    """Participants of a room, as a context manager: they play while the context lasts."""

    def __init__(self, server: Server, room: str, number: int) -> None:
        """Prepare a crowd, which connects when the context is entered."""
        self._server = server
        self._room = room
        self._number = number
        self._sockets: list[socket.socket] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._play)

    def __enter__(self) -> Crowd:
        for _ in range(self._number):
            peer = socket.create_connection(("127.0.0.1", self._server.port), timeout=10)
            peer.sendall(arrival(self._room))
            self._sockets.append(peer)
        for peer in self._sockets:
            peer.setblocking(False)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        for peer in self._sockets:
            peer.close()

    @staticmethod
    def _packed(*messages: dict[str, object]) -> bytes:
        return frame(TEXT, json.dumps(messages).encode())

    def _play(self) -> None:
        dice = random.Random(1)
        scratch = bytearray(1 << 18)
        turns = [dice.random() * PHRASE for _ in self._sockets]
        began = time.monotonic()
        while not self._over.wait(TICK):
            now = time.monotonic() - began
            for number, peer in enumerate(self._sockets):
                with contextlib.suppress(BlockingIOError):
                    while peer.recv_into(scratch) == len(scratch):
                        pass
                if now >= turns[number]:
                    turns[number] += PHRASE
                    with contextlib.suppress(BlockingIOError):
                        peer.send(self._phrase(dice))

    def _phrase(self, dice: random.Random) -> bytes:
        notes: list[dict[str, object]] = []
        keys = ("c", "ds", "f", "g", "as")
        for step in range(2):
            name = f"{dice.choice(keys)}{dice.randrange(0, 6)}"
            notes.append({"n": name, "v": round(dice.uniform(0.2, 0.8), 2), "d": 90 * step})
            notes.append({"n": name, "s": 1, "d": 90 * step + 80})
        played = {"m": "n", "t": time.time() * 1000, "n": notes}
        return self._packed(played, {"m": "m", "x": dice.uniform(5, 95), "y": dice.uniform(5, 95)})
