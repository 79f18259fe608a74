"""What the server says: messages to frames, each serialised once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from fortepiano.model.codes import Code
from fortepiano.protocol.notices import NATIVE, NATIVE_OF, notice
from fortepiano.protocol.shown import Shown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from fortepiano.config.rules import QuotaClass, Rules
    from fortepiano.model.ban_list import BanList
    from fortepiano.model.crown import Crown
    from fortepiano.model.participant import Participant
    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.native import Hub

__all__ = ["HELLO_CODE", "Message", "Outbound"]

Message = dict[str, Any]
"""A message to clients."""

HELLO_CODE: Message = {"m": "b", "code": "~return 'ok'"}
"""What every connection is told first. Some clients say `hi` only in answer to it, and run `code`:
it is a constant that does nothing."""

_LIST_SECONDS = 0.25
"""Changes of the room list are collected for so long."""

_FEW = 50
"""So many may be told at once of each departure with the crown."""

_DEPARTURE_SECONDS = 0.05
"""Departures with the crown from larger rooms are collected for so long."""


class Outbound:
    """Speaks to clients through the hub.

    Args:
        hub: The hub.
        rules: The rules of play.
        bans: Who may not enter which room.
        later: Calls a function after so many seconds.
    """

    def __init__(
        self,
        hub: Hub,
        rules: Rules,
        bans: BanList,
        later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        self._hub = hub
        self.rules = rules
        self._bans = bans
        self._later = later
        self.shown = Shown()
        self._custom_readers: dict[Session, None] = {}
        self._list_readers: dict[Session, None] = {}
        self._list_changes: dict[str, tuple[Room, Message]] = {}
        self._departures: set[Room] = set()
        for kind, (text, code) in NATIVE.items():
            hub.set_notice(kind, orjson.dumps([notice(text, code)]))

    # One client, or a room

    def tell(self, session: Session, messages: list[Message]) -> None:
        """Send messages to one client, in one frame."""
        self._hub.tell(session.client, orjson.dumps(messages))

    def say(self, room: Room, message: Message) -> None:
        """Send a message to all in a room."""
        self._hub.say(room.number, orjson.dumps([message]))

    def refuse(self, session: Session, code: Code, why: str) -> None:
        """Tell a client why something was refused, at most once in a while for each code."""
        if self._may_tell_why(session, code):
            self.tell(session, [notice(why, code)])

    def _may_tell_why(self, session: Session, code: Code) -> bool:
        kind = NATIVE_OF.get(code)
        if kind is not None:
            # The hub says it too, and knows when it did last.
            return self._hub.may_tell_why(session.client, kind)
        return self._was_quiet(session, code)

    def _was_quiet(self, session: Session, code: Code) -> bool:
        """Whether a code was not told for a while; then it is told now."""
        if session.refusals is None:
            session.refusals = {}
        now = self._hub.stamp()
        last = session.refusals.get(code)
        was_quiet = last is None or now - last >= self.rules.notice_gap_ms
        if was_quiet:
            session.refusals[code] = now
        return was_quiet

    # People

    def entry(self, user: User, room: Room) -> bytes:
        """Serialise a user's entry of a room's `ppl`, without position and closing brace."""
        known = self.presence(user, room)
        if (likeness := self.shown.likeness(user, room)) is not None:
            known["looksLike"] = likeness
        return orjson.dumps(known)[:-1]

    def presence(self, user: User, room: Room | None = None) -> Message:
        """Return what everybody may know of a user now: also whether they are away.

        That is always said, since clients keep what they are not told anew; but not beside lines of
        chat, which are read long after.
        """
        known = self.identity(user, room)
        known["afk"] = user.is_afk
        return known

    def identity(self, user: User, room: Room | None = None) -> Message:
        """Return what everybody may know of a user, in a room or outside of rooms.

        The tag goes along each time: clients take a participant without one to have lost it.
        """
        name = self.shown.name(user, room)
        known: Message = {"id": user.id, "_id": user.id, "name": name, "color": user.color}
        if user.tag is not None:
            known["tag"] = user.tag
        if user.is_hidden:
            known["vanished"] = True
        return known

    def present(self, participant: Participant, *, except_for: Session | None = None) -> None:
        """Say `p`: somebody has come, or has changed.

        Args:
            participant: Who it is.
            except_for: The newcomer's connection, which knows; the others are told of him a moment
                later, together with who else comes and goes. A change is told at once.
        """
        position = self._hub.position(participant.person)
        if position is None:
            return
        entry = self.entry(participant.user, participant.room)
        payload = b'[{"m":"p",%b,"x":%b,"y":%b}]' % (entry[1:], *position)
        if participant.user.is_hidden:
            for session in self._those_who_see_all(participant.room):
                if session is not except_for:
                    self._hub.tell(session.client, payload)
            return
        if except_for is None:
            self._hub.say(participant.room.number, payload)
        else:
            self._hub.mention(participant.room.number, payload, except_for.client)

    def say_gone(self, participant: Participant) -> None:
        """Say `bye`: somebody has left; if nobody saw him, only who sees the hidden is told."""
        message: Message = {"m": "bye", "p": participant.id}
        if not participant.user.is_hidden:
            self._hub.mention(participant.room.number, orjson.dumps([message]))
            return
        for session in self._those_who_see_all(participant.room):
            self.tell(session, [message])

    def _those_who_see_all(self, room: Room) -> list[Session]:
        """Return the connections of a room's staff who see hidden people."""
        return [
            session
            for participant in room.participants.values()
            for session in participant.tabs
            if "vanish" in session.permissions
        ]

    def update(self, participant: Participant, *, is_told: bool = True) -> None:
        """Say `p` after a change of how somebody is seen, which later joiners see too."""
        participant.looks = self.shown.looks(participant)
        entry = self.entry(participant.user, participant.room)
        self._hub.update_person(participant.person, entry)
        if is_told:
            self.present(participant)

    def refresh(self, room: Room, *, is_told: bool) -> None:
        """Show those otherwise whom a room's new crown, settings or holder's name concern."""
        for participant in self.shown.outdated(room):
            self.update(participant, is_told=is_told)

    # Rooms

    def welcome(self, session: Session, participant: Participant, quota: QuotaClass) -> None:
        """Tell a joiner all about the room, in one frame: `ch`, `c` and `nq`."""
        room = participant.room
        lines = {"m": "c", "c": self.history(room, participant.user)}
        rest = orjson.dumps([lines, quota_message(quota, self.rules)])
        self._tell_room(session, room, participant, b"]},%b" % rest[1:])

    def announce(self, room: Room) -> None:
        """Say the full `ch` of a room to all in it, after its crown, rulers or settings changed."""
        self._departures.discard(room)  # this says what was put off
        self.refresh(room, is_told=False)
        if room.count < len(room.participants):
            # Not everybody sees the same people.
            for participant in room.participants.values():
                for session in participant.tabs:
                    self._tell_room(session, room, participant, b"]}]")
            return
        before = b'[%b,"ppl":[' % orjson.dumps({"m": "ch", "ch": _in_full(room, self.rules)})[:-1]
        self._hub.say_people(room.number, before, b"]}]")

    def announce_departure(self, room: Room) -> None:
        """Say the full `ch` of a room that somebody has left with the crown.

        In a room of many it is said a moment later: where all leave at once the crown passes from
        each to the next, and each `ch` names all who are still there.
        """
        if len(room.participants) <= _FEW:
            self.announce(room)
        elif room not in self._departures:
            self._departures.add(room)
            self._later(_DEPARTURE_SECONDS, partial(self._announce_departures, room))

    def _announce_departures(self, room: Room) -> None:
        is_due = room in self._departures
        self._departures.discard(room)
        if is_due and room.participants:  # else it may be closed, and its number somebody else's
            self.announce(room)

    def _tell_room(
        self, session: Session, room: Room, participant: Participant, after: bytes
    ) -> None:
        head = {"m": "ch", "p": participant.id, "ch": _in_full(room, self.rules)}
        before = b'[%b,"ppl":[' % orjson.dumps(head)[:-1]
        sees_all = "vanish" in session.permissions
        self._hub.tell_people(session.client, room.number, before, after, sees_all)

    def history(self, room: Room, user: User) -> list[Message]:
        """Return the last lines of a room that a user may see."""
        return [
            line
            for line in room.history
            if line["m"] == "a" or user.id in (line["sender"]["_id"], line["recipient"]["_id"])
        ]

    def tell_quota(self, participant: Participant, quota: QuotaClass) -> None:
        """Send `nq` to all tabs of somebody in a room."""
        for session in participant.tabs:
            self.tell(session, [quota_message(quota, self.rules)])

    # Custom messages

    def start_custom(self, session: Session) -> None:
        """Note that a client wants custom messages."""
        self._custom_readers[session] = None

    def stop_custom(self, session: Session) -> None:
        """Note that a client wants no more custom messages."""
        self._custom_readers.pop(session, None)

    def custom_readers(self) -> Collection[Session]:
        """Return the clients that want custom messages."""
        return self._custom_readers

    def tell_binary(self, session: Session, payload: bytes) -> None:
        """Send a binary message to one client."""
        self._hub.tell_binary(session.client, payload)

    # The list of rooms

    def start_list(self, session: Session, rooms: Iterable[Room]) -> None:
        """Send the list of rooms, and what changes in it from now on."""
        self._list_readers[session] = None
        listed = [(room, channel(room, self.rules)) for room in rooms if is_listed(room)]
        self._tell_list(session, listed, is_complete=True)

    def _tell_list(
        self, session: Session, rooms: Iterable[tuple[Room, Message]], *, is_complete: bool
    ) -> None:
        user_id = session.user.id if session.user else ""
        shown: list[Message] = []
        for room, info in rooms:
            more: Message = {}
            if self._is_banned(room.name, user_id):
                more["banned"] = True
            if (
                _sees_people(session)
                and is_listed(room)
                and room.settings.get("noindex") is not True
            ):
                more["ppl"] = [
                    self.identity(participant.user, room)
                    for participant in room.participants.values()
                    if not participant.user.is_hidden
                ]
            shown.append(info | more)
        self.tell(session, [{"m": "ls", "c": is_complete, "u": shown}])

    def _is_banned(self, room: str, user_id: str) -> bool:
        return self._bans.until(room, user_id, self._hub.stamp()) is not None

    def list_readers(self) -> Iterable[Session]:
        """Return those who read the list of rooms."""
        return self._list_readers

    def resume_list(self, session: Session) -> None:
        """Send the list's changes to one who has the list already."""
        self._list_readers[session] = None

    def stop_list(self, session: Session) -> None:
        """Send no more of the list of rooms."""
        self._list_readers.pop(session, None)

    def list_change(self, room: Room, *, was_listed: bool = False) -> None:
        """Note a change of a room for those who have the list open.

        Args:
            room: The room. One that is gone or hidden is told with a count of 0, once: clients
                never remove one.
            was_listed: Whether it was in the list until this change, which hides it.
        """
        if not self._list_readers or not (is_listed(room) or was_listed):
            return
        if not self._list_changes:
            self._later(_LIST_SECONDS, self.send_list_changes)
        entry = channel(room, self.rules)
        if not is_listed(room):
            entry["count"] = 0
        self._list_changes[room.name] = room, entry

    def send_list_changes(self) -> None:
        """Tell those who read the list what has changed in it since they were last told."""
        if not self._list_changes:
            return
        changes, self._list_changes = list(self._list_changes.values()), {}
        payload = orjson.dumps([{"m": "ls", "c": False, "u": [entry for _, entry in changes]}])
        banned = {user for room, _ in changes for user, _ in self._bans.of(room.name)}
        for session in self._list_readers:
            is_banned = session.user is not None and session.user.id in banned
            if is_banned or _sees_people(session):
                self._tell_list(session, changes, is_complete=False)
            else:
                self._hub.tell(session.client, payload)


