"""The world: how users enter and leave rooms, and whose the crown is then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fortepiano.model.crown import Crown
from fortepiano.model.participant import Participant
from fortepiano.rules import QuotaClass

if TYPE_CHECKING:
    from fortepiano.model.crown import Point
    from fortepiano.model.directory import Directory
    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.native import Hub
    from fortepiano.rules import Rules

__all__ = ["Departure", "World"]

_NOBODY = -1
# Where a cursor stands until its first move (docs/protocol.md, "Participants"), as JSON.
_X, _Y = b"200", b"100"
_UNLIMITED = QuotaClass(1_000_000, 10_000_000)


@dataclass(slots=True)
class Departure:
    """What a session's leaving changed.

    Attributes:
        room: The room it left.
        participant: Who is gone from the room; None where he has another tab there.
        had_crown: Whether the crown was his, so that the room is told by a full `ch`.
        heir: Who holds the crown now; None where nobody does.
    """

    room: Room
    participant: Participant | None
    had_crown: bool
    heir: Participant | None


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
        for room in directory.rooms.values():
            self.guard(room)  # some come back with settings from before a restart

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
        if user.is_hidden or user.id in room.mutes:
            self.mark(participant)
        is_ownerless = room.crown is None and not room.is_special
        # The last holder finds his crown again where he left it lying.
        crown = room.crown
        is_back = crown is not None and crown.holder is None and crown.user_id == user.id
        if is_ownerless or (is_new and is_back):
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
            return Departure(room, None, had_crown=False, heir=None)
        del room.participants[participant.user.id]
        room.hidden.discard(participant.user.id)
        participant.user.participations.remove(participant)
        had_crown = room.holder is participant
        heir = None
        if had_crown:
            if self.rules.crown_on_leave == "passes":
                heir = next(iter(room.participants.values()), None)
            crown = (
                Crown.given_to(heir, now)
                if heir is not None
                else Crown.dropped_by(participant, self.cursor(participant), now)
            )
            self.crown(room, crown)
        self.hub.remove_person(participant.person)
        if not room.participants:
            self.directory.vacate(room, now)
        return Departure(room, participant, had_crown, heir)

    def cursor(self, participant: Participant) -> Point:
        """Return where somebody's cursor is."""
        # Clients send numbers or numeric texts; both are kept as they came.
        x, y = (float(coordinate.strip(b'"')) for coordinate in self.place(participant))
        return x, y

    def place(self, participant: Participant) -> tuple[bytes, bytes]:
        """Return where somebody's cursor is, as JSON."""
        return self.hub.position(participant.person) or (_X, _Y)

    def crown(self, room: Room, crown: Crown) -> None:
        """Set a room's crown; whoever holds it is muted no more."""
        room.crown = crown
        if crown.holder is not None and room.mutes.pop(crown.user_id, None) is not None:
            self.mark(crown.holder)
        self.guard(room)
        self.directory.keep(room)

    def guard(self, room: Room) -> None:
        """Tell the hub who may play in a room, after its crown or its settings changed."""
        holder = room.holder
        self.hub.guard_room(
            room.number, room.settings["crownsolo"] is True, holder.person if holder else _NOBODY
        )

    def mark(self, participant: Participant) -> None:
        """Tell the hub and the room whether somebody may play, and whether others see him."""
        user, room = participant.user, participant.room
        mute = room.mutes.get(user.id)
        (room.hidden.add if user.is_hidden else room.hidden.discard)(user.id)
        self.hub.mark_person(participant.person, mute is not None and mute.notes, user.is_hidden)

    def quota_class(self, participant: Participant) -> QuotaClass:
        """Return the note quota's class of somebody in a room (docs/protocol.md, "Note quota")."""
        room, rules = participant.room, self.rules
        if participant.user.has_flag("no note rate limit"):
            return _UNLIMITED
        if room.is_special:
            return rules.quota_lobby
        quota = rules.quota_holder if room.holder is participant else rules.quota_normal
        cap = room.settings.get("noteQuota")
        if not isinstance(cap, int) or not 0 < cap < quota.allowance:
            return quota
        return QuotaClass(cap, min(quota.max, cap * rules.quota_history))

    def set_quota(self, participant: Participant) -> tuple[QuotaClass, bool]:
        """Put a user on the quota of where he is.

        Returns:
            The quota, and whether its numbers differ from before; the points stay as they are.
        """
        quota = self.quota_class(participant)
        return quota, self.hub.set_quota(participant.user.quota, quota.allowance, quota.max)
