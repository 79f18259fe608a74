"""Sessions of which one message waits for an answer of other nodes; their next ones wait too."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from fortepiano.model.session import Session
    from fortepiano.native import Hub

__all__ = ["Waits"]


class Waits:
    """Keeps what sessions send in order while one of their messages waits.

    Args:
        hub: The hub, which reads nothing more of a client that waits.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._waiting: dict[Session, list[Callable[[], object]]] = {}

    def __len__(self) -> int:
        """Return the number of sessions that wait."""
        return len(self._waiting)

    def __contains__(self, session: Session) -> bool:
        """Tell whether a session waits."""
        return session in self._waiting

    def begin(self, session: Session) -> None:
        """Let the next messages of a session wait, of which none does so far."""
        self._waiting[session] = []
        self._hub.hold(session.client)

    def postpone(self, session: Session, handle: Callable[[], object]) -> bool:
        """Keep a message of a session that waits; return False if it does not."""
        waiting = self._waiting.get(session)
        if waiting is not None:
            waiting.append(handle)
        return waiting is not None

    def end(self, session: Session, call: Callable[[], object]) -> None:
        """Handle the message that has waited, and then those behind it.

        Args:
            session: The session; nothing is called if it has ended.
            call: Handles the message.
        """
        waiting = self._waiting.pop(session, None)
        if waiting is None:
            return
        self._hub.release(session.client)
        for handle in (call, *waiting):
            handle()  # waits again, if one before it began another wait

    def discard(self, session: Session) -> None:
        """Forget what waits of a session that has ended."""
        self._waiting.pop(session, None)
