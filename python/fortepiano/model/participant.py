"""Participants: users within a room."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.model.user import User

__all__ = ["Participant"]


@dataclass(slots=True, eq=False)
class Participant:
    """A user in a room: one entry of `ppl`, however many tabs he has there.

    Attributes:
        user: Who it is.
        room: Where.
        person: His number in the hub.
        tabs: His connections in this room.
        looks: How the user was last shown here: the name, and for whom it could be taken.
    """

    user: User
    room: Room
    number: int
    tabs: list[Session] = field(default_factory=list["Session"])
    appearance: tuple[str, str | None] = ("", None)

    @property
    def id(self) -> str:
        """The participant id, which equals the user id (docs/protocol.md, "Ids")."""
        return self.user.id
