"""Messages that wait because their subscriber has made the server send too much."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from fortepiano.model.session import Session
    from fortepiano.protocol.clock import Clock
    from fortepiano.protocol.output_budget import OutputBudget

__all__ = ["WaitingMessages"]

_MOST_MESSAGES = 64
"""The most messages of one session that wait."""

_MOST_BYTES = 262_144
"""The most bytes of one session's messages that wait."""

_NEWEST_WINS = frozenset({"ch", "+ls"})
"""Kinds of which only the newest of several in a row is handled: each answer shows everything."""


class _Waiting(NamedTuple):
    kind: str
    size: int
    handle: Callable[[], None]


class WaitingMessages:
    """A queue of messages for each session whose subscriber has no output budget left.

    Messages of one session are handled in order, those of several sessions in turn. Notes and
    pointers never wait here: the native core handles them.

    Args:
        budget: What each subscriber may cause.
        clock: The server's time.
        subscriber: Returns the subscriber of an address.
    """

    def __init__(
        self, budget: OutputBudget, clock: Clock, subscriber: Callable[[str], str]
    ) -> None:
        self._budget = budget
        self._clock = clock
        self._subscriber = subscriber
        self._queues: dict[str, dict[Session, deque[_Waiting]]] = {}

    def __len__(self) -> int:
        """Return the number of sessions whose messages wait."""
        return sum(map(len, self._queues.values()))

    def must_wait(self, session: Session) -> bool:
        """Tell whether the next message of a session must wait."""
        if not self._queues and not self._budget.is_strained(self._clock.now()):
            return False
        return (
            session in self._queues.get(self._subscriber(session.address), ())
            or self._budget.wait_ms(session.address, self._clock.now()) > 0
        )

    def add(self, session: Session, kind: str, size: int, handle: Callable[[], None]) -> bool:
        """Let a message wait; return False if too many of its session wait already.

        Args:
            session: The session that sent the message.
            kind: The message's `m`.
            size: The message's length; bytes.
            handle: Handles the message; called once, or never if the session ends before.
        """
        key = self._subscriber(session.address)
        if key not in self._queues:
            self._queues[key] = {}
            self._plan(key, session.address)
        queue = self._queues[key].setdefault(session, deque())
        if kind in _NEWEST_WINS and queue and queue[-1].kind == kind:
            queue.pop()
        is_full = len(queue) >= _MOST_MESSAGES or sum(it.size for it in queue) + size > _MOST_BYTES
        if not is_full:
            queue.append(_Waiting(kind, size, handle))
        return not is_full

    def discard(self, session: Session) -> None:
        """Forget the messages of a session that has ended."""
        self._queues.get(self._subscriber(session.address), {}).pop(session, None)

    def flush(self) -> None:
        """Handle all messages now, since another process goes on from here."""
        for key in list(self._queues):
            while self._handle_next(key):
                pass

    def _plan(self, key: str, address: str) -> None:
        """Go on with a subscriber's messages once its budget allows for one."""
        # A millisecond more: the budget is empty at the end of the wait, not below that.
        seconds = (self._budget.wait_ms(address, self._clock.now()) + 1) / 1000
        self._clock.later(seconds, partial(self._resume, key, address))

    def _resume(self, key: str, address: str) -> None:
        """Handle messages in turn while there is budget left."""
        while self._budget.wait_ms(address, self._clock.now()) <= 0:
            if not self._handle_next(key):
                return
        self._plan(key, address)

    def _handle_next(self, key: str) -> bool:
        """Handle one message of the subscriber's next session; return whether there was one."""
        queues = self._queues.get(key, {})
        for session, queue in list(queues.items()):
            del queues[session]
            if queue:
                waiting = queue.popleft()
                if queue:
                    queues[session] = queue  # behind the others
                waiting.handle()
                return True
        self._queues.pop(key, None)
        return False
