"""The appearance of participants: the name that others see, and whom that name looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from fortepiano.model.directory import ANONYMOUS
from fortepiano.model.looks import are_alike
from fortepiano.model.tags import begins_like_staff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fortepiano.model.participant import Participant
    from fortepiano.model.room import Room
    from fortepiano.model.user import User

__all__ = ["Appearance", "Likeness", "Look", "is_of_staff"]

Likeness = Literal["holder", "staff"]
"""Whose name a name looks like: that of the holder of the room's crown, or of staff."""

Look: TypeAlias = "tuple[str, Likeness | None]"
"""The name of a participant as others see it, and whose name it looks like."""


class Appearance:
    """Decides how participants are shown.

    Attributes:
        masked: Masks swear words in a name, for rooms with `no cussing`.
        tags: The texts of all tags that users have now.
    """

    def __init__(self) -> None:
        self.masked: Callable[[str], str] = str
        self.tags: tuple[str, ...] = ()
        self._staff: dict[str, User] = {}

    def name(self, user: User, room: Room | None) -> str:
        """Return the name of a user as others see it in a room, or outside of rooms."""
        if room is not None and room.settings.get("no cussing") is True:
            return self.masked(user.name)
        return user.name

    def track_staff(self, user: User) -> None:
        """Add a user to those whose names others may not imitate, or remove them.

        To be called whenever a user may have become staff, or ceased to be.
        """
        self._staff = {staff.id: staff for staff in self._staff.values() if is_of_staff(staff)}
        if is_of_staff(user):
            self._staff[user.id] = user
        tagged = (staff.tag for staff in self._staff.values() if staff.tag is not None)
        self.tags = tuple(tag["text"] for tag in tagged)

    def of(self, user: User, room: Room) -> Look:
        """Return how a user is shown in a room: the name, and whom it looks like."""
        return self.name(user, room), self._likeness(user, room)

    def changed(self, participant: Participant) -> Look | None:
        """Return how a participant is shown now; None if that has not changed."""
        look = self.of(participant.user, participant.room)
        return None if look == participant.appearance else look

    def outdated(self, room: Room) -> Iterator[tuple[Participant, Look]]:
        """Yield the participants who are shown differently after a change of crown or settings.

        How each is shown now stands beside them.

        Changes of staff are not checked here: handlers call `rename.mark_look_alikes` for them.
        """
        basis = _basis(room)
        if basis == room.appearance_basis:
            return
        room.appearance_basis = basis
        for participant in room.participants.values():
            look = self.changed(participant)
            if look is not None:
                yield participant, look

    def _likeness(self, user: User, room: Room) -> Likeness | None:
        """Return whom a user's name looks like; None for staff, and if it looks like nobody."""
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
    """Return the facts about a room on which its participants' appearance depends.

    As long as these stay the same, `Appearance.outdated` need not look at the participants.
    """
    holder = room.holder.user if room.holder is not None else None
    is_masked = room.settings.get("no cussing") is True
    if holder is None or holder.is_hidden or holder.name == ANONYMOUS:
        return "", "", is_masked
    return holder.id, holder.name, is_masked


def is_of_staff(user: User) -> bool:
    """Tell whether a connected user is staff, or has a tag, which only staff give."""
    is_online = bool(user.sessions)
    has_scope = any(session.scope for session in user.sessions)
    return is_online and (user.tag is not None or has_scope)
