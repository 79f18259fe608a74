"""People who let a word go round between all nodes, so that a test knows what has arrived."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from support.server import Server

__all__ = ["Barrier"]

Message = dict[str, Any]

_PATIENCE = 10.0

_PAUSE_SECONDS = 0.005
"""Longer than a room's stream may rest (`cluster.gap_ms`)."""

_LIST_SECONDS = 0.14
"""Longer than a node collects changes of the list of rooms (`cluster/listings.py`)."""


class Barrier:
    """A hidden room for each node, with a member on every node; each room has its home at its node.

    What one node sends another arrives in order. A word goes from each node to each home, and from
    there to each node. So it arrives behind all that was sent before, except for streams of other
    rooms that rest. A second word after a pause arrives behind those too.

    Args:
        nodes: All nodes.
    """

    def __init__(self, nodes: Sequence[Server]) -> None:
        self._nodes = nodes
        self._members: list[ClientConnection] = []
        self._rooms = itertools.count(1)
        self._words = itertools.count(1)
        self._lock = threading.Lock()

    def wait(self, *, for_lists: bool = False) -> None:
        """Let two words go round, and return when everybody has heard both.

        Args:
            for_lists: Whether the lists of rooms are to be complete too.
        """
        pause = _LIST_SECONDS if for_lists else _PAUSE_SECONDS
        with self._lock:
            try:
                self._let_words_go_round(pause)
            except ConnectionClosed:
                # A node was restarted, or the members have been silent for too long.
                self._leave()
                self._let_words_go_round(pause)

    def close(self) -> None:
        """Let all members leave; the next call of `wait` brings new ones."""
        with self._lock:
            self._leave()

    def _let_words_go_round(self, pause: float) -> None:
        if not self._members:
            self._enter()
        self._go_round()
        time.sleep(pause)
        self._go_round()

    def _leave(self) -> None:
        for member in self._members:
            member.close()
        self._members.clear()

    def _enter(self) -> None:
        """Connect all members; the first one of each room is at the node that is its home."""
        with ExitStack() as stack:
            for home, _ in enumerate(self._nodes):
                room = f"barrier {next(self._rooms)}"
                for step, _ in enumerate(self._nodes):
                    number = (home + step) % len(self._nodes)
                    member = stack.enter_context(self._member(number, home))
                    join = {"m": "ch", "_id": room, "set": {"visible": False}}
                    member.send(json.dumps([{"m": "hi", **self._token}, join]))
                    _hear(member, lambda message: message["m"] == "ch")
                    self._members.append(member)
            stack.pop_all()

    @property
    def _token(self) -> dict[str, str]:
        """The token with which nobody speaks too fast."""
        token = self._nodes[0].tokens.get("admin")
        return {"token": token} if token else {}

    def _member(self, number: int, home: int) -> ClientConnection:
        return connect(
            f"{self._nodes[number].ws_url}/ws",
            source_address=(f"127.250.{1 + number}.{1 + home}", 0),
            compression=None,
            proxy=None,
            ping_interval=None,  # a thread of it would draw random numbers behind hypothesis
            max_queue=None,
        )

    def _go_round(self) -> None:
        word = f"word {next(self._words)}"
        for member in self._members:
            member.send(json.dumps([{"m": "t"}, {"m": "a", "message": word}]))
        for member in self._members:
            _hear(member, lambda message: message.get("a") == word, count=len(self._nodes))


def _hear(member: ClientConnection, is_it: Callable[[Message], bool], count: int = 1) -> None:
    """Read until so many messages of a kind have come."""
    end = time.monotonic() + _PATIENCE
    while count > 0:
        messages = json.loads(member.recv(timeout=end - time.monotonic()))
        count -= sum(map(is_it, messages))
