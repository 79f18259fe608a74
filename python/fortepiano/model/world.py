"""The world: users enter and leave rooms, and the crown changes hands with that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fortepiano.config.rules import QuotaClass
from fortepiano.model.crown import Crown
from fortepiano.model.participant import Participant

if TYPE_CHECKING:
    from fortepiano.config.live import Live
    from fortepiano.model.crown import Point
    from fortepiano.model.directory import Directory
    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.native import Hub

__all__ = ["Arrival", "Departure", "World"]

# The position of a pointer until its first move (docs/protocol.md, "Participants"), as JSON.
_X, _Y = b"200", b"100"
_UNLIMITED = QuotaClass(1_000_000, 10_000_000)


@dataclass(slots=True)
class Arrival:
    """The changes when a user enters a room.

    Attributes:
        participant: The participant that the user is in the room.
        is_new: Whether the user had no tab in the room before.
        has_crown: Whether the participant got the crown by entering.
        previous_holder: The participant who loses the crown by that; None if nobody held it.
    """

    participant: Participant
    is_new: bool
    has_crown: bool = False
    previous_holder: Participant | None = None


@dataclass(slots=True)
class Departure:
    """The changes when a session leaves a room.

    Attributes:
        room: The room.
        participant: The participant who has left; None if another tab of theirs is still there.
        had_crown: Whether that participant held the crown, so that a full `ch` is broadcast.
        new_holder: The participant who holds the crown now; None if nobody does.
    """

    room: Room
    participant: Participant | None
    had_crown: bool
    new_holder: Participant | None


class World:
    """Users in rooms.

    Args:
        hub: The hub, which is told of each change.
        directory: All users and rooms.
        live: The rules of play in force.
    """

    def __init__(self, hub: Hub, directory: Directory, live: Live) -> None:
        self.hub = hub
        self.directory = directory
        self._live = live
        for room in directory.rooms.values():
            self.sync_players(room)  # restored rooms have settings from before the restart

    def admit(self, user: User, room: Room, head: bytes, now: int) -> Arrival:
        """Make a user a participant of a room, or find the participant; `add_tab` comes next.

        Args:
            user: The user.
            room: The room.
            head: The user's entry of `ppl` without the position, as JSON (`Outbound.entry`).
            now: Milliseconds since 1970.
        """
        participant = room.participants.get(user.id)
        if participant is not None:
            return Arrival(participant, is_new=False)
        number = self.hub.add_participant(room.number, f'"{user.id}"'.encode(), head, _X, _Y)
        participant = room.participants[user.id] = Participant(user, room, number)
        user.participations.append(participant)
        self.directory.occupy(room)
        if user.is_hidden or user.id in room.mutes:
            self.sync_flags(participant)
        return self._crown_arrival(participant, now)

    def _crown_arrival(self, participant: Participant, now: int) -> Arrival:
        """Give a new participant the crown if it is free, or if they have a claim to it."""
        room, user_id = participant.room, participant.user.id
        previous_holder, crown = room.holder, room.crown
        # The last holder gets a crown that lies on the floor by entering.
        is_free = crown is None or (crown.holder is None and crown.user_id == user_id)
        if self.has_claim(room, user_id, now):
            room.claims.redeem(user_id)
        elif room.is_special or not is_free:
            return Arrival(participant, is_new=True)
        self._put_crown(room, Crown.given_to(participant, now))
        return Arrival(participant, is_new=True, has_crown=True, previous_holder=previous_holder)

    def has_claim(self, room: Room, user_id: str, now: int) -> bool:
        """Tell whether a user gets a room's crown back by returning now.

        Args:
            room: The room.
            user_id: The user.
            now: Milliseconds since 1970.
        """
        return room.claims.holds(user_id, now, self._live.rules.crown_return_ms)

    def add_tab(self, session: Session, participant: Participant) -> None:
        """Make a session, which is in no room, a tab of a participant."""
        participant.tabs.append(session)
        session.participant = participant
        self.hub.enter(session.client, participant.room.number, participant.number)

    def leave(
        self, session: Session, now: int, *, has_ended: bool = False, is_lost: bool = False
    ) -> Departure | None:
        """Take a session out of its room.

        Args:
            session: The session.
            now: Milliseconds since 1970.
            has_ended: Whether the connection has ended; else the session goes to another room.
            is_lost: Whether the node of the connection is gone; see `remove`.

        Returns:
            The changes; None if the session was in no room.
        """
        participant = self.remove_tab(session)
        if participant is None:
            return None
        if participant.tabs:
            return Departure(participant.room, None, had_crown=False, new_holder=None)
        return self.remove(participant, now, has_ended=has_ended, is_lost=is_lost)

    def remove_tab(self, session: Session) -> Participant | None:
        """Take a session out of its room, where its participant stays; return the participant.

        A participant without tabs is awaited: others see nothing of what has happened.
        """
        participant, session.participant = session.participant, None
        if participant is not None:
            participant.tabs.remove(session)
            self.hub.leave(session.client)
        return participant

    def adopt(self, user: User, room: Room, number: int) -> Participant:
        """Make a user the participant that the hub knows already, without a tab."""
        participant = room.participants[user.id] = Participant(user, room, number)
        user.participations.append(participant)
        if user.is_hidden:
            room.hidden.add(user.id)
        return participant

    def remove(
        self,
        participant: Participant,
        now: int,
        *,
        has_ended: bool = False,
        is_lost: bool = False,
    ) -> Departure:
        """Remove a participant without tabs from its room.

        Args:
            participant: The participant.
            now: Milliseconds since 1970.
            has_ended: Whether the last connection has ended, so that the user has a claim.
            is_lost: Whether that happened to all people of a node at once. Then the crown does not
                pass on, as after a restart: it lies reserved for its holder, who comes back.
        """
        room = participant.room
        del room.participants[participant.user.id]
        room.hidden.discard(participant.user.id)
        participant.user.participations.remove(participant)
        had_crown = room.holder is participant
        new_holder = None
        if had_crown:
            if self._live.rules.crown_on_leave == "passes" and not is_lost:
                new_holder = next(iter(room.participants.values()), None)
            if new_holder is not None and has_ended:
                room.claims.add(participant.user.id, now, self._live.rules.crown_return_ms)
            crown = (
                Crown.given_to(new_holder, now)
                if new_holder is not None
                else Crown.dropped_by(participant, self.pointer(participant), now)
            )
            self._put_crown(room, crown)
        self.hub.remove_participant(participant.number)
        if not room.participants:
            self.directory.vacate(room, now)
        return Departure(room, participant, had_crown, new_holder)

    def pointer(self, participant: Participant) -> Point:
        """Return the position of a participant's pointer."""
        # Clients send numbers, or numbers as text; the hub keeps both as they came.
        x, y = (float(coordinate.strip(b'"')) for coordinate in self.pointer_json(participant))
        return x, y

    def pointer_json(self, participant: Participant) -> tuple[bytes, bytes]:
        """Return the position of a participant's pointer, as JSON."""
        return self.hub.position(participant.number) or (_X, _Y)

    def set_crown(self, room: Room, crown: Crown) -> None:
        """Set a room's crown on somebody's request, which ends all claims."""
        room.claims.clear()
        self._put_crown(room, crown)

    def _put_crown(self, room: Room, crown: Crown) -> None:
        """Set a room's crown; a mute of the new holder ends."""
        room.crown = crown
        if crown.holder is not None and room.mutes.pop(crown.user_id, None) is not None:
            self.sync_flags(crown.holder)
        self.sync_players(room)
        self.directory.save(room)

    def forfeit(self, room: Room, user_id: str) -> None:
        """Remove the claim to the crown of a user who is banned."""
        if room.claims.forfeit(user_id):
            self.directory.save(room)

    def sync_players(self, room: Room) -> None:
        """Tell the hub who may play in a room, after a change of the crown or of settings."""
        holder = room.holder
        self.hub.set_players(
            room.number, room.settings["crownsolo"] is True, holder.number if holder else None
        )

    def sync_flags(self, participant: Participant) -> None:
        """Tell the hub whether a participant is muted or hidden, and the room whether hidden."""
        user, room = participant.user, participant.room
        mute = room.mutes.get(user.id)
        (room.hidden.add if user.is_hidden else room.hidden.discard)(user.id)
        self.hub.set_participant_flags(
            participant.number, mute is not None and mute.notes, user.is_hidden
        )

    def quota_class(self, participant: Participant) -> QuotaClass:
        """Return the class of a participant's note quota (docs/protocol.md, "Note quota")."""
        room, rules = participant.room, self._live.rules
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
        """Give a user the quota of a participant's class.

        The points stay as they are, but are cut to the new maximum.

        Returns:
            The quota's class, and whether its numbers differ from those before.
        """
        quota = self.quota_class(participant)
        return quota, self.hub.set_quota(participant.user.quota, quota.allowance, quota.max)
