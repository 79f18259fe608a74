"""The world: how users enter and leave rooms, and whose the crown is then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fortepiano.model.crown import Crown
from fortepiano.model.participant import Participant

if TYPE_CHECKING:
    from fortepiano.model.directory import Directory
    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.native import Hub
    from fortepiano.rules import QuotaClass, Rules

__all__ = ["Departure", "World"]

_NOBODY = -1
# Where a cursor stands until its first move (docs/protocol.md, "Participants"), as JSON.
_X, _Y = b"200", b"100"


@dataclass(slots=True)
class Departure:
    """What a session's leaving changed.

    Attributes:
        room: The room it left.
        participant: Who is gone from the room; None where he has another tab there.
        had_crown: Whether the crown was his, so that the room is told by a full `ch`.
        heir: Who holds the crown now; None where nobody does.
        vanished: Rooms that are gone.
    """

    room: Room
    participant: Participant | None
    had_crown: bool
    heir: Participant | None
    vanished: list[Room]


class World:
    """Users in rooms.

    Args:
        hub: The native side of all of it, kept in step.
        directory: All users and rooms.
        rules: The rules of play.
    """

    def __init__(self, hub: Hub, directory: Directory, rules: Rules) -> None:
        self.hub = hub
        self.directory = directory
        self.rules = rules

    def enter(self, session: Session, user: User, room: Room, head: bytes, now: int) -> bool:
        """Put a session, which is in no room, into one.

        Args:
            session: The session.
            user: Whose it is.
            room: The room.
            head: The user's entry of `ppl` without position, as JSON (`Outbound.entry`).
            now: Milliseconds since 1970.

        Returns:
            Whether the user was not there before with another tab.
        """
        participant = room.participants.get(user.id)
        is_new = participant is None
        if participant is None:
            person = self.hub.add_person(room.number, f'"{user.id}"'.encode(), head, _X, _Y)
            participant = Participant(user, room, person)
            room.participants[user.id] = participant
            user.participations.append(participant)
            self.directory.occupy(room)
        participant.tabs.append(session)
        session.participant = participant
        self.hub.enter(session.client, room.number, participant.person)
        if room.crown is None and not room.is_special:
            self.crown(room, Crown.given_to(participant, now))
        return is_new

    def leave(self, session: Session, now: int) -> Departure | None:
        """Take a session out of its room.

        Args:
            session: The session.
            now: Milliseconds since 1970.

        Returns:
            What changed; None where it was in no room.
        """
        participant, session.participant = session.participant, None
        if participant is None:
            return None
        room = participant.room
        participant.tabs.remove(session)
        self.hub.leave(session.client)
        if participant.tabs:
            return Departure(room, None, had_crown=False, heir=None, vanished=[])
        del room.participants[participant.user.id]
        participant.user.participations.remove(participant)
        had_crown = room.holder is participant
        heir = next(iter(room.participants.values()), None) if had_crown else None
        if heir is not None:
            self.crown(room, Crown.given_to(heir, now))
        self.hub.remove_person(participant.person)
        vanished = [] if room.participants else self.directory.vacate(room)
        return Departure(room, participant, had_crown, heir, vanished)

    def crown(self, room: Room, crown: Crown) -> None:
        """Set a room's crown."""
        room.crown = crown
        self.guard(room)

    def guard(self, room: Room) -> None:
        """Tell the hub who may play in a room, after its crown or its settings changed."""
        holder = room.holder
        self.hub.guard_room(
            room.number, room.settings["crownsolo"] is True, holder.person if holder else _NOBODY
        )

    def quota_class(self, participant: Participant) -> QuotaClass:
        """Return the note quota's class of somebody in a room (docs/protocol.md, "Note quota")."""
        room = participant.room
        if room.is_special:
            return self.rules.quota_lobby
        if room.holder is participant:
            return self.rules.quota_holder
        return self.rules.quota_normal

    def set_quota(self, participant: Participant) -> QuotaClass:
        """Put a user on the quota of where he is; it is refilled only if the numbers differ."""
        quota = self.quota_class(participant)
        self.hub.set_quota(participant.user.quota, quota.allowance, quota.max)
        return quota