def quota_message(quota: QuotaClass, rules: Rules) -> Message:
    """Return `nq`, whose numbers stand flat at the top level."""
    return {
        "m": "nq",
        "allowance": quota.allowance,
        "max": quota.max,
        "maxHistLen": rules.quota_history,
        "tick": rules.quota_tick_ms,
    }


def _sees_people(session: Session) -> bool:
    """Whether somebody is told in the list who is where: bots that have a token of the operator's.

    They need not go and look.
    """
    return session.is_known_bot


def is_listed(room: Room) -> bool:
    """Whether a room may be seen in the list."""
    return room.settings["visible"] is True


def _in_full(room: Room, rules: Rules) -> Message:
    """Return a room as it stands in `ch`: with its co-owners, if it has any."""
    info = channel(room, rules)
    if room.co_owners:
        info["coowners"] = sorted(room.co_owners)
    return info


def channel(room: Room, rules: Rules) -> Message:
    """Return a room as it stands in `ls`, and in `ch` but for its co-owners."""
    info: Message = {
        "_id": room.name,
        "id": room.name,
        "count": room.count,
        "settings": room.settings,
    }
    if room.crown is not None:
        info["crown"] = crown_message(room.crown, rules)
    return info


def crown_message(crown: Crown, rules: Rules) -> Message:
    """Return a crown; without `participantId` it lies on the floor, and rests for a while."""
    message: Message = {
        "userId": crown.user_id,
        "time": crown.time,
        "startPos": {"x": crown.start[0], "y": crown.start[1]},
        "endPos": {"x": crown.end[0], "y": crown.end[1]},
    }
    if crown.holder is not None:
        message["participantId"] = crown.holder.id
    else:
        message["rest"] = rules.crown_idle_ms
    return message
