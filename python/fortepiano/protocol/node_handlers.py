"""The interface of the handlers, which a reload replaces, to the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.protocol.shared_acts import SharedAct
    from fortepiano.protocol.user_profile import SessionFacts, UserProfile
    from fortepiano.store.records import Scope

__all__ = ["NodeHandlers"]


class NodeHandlers(Protocol):
    """Handles what other nodes ask for; a failure is logged, and nothing is raised."""

    def enter(self, session: Session, room_name: str, wanted: Any) -> None:
        """Let a session enter a room if it may, as if it had sent `ch`."""
        ...

    def place(self, session: Session, room_name: str, wanted: Any = None) -> None:
        """Put a session into a room, without checking whether it may enter."""
        ...

    def leave(self, session: Session, *, is_quiet: bool = False) -> None:
        """Take a session out of its room, as it is in another one now.

        Args:
            session: The session.
            is_quiet: Whether all others leave the room too, so that nobody is told.
        """
        ...

    def arrive(self, session: Session, facts: SessionFacts, profile: UserProfile) -> bool:
        """Give a session of another node its user.

        Returns:
            False if this node knows a later profile of the user.
        """
        ...

    def depart(
        self,
        session: Session,
        *,
        has_ended: bool,
        is_lost: bool = False,
        is_awaited: bool = False,
    ) -> None:
        """Remove a session of another node.

        Args:
            session: The session.
            has_ended: Whether its connection has ended.
            is_lost: Whether its node is gone, so that a crown lies reserved for its user.
            is_awaited: Whether the session comes back in a moment, so that nobody is told.
        """
        ...

    def promote(
        self, name: str, number: int, stored: bytes, lines: list[bytes], sessions: list[Session]
    ) -> None:
        """Go on with a room of which another node was the home; see `actions.promotion`."""
        ...

    def remove_awaited(self, room: Room) -> None:
        """Remove the participants of a room whose sessions have not come back."""
        ...

    def merge_chat(self, room: Room, lines: list[bytes]) -> None:
        """Add what some of its people said while they were apart to the chat of a room."""
        ...

    def handle(self, session: Session, raw: bytes) -> int:
        """Handle a message that a session of another node has sent, and that node has checked.

        Returns:
            The bytes that were queued for clients because of it.
        """
        ...

    def adopt_profile(self, profile: UserProfile) -> None:
        """Give a user, who need not be known here, the profile that another node has."""
        ...

    def act(self, act: SharedAct) -> None:
        """Act on the connections of this node as another node does on its own."""
        ...

    def change_scope(self, session: Session, scope: Scope | None) -> None:
        """Give a session of another node the rights of another scope."""
        ...

    def renew(self, room_name: str, then: Callable[[], object]) -> None:
        """Make ready for a room of which this node has become the home; then call a function."""
        ...

    def charge(self, session: Session, size: int) -> None:
        """Charge the subscriber of a session for bytes that its messages caused elsewhere."""
        ...
