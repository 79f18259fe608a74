"""What the server says: messages to frames, each serialised once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import orjson

from fortepiano.model.codes import Code
from fortepiano.protocol.messages import Message, full_channel, quota_message
from fortepiano.protocol.notices import NATIVE, NATIVE_OF, notice
from fortepiano.protocol.shown import Shown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from fortepiano.config.rules import QuotaClass, Rules
    from fortepiano.model.participant import Participant
    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.native import Hub

__all__ = ["HELLO_CODE", "Outbound"]

HELLO_CODE: Message = {"m": "b", "code": "~return 'ok'"}
"""What every connection is told first. Some clients say `hi` only in answer to it, and run `code`:
it is a constant that does nothing."""

_FEW = 50
"""So many may be told at once of each departure with the crown."""

_DEPARTURE_SECONDS = 0.05
"""Departures with the crown from larger rooms are collected for so long."""


class Outbound:
    """Speaks to clients through the hub.

    Args:
        hub: The hub.
        rules: The rules of play.
        later: Calls a function after so many seconds.
    """

    def __init__(
        self,
        hub: Hub,
        rules: Rules,
        later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        self._hub = hub
        self.rules = rules
        self._later = later
        self.shown = Shown()
        self._custom_readers: dict[Session, None] = {}
        self._departures: set[Room] = set()
        for kind, (text, code) in NATIVE.items():
            hub.set_notice(kind, orjson.dumps([notice(text, code)]))

    # One client, or a room

    def send(self, session: Session, messages: list[Message]) -> None:
        """Send messages to one client, in one frame."""
        self._hub.send(session.client, orjson.dumps(messages))

    def broadcast(self, room: Room, message: Message) -> None:
        """Send a message to all in a room."""
        self._hub.broadcast(room.number, orjson.dumps([message]))

    def notify_once(self, session: Session, code: Code, why: str) -> None:
        """Tell a client why something was refused, at most once in a while for each code."""
        if self._may_notify(session, code):
            self.send(session, [notice(why, code)])

    def _may_notify(self, session: Session, code: Code) -> bool:
        kind = NATIVE_OF.get(code)
        if kind is not None:
            # The hub says it too, and knows when it did last.
            return self._hub.may_notify(session.client, kind)
        return self._is_due(session, code)

    def _is_due(self, session: Session, code: Code) -> bool:
        """Whether a code was not told for a while; then it is told now."""
        if session.refusals is None:
            session.refusals = {}
        now = self._hub.now_ms()
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

    def broadcast_participant(
        self, participant: Participant, *, except_for: Session | None = None
    ) -> None:
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
            for session in self._sessions_seeing_hidden(participant.room):
                if session is not except_for:
                    self._hub.send(session.client, payload)
            return
        if except_for is None:
            self._hub.broadcast(participant.room.number, payload)
        else:
            self._hub.broadcast_soon(participant.room.number, payload, except_for.client)

    def broadcast_leave(self, participant: Participant) -> None:
        """Say `bye`: somebody has left; if nobody saw him, only who sees the hidden is told."""
        message: Message = {"m": "bye", "p": participant.id}
        if not participant.user.is_hidden:
            self._hub.broadcast_soon(participant.room.number, orjson.dumps([message]))
            return
        for session in self._sessions_seeing_hidden(participant.room):
            self.send(session, [message])

    def _sessions_seeing_hidden(self, room: Room) -> list[Session]:
        """Return the connections of a room's staff who see hidden people."""
        return [
            session
            for participant in room.participants.values()
            for session in participant.tabs
            if "vanish" in session.permissions
        ]

    def update(self, participant: Participant, *, is_sent: bool = True) -> None:
        """Say `p` after a change of how somebody is seen, which later joiners see too."""
        participant.looks = self.shown.looks(participant)
        entry = self.entry(participant.user, participant.room)
        self._hub.update_participant(participant.person, entry)
        if is_sent:
            self.broadcast_participant(participant)

    def refresh(self, room: Room, *, is_sent: bool) -> None:
        """Show those otherwise whom a room's new crown, settings or holder's name concern."""
        for participant in self.shown.outdated(room):
            self.update(participant, is_sent=is_sent)

    # Rooms

    def send_room(self, session: Session, participant: Participant, quota: QuotaClass) -> None:
        """Tell a joiner all about the room, in one frame: `ch`, `c` and `nq`."""
        room = participant.room
        lines = {"m": "c", "c": self.history(room, participant.user)}
        rest = orjson.dumps([lines, quota_message(quota, self.rules)])
        self._send_room(session, room, participant, b"]},%b" % rest[1:])

    def broadcast_room(self, room: Room) -> None:
        """Say the full `ch` of a room to all in it, after its crown, rulers or settings changed."""
        self._departures.discard(room)  # this says what was put off
        self.refresh(room, is_sent=False)
        if room.count < len(room.participants):
            # Not everybody sees the same people.
            for participant in room.participants.values():
                for session in participant.tabs:
                    self._send_room(session, room, participant, b"]}]")
            return
        before = (
            b'[%b,"ppl":[' % orjson.dumps({"m": "ch", "ch": full_channel(room, self.rules)})[:-1]
        )
        self._hub.broadcast_participants(room.number, before, b"]}]")

    def broadcast_room_later(self, room: Room) -> None:
        """Say the full `ch` of a room that somebody has left with the crown.

        In a room of many it is said a moment later: where all leave at once the crown passes from
        each to the next, and each `ch` names all who are still there.
        """
        if len(room.participants) <= _FEW:
            self.broadcast_room(room)
        elif room not in self._departures:
            self._departures.add(room)
            self._later(_DEPARTURE_SECONDS, partial(self._broadcast_departed, room))

    def _broadcast_departed(self, room: Room) -> None:
        is_due = room in self._departures
        self._departures.discard(room)
        if is_due and room.participants:  # else it may be closed, and its number somebody else's
            self.broadcast_room(room)

    def _send_room(
        self, session: Session, room: Room, participant: Participant, after: bytes
    ) -> None:
        head = {"m": "ch", "p": participant.id, "ch": full_channel(room, self.rules)}
        before = b'[%b,"ppl":[' % orjson.dumps(head)[:-1]
        sees_all = "vanish" in session.permissions
        self._hub.send_participants(session.client, room.number, before, after, sees_all)

    def history(self, room: Room, user: User) -> list[Message]:
        """Return the last lines of a room that a user may see."""
        return [
            line
            for line in room.history
            if line["m"] == "a" or user.id in (line["sender"]["_id"], line["recipient"]["_id"])
        ]

    def send_quota(self, participant: Participant, quota: QuotaClass) -> None:
        """Send `nq` to all tabs of somebody in a room."""
        for session in participant.tabs:
            self.send(session, [quota_message(quota, self.rules)])

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

    def send_binary(self, session: Session, payload: bytes) -> None:
        """Send a binary message to one client."""
        self._hub.send_binary(session.client, payload)
