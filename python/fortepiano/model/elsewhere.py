"""Rooms whose home is another node: what handlers ask of the cluster, if there is one.

The home of a room decides in it. At the home, a session of another node is a session like all
others; at its own node, the session has a `Stay` in place of a participant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from fortepiano.config.rules import QuotaClass
    from fortepiano.model.participant import Participant
    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.model.user import User

__all__ = ["Alone", "Elsewhere", "Postponed", "Stay"]


@dataclass(frozen=True, slots=True)
class Postponed:
    """A message of a client that waits.

    Attributes:
        raw: The message.
        handle: Handles it.
        is_binary: Whether it is no JSON.
    """

    raw: bytes
    handle: Callable[[], object]
    is_binary: bool = False


@dataclass(eq=False, slots=True)
class Stay:
    """The stay of a session in a room whose home is another node.

    Attributes:
        room: The room's name.
        is_holder: Whether the session's participant holds the crown.
        quota: The class of the participant's note quota; None until the home has sent it.
    """

    room: str
    is_holder: bool = False
    quota: QuotaClass | None = None


class Elsewhere(Protocol):
    """The other nodes of a cluster, as handlers and actions see them."""

    def decides(self, session: Session, room_name: str) -> bool:
        """Tell whether this node may not decide by itself about a session in a room.

        Args:
            session: The session.
            room_name: The room. Its home may be another node, or has to be found first.
        """
        ...

    def join(self, session: Session, room_name: str, wanted: Any) -> None:
        """Let the home of a room decide whether a session may enter it.

        Args:
            session: The session.
            room_name: The room, of which `decides` is true.
            wanted: Settings for the room, if it has to be created.
        """
        ...

    def place(self, session: Session, room_name: str, wanted: Any) -> None:
        """Put a session, which has left its room, into a room that it may enter in any case.

        Args:
            session: The session.
            room_name: The room, of which `decides` is true.
            wanted: Settings for the room, if it has to be created.
        """
        ...

    def refuse(self, session: Session, *, may_stay: bool) -> bool:
        """Let the session's own node decide where a session goes that may not enter a room.

        Args:
            session: The session.
            may_stay: Whether the session may stay in the room where it is.

        Returns:
            Whether another node decides.
        """
        ...

    def leave(self, session: Session, *, has_ended: bool) -> None:
        """End the stay of a session in a room of another node, if it has one.

        Args:
            session: The session.
            has_ended: Whether the connection has ended.
        """
        ...

    def forward(self, session: Session, raw: bytes) -> bool:
        """Pass a message about a room to the room's home; return False if that is this node.

        Args:
            session: The session that sent the message.
            raw: The message, as JSON.
        """
        ...

    def close(self, session: Session, code: int) -> bool:
        """Let the home of a session's room close the connection, after all that it still sends.

        Args:
            session: The session; what its client sends from now on is not handled.
            code: The close code.

        Returns:
            False if the home is this node, or there is no room.
        """
        ...

    def is_waiting(self, session: Session) -> bool:
        """Tell whether it is being decided where a session goes, so that its messages wait."""
        ...

    def postpone(self, session: Session, message: Postponed) -> None:
        """Let a message of a session that is waiting be handled behind what it waits for.

        Args:
            session: The session that sent the message.
            message: The message; it is handled once, or never if the session ends before.
        """
        ...

    def when_found(self, room_name: str, call: Callable[[], None]) -> None:
        """Call a function once it is known which node is the home of a room.

        Args:
            room_name: The room. If it has no home, this node becomes it.
            call: The function. If the room does not exist then, it may create it.
        """
        ...

    def at_home(
        self, session: Session, room_name: str, raw: bytes, call: Callable[[], None]
    ) -> None:
        """Let the home of a room handle a message about it, wherever the sender is.

        Args:
            session: The session that sent the message; its next messages wait meanwhile.
            room_name: The room. If it has no home, this node becomes it.
            raw: The message, as JSON.
            call: Called, at once or later, to handle the message here.
        """
        ...

    def has_room(self, room_name: str) -> bool:
        """Tell whether another node is known to be the home of a room."""
        ...

    def when_online(self, session: Session, user_id: str, call: Callable[[], None]) -> None:
        """Look for a user who has no connection here, for a message that names them.

        Args:
            session: The session that sent the message; its next messages wait meanwhile.
            user_id: The user.
            call: Called, at once or later. A user who was found is known here then.
        """
        ...

    def is_online(self, user_id: str) -> bool:
        """Tell, while `when_online` calls, whether the user was found."""
        ...

    def networks_of(self, user_id: str) -> list[str]:
        """Return, while `when_online` calls, the ids of the networks around the user."""
        ...

    def is_own(self, session: Session) -> bool:
        """Tell whether the connection of a session is one of this node."""
        ...

    def share(self, act: Any) -> None:
        """Let all other nodes act on their connections as this one does.

        Args:
            act: One of `protocol.shared_acts.SharedAct`.
        """
        ...

    def keeps_house(self) -> bool:
        """Tell whether this node does what one node does for all, such as pruning the store."""
        ...

    def note_participant(self, participant: Participant) -> None:
        """Note that a participant may have other tabs, another quota, or the crown."""
        ...

    def note_user(self, user: User) -> None:
        """Note that others see a user differently now, or that the user has other flags."""
        ...

    def note_chat(self, room: Room) -> None:
        """Note that the chat of a room has changed."""
        ...

    def note_rights(self, session: Session) -> None:
        """Note that a session has the rights of another scope now."""
        ...


class Alone:
    """No other nodes: this one decides everything."""

    def decides(self, session: Session, room_name: str) -> bool:
        """Return False: all rooms are this node's."""
        return False

    def join(self, session: Session, room_name: str, wanted: Any) -> None:
        """Do nothing: `decides` is never true."""

    def place(self, session: Session, room_name: str, wanted: Any) -> None:
        """Do nothing: `decides` is never true."""

    def refuse(self, session: Session, *, may_stay: bool) -> bool:
        """Return False: all sessions are this node's."""
        return False

    def leave(self, session: Session, *, has_ended: bool) -> None:
        """Do nothing: no session is in a room of another node."""

    def forward(self, session: Session, raw: bytes) -> bool:
        """Return False: no session is in a room of another node."""
        return False

    def close(self, session: Session, code: int) -> bool:
        """Return False: no session is in a room of another node."""
        return False

    def is_waiting(self, session: Session) -> bool:
        """Return False: it is always known where a session goes."""
        return False

    def postpone(self, session: Session, message: Postponed) -> None:
        """Do nothing: no session is waiting."""

    def when_found(self, room_name: str, call: Callable[[], None]) -> None:
        """Call the function at once."""
        call()

    def at_home(
        self, session: Session, room_name: str, raw: bytes, call: Callable[[], None]
    ) -> None:
        """Call the function at once."""
        call()

    def has_room(self, room_name: str) -> bool:
        """Return False: all rooms are this node's."""
        return False

    def when_online(self, session: Session, user_id: str, call: Callable[[], None]) -> None:
        """Call the function at once."""
        call()

    def is_online(self, user_id: str) -> bool:
        """Return False: nobody is elsewhere."""
        return False

    def networks_of(self, user_id: str) -> list[str]:
        """Return nothing: nobody is elsewhere."""
        return []

    def is_own(self, session: Session) -> bool:
        """Return True: all sessions are this node's."""
        return True

    def share(self, act: Any) -> None:
        """Do nothing."""

    def keeps_house(self) -> bool:
        """Return True: nobody else does it."""
        return True

    def note_participant(self, participant: Participant) -> None:
        """Do nothing."""

    def note_user(self, user: User) -> None:
        """Do nothing."""

    def note_chat(self, room: Room) -> None:
        """Do nothing."""

    def note_rights(self, session: Session) -> None:
        """Do nothing."""
