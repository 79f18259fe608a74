"""How people are shown in a room: under which name, and for whom they could be taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from fortepiano.model.directory import ANONYMOUS
from fortepiano.model.looks import are_alike
from fortepiano.model.tags import begins_like_staff

if TYPE_CHECKING:
    from collections.abc import Callable

    from fortepiano.model.participant import Participant
    from fortepiano.model.room import Room
    from fortepiano.model.user import User

__all__ = ["Appearance", "Likeness", "is_of_staff"]

Likeness = Literal["holder", "staff"]
"""Whom a name could be taken for: the holder of the room's crown, or somebody of the staff."""


class Appearance:
    """Knows how people are shown.

    Attributes:
        masked: What masks swear words in a name, where a room wants it.
        tags: What the tags say that are given at present.
    """

    def __init__(self) -> None:
        self.masked: Callable[[str], str] = str
        self.tags: tuple[str, ...] = ()
        self._staff: dict[str, User] = {}

    def name(self, user: User, room: Room | None) -> str:
        """Return the name that somebody has in a room, or outside of rooms."""
        if room is not None and room.settings.get("no cussing") is True:
            return self.masked(user.name)
        return user.name

    def track_staff(self, user: User) -> None:
        """Have those told apart whose name looks like that of somebody of the staff."""
        self._staff = {one.id: one for one in self._staff.values() if is_of_staff(one)}
        if is_of_staff(user):
            self._staff[user.id] = user
        self.tags = tuple(one.tag["text"] for one in self._staff.values() if one.tag is not None)

    def of(self, participant: Participant) -> tuple[str, Likeness | None]:
        """Return how somebody is shown: by which name, and for whom it could be taken."""
        user, room = participant.user, participant.room
        return self.name(user, room), self.likeness(user, room)

    def outdated(self, room: Room) -> list[Participant]:
        """Return who in a room is to be shown otherwise now, for what the room itself decides.

        Of the staff elsewhere handlers see to it themselves.
        """
        basis = _basis(room)
        if basis == room.appearance_basis:
            return []
        room.appearance_basis = basis
        everybody = room.participants.values()
        return [one for one in everybody if one.appearance != self.of(one)]

    def likeness(self, user: User, room: Room) -> Likeness | None:
        """Return whom somebody could be taken for; whoever is of the staff is it."""
        if user.name == ANONYMOUS or is_of_staff(user):
            return None
        holder = room.holder.user if room.holder is not None else user
        if holder is not user and not holder.is_hidden and are_alike(holder.name, user.name):
            return "holder"
        for other in self._staff.values():
            if not other.is_hidden and is_of_staff(other) and are_alike(other.name, user.name):
                return "staff"
        return "staff" if begins_like_staff(user.name, self.tags) else None


def _basis(room: Room) -> tuple[str, str, bool]:
    """Return what decides how the people of a room are shown: as long as it stays, so do they."""
    holder = room.holder.user if room.holder is not None else None
    is_masked = room.settings.get("no cussing") is True
    if holder is None or holder.is_hidden or holder.name == ANONYMOUS:
        return "", "", is_masked
    return holder.id, holder.name, is_masked


def is_of_staff(user: User) -> bool:
    """Tell whether somebody is here as one of the staff, or with a tag that only staff give."""
    is_here = bool(user.sessions)
    return is_here and (user.tag is not None or any(one.scope for one in user.sessions))
