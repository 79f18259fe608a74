"""Messages to clients: each is serialised once, and handed to the hub."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import orjson

from fortepiano.model.notice_codes import Code
from fortepiano.protocol.appearance import Appearance
from fortepiano.protocol.notices import HUB_NOTICE_OF, HUB_NOTICES, notice
from fortepiano.protocol.room_messages import Message, full_channel, quota_message

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from fortepiano.config.live import Live
    from fortepiano.config.rules import QuotaClass
    from fortepiano.model.participant import Participant
    from fortepiano.model.room import Room
    from fortepiano.model.session import Session
    from fortepiano.model.user import User
    from fortepiano.native import Hub
    from fortepiano.protocol.appearance import Look
    from fortepiano.protocol.clock import Clock

__all__ = ["HELLO_CODE", "Outbound"]

HELLO_CODE: Message = {"m": "b", "code": "~return 'ok'"}
"""The first message to every connection.

Some clients send `hi` only in answer to this message. They run `code`, which does nothing.
"""

_SMALL_ROOM = 50
"""The largest room to which a `ch` is broadcast for each single departure with the crown."""

_DEPARTURE_SECONDS = 0.05
"""How long such departures are collected in larger rooms."""


class Outbound:
    """Sends messages to clients through the hub.

    Args:
        hub: The hub.
        live: The rules of play in force.
        clock: The server's time.

    Attributes:
        appearance: Decides how participants are shown.
        pass_notice: Passes a notice that comes once in a while to the node that has the session's
            connection, and counts its notices; false for this one.
    """

    def __init__(
        self,
        hub: Hub,
        live: Live,
        clock: Clock,
    ) -> None:
        self._hub = hub
        self._live = live
        self._clock = clock
        self.appearance = Appearance()
        self.pass_notice: Callable[[Session, Code, str], bool] = lambda session, code, why: False
        self._custom_readers: dict[Session, None] = {}
        self._departures: set[Room] = set()
        for kind, (text, code) in HUB_NOTICES.items():
            hub.set_notice(kind, orjson.dumps([notice(text, code)]))

    # One client, or a room

    def send(self, session: Session, messages: list[Message]) -> None:
        """Send messages to one client, in one frame."""
        self.send_serialised(session, orjson.dumps(messages))

    def send_serialised(self, session: Session, payload: bytes) -> None:
        """Send a JSON array of messages, which several clients receive, to one of them."""
        self._hub.send(session.client, payload)

    def is_behind(self, session: Session) -> bool:
        """Tell whether so much is unsent for a client that it gets no pointers either."""
        return self._hub.lag(session.client) > self._live.limits.lag_soft_bytes

    def broadcast(self, room: Room, message: Message) -> None:
        """Send a message to all in a room."""
        self._hub.broadcast(room.number, orjson.dumps([message]))

    def notify_once(self, session: Session, code: Code, why: str) -> None:
        """Send a client the notice of a refusal, at most one in a while for each code."""
        if not self.pass_notice(session, code, why) and self._may_notify(session, code):
            self.send(session, [notice(why, code)])

    def _may_notify(self, session: Session, code: Code) -> bool:
        kind = HUB_NOTICE_OF.get(code)
        if kind is not None:
            # The hub sends this notice too, and knows when it last did.
            return self._hub.may_notify(session.client, kind)
        return self._is_due(session, code)

    def _is_due(self, session: Session, code: Code) -> bool:
        """Tell whether a notice of this code may be sent; if so, it counts as sent now."""
        if session.refusals is None:
            session.refusals = {}
        now = self._clock.now()
        last = session.refusals.get(code)
        is_due = last is None or now - last >= self._live.rules.notice_gap_ms
        if is_due:
            session.refusals[code] = now
        return is_due

    # Participants

    def entry(self, user: User, look: Look) -> bytes:
        """Serialise a user's entry of a room's `ppl`, without position and closing brace.

        Args:
            user: The user.
            look: How the user is shown in the room.
        """
        name, likeness = look
        info = _identity(user, name)
        info["afk"] = user.is_afk
        if likeness is not None:
            info["looksLike"] = likeness
        return orjson.dumps(info)[:-1]

    def presence(self, user: User) -> Message:
        """Return a user's identity and whether they are away.

        `afk` is always included, since clients keep the last value where it is absent. Lines of
        chat have only the identity, because they are read long after.
        """
        info = self.identity(user)
        info["afk"] = user.is_afk
        return info

    def identity(self, user: User, room: Room | None = None) -> Message:
        """Return what everybody may know of a user, in a room or outside of rooms."""
        return _identity(user, self.appearance.name(user, room))

    def broadcast_participant(
        self, participant: Participant, *, except_for: Session | None = None
    ) -> None:
        """Broadcast `p`: a participant is new, or has changed.

        Args:
            participant: The participant.
            except_for: For a new participant, the session with which they entered. The others get
                `p` a moment later, together with other arrivals and departures. Changes (None) are
                broadcast at once.
        """
        position = self._hub.position(participant.number)
        if position is None:
            return
        entry = self.entry(participant.user, participant.appearance)
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
        """Broadcast `bye`: a participant has left. For a hidden one only staff get it."""
        message: Message = {"m": "bye", "p": participant.id}
        if not participant.user.is_hidden:
            self._hub.broadcast_soon(participant.room.number, orjson.dumps([message]))
            return
        for session in self._sessions_seeing_hidden(participant.room):
            self.send(session, [message])

    def _sessions_seeing_hidden(self, room: Room) -> list[Session]:
        """Return the sessions in a room that see hidden participants."""
        return [
            session
            for participant in room.participants.values()
            for session in participant.tabs
            if "vanish" in session.permissions
        ]

    def update(self, participant: Participant) -> None:
        """Note a change of how a participant is shown, and broadcast `p`."""
        look = self.appearance.of(participant.user, participant.room)
        self._update(participant, look, is_sent=True)

    def _update(self, participant: Participant, look: Look, *, is_sent: bool) -> None:
        participant.appearance = look
        self._hub.update_participant(participant.number, self.entry(participant.user, look))
        if is_sent:
            self.broadcast_participant(participant)

    def refresh(self, room: Room, *, is_sent: bool) -> None:
        """Update participants whom a new crown, setting or name of the holder shows differently."""
        for participant, look in self.appearance.outdated(room):
            self._update(participant, look, is_sent=is_sent)

    def refresh_participant(self, participant: Participant) -> None:
        """Broadcast `p` if a participant is shown differently now."""
        look = self.appearance.changed(participant)
        if look is not None:
            self._update(participant, look, is_sent=True)

    # Rooms

    def send_room(self, session: Session, participant: Participant, quota: QuotaClass) -> None:
        """Send a joining session all about the room, in one frame: `ch`, `c` and `nq`."""
        room = participant.room
        lines = {"m": "c", "c": self.history(room, participant.user)}
        rest = orjson.dumps([lines, quota_message(quota, self._live.rules)])
        self._send_room(session, room, participant, b"]},%b" % rest[1:])

    def broadcast_room(self, room: Room) -> None:
        """Broadcast a room's full `ch`, after a change of its crown, co-owners or settings."""
        self._departures.discard(room)  # this `ch` shows the collected departures too
        self.refresh(room, is_sent=False)
        if room.count < len(room.participants):
            # Some are hidden, so not all sessions see the same participants.
            for participant in room.participants.values():
                for session in participant.tabs:
                    self._send_room(session, room, participant, b"]}]")
            return
        head = {"m": "ch", "ch": full_channel(room, self._live.rules)}
        before = b'[%b,"ppl":[' % orjson.dumps(head)[:-1]
        self._hub.broadcast_participants(room.number, before, b"]}]")

    def broadcast_room_later(self, room: Room) -> None:
        """Broadcast a room's full `ch` after its holder has left; in large rooms a moment later.

        Where all leave at once, the crown passes from each participant to the next. Without the
        delay each of these departures would cost a `ch` with all who are still there.
        """
        if len(room.participants) <= _SMALL_ROOM:
            self.broadcast_room(room)
        elif room not in self._departures:
            self._departures.add(room)
            self._clock.later(_DEPARTURE_SECONDS, partial(self._broadcast_departed, room))

    def _broadcast_departed(self, room: Room) -> None:
        is_due = room in self._departures
        self._departures.discard(room)
        if is_due and room.participants:  # else it may be closed, and another room has its number
            self.broadcast_room(room)

    def _send_room(
        self, session: Session, room: Room, participant: Participant, after: bytes
    ) -> None:
        head = {"m": "ch", "p": participant.id, "ch": full_channel(room, self._live.rules)}
        before = b'[%b,"ppl":[' % orjson.dumps(head)[:-1]
        sees_all = "vanish" in session.permissions
        self._hub.send_participants(session.client, room.number, before, after, sees_all)

    def history(self, room: Room, user: User) -> list[Message]:
        """Return the last lines of chat in a room that a user may see."""
        return [
            line
            for line in room.history
            if line["m"] == "a" or user.id in (line["sender"]["_id"], line["recipient"]["_id"])
        ]

    def send_quota(self, participant: Participant, quota: QuotaClass) -> None:
        """Send `nq` to all tabs of a participant."""
        for session in participant.tabs:
            self.send(session, [quota_message(quota, self._live.rules)])

    # Custom messages

    def start_custom(self, session: Session) -> None:
        """Send custom messages to a session from now on."""
        self._custom_readers[session] = None

    def stop_custom(self, session: Session) -> None:
        """Send no more custom messages to a session."""
        self._custom_readers.pop(session, None)

    def custom_readers(self) -> Collection[Session]:
        """Return the sessions that receive custom messages."""
        return self._custom_readers

    def send_binary(self, session: Session, payload: bytes) -> None:
        """Send a binary message to one client."""
        self._hub.send_binary(session.client, payload)


def _identity(user: User, name: str) -> Message:
    """Return what everybody may know of a user who is shown with a name.

    The tag is always included: clients take a participant without one to have lost it.
    """
    info: Message = {"id": user.id, "_id": user.id, "name": name, "color": user.color}
    if user.tag is not None:
        info["tag"] = user.tag
    if user.is_hidden:
        info["vanished"] = True
    return info
