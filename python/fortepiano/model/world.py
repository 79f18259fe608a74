"""The world: how users enter and leave rooms, and whose the crown is then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fortepiano.config.rules import QuotaClass
from fortepiano.model.crown import Crown
from fortepiano.model.participant import Participant

if TYPE_CHECKING:
    from fortepiano.config.rules import Rules
    from fortepiano.model.crown import Point
    from fortepiano.model.directory import Directory
    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.native import Hub

__all__ = ["Arrival", "Departure", "World"]

_NOBODY = -1
# Where a cursor stands until its first move (docs/protocol.md, "Participants"), as JSON.
_X, _Y = b"200", b"100"
_UNLIMITED = QuotaClass(1_000_000, 10_000_000)


@dataclass(slots=True)
class Arrival:
    """What somebody's coming into a room changed.

    Attributes:
        participant: As whom they are there.
        is_new: Whether they were not there before with another tab.
        has_crown: Whether the crown has become theirs by it.
        before: Who held the crown until then, and has to give it back; None where nobody did.
    """

    participant: Participant
    is_new: bool
    has_crown: bool = False
    before: Participant | None = None


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

    def admit(self, user: User, room: Room, head: bytes, now: int) -> Arrival:
        """Let a user take part in a room, where they have no tab yet that hears it.

        Args:
            user: The user.
            room: The room.
            head: The user's entry of `ppl` without position, as JSON (`Outbound.entry`).
            now: Milliseconds since 1970.
        """
        participant = room.participants.get(user.id)
        if participant is not None:
            return Arrival(participant, is_new=False)
        person = self.hub.add_participant(room.number, f'"{user.id}"'.encode(), head, _X, _Y)
        participant = room.participants[user.id] = Participant(user, room, person)
        user.participations.append(participant)
        self.directory.occupy(room)
        if user.is_hidden or user.id in room.mutes:
            self.mark(participant)
        return self._crown_arrival(participant, now)

    def _crown_arrival(self, participant: Participant, now: int) -> Arrival:
        """Give the crown to a newcomer if it is theirs."""
        room, user_id = participant.room, participant.user.id
        before, crown = room.holder, room.crown
        # The last holder finds the crown again where they left it lying.
        is_free = crown is None or (crown.holder is None and crown.user_id == user_id)
        if self.is_awaited(room, user_id, now):
            room.claims.redeem(user_id)
        elif room.is_special or not is_free:
            return Arrival(participant, is_new=True)
        self._put_crown(room, Crown.given_to(participant, now))
        return Arrival(participant, is_new=True, has_crown=True, before=before)

    def is_awaited(self, room: Room, user_id: str, now: int) -> bool:
        """Whether somebody gets a room's crown back by returning now.

        Args:
            room: The room.
            user_id: Who.
            now: Milliseconds since 1970.
        """
        return room.claims.holds(user_id, now, self.rules.crown_return_ms)

    def seat(self, session: Session, participant: Participant) -> None:
        """Make a session, which is in no room, a tab of a participant."""
        participant.tabs.append(session)
        session.participant = participant
        self.hub.enter(session.client, participant.room.number, participant.person)

    def leave(self, session: Session, now: int, *, has_ended: bool = False) -> Departure | None:
        """Take a session out of its room.

        Args:
            session: The session.
            now: Milliseconds since 1970.
            has_ended: Whether its connection has ended; else it goes elsewhere.

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
            if heir is not None and has_ended:
                room.claims.add(participant.user.id, now, self.rules.crown_return_ms)
            crown = (
                Crown.given_to(heir, now)
                if heir is not None
                else Crown.dropped_by(participant, self.pointer(participant), now)
            )
            self._put_crown(room, crown)
        self.hub.remove_participant(participant.person)
        if not room.participants:
            self.directory.vacate(room, now)
        return Departure(room, participant, had_crown, heir)

    def pointer(self, participant: Participant) -> Point:
        """Return where somebody's cursor is."""
        # Clients send numbers or numeric texts; both are kept as they came.
        x, y = (float(coordinate.strip(b'"')) for coordinate in self.pointer_json(participant))
        return x, y

    def pointer_json(self, participant: Participant) -> tuple[bytes, bytes]:
        """Return where somebody's cursor is, as JSON."""
        return self.hub.position(participant.person) or (_X, _Y)

    def crown(self, room: Room, crown: Crown) -> None:
        """Set a room's crown because somebody wants it so; nobody gets it back by returning."""
        room.claims.clear()
        self._put_crown(room, crown)

    def _put_crown(self, room: Room, crown: Crown) -> None:
        """Set a room's crown; whoever holds it is muted no more."""
        room.crown = crown
        if crown.holder is not None and room.mutes.pop(crown.user_id, None) is not None:
            self.mark(crown.holder)
        self.guard(room)
        self.directory.save(room)

    def forfeit(self, room: Room, user_id: str) -> None:
        """Let somebody who is thrown or kept out of a room not get its crown by returning."""
        if room.claims.forfeit(user_id):
            self.directory.save(room)

    def guard(self, room: Room) -> None:
        """Tell the hub who may play in a room, after its crown or its settings changed."""
        holder = room.holder
        self.hub.set_players(
            room.number, room.settings["crownsolo"] is True, holder.person if holder else _NOBODY
        )

    def mark(self, participant: Participant) -> None:
        """Tell the hub and the room whether somebody may play, and whether others see him."""
        user, room = participant.user, participant.room
        mute = room.mutes.get(user.id)
        (room.hidden.add if user.is_hidden else room.hidden.discard)(user.id)
        self.hub.set_participant_flags(
            participant.person, mute is not None and mute.notes, user.is_hidden
        )

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
            The quota, and whether its numbers differ from before. The points stay what they are,
            cut to the new maximum.
        """
        quota = self.quota_class(participant)
        return quota, self.hub.set_quota(participant.user.quota, quota.allowance, quota.max)
