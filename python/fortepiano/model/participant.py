"""Participants: users in a room."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.model.user import User

__all__ = ["Participant"]


@dataclass(slots=True, eq=False)
class Participant:
    """A user in one room: one entry of `ppl`, however many tabs the user has there.

    Attributes:
        user: The user.
        room: The room.
        number: The participant's number in the hub.
        tabs: The user's sessions in this room.
        appearance: How the participant was last shown here: the name, and whom it looks like.
    """

    user: User
    room: Room
    number: int
    tabs: list[Session] = field(default_factory=list["Session"])
    appearance: tuple[str, Literal["holder", "staff"] | None] = ("", None)

    @property
    def id(self) -> str:
        """The participant id, which equals the user id (docs/protocol.md, "Ids")."""
        return self.user.id
